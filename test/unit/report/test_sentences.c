/* Reports in words, for those who have never seen one. */
#include "report/record.h"
#include "report/sentences.h"
#include "test/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#define SOURCES(...)                                               \
	.source = (struct report_source[]){__VA_ARGS__},           \
	.nsource = sizeof((struct report_source[]){__VA_ARGS__}) / \
		   sizeof(struct report_source)
#define TLS(...)                                             \
	.tls = (struct report_tls[]){__VA_ARGS__},           \
	.ntls = sizeof((struct report_tls[]){__VA_ARGS__}) / \
		sizeof(struct report_tls)
#define WHO                                                                 \
	.org = T("Yahoo"), .from = T("dmarc.yahoo.test"), .verified = true, \
	.domain = T("example.org")
#define ABOUT WHO, .begin = 1791936000, .end = 1792022399
#define GOOD(n)                                                           \
	{                                                                 \
		.address = T("198.51.100.5"), .count = n,                 \
		.dkim_aligned = true, .spf_aligned = true,                \
		.dkim_domain = T("example.org"), .dkim_result = T("pass") \
	}

static const struct {
	const char *name;
	struct report_record r;
	const char *want;
} rows[] = {
    {"all were yours", {ABOUT, SOURCES(GOOD(12))},
	"Yahoo saw 12 mails from example.org on 14 October 2026: all were "
	"yours.\n"},
    {"one", {ABOUT, SOURCES(GOOD(1))},
	"Yahoo saw 1 mail from example.org on 14 October 2026: it was "
	"yours.\n"},
    {"none", {ABOUT},
	"Yahoo saw no mail from example.org on 14 October 2026.\n"},
    {"one forged",
	{ABOUT, SOURCES(GOOD(11), {.address = T("192.0.2.7"),
				      .count = 1,
				      .done = REPORT_DONE_REFUSED,
				      .spf_domain = T("example.org"),
				      .spf_result = T("fail")})},
	"Yahoo saw 12 mails from example.org on 14 October 2026: 11 were "
	"yours, 1 came from 192.0.2.7 and failed: it was not signed by "
	"example.org, and that server may not send for it: probably forged. "
	"It was refused.\n"},
    {"a forwarder, a list, a service and others",
	{ABOUT, .more_failed = 5,
	    SOURCES(GOOD(1),
		{.address = T("192.0.2.1"),
		    .count = 2,
		    .dkim_domain = T("example.org"),
		    .dkim_result = T("fail"),
		    .reason = T("forwarded")},
		{.address = T("192.0.2.2"),
		    .count = 3,
		    .done = REPORT_DONE_JUNK,
		    .dkim_domain = T("lists.test"),
		    .dkim_result = T("pass")},
		{.address = T("192.0.2.3"),
		    .count = 1,
		    .done = REPORT_DONE_UNKNOWN,
		    .spf_domain = T("esp.test"),
		    .spf_result = T("pass")})},
	"Yahoo saw 12 mails from example.org on 14 October 2026: 1 was "
	"yours, 11 failed:\n"
	"  3 came from 192.0.2.2 and failed: it was signed by lists.test, "
	"not by example.org: a service or mailing list that sends in your "
	"name, or forged. They were put into Junk.\n"
	"  2 came from 192.0.2.1 and failed: it bore a signature of "
	"example.org that was not valid: changed on its way by a forwarder "
	"or mailing list, or forged. They were let through (forwarded).\n"
	"  1 came from 192.0.2.3 and failed: it was sent for esp.test, "
	"without a signature of example.org: a forwarder or a service, or "
	"forged.\n"
	"  5 came from other addresses.\n"},
    {"our own server comes first",
	{ABOUT, SOURCES({.address = T("192.0.2.1"), .count = 9},
		    {.address = T("203.0.113.1"), .count = 2})},
	"Yahoo saw 11 mails from example.org on 14 October 2026: none was "
	"yours, 11 failed:\n"
	"  2 came from 203.0.113.1 (this server) and failed: it came from "
	"this server without a valid signature, and SPF did not confirm it; "
	"see `hearthmail dns`. They were let through.\n"
	"  9 came from 192.0.2.1 and failed: it was not signed by "
	"example.org, and that server may not send for it: probably forged. "
	"They were let through.\n"},
    {"names on the label that the mail is not from",
	{.org = T("google.com"),
	    .from = T("evil.test"),
	    .verified = true,
	    .domain = T("example.org")},
	"google.com (sent by evil.test) saw no mail from example.org.\n"},
    {"unverified",
	{.org = T("google.com"),
	    .from = T("google.com"),
	    .domain = T("example.org")},
	"google.com (unverified) saw no mail from example.org.\n"},
    {"nothing said", {.verified = true},
	"somebody saw no mail from a domain that they do not name.\n"},
    {"a period that is not a day",
	{WHO, .begin = 1791936000 + 7200, .end = 1791936000 + 7200 + 86399},
	"Yahoo saw no mail from example.org on 14 October 2026 and the day "
	"after.\n"},
    {"a week", {WHO, .begin = 1791936000, .end = 1791936000 + 7 * 86400},
	"Yahoo saw no mail from example.org from 14 October 2026 to 20 "
	"October 2026.\n"},
    {"an end before the beginning, times beyond all",
	{WHO, .begin = INT64_MAX, .end = INT64_MIN},
	"Yahoo saw no mail from example.org.\n"},
    {"refused",
	{.kind = REPORT_UNKNOWN,
	    .from = T("a.test"),
	    .verified = true,
	    .received = 1791936000,
	    .refused = T("it is encrypted")},
	"A mail with a report from a.test, received on 14 October 2026, was "
	"not read: it is encrypted.\n"},
    {"half read", {ABOUT, .trouble = T("it breaks off after 2 records")},
	"Yahoo saw no mail from example.org on 14 October 2026.\n"
	"  About this report: it breaks off after 2 records.\n"},
    {"tls, all well",
	{ABOUT, .kind = REPORT_TLS, TLS({.policy = T("sts"), .good = 12})},
	"Yahoo made 12 connections to deliver mail for example.org on 14 "
	"October 2026: all of them with TLS.\n"},
    {"tls, failures, one of an unknown kind",
	{ABOUT, .kind = REPORT_TLS,
	    TLS({.policy = T("sts"), .good = 9, .bad = 3},
		{.failure = T("certificate-expired"),
		    .bad = 2,
		    .mx = T("mail.example.org"),
		    .mx_address = T("203.0.113.1")},
		{.failure = T("sand"), .bad = 1, .info = T("x")})},
	"Yahoo made 12 connections to deliver mail for example.org on 14 "
	"October 2026: 3 of them failed.\n"
	"  2 failures at mail.example.org (203.0.113.1): its certificate has "
	"expired.\n"
	"  1 failure: \"sand\" (x).\n"},
    {"tls, the sum was forgotten",
	{ABOUT, .kind = REPORT_TLS,
	    TLS({.policy = T("sts")},
		{.failure = T("sts-policy-fetch-error"), .bad = 2})},
	"Yahoo made 2 connections to deliver mail for example.org on 14 "
	"October 2026: all of them failed.\n"
	"  2 failures: they could not fetch the MTA-STS policy.\n"},
    {"tls, nothing", {ABOUT, .kind = REPORT_TLS},
	"Yahoo made no connections to deliver mail for example.org on 14 "
	"October 2026.\n"},
};

static bool
is_own(void *arg, struct sv address)
{
	(void)arg;
	return sv_eq(address, SV("203.0.113.1"));
}

START_TEST(sentences__rows)
{
	const struct report_known known = {.is_own = is_own};
	struct buf out;

	buf_init(&out, 1 << 20);
	report_sentences(&rows[_i].r, &known, &out);
	ck_assert_msg(strcmp(out.p, rows[_i].want) == 0, "%s:\n%s\nwant:\n%s",
	    rows[_i].name, out.p, rows[_i].want);
	buf_fini(&out);
}
END_TEST

START_TEST(sentences__sums)
{
	const struct report_known known = {.is_own = is_own};
	struct report_sums sums = {.reports = 0};
	struct buf out;
	int i;

	buf_init(&out, 1 << 20);
	for (i = 0; i < COUNT(rows); i++)
		report_sum(&rows[i].r, &known, &sums);
	report_sum_words(SV("example.org"), &sums, &out);
	ck_assert_str_eq(out.p,
	    "example.org: 18 reports, 1 not read, 1 unverified and not "
	    "counted; 48 mails, 25 yours, 23 failed (2 from this server); "
	    "26 connections, 5 failed.\n");
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(sentences)
{
	TCase *t = tcase_create("sentences");

	tcase_add_loop_test(t, sentences__rows, 0, COUNT(rows));
	tcase_add_test(t, sentences__sums);
	return t;
}
