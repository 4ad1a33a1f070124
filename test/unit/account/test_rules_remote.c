/* From where a message came, as scripts may ask [RFC 5183]: whenever it came by
 * SMTP, judged or not. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "account/rules.h"
#include "msgauth/verdict.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define SCRIPT                                            \
	"require [\"environment\", \"variables\"];\n"     \
	"if environment :matches \"remote-ip\" \"*\"\n"   \
	" { set \"ip\" \"${1}\"; }\n"                     \
	"if environment :matches \"remote-host\" \"*\"\n" \
	" { set \"host\" \"${1}\"; }\n"                   \
	"redirect \"${ip}-${host}@y.test\";"

#define BY   "\r\n\tby mail.example.org; x\r\n"
#define REST "Subject: x\r\n\r\nx\r\n"

static const struct {
	const char *text;
	bool judged;
	const char *want;
} rows[] = {
    {"Received: from x ([192.0.2.1])" BY REST, false, "\"192.0.2.1-@y.test\""},
    {"Received: from x ([IPv6:2001:db8::1])" BY REST, false,
	"\"2001:db8::1-@y.test\""},
    {"Received: from x (a.test [192.0.2.1])" BY REST, false,
	"\"192.0.2.1-a.test@y.test\""},
    {"Received: from x (a.test [192.0.2.1])" BY REST, true,
	"\"192.0.2.7-a.test@y.test\""},
    {"Received: from x" BY REST, false, "\"-@y.test\""},
    {"Received: from x (a.test [192.0.2.1])\r\n\tby other.test; x\r\n" REST,
	false, "\"-@y.test\""},
    {REST, false, "\"-@y.test\""},
};

static struct store *store;
static struct conf *conf;
static struct rules *rules;

static void
setup(void)
{
	struct conf_errors e = {0};

	fixture_make();
	store = fixture_open();
	ck_assert_int_eq(
	    conf_parse(SV("hostname: mail.example.org\n"
			  "domains: [example.org]\naccounts: { anna: {} }\n"),
		"f", &conf, &e),
	    RC_OK);
	rules = rules_new(store);
	rules_set_conf(rules, conf, "anna");
}

static void
teardown(void)
{
	rules_free(&rules);
	conf_free(&conf);
	store_close(&store);
	fixture_remove();
}

START_TEST(rules_remote__row)
{
	struct rules_message m = {.bytes = sv_str(rows[_i].text),
	    .sender = SV("x@far.test"),
	    .written = SV("anna@example.org")};
	struct verdict v = {.received = 1};
	struct buf judged, lines;

	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.7", &v.peer), 1);
	buf_init(&judged, VERDICT_BYTES_MAX);
	buf_init(&lines, 65536);
	verdict_encode(&v, &judged);
	if (rows[_i].judged)
		m.verdict = buf_sv(&judged);
	ck_assert_int_eq(
	    rules_test(rules, SV("a"), SV(SCRIPT), &m, &lines), RC_OK);
	ck_assert_msg(strstr(lines.p, rows[_i].want) != NULL, "%s\nwant: %s",
	    lines.p, rows[_i].want);
	buf_fini(&lines);
	buf_fini(&judged);
}
END_TEST

UNIT_TESTS(rules_remote)
{
	TCase *t = tcase_create("rules_remote");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, rules_remote__row, 0, (int)(sizeof rows / sizeof rows[0]));
	return t;
}
