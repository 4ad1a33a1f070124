
#include "smtp/submit.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

#define LOGIN	 "EHLO c\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\n"
#define HI	 "220 250 235/2.7.0 "
#define MAIL	 "MAIL FROM:<anna@example.org>\r\n"
#define RCPT	 "RCPT TO:<ben@example.org>\r\n"
#define NO_PLAIN "AUTH PLAIN AGFubmEAd3Jvbmc=\r\n"
#define NO3	 NO_PLAIN NO_PLAIN NO_PLAIN
#define RE3	 "535/5.7.8 535/5.7.8 535/5.7.8 "
#define FROM	 "From: anna@example.org\r\n"
#define IDS	 "Date: x\r\nMessage-ID: y\r\n"

static const struct {
	const char *name;
	struct sv in;
	const char *want;
} rows[] = {
    {"a message", SV(LOGIN MAIL RCPT "DATA\r\n" FROM "\r\nx\r\n.\r\nQUIT\r\n"),
	HI "250/2.1.0 250/2.1.5 354 250/2.0.0 221/2.0.0"},
    {"not logged in", SV("EHLO c\r\n" MAIL RCPT),
	"220 250 530/5.7.0 503/5.5.1"},
    {"BDAT not logged in", SV("EHLO c\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"),
	"220 250 530/5.7.0 250/2.0.0"},
    {"AUTH before EHLO", SV("AUTH PLAIN AGFubmEAc2VjcmV0\r\n"),
	"220 503/5.5.1"},
    {"AUTH PLAIN in two steps",
	SV("EHLO c\r\nAUTH PLAIN\r\nAGFubmEAc2VjcmV0\r\n"),
	"220 250 334 235/2.7.0"},
    {"AUTH LOGIN", SV("EHLO c\r\nAUTH LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n"),
	"220 250 334 334 235/2.7.0"},
    {"AUTH LOGIN with the name at once",
	SV("EHLO c\r\nAUTH LOGIN YW5uYQ==\r\nc2VjcmV0\r\n"),
	"220 250 334 235/2.7.0"},
    {"AUTH LOGIN with a NUL in the name",
	SV("EHLO c\r\nAUTH LOGIN YQBhbm5h\r\nc2VjcmV0\r\n"),
	"220 250 334 501/5.5.2"},
    {"wrong password", SV("EHLO c\r\nAUTH PLAIN AGFubmEAd3Jvbmc=\r\n"),
	"220 250 535/5.7.8"},
    {"every way to be refused, and the right one",
	SV("EHLO c\r\n" NO_PLAIN "AUTH PLAIN\r\nAGFubmEAd3Jvbmc=\r\n"
	   "AUTH LOGIN\r\nYW5uYQ==\r\nd3Jvbmc=\r\n"
	   "AUTH LOGIN YW5uYQ==\r\nd3Jvbmc=\r\n"
	   "AUTH PLAIN AGFubmEAc2VjcmV0\r\n"),
	"220 250 535/5.7.8 334 535/5.7.8 334 334 535/5.7.8 334 535/5.7.8 "
	"235/2.7.0"},
    {"nine wrong passwords and the right one",
	SV("EHLO c\r\n" NO3 NO3 NO3 "AUTH PLAIN AGFubmEAc2VjcmV0\r\n"),
	"220 250 " RE3 RE3 RE3 "235/2.7.0"},
    {"ten wrong passwords", SV("EHLO c\r\n" NO3 NO3 NO3 NO_PLAIN "NOOP\r\n"),
	"220 250 " RE3 RE3 RE3 "535/5.7.8 421/4.7.0"},
    {"cancelled", SV("EHLO c\r\nAUTH PLAIN\r\n*\r\nNOOP\r\n"),
	"220 250 334 501/5.7.0 250/2.0.0"},
    {"no base64", SV("EHLO c\r\nAUTH PLAIN !!!\r\nAUTH LOGIN\r\n=\r\n"),
	"220 250 501/5.5.2 334 501/5.5.2"},
    {"unknown mechanism", SV("EHLO c\r\nAUTH CRAM-MD5\r\nAUTH\r\n"),
	"220 250 504/5.5.4 504/5.5.4"},
    {"twice", SV(LOGIN "AUTH PLAIN AGFubmEAc2VjcmV0\r\n"), HI "503/5.5.1"},
    {"AUTH within a transaction", SV(LOGIN MAIL "AUTH PLAIN x\r\n"),
	HI "250/2.1.0 503/5.5.1"},
    {"still logged in after EHLO and RSET", SV(LOGIN "EHLO c\r\nRSET\r\n" MAIL),
	HI "250 250/2.0.0 250/2.1.0"},
    {"another's sender", SV(LOGIN "MAIL FROM:<ben@example.org>\r\n"),
	HI "550/5.7.1"},
    {"outside", SV(LOGIN MAIL "RCPT TO:<x@elsewhere.test>\r\n"),
	HI "250/2.1.0 550/5.7.1"},
    {"a read receipt",
	SV(LOGIN "MAIL FROM:<>\r\n" RCPT "DATA\r\n" FROM "\r\nread\r\n.\r\n"),
	HI "250/2.1.0 250/2.1.5 354 250/2.0.0"},
    {"another's From",
	SV(LOGIN MAIL RCPT
	    "DATA\r\nFrom: ben@example.org\r\n\r\nx\r\n.\r\nNOOP\r\n"),
	HI "250/2.1.0 250/2.1.5 354 550/5.7.1 250/2.0.0"},
    {"no From", SV(LOGIN MAIL RCPT "DATA\r\nSubject: x\r\n\r\n.\r\n"),
	HI "250/2.1.0 250/2.1.5 354 550/5.6.0"},
    {"nothing at all", SV(LOGIN MAIL RCPT "DATA\r\n.\r\n"),
	HI "250/2.1.0 250/2.1.5 354 550/5.6.0"},
    {"header only", SV(LOGIN MAIL RCPT "DATA\r\n" FROM ".\r\n"),
	HI "250/2.1.0 250/2.1.5 354 250/2.0.0"},
    {"header only, in BDAT without line end",
	SV(LOGIN MAIL RCPT "BDAT 22 LAST\r\nFrom: anna@example.orgNOOP\r\n"),
	HI "250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0"},
    {"text at once", SV(LOGIN MAIL RCPT "DATA\r\n" FROM "Hi,\r\nbye\r\n.\r\n"),
	HI "250/2.1.0 250/2.1.5 354 250/2.0.0"},
};

START_TEST(smtp_submission__conversations)
{
	struct fixture k;
	struct buf out, codes;
	size_t piece;

	for (piece = 0; piece < 2; piece++) {
		fixture_init(&k, true);
		buf_init(&out, 1 << 20);
		buf_init(&codes, 10000);
		fixture_talk(&k, rows[_i].in, piece, &out);
		fixture_codes(buf_sv(&out), &codes);
		fixture_check_codes(
		    rows[_i].name, buf_sv(&codes), rows[_i].want);
		buf_fini(&codes);
		buf_fini(&out);
		fixture_fini(&k);
	}
}
END_TEST

START_TEST(smtp_submission__no_login_in_the_clear)
{
	struct fixture k;
	struct buf out, codes;

	fixture_init(&k, true);
	k.not_loopback = true;
	buf_init(&out, 1 << 20);
	buf_init(&codes, 10000);
	fixture_talk(
	    &k, SV("EHLO c\r\nAUTH PLAIN AGFubmEAc2VjcmV0\r\n"), 0, &out);
	fixture_codes(buf_sv(&out), &codes);
	ck_assert_str_eq(codes.p, "220 250 538/5.7.11");
	ck_assert_uint_eq(k.logins, 0);
	ck_assert(sv_find(buf_sv(&out), SV("AUTH PLAIN")) == out.n);
	buf_fini(&codes);
	buf_fini(&out);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_submission__auth_that_cannot_answer)
{
	struct fixture k;
	struct buf out, codes;

	fixture_init(&k, true);
	k.login_rc = RC_TEMP;
	buf_init(&codes, 10000);
	buf_init(&out, 1 << 20);
	fixture_talk(&k,
	    SV(LOGIN "AUTH PLAIN\r\nAGFubmEAc2VjcmV0\r\n"
		     "AUTH LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n"
		     "AUTH LOGIN YW5uYQ==\r\nc2VjcmV0\r\nNOOP\r\n"),
	    0, &out);
	fixture_codes(buf_sv(&out), &codes);
	ck_assert_str_eq(codes.p, "220 250 454/4.7.0 334 454/4.7.0 334 334 "
				  "454/4.7.0 334 454/4.7.0 250/2.0.0");
	buf_fini(&codes);
	buf_fini(&out);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_submission__completes_the_header)
{
	struct fixture k;
	struct buf out;
	struct sv m;

	fixture_init(&k, true);
	buf_init(&out, 1 << 20);
	fixture_talk(&k,
	    SV(LOGIN MAIL RCPT "DATA\r\nBcc: ben@example.org,\r\n x@y\r\n" FROM
			       "Return-Path: <z@z>\r\nTo: a\r\nbcc: q\r\n\r\n"
			       "Bcc: body\r\n.\r\n"),
	    0, &out);
	ck_assert_uint_eq(k.ngot, 1);
	m = buf_sv(&k.got[0].message);
	ck_assert(sv_starts(m, SV("Return-Path: <anna@example.org>\r\n")));
	ck_assert(sv_find(m, SV("Return-Path: <z")) == m.n);
	ck_assert(sv_find(m, SV("\r\nReceived: from c\r\n\tby ")) < m.n);
	ck_assert(sv_find(m, SV(" with ESMTPA id ")) < m.n);
	ck_assert(sv_find(m, SV("\r\nDate: ")) < m.n);
	ck_assert(sv_find(m, SV("\r\nMessage-ID: <")) < m.n);
	ck_assert(sv_find(m, SV("x@y")) == m.n);
	ck_assert(sv_find(m, SV("127.0.0.1")) == m.n);
	ck_assert(sv_ends(m, SV("@mail.example.org>\r\n\r\nBcc: body\r\n")));
	buf_fini(&out);
	fixture_fini(&k);
}
END_TEST

/* All of the text arrives, in whatever pieces it comes. */
START_TEST(smtp_submission__keeps_text_without_an_empty_line)
{
	size_t piece;

	for (piece = 0; piece < 4; piece++) {
		struct fixture k;
		struct buf out;

		fixture_init(&k, true);
		buf_init(&out, 1 << 20);
		fixture_talk(&k,
		    SV(LOGIN MAIL RCPT "DATA\r\n" IDS FROM
				       "Hello Ben,\r\nthe disk: full\r\n\r\n"
				       "Anna\r\n.\r\n"),
		    piece, &out);
		ck_assert_uint_eq(k.ngot, 1);
		ck_assert(sv_ends(buf_sv(&k.got[0].message),
		    SV(IDS FROM "\r\nHello Ben,\r\nthe disk: full\r\n\r\n"
				"Anna\r\n")));
		buf_fini(&out);
		fixture_fini(&k);
	}
}
END_TEST

static bool
anna_only(void *arg, struct sv address)
{
	(void)arg;
	return sv_ieq(address, SV("anna@example.org"));
}

static const struct {
	const char *name, *header;
	int rc;
	const char *out; /* NULL: not looked at */
} edit[] = {
    {"complete", FROM "Date: x\r\nMessage-ID: <1>\r\n\r\n", RC_OK,
	FROM "Date: x\r\nMessage-ID: <1>\r\n\r\n"},
    {"adds both", FROM "\r\n", RC_OK,
	FROM "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: "
	     "<00000000000000000000000000000000@h>\r\n\r\n"},
    {"two addresses, one not ours",
	"From: anna@example.org, ben@example.org\r\n\r\n", RC_DENIED, NULL},
    {"two From fields", FROM FROM "\r\n", RC_SYNTAX, NULL},
    {"second From is another's", FROM "From: ben@example.org\r\n\r\n",
	RC_DENIED, NULL},
    {"display name that looks like an address",
	"From: \"ben@example.org\" <anna@example.org>\r\n\r\n", RC_OK, NULL},
    {"address hidden in a name",
	"From: anna@example.org <ben@example.org>\r\n\r\n", RC_DENIED, NULL},
    {"address as a name", "From: anna@example.org <anna@example.org>\r\n\r\n",
	RC_OK, NULL},
    {"brackets in a name", "From: [NAS] Anna <anna@example.org>\r\n\r\n", RC_OK,
	NULL},
    {"brackets in a name, another's",
	"From: [NAS] Anna <ben@example.org>\r\n\r\n", RC_DENIED, NULL},
    {"comma in a name", "From: Smith, Anna <anna@example.org>\r\n\r\n", RC_OK,
	NULL},
    {"semicolon", "From: Anna <anna@example.org>;\r\n\r\n", RC_OK, NULL},
    {"semicolon, no brackets", "From: anna@example.org;\r\n\r\n", RC_OK, NULL},
    {"name without brackets", "From: Anna B. anna@example.org\r\n\r\n", RC_OK,
	NULL},
    {"quoted name without brackets", "From: \"Anna\" anna@example.org\r\n\r\n",
	RC_OK, NULL},
    {"name behind", "From: <anna@example.org> Anna\r\n\r\n", RC_OK, NULL},
    {"bracket not closed", "From: Anna <anna@example.org\r\n\r\n", RC_OK, NULL},
    {"quote not closed", "From: \"Anna <anna@example.org>\r\n\r\n", RC_SYNTAX,
	NULL},
    {"two brackets", "From: <<anna@example.org>>\r\n\r\n", RC_OK, NULL},
    {"mailto", "From: <mailto:anna@example.org>\r\n\r\n", RC_OK, NULL},
    {"colon in a name", "From: Re: Anna <anna@example.org>\r\n\r\n", RC_OK,
	NULL},
    {"at in a name", "From: Anna @ home <anna@example.org>\r\n\r\n", RC_OK,
	NULL},
    {"another's address beside it",
	"From: ben@example.org x, Anna <anna@example.org>\r\n\r\n", RC_DENIED,
	NULL},
    {"another's address behind it",
	"From: Anna <anna@example.org>; ben@example.org\r\n\r\n", RC_DENIED,
	NULL},
    {"two brackets with addresses",
	"From: a [b] <anna@example.org> <ben@example.org>\r\n\r\n", RC_SYNTAX,
	NULL},
    {"Sender with brackets in a name",
	FROM "Sender: [x] <ben@example.org>\r\n\r\n", RC_DENIED, NULL},
    {"resent by us",
	"From: x@other.test\r\nSender: y@other.test\r\n" IDS
	"Resent-From: Anna <anna@example.org>\r\n\r\n",
	RC_OK,
	"From: x@other.test\r\nSender: y@other.test\r\n" IDS
	"Resent-From: Anna <anna@example.org>\r\n\r\n"},
    {"resent by us last",
	"Resent-From: anna@example.org\r\nResent-From: z@other.test\r\n"
	"From: x@other.test\r\n\r\n",
	RC_OK, NULL},
    {"resent by us once",
	"Resent-From: z@other.test\r\nResent-From: anna@example.org\r\n"
	"From: x@other.test\r\n\r\n",
	RC_DENIED, NULL},
    {"resent by another",
	"Resent-From: ben@example.org\r\nFrom: x@other.test\r\n\r\n", RC_DENIED,
	NULL},
    {"ours, resent before", "Resent-From: z@other.test\r\n" FROM "\r\n", RC_OK,
	NULL},
    {"resent, From missing", "Resent-From: anna@example.org\r\n\r\n", RC_SYNTAX,
	NULL},
    {"group", "From: g: anna@example.org;\r\n\r\n", RC_OK, NULL},
    {"group of nobody", "From: g:;\r\n\r\n", RC_SYNTAX, NULL},
    {"another's Sender", FROM "Sender: ben@example.org\r\n\r\n", RC_DENIED,
	NULL},
    {"folded From", "From:\r\n Anna\r\n <anna@example.org>\r\n\r\n", RC_OK,
	NULL},
    {"no domain", "From: anna\r\n\r\n", RC_SYNTAX, NULL},
    {"From with a blank before the colon",
	"From : ben@example.org\r\n" FROM "\r\n", RC_DENIED, NULL},
    {"a line before the fields", "junk\r\n" FROM IDS "\r\n", RC_OK,
	"X-Mailbox-Line: junk\r\n" FROM IDS "\r\n"},
    {"two lines before the fields", "junk\r\nmore\r\n" FROM "\r\n", RC_SYNTAX,
	NULL},
    {"folded before any field", " x\r\n" FROM "\r\n", RC_SYNTAX, NULL},
    {"kept as it is",
	"from :\tanna@example.org\r\nX:\r\n \r\n\ty\r\n" IDS "\r\n", RC_OK,
	"from :\tanna@example.org\r\nX:\r\n \r\n\ty\r\n" IDS "\r\n"},
    {"Bcc in front, within, at the end",
	"Bcc: a\r\n b\r\n" FROM "bcc : c\r\n" IDS "BCC:d\r\n\r\n", RC_OK,
	FROM IDS "\r\n"},
    {"results in our name",
	"Authentication-Results: h; dmarc=pass header.from=bank.test\r\n" FROM
	"authentication-results :\r\n (x) H 1; spf=pass\r\n"
	"Authentication-Results: other.test; dmarc=pass\r\n" IDS "\r\n",
	RC_OK,
	FROM "Authentication-Results: other.test; dmarc=pass\r\n" IDS "\r\n"},
    {"an mbox line", "From anna Tue Nov 24 2026\r\n" FROM IDS "\r\n", RC_OK,
	"X-Mailbox-Line: From anna Tue Nov 24 2026\r\n" FROM IDS "\r\n"},
    {"a quoted mbox line", ">From anna\r\n" FROM IDS "\r\n", RC_OK,
	"X-Mailbox-Line: >From anna\r\n" FROM IDS "\r\n"},
};

START_TEST(smtp_submit_edit__rows)
{
	const uint8_t id[16] = {0};
	struct smtp_submit_args a = {
	    .hostname = "h", .id = id, .may_send = anna_only};
	struct sv in = sv_str(edit[_i].header), rest;
	size_t cut;

	for (cut = 0; cut <= in.n; cut++) {
		struct smtp_submit f;
		struct buf out;
		struct err err;
		bool done;
		int r;

		smtp_submit_init(&f);
		buf_init(&out, 10000);
		done = smtp_submit_feed(&f, sv_first(in, cut), &rest);
		ck_assert(done || cut < in.n);
		if (!done)
			ck_assert(
			    smtp_submit_feed(&f, sv_skip(in, cut), &rest));
		ck_assert_uint_eq(rest.n, 0);
		r = smtp_submit_edit(&f, &a, &out, &err);
		ck_assert_msg(
		    r == edit[_i].rc, "%s: %s", edit[_i].name, rc_name(r));
		if (edit[_i].out != NULL)
			ck_assert_msg(sv_eq(buf_sv(&out), sv_str(edit[_i].out)),
			    "%s: %s", edit[_i].name, out.p);
		buf_fini(&out);
		smtp_submit_fini(&f);
	}
}
END_TEST

/* A header that ends without an empty line: what comes behind is all there,
 * wherever the pieces are cut. */
static const struct {
	const char *name, *in, *out;
} text[] = {
    {"text at once", FROM IDS "Hello Anna,\r\nA: b\r\n\r\nBen\r\n",
	FROM IDS "\r\nHello Anna,\r\nA: b\r\n\r\nBen\r\n"},
    {"an empty line with a blank", FROM IDS "X: s\r\n \r\nHello\r\nbye\r\n",
	FROM IDS "X: s\r\n \r\n\r\nHello\r\nbye\r\n"},
    {"a part", FROM IDS "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n",
	FROM IDS "\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"},
    {"a name with a blank", FROM IDS "X Mailer: foo\r\nY: z\r\n\r\n.\r\n",
	FROM IDS "\r\nX Mailer: foo\r\nY: z\r\n\r\n.\r\n"},
    {"a name with 8 bits", FROM IDS "\xc3\xa4: foo\r\n\r\nx\r\n",
	FROM IDS "\r\n\xc3\xa4: foo\r\n\r\nx\r\n"},
    {"no name", FROM IDS ": x\r\n\r\ny\r\n", FROM IDS "\r\n: x\r\n\r\ny\r\n"},
    {"a blank before text", FROM IDS "Hello,\r\n  how are you?\r\n",
	FROM IDS "\r\nHello,\r\n  how are you?\r\n"},
    {"text without line end", FROM IDS "Hello", FROM IDS "\r\nHello"},
    {"field without line end", IDS "From: anna@example.org", IDS FROM "\r\n"},
    {"an mbox line later", FROM IDS "From here on\r\n\r\nx\r\n",
	FROM IDS "\r\nFrom here on\r\n\r\nx\r\n"},
    {"two empty lines", FROM IDS "\r\n\r\nx\r\n", FROM IDS "\r\n\r\nx\r\n"},
    {"bare LF", FROM IDS "\nx\n", FROM IDS "\r\nx\n"},
    {"nothing behind it", FROM IDS, FROM IDS "\r\n"},
};

START_TEST(smtp_submit__text_is_kept)
{
	const uint8_t id[16] = {0};
	struct smtp_submit_args a = {
	    .hostname = "h", .id = id, .may_send = anna_only};
	struct sv in = sv_str(text[_i].in);
	size_t cut;

	for (cut = 0; cut <= in.n; cut++) {
		struct sv piece[2] = {sv_first(in, cut), sv_skip(in, cut)};
		struct sv rest = {NULL, 0};
		struct smtp_submit f;
		struct buf out;
		struct err err;
		size_t i;

		smtp_submit_init(&f);
		buf_init(&out, 10000);
		for (i = 0; i < 2 && !f.over; i++)
			(void)smtp_submit_feed(&f, piece[i], &rest);
		if (!f.over)
			smtp_submit_end(&f);
		ck_assert_int_eq(smtp_submit_edit(&f, &a, &out, &err), RC_OK);
		buf_addsv(&out, smtp_submit_text(&f));
		buf_addsv(&out, rest);
		while (i < 2)
			buf_addsv(&out, piece[i++]);
		ck_assert_msg(sv_eq(buf_sv(&out), sv_str(text[_i].out)),
		    "%s, cut at %zu: %s", text[_i].name, cut, out.p);
		buf_fini(&out);
		smtp_submit_fini(&f);
	}
}
END_TEST

START_TEST(smtp_submit__header_limit)
{
	size_t over;

	for (over = 0; over < 2; over++) {
		struct smtp_submit f;
		struct buf in;
		struct sv rest = {NULL, 0};

		smtp_submit_init(&f);
		buf_init(&in, 4 << 20);
		buf_adds(&in, "A: ");
		while (in.n < SMTP_SUBMIT_HEADER_MAX - 4 + over)
			buf_addc(&in, 'x');
		buf_adds(&in, "\r\n\r\n");
		ck_assert(smtp_submit_feed(&f, buf_sv(&in), &rest));
		ck_assert_int_eq(f.too_big, over == 1);
		buf_fini(&in);
		smtp_submit_fini(&f);
	}
}
END_TEST

UNIT_TESTS(submit)
{
	TCase *tc = tcase_create("submit");

	tcase_add_loop_test(tc, smtp_submission__conversations, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, smtp_submission__no_login_in_the_clear);
	tcase_add_test(tc, smtp_submission__auth_that_cannot_answer);
	tcase_add_test(tc, smtp_submission__completes_the_header);
	tcase_add_test(tc, smtp_submission__keeps_text_without_an_empty_line);
	tcase_add_loop_test(
	    tc, smtp_submit_edit__rows, 0, (int)(sizeof edit / sizeof edit[0]));
	tcase_add_loop_test(tc, smtp_submit__text_is_kept, 0,
	    (int)(sizeof text / sizeof text[0]));
	tcase_add_test(tc, smtp_submit__header_limit);
	return tc;
}
