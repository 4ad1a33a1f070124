/* Our own reports: they say what was seen, and our own readers, who take what
 * others write, find the same in them. */
#include "report/dmarc_xml.h"
#include "report/feedback.h"
#include "report/read.h"
#include "test/unit/report/dump.h"
#include "test/unit/unit.h"

#define T(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static const uint8_t id[16] = {1, 2, 3, 0xff};
static const struct feedback_sender who = {.hostname = "mail.example.org",
    .domain = "example.org",
    .now = 1404180000,
    .id = id};

static struct feedback_dkim dkim[] = {
    {T("a.test"), T("s1"), T("pass")}, {T("esp.test"), T("x"), T("fail")}};
static struct feedback_row rows[] = {
    {.address = T("192.0.2.7"),
	.count = 11,
	.dkim_aligned = true,
	.author = T("a.test"),
	.envelope = T("b.a.test"),
	.dkim = dkim,
	.ndkim = 2,
	.spf_domain = T("b.a.test"),
	.spf_result = T("softfail")},
    {.address = T("2001:db8::1"),
	.count = 1,
	.done = REPORT_DONE_REFUSED,
	.author = T("x<&>\"\x01.a.test"),
	.reason = T("local_policy")},
};

static const struct feedback_due due = {.begin = 1404086400,
    .end = 1404172799,
    .policy = {.domain = T("a.test"),
	.p = T("reject"),
	.sp = T("quarantine"),
	.np = T("reject"),
	.adkim = T("r"),
	.aspf = T("s"),
	.fo = T("0"),
	.testing = true},
    .row = rows,
    .nrow = 2};

#define REPORT                                                              \
	"example.org <postmaster@example.org> "                             \
	"id=1404086400.a.test@example.org a.test 1404086400-1404172799 "    \
	"p=reject sp=quarantine\n"                                          \
	"192.0.2.7 x11 let pass/fail from=a.test dkim=a.test:pass "         \
	"spf=b.a.test:softfail\n"                                           \
	"2001:db8::1 x1 refused fail/fail from=x<&>\".a.test dkim=: spf=: " \
	"(local_policy)\n"

START_TEST(feedback__is_read_by_our_own_reader)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	struct buf xml, out;

	buf_init(&xml, 1 << 20);
	buf_init(&out, 1 << 20);
	report_builder_init(&b, &limits);
	feedback_xml(&due, &who, &xml);
	ck_assert_int_eq(dmarc_xml_read(&b, buf_sv(&xml), &err), RC_OK);
	dump(&b.r, &out);
	ck_assert_str_eq(out.p, REPORT);
	report_builder_fini(&b);
	buf_fini(&out);
	buf_fini(&xml);
}
END_TEST

/* The order of the schema [RFC 9990 appendix A]; what must be there is. */
START_TEST(feedback__follows_the_schema)
{
	static const char *const order[] = {"<?xml version=\"1.0\"",
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">",
	    "<version>1.0<", "<report_metadata>", "<org_name>example.org<",
	    "<email>postmaster@example.org<", "<report_id>", "<date_range>",
	    "<begin>1404086400<", "<end>1404172799<", "<policy_published>",
	    "<domain>a.test<", "<discovery_method>treewalk<", "<p>reject<",
	    "<testing>y<", "<record>", "<row>", "<source_ip>192.0.2.7<",
	    "<count>11<", "<policy_evaluated>", "<disposition>none<",
	    "<dkim>pass<", "<spf>fail<", "<identifiers>",
	    "<header_from>a.test<", "<envelope_from>b.a.test<",
	    "<auth_results>", "<dkim>\n<domain>a.test<", "<selector>s1<",
	    "<result>pass<", "<spf>\n<domain>b.a.test<", "<scope>mfrom<",
	    "<result>softfail<", "<record>", "<disposition>reject<",
	    "<reason>\n<type>local_policy<",
	    "<header_from>x&lt;&amp;&gt;\".a.test<", "<envelope_from><",
	    "</feedback>"};
	struct buf xml;
	struct sv rest;
	size_t i, at;

	buf_init(&xml, 1 << 20);
	feedback_xml(&due, &who, &xml);
	rest = buf_sv(&xml);
	for (i = 0; i < sizeof order / sizeof order[0]; i++) {
		at = sv_find(rest, sv_str(order[i]));
		ck_assert_msg(at < rest.n, "%s", order[i]);
		rest = sv_skip(rest, at + 1);
	}
	buf_fini(&xml);
}
END_TEST

static void
collect(void *arg, const struct report_record *r)
{
	dump(r, arg);
}

START_TEST(feedback__mail)
{
	static const char header[] =
	    "Date: Tue, 1 Jul 2014 02:00:00 +0000\r\n"
	    "From: DMARC reports <postmaster@example.org>\r\n"
	    "To: <\"a b\"@a.test>\r\n"
	    "Subject: Report Domain: a.test\r\n"
	    " Submitter: example.org\r\n"
	    " Report-ID: <1404086400.a.test@example.org>\r\n"
	    "Message-ID: <010203ff000000000000000000000000@mail.example.org>"
	    "\r\n";
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	const struct report_mail m = {.fd = -1};
	struct buf mail, out;
	struct sv rest, line;

	buf_init(&mail, 1 << 20);
	buf_init(&out, 1 << 20);
	ck_assert_int_eq(
	    feedback_mail(&due, &who, SV("\"a b\"@a.test"), &mail), RC_OK);
	ck_assert_msg(
	    sv_starts(buf_sv(&mail), sv_str(header)), "%.*s", 500, mail.p);
	ck_assert(sv_find(buf_sv(&mail),
		      SV("filename=\"example.org!a.test!1404086400!"
			 "1404172799.xml.gz\"\r\n")) < mail.n);
	ck_assert(sv_find(buf_sv(&mail),
		      SV("Content-Type: application/gzip\r\n")) < mail.n);
	for (rest = buf_sv(&mail); rest.n > 0;) {
		line = sv_split(&rest, '\n');
		ck_assert_uint_le(line.n, 100);
		ck_assert(line.n > 0 && line.p[line.n - 1] == '\r');
	}
	ck_assert_uint_eq(
	    report_read(buf_sv(&mail), &m, &limits, collect, &out), 1);
	ck_assert_str_eq(out.p, REPORT);
	buf_fini(&out);
	buf_fini(&mail);
}
END_TEST

/* What would be header fields or commands of somebody else's. */
static const struct {
	struct sv domain, to;
	bool sound;
} fields[] = {
    {T("a.test"), T("x@a.test"), true},
    {T("_x.a-b.test"), T("x..y@a.test"), true},
    {T("a.test"), T("\"a b\"@a.test"), true},
    {T("a\r\nFrom: <boss@us.test>"), T("x@a.test"), false},
    {T("a.test\r\n\r\nhello"), T("x@a.test"), false},
    {T("a.test\""), T("x@a.test"), false},
    {T("a.test> x"), T("x@a.test"), false},
    {T("a.test x"), T("x@a.test"), false},
    {T("y@a.test"), T("x@a.test"), false},
    {T("[192.0.2.1]"), T("x@a.test"), false},
    {T("a\0.test"), T("x@a.test"), false},
    {T("a..test"), T("x@a.test"), false},
    {T("\xc3\xa4.test"), T("x@a.test"), false},
    {T(""), T("x@a.test"), false},
    {T("a.test"), T("x@a.test>\r\nBcc: <y@b.test"), false},
    {T("a.test"), T("x@a.test\r\nRCPT TO:<y@b.test>"), false},
    {T("a.test"), T("\"x\r\ny\"@a.test"), false},
    {T("a.test"), T("x@a.test> NOTIFY=NEVER X=<"), false},
    {T("a.test"), T("<x@a.test>"), false},
    {T("a.test"), T("@b.test:x@a.test"), false},
    {T("a.test"), T("x y@a.test"), false},
    {T("a.test"), T("x(y)@a.test"), false},
    {T("a.test"), T("x@a.test "), false},
    {T("a.test"), T("x@a.test\0"), false},
    {T("a.test"), T("x\xff@a.test"), false},
    {T("a.test"), T("x@[192.0.2.1]"), false},
    {T("a.test"), T("postmaster"), false},
    {T("a.test"), T(""), false},
};

START_TEST(feedback__is_sound)
{
	struct sv to[FEEDBACK_TO_MAX + 1] = {SV("y@a.test"), fields[_i].to};
	struct feedback_due d = due;
	struct buf mail;

	buf_init(&mail, 1 << 20);
	d.policy.domain = fields[_i].domain;
	d.to = to;
	d.nto = 2;
	ck_assert(feedback_is_sound(&d) == fields[_i].sound);
	ck_assert_int_eq(feedback_mail(&d, &who, fields[_i].to, &mail),
	    fields[_i].sound ? RC_OK : RC_SYNTAX);
	ck_assert((mail.n > 0) == fields[_i].sound);
	to[2] = to[3] = to[4] = to[0];
	d.nto = FEEDBACK_TO_MAX + 1;
	ck_assert(!feedback_is_sound(&d));
	buf_fini(&mail);
}
END_TEST

/* "-": not usable */
static const struct {
	const char *list, *want;
} uris[] = {
    {"", ""},
    {"mailto:x@a.test", "x@a.test "},
    {"MAILTO:x@a.test!10m, mailto:y@b.test", "x@a.test y@b.test "},
    {"https://a.test/x,mailto:x@a.test", "- x@a.test "},
    {"mailto:x%2by@a.test", "x+y@a.test "},
    {"mailto:x%21y@a.test", "x!y@a.test "},
    {"mailto:x@a.test?subject=y", "x@a.test "},
    {"mailto:,mailto:x,mailto:@a.test,mailto:x@", "- - - - "},
    {"mailto:x@[192.0.2.1]", "- "},
    {"mailto:x%0d%0ay@a.test", "- "},
    {"mailto:x%zz@a.test", "- "},
    {"mailto:x@a.test y@b.test", "- "},
    {"mailto:\"a b\"@a.test", "\"a b\"@a.test "},
};

START_TEST(feedback__uris)
{
	struct sv list = sv_str(uris[_i].list);
	struct buf out;
	bool usable;

	buf_init(&out, 4096);
	while (feedback_next_uri(&list, &usable, &out))
		buf_adds(&out, usable ? " " : "- ");
	ck_assert_msg(
	    strcmp(out.p, uris[_i].want) == 0, "%s: %s", uris[_i].list, out.p);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(feedback)
{
	TCase *t = tcase_create("feedback");

	tcase_add_test(t, feedback__is_read_by_our_own_reader);
	tcase_add_test(t, feedback__follows_the_schema);
	tcase_add_test(t, feedback__mail);
	tcase_add_loop_test(
	    t, feedback__is_sound, 0, (int)(sizeof fields / sizeof fields[0]));
	tcase_add_loop_test(
	    t, feedback__uris, 0, (int)(sizeof uris / sizeof uris[0]));
	return t;
}
