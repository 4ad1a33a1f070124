/* What we write to those whose mail did not arrive. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "queue/spool/report.h"
#include "test/unit/unit.h"

static const struct {
	const char *reply_text, *address;
	bool expired;
	const char *status, *reason;
} rows[] = {
    {"550 5.1.1 no such user (mx[192.0.2.1])", "x@example.test", false, "5.1.1",
	"there is no such mailbox at example.test"},
    {"552-5.2.2 over quota", "x@example.test", false, "5.2.2",
	"the mailbox at example.test is full"},
    {"550 no", "x@example.test", false, "5.0.0", "example.test has refused it"},
    {"556 5.1.10 takes no mail", "x@example.test", false, "5.1.10",
	"example.test accepts no mail"},
    {"450 4.2.0 greylisted", "x@example.test", true, "5.2.0",
	"example.test could not be reached, or did not accept it, within five "
	"days"},
    {"no answer from 5.1.1.2", "x@example.test", false, "5.0.0",
	"example.test has refused it"},
    {"550 5.1.1.1", "x@example.test", false, "5.0.0",
	"example.test has refused it"},
    {"550 5.1000.1", "x@example.test", false, "5.0.0",
	"example.test has refused it"},
    {REPORT_REMOVED, "x@example.test", false, "5.7.1",
	"the postmaster of this mail server has removed it from the queue"},
    {"550 " REPORT_REMOVED, "x@example.test", false, "5.7.1",
	"example.test has refused it by policy"},
    {"", "anna", false, "5.0.0", "this server has refused it"},
};

START_TEST(report_reason__answers_each_row)
{
	struct buf b;
	char code[12];

	buf_init(&b, 400);
	report_status(sv_str(rows[_i].reply_text), true, code);
	ck_assert_str_eq(code, rows[_i].status);
	report_reason(sv_str(rows[_i].reply_text), rows[_i].address,
	    rows[_i].expired, &b);
	ck_assert_str_eq(b.p, rows[_i].reason);
	buf_fini(&b);
}
END_TEST

static struct report_rcpt two[] = {
    {.address = "x@example.test",
	.reply_text = {"550 5.1.1 no\r\nBcc: evil", 23},
	.tries = 3},
    {.address = "y@example.test", .reply_text = {"", 0}, .tries = 1}};
static const uint8_t id[16] = {0xab};

static struct report
simple(size_t n)
{
	return (struct report){.hostname = "mail.example.org",
	    .domain = "example.org",
	    .to = "anna@example.org",
	    .id = id,
	    .now = 1795534980000,
	    .arrived = 1795534980000 - 5LL * 3600000,
	    .rcpt = two,
	    .nrcpt = n,
	    .original = SV("From: anna@example.org\r\n"
			   "Subject: =?utf-8?q?gr=C3=BC=0D=0ABcc:_x?=\r\n"
			   "\r\nbody\r\n"),
	    .whole = true};
}

static bool
has(const struct buf *b, const char *text)
{
	return strstr(b->p, text) != NULL;
}

START_TEST(report_compose__says_it_in_a_sentence_and_in_fields)
{
	struct report r = simple(1);
	struct buf b;

	buf_init(&b, 65536);
	report_compose(&r, &b);
	ck_assert(buf_ok(&b));
	ck_assert(has(&b, "\r\n\r\nYour message \"gr\xc3\xbc  Bcc: x\" to "
			  "x@example.test was not delivered: there is no such "
			  "mailbox at example.test.\r\n"));
	ck_assert(has(&b, "From: Mail server <postmaster@example.org>\r\n"));
	ck_assert(has(&b, "To: <anna@example.org>\r\n"));
	ck_assert(
	    has(&b, "Action: failed\r\nStatus: 5.1.1\r\n"
		    "Diagnostic-Code: smtp; 550 5.1.1 no  Bcc: evil\r\n"));
	ck_assert(has(&b, "Auto-Submitted: auto-replied\r\n"));
	ck_assert(has(&b, "it was tried 3 times"));
	ck_assert(has(&b, "Content-Type: message/rfc822\r\n"
			  "Content-Transfer-Encoding: 7bit\r\n\r\nFrom: anna"));
	ck_assert(!has(&b, "Return-Path"));
	ck_assert(sv_starts(buf_sv(&b), SV("From: ")));
	ck_assert(!has(&b, "\r\nBcc:"));
	buf_fini(&b);
}
END_TEST

/* Who gets it has not sent anything: the letter says why it came. */
START_TEST(report_compose__tells_an_owner_why)
{
	struct report r = simple(1);
	struct buf b;

	buf_init(&b, 65536);
	report_compose(&r, &b);
	ck_assert(!has(&b, "This letter goes to"));
	buf_reset(&b);
	r.to_owner = true;
	r.alias = "club@example.org";
	r.author = "x@example.net";
	r.rcpt = &(struct report_rcpt){.address = r.alias,
	    .reply_text = SV("550 no"),
	    .domain = "example.test"};
	report_compose(&r, &b);
	ck_assert(has(&b, "from x@example.net to club@example.org was not "
			  "forwarded to the address at "));
	ck_assert(
	    has(&b, "\r\nThis letter goes to everybody here who gets mail for "
		    "club@example.org, or to the\r\nadmin of the server if "
		    "nobody here does.\r\n"));
	buf_fini(&b);
}
END_TEST

START_TEST(report_compose__a_delay_says_that_nothing_need_be_done)
{
	struct report r = simple(2);
	struct buf b;

	r.delay = true;
	r.whole = false;
	buf_init(&b, 65536);
	report_compose(&r, &b);
	ck_assert(has(&b, "to 2 people has not been delivered yet, after 5 "
			  "hours. You do not need to do anything"));
	ck_assert(has(&b, "Action: delayed\r\nStatus: 4.1.1"));
	ck_assert(has(&b, "Content-Type: text/rfc822-headers"));
	ck_assert(!has(&b, "\r\nbody"));
	buf_fini(&b);
}
END_TEST

/* Whether the whole and its parts are 8 bits: explanation, status, original. */
START_TEST(report_compose__says_how_it_is_encoded)
{
	static const struct {
		const char *original;
		bool whole;
		const char *want; /* the first digit of each, the whole first */
	} mails[] = {
	    {"Subject: x\r\n\r\nbody\r\n", true, "7777"},
	    {"Subject: x\r\n\r\nb\xc3\xb6rt\r\n", true, "8778"},
	    {"Subject: x\r\n\r\nb\xc3\xb6rt\r\n", false, "7777"},
	    {"Subject: x\r\nX: \xe4\r\n\r\nb\r\n", false, "8778"},
	    {"Subject: =?utf-8?q?gr=C3=BC?=\r\n\r\nb\r\n", true, "8877"},
	};
	struct report r = simple(1);
	struct sv rest, key = SV("\r\nContent-Transfer-Encoding: ");
	char got[8] = "";
	struct buf b;
	size_t i;

	r.original = sv_str(mails[_i].original);
	r.whole = mails[_i].whole;
	buf_init(&b, 65536);
	report_compose(&r, &b);
	rest = buf_sv(&b);
	for (i = 0; i < 7 && sv_find(rest, key) < rest.n; i++) {
		rest = sv_skip(rest, sv_find(rest, key) + key.n);
		got[i] = rest.p[0];
	}
	ck_assert_str_eq(got, mails[_i].want);
	buf_fini(&b);
}
END_TEST

START_TEST(report_compose__calls_smtp_what_a_host_has_said)
{
	static const struct {
		const char *reply_text;
		const char *want;
	} words[] = {
	    {"550 5.1.1 no (mx[192.0.2.1])", "smtp; 550 5.1.1 no (mx"},
	    {"421-busy", "smtp; 421-busy"},
	    {"5.1.2 the domain x does not exist", "X-Hearthmail; 5.1.2 the"},
	    {"no answer to RCPT in time (x)", "X-Hearthmail; no answer"},
	    {"2500 mails", "X-Hearthmail; 2500"},
	    {"650 x", "X-Hearthmail; 650"},
	};
	struct report_rcpt to = {.address = "x@example.test",
	    .reply_text = sv_str(words[_i].reply_text)};
	struct report r = simple(1);
	char want[100];
	struct buf b;

	r.rcpt = &to;
	(void)snprintf(
	    want, sizeof want, "\r\nDiagnostic-Code: %s", words[_i].want);
	buf_init(&b, 65536);
	report_compose(&r, &b);
	ck_assert_msg(has(&b, want), "%s", b.p);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(report)
{
	TCase *t = tcase_create("report");

	tcase_add_loop_test(t, report_reason__answers_each_row, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_test(t, report_compose__says_it_in_a_sentence_and_in_fields);
	tcase_add_test(
	    t, report_compose__a_delay_says_that_nothing_need_be_done);
	tcase_add_test(t, report_compose__tells_an_owner_why);
	tcase_add_loop_test(t, report_compose__says_how_it_is_encoded, 0, 5);
	tcase_add_loop_test(
	    t, report_compose__calls_smtp_what_a_host_has_said, 0, 6);
	return t;
}
