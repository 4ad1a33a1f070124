/* Policies of MTA-STS: the text, its name in the DNS, and what is said of
 * both. */
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "publish/mta_sts.h"
#include "test/unit/unit.h"

#include "test/unit/publish/fixture.h"

#define HEAD                      \
	"hostname: mail.a.test\n" \
	"accounts: { anna: {} }\n"
#define HTTPS "listen: { https: [443] }\n"
#define NOON  1796040000 /* 2026-11-30 */

static struct conf *
parse(const char *yaml)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	int r = conf_parse(sv_str(yaml), "f", &c, &e);

	ck_assert_msg(r == RC_OK, "%s: %s", yaml, e.e[0].text);
	return c;
}

static const struct {
	const char *yaml, *domain, *policy; /* NULL: none */
} rows[] = {
    {HEAD HTTPS "domains: [a.test]\nmta_sts: testing\n", "a.test",
	"version: STSv1\r\nmode: testing\r\nmx: mail.a.test\r\n"
	"max_age: 86400\r\n"},
    {HEAD HTTPS "domains: [a.test]\nmta_sts: ENFORCE\n", "A.Test",
	"version: STSv1\r\nmode: enforce\r\nmx: mail.a.test\r\n"
	"max_age: 1209600\r\n"},
    {HEAD HTTPS "domains: [a.test]\nmta_sts: none\n", "a.test",
	"version: STSv1\r\nmode: none\r\nmx: mail.a.test\r\n"
	"max_age: 86400\r\n"},
    {HEAD HTTPS "domains: [a.test]\nmta_sts: { mode: enforce, "
		"max_age: 30d, mx: [MX2.b.test, '*.c.test'] }\n",
	"a.test",
	"version: STSv1\r\nmode: enforce\r\nmx: mail.a.test\r\n"
	"mx: mx2.b.test\r\nmx: *.c.test\r\nmax_age: 2592000\r\n"},
    /* Up to a day, and from then on. */
    {HEAD HTTPS "domains: [a.test]\n"
		"mta_sts: { mode: enforce, from: 2026-12-01 }\n",
	"a.test",
	"version: STSv1\r\nmode: testing\r\nmx: mail.a.test\r\n"
	"max_age: 86400\r\n"},
    {HEAD HTTPS "domains: [a.test]\n"
		"mta_sts: { mode: enforce, from: 2026-11-30 }\n",
	"a.test",
	"version: STSv1\r\nmode: enforce\r\nmx: mail.a.test\r\n"
	"max_age: 1209600\r\n"},
    /* A domain of its own. */
    {HEAD HTTPS "domains:\n  - a.test: { mta_sts: enforce }\n  - b.test\n",
	"b.test", NULL},
    {HEAD HTTPS "domains:\n  - a.test: { mta_sts: { mx: mx.z.test } }\n",
	"a.test",
	"version: STSv1\r\nmode: testing\r\nmx: mail.a.test\r\n"
	"mx: mx.z.test\r\nmax_age: 86400\r\n"},
    {HEAD HTTPS "domains:\n  - a.test: { mta_sts: off }\nmta_sts: testing\n",
	"a.test", NULL},
    {HEAD HTTPS "domains: [a.test]\n", "a.test", NULL},
    {HEAD HTTPS "domains: [a.test]\nmta_sts: testing\n", "c.test", NULL},
    {HEAD "domains: [a.test]\nmta_sts: testing\n", "a.test", NULL},
};

START_TEST(mta_sts__row)
{
	struct conf *c = parse(rows[_i].yaml);
	struct buf b;
	bool has;

	buf_init(&b, 10000);
	has = publish_mta_sts_policy(c, sv_str(rows[_i].domain), NOON, &b);
	ck_assert_msg(has == (rows[_i].policy != NULL), "%s", rows[_i].yaml);
	ck_assert_str_eq(b.p, has ? rows[_i].policy : "");
	buf_reset(&b);
	ck_assert_int_eq(
	    publish_mta_sts_record(c, sv_str(rows[_i].domain), NOON, &b), has);
	/* [RFC 8461 3.1] */
	ck_assert(!has || (b.n == 12 + 32 + 1 &&
			      strspn(b.p + 12, "0123456789abcdef") == 32));
	buf_fini(&b);
	conf_free(&c);
}
END_TEST

static void
record_at(const char *yaml, int64_t now, char out[100])
{
	struct conf *c = parse(yaml);
	struct buf b;

	buf_init(&b, 99);
	ck_assert(publish_mta_sts_record(c, SV("a.test"), now, &b));
	ck_assert(buf_ok(&b));
	memcpy(out, b.p, b.n + 1);
	buf_fini(&b);
	conf_free(&c);
}

/* The same text has the same name, at any time; another one another. */
START_TEST(mta_sts__id_goes_with_the_text)
{
	static const char fixed[] =
	    HEAD HTTPS "domains: [a.test]\nmta_sts: testing\n";
	static const char dated[] =
	    HEAD HTTPS "domains: [a.test]\n"
		       "mta_sts: { mode: enforce, from: 2026-12-01 }\n";
	char a[100], b[100];

	record_at(fixed, NOON, a);
	record_at(fixed, NOON + 1000000, b);
	ck_assert_str_eq(a, b);
	record_at(dated, NOON, b);
	ck_assert_str_eq(a, b);
	record_at(dated, NOON + 86400, b);
	ck_assert_str_ne(a, b);
	record_at("hostname: mx.a.test\naccounts: { anna: {} }\n" HTTPS
		  "domains: [a.test]\nmta_sts: testing\n",
	    NOON, b);
	ck_assert_str_ne(a, b);
}
END_TEST

static const struct {
	const char *value, *error;
} bad_rows[] = {
    {"yes please", "expected testing, enforce, none or off"},
    {"{ mode: strict }", "expected testing, enforce, none or off"},
    {"{ from: 2026-12-01 }", "mode: enforce"},
    {"{ mode: enforce, from: 2026-02-30 }", "a day such as"},
    {"{ mode: enforce, from: 1.12.2026 }", "a day such as"},
    {"{ mode: enforce, from: 2026-12-01x }", "a day such as"},
    {"{ mode: enforce, from: 2026-12-01-01 }", "a day such as"},
    {"{ mode: enforce, max_age: 366d }", "from 1h to 365d"},
    {"{ mode: enforce, max_age: soon }", "max_age"},
    {"{ mx: 192.0.2.1 }", "not a mail host"},
    {"{ mx: 'a b' }", "not a mail host"},
    {"{ mx: '*.*.a.test' }", "not a mail host"},
    {"{ mode: enforce, until: x }", "until"},
};

START_TEST(mta_sts__says_what_is_wrong)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	char yaml[300];

	(void)snprintf(yaml, sizeof yaml,
	    HEAD "domains: [a.test]\nmta_sts: %s\n", bad_rows[_i].value);
	ck_assert_int_eq(conf_parse(sv_str(yaml), "f", &c, &e), RC_SYNTAX);
	ck_assert_msg(strstr(e.e[0].text, bad_rows[_i].error) != NULL, "%s: %s",
	    yaml, e.e[0].text);
}
END_TEST

/* ---- in the DNS; %: the record as it is printed ---- */

static const struct {
	const char *there, *host;
	enum publish_state want;
	const char *words;
	bool warn;
	const char *mx; /* another one, beside ours */
} dns_rows[] = {
    {"%", "192.0.2.1", PUBLISH_RIGHT, "", false, NULL},
    {"%", "192.0.2.77", PUBLISH_RIGHT, "does not lead here", true, NULL},
    {"%", NULL, PUBLISH_RIGHT, "does not lead here", true, NULL},
    {"%", "192.0.2.1", PUBLISH_RIGHT, "mx9.b.test is an MX", true,
	"mx9.b.test"},
    {"%", "192.0.2.1", PUBLISH_RIGHT, "", false, "MX2.b.test"},
    {"%", "192.0.2.1", PUBLISH_RIGHT, "", false, "x.c.test"},
    {"%", "192.0.2.1", PUBLISH_RIGHT, "y.x.c.test is an MX", true,
	"y.x.c.test"},
    {"%", "192.0.2.1", PUBLISH_RIGHT, "c.test is an MX", true, "c.test"},
    {"v=STSv1;id=%", "192.0.2.1", PUBLISH_RIGHT, "", false, NULL},
    {"v=STSv1; id=20260101", "192.0.2.1", PUBLISH_DIFFERENT,
	"the policy has changed", false, NULL},
    {"v=STSv1;", "192.0.2.1", PUBLISH_DIFFERENT, "the policy has changed",
	false, NULL},
    {NULL, "192.0.2.1", PUBLISH_MISSING, "without it nobody looks", false,
	NULL},
};

START_TEST(mta_sts__judges)
{
	struct conf *c =
	    parse(HEAD HTTPS "domains: [a.test]\nmta_sts: { mode: enforce, mx: "
			     "[mx2.b.test, '*.c.test'] }\n");
	struct publish_host host = {.hostname = "mail.a.test"};
	struct publish_list list = {0};
	struct publish *p = NULL;
	struct zone *zone = zone_new();
	const char *there = dns_rows[_i].there;
	char text[200];
	size_t i;

	publish_add_domain(&list, c, "a.test", SV(""), "");
	for (i = 0; i < list.n; i++)
		if (list.p[i].kind == PUBLISH_MTA_STS)
			p = &list.p[i];
	ck_assert_ptr_nonnull(p);
	ck_assert(!p->hint && p->advice);
	zone_add(zone, "mail.a.test A 192.0.2.1");
	zone_add(zone, "a.test MX 10 mail.a.test");
	if (dns_rows[_i].mx != NULL) {
		(void)snprintf(
		    text, sizeof text, "a.test MX 20 %s", dns_rows[_i].mx);
		zone_add(zone, text);
	}
	if (dns_rows[_i].host != NULL) {
		(void)snprintf(text, sizeof text, "mta-sts.a.test A %s",
		    dns_rows[_i].host);
		zone_add(zone, text);
	}
	if (there != NULL) {
		size_t cut = strcspn(there, "%");

		(void)snprintf(text, sizeof text, "_mta-sts.a.test TXT %.*s%s",
		    (int)cut, there,
		    there[cut] == '\0' ? ""
		    : cut == 0	       ? p->value.p
				       : p->value.p + 12);
		zone_add(zone, text);
	}
	fixture_judge(p, &host, zone);
	ck_assert_msg(p->state == dns_rows[_i].want &&
			  p->warn == dns_rows[_i].warn &&
			  strstr(p->words.p, dns_rows[_i].words) != NULL,
	    "%d: %s, %s", _i, publish_state_name(p->state), p->words.p);
	zone_free(&zone);
	publish_list_fini(&list);
	conf_free(&c);
}
END_TEST

UNIT_TESTS(mta_sts)
{
	TCase *t = tcase_create("mta_sts");

	tcase_add_loop_test(
	    t, mta_sts__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, mta_sts__id_goes_with_the_text);
	tcase_add_loop_test(t, mta_sts__says_what_is_wrong, 0,
	    (int)(sizeof bad_rows / sizeof bad_rows[0]));
	tcase_add_loop_test(
	    t, mta_sts__judges, 0, (int)(sizeof dns_rows / sizeof dns_rows[0]));
	return t;
}
