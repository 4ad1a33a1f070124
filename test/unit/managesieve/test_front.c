/* Before login: what is said to whom, and when. */
#include <check.h>
#include <string.h>

#include "managesieve/front/front.h"
#include "test/unit/unit.h"

#define TLS	0x1u /* it is under TLS */
#define OFFERED 0x2u /* STARTTLS can be had */
#define TRUSTED 0x4u

/* What of the answers matters: they have these words, and not those. */
static const struct row {
	const char *name;
	unsigned how;
	const char *in, *has, *lacks;
	enum front_do what;
	const char *sasl; /* of a login, with "|" for NUL */
} rows[] = {
    {"greeting", OFFERED, "", "\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK ", "PLAIN",
	FRONT_GO_ON, NULL},
    {"greeting-here", OFFERED | TRUSTED, "",
	"\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK ", "PLAIN", FRONT_GO_ON, NULL},
    {"greeting-without-tls", 0, "", "\"SASL\" \"\"\r\nOK ", "STARTTLS",
	FRONT_GO_ON, NULL},
    {"greeting-without-tls-here", TRUSTED, "",
	"\"SASL\" \"PLAIN LOGIN\"\r\nOK ", "STARTTLS", FRONT_GO_ON, NULL},
    {"login-in-the-clear", OFFERED, "AUTHENTICATE \"PLAIN\" \"AGEAYg==\"\r\n",
	"NO (ENCRYPT-NEEDED) ", NULL, FRONT_GO_ON, NULL},
    {"login-here", OFFERED | TRUSTED, "AUTHENTICATE \"PLAIN\" \"AGEAYg==\"\r\n",
	NULL, NULL, FRONT_LOGIN, "|a|b"},
    {"login", TLS, "AUTHENTICATE \"plain\" {8+}\r\nAGEAYg==\r\n", NULL, NULL,
	FRONT_LOGIN, "|a|b"},
    {"login-two-steps", TLS, "AUTHENTICATE \"PLAIN\"\r\n\"AGEAYg==\"\r\n",
	"\"\"\r\n", NULL, FRONT_LOGIN, "|a|b"},
    {"login-empty", TLS, "AUTHENTICATE \"PLAIN\" \"\"\r\n", NULL, NULL,
	FRONT_LOGIN, ""},
    {"login-empty-literal", TLS, "AUTHENTICATE \"PLAIN\" {0+}\r\n\r\n", NULL,
	NULL, FRONT_LOGIN, ""},
    {"login-login", TLS, "AUTHENTICATE \"LOGIN\"\r\n\"YQ==\"\r\n\"Yg==\"\r\n",
	"\"UGFzc3dvcmQ6\"\r\n", NULL, FRONT_LOGIN, "|a|b"},
    {"login-login-nul", TLS,
	"AUTHENTICATE \"LOGIN\"\r\n\"YQBi\"\r\n\"Yg==\"\r\n", "NO ", NULL,
	FRONT_GO_ON, NULL},
    {"login-cancelled", TLS, "AUTHENTICATE \"PLAIN\"\r\n\"*\"\r\nNOOP\r\n",
	"OK \"Nothing", NULL, FRONT_GO_ON, NULL},
    {"login-no-base64", TLS, "AUTHENTICATE \"PLAIN\" \"!\"\r\n", "NO ", NULL,
	FRONT_GO_ON, NULL},
    {"login-other", TLS, "AUTHENTICATE \"CRAM-MD5\"\r\n", "NO ", NULL,
	FRONT_GO_ON, NULL},
    {"starttls", OFFERED, "STARTTLS\r\nNOOP \"x\"\r\n", "OK ", "TAG",
	FRONT_STARTTLS, NULL},
    {"starttls-twice", TLS | OFFERED, "STARTTLS\r\n", "NO ", NULL, FRONT_GO_ON,
	NULL},
    {"starttls-not-there", 0, "STARTTLS\r\n", "NO ", NULL, FRONT_GO_ON, NULL},
    {"capability", TLS, "CAPABILITY\r\n", "\"VERSION\" \"1.0\"\r\n", "STARTTLS",
	FRONT_GO_ON, NULL},
    {"noop-tag", TLS, "NOOP {3+}\r\na\"b\r\n", "OK (TAG \"a\\\"b\") ", NULL,
	FRONT_GO_ON, NULL},
    {"logout", TLS, "LOGOUT\r\n", "OK ", NULL, FRONT_CLOSE, NULL},
    {"needs-a-login", TLS, "PUTSCRIPT \"a\" \"keep;\"\r\n", "NO \"Log in", NULL,
	FRONT_GO_ON, NULL},
    {"nonsense", TLS, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n0\r\n",
	"BYE ", NULL, FRONT_CLOSE, NULL},
    {"too-long", TLS, "NOOP {999999+}\r\n", "BYE ", NULL, FRONT_CLOSE, NULL},
};

START_TEST(msv_front__says)
{
	const struct row *r = &rows[_i];
	const struct front_opts o = {.hostname = "mail.example.org",
	    .tls = (r->how & TLS) != 0,
	    .tls_offered = (r->how & OFFERED) != 0,
	    .trusted = (r->how & TRUSTED) != 0};
	struct front_action act;
	struct sv in = sv_str(r->in);
	struct buf out;
	void *f;
	size_t i;

	buf_init(&out, 65536);
	front_action_init(&act);
	f = msv_front.open(&o, &out);
	if (in.n > 0)
		buf_reset(&out);
	while (in.n > 0 && act.what == FRONT_GO_ON)
		in = sv_skip(in, msv_front.input(f, in, &out, &act));
	ck_assert_msg(act.what == r->what, "%s", r->name);
	ck_assert_msg(r->has == NULL || strstr(out.p, r->has) != NULL, "%s: %s",
	    r->name, out.p);
	ck_assert_msg(r->lacks == NULL || strstr(out.p, r->lacks) == NULL,
	    "%s: %s", r->name, out.p);
	for (i = 0; i < act.sasl.n; i++)
		if (act.sasl.p[i] == '\0')
			act.sasl.p[i] = '|';
	if (r->sasl != NULL)
		ck_assert_str_eq(act.sasl.p, r->sasl);
	if (act.what == FRONT_STARTTLS) {
		buf_reset(&out);
		msv_front.tls_started(f);
		msv_front.tls_greeting(f, &out);
		ck_assert_ptr_nonnull(
		    strstr(out.p, "\"SASL\" \"PLAIN LOGIN\"\r\nOK "));
		ck_assert_ptr_null(strstr(out.p, "STARTTLS"));
	}
	msv_front.close(f);
	front_action_fini(&act);
	buf_fini(&out);
}
END_TEST

START_TEST(msv_front__failed_logins_end)
{
	const struct front_opts o = {.hostname = "h", .tls = true};
	struct buf out;
	void *f;
	int i;

	buf_init(&out, 65536);
	f = msv_front.open(&o, &out);
	for (i = 1; i < 10; i++)
		ck_assert_int_eq(msv_front.failed(f, FRONT_DENIED, "No.", &out),
		    FRONT_GO_ON);
	buf_reset(&out);
	ck_assert_int_eq(
	    msv_front.failed(f, FRONT_TEMP, "Later.", &out), FRONT_CLOSE);
	ck_assert_ptr_nonnull(
	    strstr(out.p, "NO (TRYLATER) \"Later.\"\r\nBYE "));
	msv_front.close(f);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(front)
{
	TCase *t = tcase_create("front");

	tcase_add_loop_test(t, msv_front__says, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, msv_front__failed_logins_end);
	return t;
}
