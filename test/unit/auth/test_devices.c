/* A device's password is kept for its link, and only where there is one. */
#include "auth/devices.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/unit.h"

static const struct row {
	const char *listen;
	bool link;
} rows[] = {
    {"{ imaps: [993] }", false},
    {"{ http: [80] }", false},
    {"{ http: [80], https: [443] }", true},
};

static int
take(struct auth_devices *d, const struct conf *conf, struct sv token,
    uint8_t what)
{
	const struct link_ask asked = {.what = what, .token = token};
	struct link_done done = {.rc = RC_DAMAGED};
	struct msg m, answer;

	msg_init(&m, 0);
	msg_init(&answer, 0);
	link_ask_put(&m, &asked);
	auth_devices_link(d, conf, &m, &answer);
	ck_assert_int_eq(link_done_get(&answer, &done), RC_OK);
	msg_fini(&answer);
	msg_fini(&m);
	return done.rc;
}

START_TEST(devices__have_a_link_where_there_is_https)
{
	const struct device_order order = {
	    SV("anna"), SV("phone"), SV("anna@example.org")};
	char folder[] = "/dev/shm/hearthmail-devices.XXXXXX";
	struct conf_errors e = {0};
	struct auth_devices *d;
	struct auth_server *s;
	struct ev_loop *loop;
	struct conf *conf;
	struct buf yaml, token, password;
	struct err err;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	buf_init(&yaml, 1000);
	buf_init(&token, 1000);
	buf_init(&password, 1000);
	buf_addf(&yaml,
	    "hostname: mail.example.org\ndomains: [example.org]\n"
	    "accounts: { anna: {} }\nlisten: %s\n",
	    rows[_i].listen);
	ck_assert_int_eq(conf_parse(buf_sv(&yaml), "f", &conf, &e), RC_OK);
	loop = ev_loop_new();
	ck_assert_int_eq(
	    auth_server_new(loop, "credentials", conf, &s, &err), RC_OK);
	d = auth_devices_new(loop, s);
	ck_assert_int_eq(
	    auth_devices_add(d, conf, &order, &token, &password, &err), RC_OK);
	ck_assert_uint_gt(password.n, 0);
	ck_assert_int_eq(token.n > 0, rows[_i].link);
	ck_assert_int_eq(take(d, conf, buf_sv(&token), LINK_LOOK),
	    rows[_i].link ? RC_OK : RC_NOTFOUND);
	auth_devices_free(&d);
	auth_server_free(&s);
	ev_loop_free(&loop);
	conf_free(&conf);
	buf_fini(&password);
	buf_fini(&token);
	buf_fini(&yaml);
	(void)unlink("credentials");
	(void)unlink("uses");
	(void)unlink("logins");
	(void)chdir("/");
	(void)rmdir(folder);
}
END_TEST

UNIT_TESTS(devices)
{
	TCase *t = tcase_create("devices");

	tcase_add_loop_test(t, devices__have_a_link_where_there_is_https, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	return t;
}
