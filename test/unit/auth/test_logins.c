/* Who has logged in lately: rows, bounds, and the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/logins.h"
#include "base/io.h"
#include "test/unit/unit.h"

#define DAY 86400
#define NOW (20000 * (int64_t)DAY + 3600)

static char path[] = "logins-test-XXXXXX";
static struct auth_logins *logins;
static struct buf list;

static void
setup(void)
{
	int fd;

	strcpy(path, "logins-test-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	logins = auth_logins_new();
	buf_init(&list, 100000);
}

static void
teardown(void)
{
	auth_logins_free(&logins);
	buf_fini(&list);
	(void)unlink(path);
}

static void
note(const char *service, const char *peer, const char *client, int64_t at)
{
	auth_logins_note(logins, SV("anna"), service, peer, sv_str(client), at);
}

static void
add_row(const struct auth_login_row *r, void *arg)
{
	(void)arg;
	buf_addf(&list, "%lld-%lld %u %s %s %s\n", (long long)(r->first - NOW),
	    (long long)(r->last - NOW), r->count, r->service, r->peer,
	    r->client);
}

static const char *
rows(const char *account, int64_t now)
{
	buf_reset(&list);
	auth_logins_each(logins, sv_str(account), now, add_row, NULL);
	return list.p;
}

static void
save_and_load(int64_t now)
{
	auth_logins_save(logins, path, now);
	auth_logins_free(&logins);
	logins = auth_logins_new();
	auth_logins_load(logins, path, now);
}

/* As a clock does that is looked at now and then. */
static void
days_pass(int64_t from, int days)
{
	int i;

	for (i = 0; i < days; i++)
		(void)rows("anna", from + i * DAY);
}

/* It may be years ahead, at a boot or later, until it is set. */
START_TEST(logins__outlive_a_leap)
{
	static const char want[] = "0-0 1 imaps 192.0.2.1 phone\n";
	const int64_t later = NOW + 10 * 365 * DAY;

	note("imaps", "192.0.2.1", "phone", NOW);
	ck_assert_str_eq(rows("anna", later), want);
	save_and_load(later);
	ck_assert_str_eq(rows("anna", later), want);
	note("imaps", "192.0.2.7", "phone", later);
	save_and_load(later);
	ck_assert_str_eq(
	    rows("anna", NOW) + strlen(rows("anna", NOW)) - strlen(want), want);
	days_pass(NOW, 31);
	ck_assert(strstr(rows("anna", NOW + 31 * DAY), want) == NULL);
}
END_TEST

START_TEST(logins__are_counted_by_day_and_place)
{
	static const char want[] = "86400-86400 1 imaps 192.0.2.1 phone\n"
				   "0-20 3 imaps 192.0.2.1 phone\n"
				   "5-5 1 web 2001:db8::1 Browser/1 (X; y)\n"
				   "1-1 1 imaps 192.0.2.1 \n";

	note("imaps", "192.0.2.1", "phone", NOW);
	note("imaps", "192.0.2.1", "", NOW + 1);
	note("web", "2001:db8::1", "Browser/1 (X; y)", NOW + 5);
	note("imaps", "192.0.2.1", "phone", NOW + 10);
	note("imaps", "192.0.2.1", "phone", NOW + 20);
	note("imaps", "192.0.2.1", "phone", NOW + DAY);
	ck_assert_str_eq(rows("anna", NOW + DAY), want);
	ck_assert_str_eq(rows("ben", NOW + DAY), "");
	save_and_load(NOW + DAY);
	ck_assert_str_eq(rows("anna", NOW + DAY), want);
	/* After 30 days only the last one is left. */
	days_pass(NOW + DAY, 29);
	ck_assert_str_eq(rows("anna", NOW + 31 * DAY),
	    "86400-86400 1 imaps 192.0.2.1 phone\n");
	ck_assert_str_eq(rows("anna", NOW + 32 * DAY), "");
}
END_TEST

START_TEST(logins__are_bounded)
{
	char peer[20];
	unsigned i, lines = 0;

	for (i = 0; i < 3 * LOGINS_OF_ACCOUNT; i++) {
		(void)snprintf(
		    peer, sizeof peer, "10.0.%u.%u", i / 256, i % 256);
		note("imaps", peer, "", NOW + i);
	}
	for (i = 0; rows("anna", NOW)[i] != '\0'; i++)
		lines += list.p[i] == '\n';
	ck_assert_uint_eq(lines, LOGINS_OF_ACCOUNT);
	ck_assert(strstr(list.p, "10.0.1.43 \n") != NULL);
	ck_assert(strstr(list.p, "10.0.0.1 \n") == NULL);
}
END_TEST

/* What a client says of itself is a line of text, and not more than it. */
START_TEST(logins__clients_cannot_write_lines)
{
	char large[1000];

	note("web", "192.0.2.1",
	    "a\nb 1 2 3 imaps 192.0.2.9 x\r\x1b[31m\x7f\xff caf\xc3\xa9", NOW);
	ck_assert_str_eq(rows("anna", NOW),
	    "0-0 1 web 192.0.2.1 ab 1 2 3 imaps 192.0.2.9 x[31m caf\xc3\xa9\n");
	save_and_load(NOW);
	ck_assert_str_eq(rows("anna", NOW),
	    "0-0 1 web 192.0.2.1 ab 1 2 3 imaps 192.0.2.9 x[31m caf\xc3\xa9\n");
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	note("web", "192.0.2.1", large, NOW);
	ck_assert_uint_lt(strlen(rows("anna", NOW)), 400);
}
END_TEST

static const char *const damaged[] = {
    "",
    "hearthmail logins 2\nanna 1 2 3 imaps 192.0.2.1 x\n",
    "hearthmail logins 1\nanna 1 2 x imaps 192.0.2.1 x\n",
    "hearthmail logins 1\nanna -1 2 3 imaps 192.0.2.1 x\n",
    "hearthmail logins 1\nanna 99999999999999999999 2 3 i 192.0.2.1 x\n",
    "hearthmail logins 1\nanna 1 2 3 imapsimapsimapsimaps 192.0.2.1 x\n",
    "hearthmail logins 1\nanna 1 2 3 imaps\n",
    "hearthmail logins 1\n\n",
    "\xff\xff\xff",
};

START_TEST(logins__a_damaged_file_is_as_none)
{
	struct err err;

	ck_assert_int_eq(
	    io_replace_file(path, sv_str(damaged[_i]), 0600, &err), RC_OK);
	auth_logins_load(logins, path, 3);
	ck_assert_str_eq(rows("anna", 3), "");
	note("imaps", "192.0.2.1", "x", NOW);
	save_and_load(NOW);
	ck_assert_str_eq(rows("anna", NOW), "0-0 1 imaps 192.0.2.1 x\n");
}
END_TEST

START_TEST(logins__go_with_their_account)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;

	ck_assert_int_eq(conf_parse(SV("hostname: mail.example.org\n"
				       "domains: [example.org]\n"
				       "accounts: { ben: {} }\n"),
			     "f", &c, &e),
	    RC_OK);
	note("imaps", "192.0.2.1", "x", NOW);
	auth_logins_note(logins, SV("ben"), "imaps", "192.0.2.1", SV(""), NOW);
	auth_logins_set_conf(logins, c);
	ck_assert_str_eq(rows("anna", NOW), "");
	ck_assert_str_eq(rows("ben", NOW), "0-0 1 imaps 192.0.2.1 \n");
	conf_free(&c);
}
END_TEST

UNIT_TESTS(logins)
{
	TCase *t = tcase_create("logins");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, logins__are_counted_by_day_and_place);
	tcase_add_test(t, logins__outlive_a_leap);
	tcase_add_test(t, logins__are_bounded);
	tcase_add_test(t, logins__clients_cannot_write_lines);
	tcase_add_loop_test(t, logins__a_damaged_file_is_as_none, 0,
	    (int)(sizeof damaged / sizeof damaged[0]));
	tcase_add_test(t, logins__go_with_their_account);
	return t;
}
