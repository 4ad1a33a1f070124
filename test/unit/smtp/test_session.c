#include <unistd.h>

#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

#define L64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EHLO "EHLO client.example.test\r\n"
#define MAIL "MAIL FROM:<ben@example.test>\r\n"
#define RCPT "RCPT TO:<anna@example.org>\r\n"
#define MSG  "Subject: x\r\n\r\nhello\r\n"
#define OK3  "250/2.1.0 250/2.1.5 "

/* Whole conversations, sent at once: what the server answers. */
static const struct {
	const char *name;
	struct sv in;
	const char *want;
} rows[] = {
    {"a message", SV(EHLO MAIL RCPT "DATA\r\n" MSG ".\r\nQUIT\r\n"),
	"220 250 " OK3 "354 250/2.0.0 221/2.0.0"},
    {"with HELO",
	SV("HELO client\r\n" MAIL RCPT "DATA\r\n" MSG ".\r\nQUIT\r\n"),
	"220 250 " OK3 "354 250/2.0.0 221/2.0.0"},
    {"two messages",
	SV(EHLO MAIL RCPT "DATA\r\n" MSG ".\r\n" MAIL RCPT "DATA\r\n" MSG
			  ".\r\n"),
	"220 250 " OK3 "354 250/2.0.0 " OK3 "354 250/2.0.0"},
    {"null sender", SV(EHLO "MAIL FROM:<>\r\n" RCPT),
	"220 250 250/2.1.0 250/2.1.5"},
    {"postmaster", SV(EHLO MAIL "RCPT TO:<Postmaster>\r\n"), "220 250 " OK3},
    {"unknown here", SV(EHLO MAIL "RCPT TO:<nobody@example.org>\r\n"),
	"220 250 250/2.1.0 550/5.1.1"},
    {"no relay", SV(EHLO MAIL "RCPT TO:<a@elsewhere.test>\r\n"),
	"220 250 250/2.1.0 550/5.7.1"},
    {"no relay by source route",
	SV(EHLO MAIL "RCPT TO:<@example.org:a@elsewhere.test>\r\n"),
	"220 250 250/2.1.0 550/5.7.1"},
    {"no relay by percent",
	SV(EHLO MAIL "RCPT TO:<a%elsewhere.test@example.org>\r\n"),
	"220 250 250/2.1.0 550/5.1.1"},
    {"lookup fails for now", SV(EHLO MAIL "RCPT TO:<later@example.org>\r\n"),
	"220 250 250/2.1.0 451/4.3.0"},
    {"above its quota", SV(EHLO MAIL "RCPT TO:<full@example.org>\r\n" RCPT),
	"220 250 250/2.1.0 452/4.2.2 250/2.1.5"},
    {"forwarded only", SV(EHLO MAIL "RCPT TO:<far@example.org>\r\n"),
	"220 250 " OK3},
    {"leads to nobody", SV(EHLO MAIL "RCPT TO:<empty@example.org>\r\n" RCPT),
	"220 250 250/2.1.0 550/5.1.1 250/2.1.5"},
    {"a bounce comes back",
	SV(EHLO "MAIL FROM:<>\r\nRCPT TO:<srs0=good=aa=x.test=y@example.org>"
		"\r\n"),
	"220 250 " OK3},
    {"what comes back is no bounce",
	SV(EHLO MAIL "RCPT TO:<SRS0=good=aa=x.test=y@example.org>\r\n"),
	"220 250 250/2.1.0 550/5.7.1"},
    {"a forged one",
	SV(EHLO "MAIL FROM:<>\r\nRCPT TO:<SRS0=bad=aa=x.test=y@example.org>"
		"\r\n"),
	"220 250 250/2.1.0 550/5.1.1"},
    {"a forged one of the other kind",
	SV(EHLO "MAIL FROM:<>\r\nRCPT TO:<SRS1+bad=x==y=z=w@example.org>"
		"\r\n"),
	"220 250 250/2.1.0 550/5.1.1"},
    {"one that is too old",
	SV(EHLO "MAIL FROM:<>\r\nRCPT TO:<SRS0=old=aa=x.test=y@example.org>"
		"\r\n"),
	"220 250 250/2.1.0 550/5.1.1"},
    {"somebody's own that looks so",
	SV(EHLO MAIL "RCPT TO:<SRS0=own@example.org>\r\n"),
	"220 250 250/2.1.0 550/5.1.1"},
    {"one good and one bad recipient",
	SV(EHLO MAIL "RCPT TO:<x@example.org>\r\n" RCPT "DATA\r\n" MSG ".\r\n"),
	"220 250 250/2.1.0 550/5.1.1 250/2.1.5 354 250/2.0.0"},
    {"no recipient", SV(EHLO MAIL "DATA\r\n"), "220 250 250/2.1.0 503/5.5.1"},
    {"no sender", SV(EHLO RCPT), "220 250 503/5.5.1"},
    {"no EHLO", SV(MAIL), "220 503/5.5.1"},
    {"second MAIL", SV(EHLO MAIL MAIL), "220 250 250/2.1.0 503/5.5.1"},
    {"RSET forgets", SV(EHLO MAIL RCPT "RSET\r\nDATA\r\n"),
	"220 250 " OK3 "250/2.0.0 503/5.5.1"},
    {"EHLO forgets", SV(EHLO MAIL RCPT EHLO "DATA\r\n"),
	"220 250 " OK3 "250 503/5.5.1"},
    {"RSET before EHLO", SV("RSET\r\n" MAIL), "220 250/2.0.0 503/5.5.1"},
    {"NOOP, VRFY, EXPN, HELP",
	SV("NOOP x\r\nVRFY anna\r\nVRFY\r\nEXPN list\r\nHELP\r\nHELP MAIL\r\n"),
	"220 250/2.0.0 252/2.1.5 501/5.5.4 502/5.5.1 214/2.0.0 214/2.0.0"},
    {"EHLO without a name", SV("EHLO\r\nHELO \r\n"), "220 501/5.5.4 501/5.5.4"},
    {"unknown command", SV("FOO\r\n\r\n"), "220 500/5.5.1 500/5.5.1"},
    {"bad sender", SV(EHLO "MAIL FROM:<a b@c>\r\nMAIL FROM:<anna>\r\nMAIL\r\n"),
	"220 250 501/5.1.7 501/5.1.7 501/5.5.4"},
    {"bad recipient", SV(EHLO MAIL "RCPT TO:<>\r\nRCPT TO:<anna>\r\nRCPT\r\n"),
	"220 250 250/2.1.0 501/5.1.3 501/5.1.3 501/5.5.4"},
    {"unknown parameter", SV(EHLO "MAIL FROM:<a@b> FOO=1\r\n"),
	"220 250 555/5.5.4"},
    {"too large by SIZE", SV(EHLO "MAIL FROM:<a@b> SIZE=99999999999\r\n"),
	"220 250 552/5.3.4"},
    {"DATA with argument", SV(EHLO MAIL RCPT "DATA x\r\n"),
	"220 250 " OK3 "501/5.5.4"},
    {"bare LF ends no command", SV("NOOP\nNOOP\r\nNOOP\r\n"),
	"220 500/5.5.2 250/2.0.0 250/2.0.0"},
    {"bare CR in a command", SV("NOOP \r x\r\n"), "220 500/5.5.2"},
    {"NUL in a command", SV("NOOP \0x\r\nNO\0OP\r\nNOOP\r\n"),
	"220 500/5.5.2 500/5.5.2 250/2.0.0"},
    {"8-bit in an address",
	SV(EHLO "MAIL FROM:<\xc3\xb6@b>\r\n" MAIL "RCPT TO:<a@\xc3\xb6>\r\n"),
	"220 250 553/5.6.7 250/2.1.0 553/5.6.7"},
    {"control characters in a command",
	SV("EHLO a\x01"
	   "b\r\nEHLO a\x7f\r\n"),
	"220 500/5.5.2 500/5.5.2"},
    {"names of computers",
	SV("EHLO my laptop\r\nHELO J\xc3\xbcrgen-PC\r\nEHLO \xff\r\n"
	   "EHLO foo \t\r\nHELO\tfoo\r\nEHLO <>\"\\%s\r\n"),
	"220 250 250 250 250 250 250"},
    {"blanks",
	SV(EHLO
	    "MAIL  FROM: <a@b>  SIZE=1 \t\r\nRCPT\tTO: <anna@example.org> \r\n"
	    "DATA \r\n" MSG ".\r\nRSET\t\r\nQUIT \r\n"),
	"220 250 " OK3 "354 250/2.0.0 250/2.0.0 221/2.0.0"},
    {"BDAT with blanks", SV(EHLO MAIL RCPT "BDAT  4\tLAST \r\nx\r\n\nNOOP\r\n"),
	"220 250 " OK3 "550/5.6.0 250/2.0.0"},
    {"BDAT with more behind it is read",
	SV(EHLO MAIL RCPT "BDAT 6 LOST\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"
			  "DATA\r\nNOOP\r\n" MAIL),
	"220 250 " OK3 "501/5.5.4 503/5.5.1 503/5.5.1 250/2.0.0 250/2.1.0"},
    {"BDAT with more behind it, before EHLO",
	SV("BDAT 6 LAST x\r\nQUIT\r\nNOOP\r\n"), "220 501/5.5.4 250/2.0.0"},
    {"addresses of others",
	SV(EHLO
	    "MAIL FROM:<foo..bar@x_y.test.>\r\nRCPT TO:anna@example.org.\r\n"
	    "RSET\r\nMAIL FROM:<.a.@-b.test> SIZE=1\r\n"
	    "RCPT TO:< anna@example.org >\r\n"
	    "RSET\r\nMAIL FROM:a@b SIZE=1\r\nRCPT TO:Postmaster\r\n"),
	"220 250 " OK3 "250/2.0.0 " OK3 "250/2.0.0 " OK3},
    {"a bounce address",
	SV(EHLO "MAIL FROM:<bounce+" L64 L64 L64 "=x.test@list.test>\r\n" RCPT),
	"220 250 " OK3},
    {"no relay by quotes and dots",
	SV(EHLO MAIL "RCPT TO:<\"a@elsewhere.test\"@example.org>\r\n"
		     "RCPT TO:<a@elsewhere.test.>\r\n"
		     "RCPT TO:<a@example.org@elsewhere.test>\r\n"
		     "RCPT TO:a@elsewhere.test\r\n"),
	"220 250 250/2.1.0 550/5.1.1 550/5.7.1 501/5.1.3 550/5.7.1"},
    {"bare LF in a message", SV(EHLO MAIL RCPT "DATA\r\na\nb\r\n.\r\nNOOP\r\n"),
	"220 250 " OK3 "354 550/5.6.0 250/2.0.0"},
    {"bare CR in a message", SV(EHLO MAIL RCPT "DATA\r\na\rb\r\n.\r\nNOOP\r\n"),
	"220 250 " OK3 "354 550/5.6.0 250/2.0.0"},
    {"smuggling LF . LF",
	SV(EHLO MAIL RCPT "DATA\r\nx\n.\n" MAIL RCPT
			  "DATA\r\ny\r\n.\r\nQUIT\r\n"),
	"220 250 " OK3 "354 550/5.6.0 221/2.0.0"},
    {"smuggling LF . CR LF",
	SV(EHLO MAIL RCPT "DATA\r\nx\n.\r\n" MAIL RCPT
			  "DATA\r\n\r\n.\r\nQUIT\r\n"),
	"220 250 " OK3 "354 550/5.6.0 221/2.0.0"},
    {"smuggling CR . CR",
	SV(EHLO MAIL RCPT "DATA\r\nx\r.\r" MAIL "\r\n.\r\nQUIT\r\n"),
	"220 250 " OK3 "354 550/5.6.0 221/2.0.0"},
    {"STARTTLS is not offered without a certificate", SV(EHLO "STARTTLS\r\n"),
	"220 250 503/5.5.1"},
    {"AUTH on port 25", SV(EHLO "AUTH PLAIN AGFubmEAc2VjcmV0\r\n"),
	"220 250 502/5.5.1"},
    {"BDAT",
	SV(EHLO MAIL RCPT "BDAT 12\r\nSubject: x\r\nBDAT 9 LAST\r\n\r\n"
			  "hello\r\nQUIT\r\n"),
	"220 250 " OK3 "250/2.0.0 250/2.0.0 221/2.0.0"},
    {"BDAT 0 LAST",
	SV(EHLO MAIL RCPT "BDAT 4\r\nA:\r\nBDAT 0 LAST\r\nNOOP\r\n"),
	"220 250 " OK3 "250/2.0.0 250/2.0.0 250/2.0.0"},
    {"a dot in BDAT is a dot",
	SV(EHLO MAIL RCPT "BDAT 13 LAST\r\nA: b\r\n\r\n.\r\n\r\nNOOP\r\n"),
	"220 250 " OK3 "250/2.0.0 250/2.0.0"},
    {"bare LF in BDAT", SV(EHLO MAIL RCPT "BDAT 3 LAST\r\na\nbNOOP\r\n"),
	"220 250 " OK3 "550/5.6.0 250/2.0.0"},
    {"CR and LF in two chunks",
	SV(EHLO MAIL RCPT "BDAT 2\r\na\rBDAT 1 LAST\r\n\nNOOP\r\n"),
	"220 250 " OK3 "250/2.0.0 250/2.0.0 250/2.0.0"},
    {"CR at the end of BDAT", SV(EHLO MAIL RCPT "BDAT 2 LAST\r\na\rNOOP\r\n"),
	"220 250 " OK3 "550/5.6.0 250/2.0.0"},
    {"BDAT out of order eats its bytes", SV(EHLO "BDAT 6\r\nNOOP\r\nNOOP\r\n"),
	"220 250 503/5.5.1 250/2.0.0"},
    {"BDAT before EHLO", SV("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"),
	"220 503/5.5.1 250/2.0.0"},
    {"BDAT without a size", SV(EHLO MAIL RCPT "BDAT x\r\nNOOP\r\n"),
	"220 250 " OK3 "501/5.5.4 421/4.3.2"},
    {"DATA between chunks", SV(EHLO MAIL RCPT "BDAT 2\r\n\r\nDATA\r\nRSET\r\n"),
	"220 250 " OK3 "250/2.0.0 503/5.5.1 250/2.0.0"},
    {"MAIL between chunks", SV(EHLO MAIL RCPT "BDAT 2\r\n\r\n" MAIL RCPT),
	"220 250 " OK3 "250/2.0.0 503/5.5.1 503/5.5.1"},
    {"cut in the message", SV(EHLO MAIL RCPT "DATA\r\nabc\r\n"),
	"220 250 " OK3 "354"},
    {"cut in a command", SV(EHLO "MAIL FROM:"), "220 250"},
};

static void
check_row(int i, size_t piece)
{
	struct fixture k;
	struct buf out, codes;

	fixture_init(&k, false);
	buf_init(&out, 1 << 20);
	buf_init(&codes, 10000);
	fixture_talk(&k, rows[i].in, piece, &out);
	fixture_codes(buf_sv(&out), &codes);
	fixture_check_codes(rows[i].name, buf_sv(&codes), rows[i].want);
	buf_fini(&codes);
	buf_fini(&out);
	fixture_fini(&k);
}

START_TEST(smtp_session__pipelined)
{
	check_row(_i, 0);
}
END_TEST

START_TEST(smtp_session__byte_by_byte)
{
	check_row(_i, 1);
}
END_TEST

/* Talks and returns codes; k is the caller's. */
static void
talk(struct fixture *k, struct sv in, struct buf *codes)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	buf_reset(codes);
	fixture_talk(k, in, 0, &out);
	fixture_codes(buf_sv(&out), codes);
	buf_fini(&out);
}

START_TEST(smtp_session__delivers_what_was_sent)
{
	struct fixture k;
	struct buf codes;
	struct sv m;

	fixture_init(&k, false);
	buf_init(&codes, 1000);
	talk(&k,
	    SV(EHLO MAIL RCPT "RCPT TO:<family@example.org>\r\nDATA\r\n"
			      "Subject: x\r\n\r\n..dot\r\n...\r\n.\r\n"),
	    &codes);
	ck_assert_uint_eq(k.ngot, 1);
	ck_assert_str_eq(k.got[0].sender.p, "ben@example.test");
	ck_assert_str_eq(k.got[0].accounts.p, "anna ben");
	m = buf_sv(&k.got[0].message);
	ck_assert(sv_starts(
	    m, SV("Return-Path: <ben@example.test>\r\n"
		  "Received: from client.example.test ([127.0.0.1])\r\n"
		  "\tby mail.example.org with ESMTP id ")));
	ck_assert(sv_find(m, SV("\tfor <")) == m.n);
	ck_assert(sv_ends(m, SV("Subject: x\r\n\r\n.dot\r\n..\r\n")));
	/* One recipient: named. */
	talk(&k, SV(EHLO "MAIL FROM:<>\r\n" RCPT "DATA\r\n" MSG ".\r\n"),
	    &codes);
	m = buf_sv(&k.got[1].message);
	ck_assert(sv_starts(m, SV("Return-Path: <>\r\n")));
	ck_assert(sv_find(m, SV("\r\n\tfor <anna@example.org>;")) < m.n);
	ck_assert(memcmp(k.got[0].id, k.got[1].id, 16) != 0);
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__data_and_bdat_bring_the_same)
{
	struct fixture k;
	struct buf codes;
	struct sv a, b;

	fixture_init(&k, false);
	buf_init(&codes, 1000);
	talk(&k, SV(EHLO MAIL RCPT "DATA\r\nA: 1\r\n\r\n..\r\n.\r\n"), &codes);
	talk(&k,
	    SV(EHLO MAIL RCPT "BDAT 7\r\nA: 1\r\n\rBDAT 4 LAST\r\n\n.\r\n"),
	    &codes);
	ck_assert_uint_eq(k.ngot, 2);
	a = buf_sv(&k.got[0].message);
	b = buf_sv(&k.got[1].message);
	ck_assert(sv_ends(a, SV("\r\nA: 1\r\n\r\n.\r\n")));
	ck_assert(sv_ends(b, SV("\r\nA: 1\r\n\r\n.\r\n")));
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__tells_what_the_house_says)
{
	static const struct {
		int deliver, file;
		const char *want;
	} r[] = {{RC_TEMP, RC_OK, "451/4.3.0"},
	    {RC_NOSPACE, RC_OK, "452/4.3.1"}, {RC_IO, RC_OK, "451/4.3.0"}};
	struct buf codes;
	size_t i;

	buf_init(&codes, 1000);
	for (i = 0; i < sizeof r / sizeof r[0]; i++) {
		struct fixture k;

		fixture_init(&k, false);
		k.deliver_rc = r[i].deliver;
		talk(&k, SV(EHLO MAIL RCPT "DATA\r\n" MSG ".\r\n"), &codes);
		ck_assert(sv_ends(buf_sv(&codes), sv_str(r[i].want)));
		fixture_fini(&k);
	}
	buf_fini(&codes);
}
END_TEST

/* A message of n bytes of text in lines. */
static void
big(struct buf *in, size_t n)
{
	buf_adds(in, EHLO MAIL RCPT "DATA\r\nA: 1\r\n\r\n");
	while (n > 0) {
		size_t line = n < 70 ? n : 70, i;

		for (i = 0; i < line; i++)
			buf_addc(in, 'x');
		buf_adds(in, "\r\n");
		n -= line;
	}
	buf_adds(in, ".\r\nQUIT\r\n");
}

START_TEST(smtp_session__large_messages_go_to_a_file)
{
	struct fixture k;
	struct buf in, codes;

	fixture_init(&k, false);
	buf_init(&in, 16u << 20);
	buf_init(&codes, 1000);
	big(&in, 900 * 1000);
	talk(&k, buf_sv(&in), &codes);
	ck_assert_uint_eq(k.files, 0);
	buf_reset(&in);
	big(&in, 3000 * 1000);
	talk(&k, buf_sv(&in), &codes);
	ck_assert_uint_eq(k.files, 1);
	ck_assert_uint_eq(k.ngot, 2);
	ck_assert_uint_gt(k.got[1].message.n, 3000 * 1000);
	/* No file: 452, and the conversation goes on. */
	k.file_rc = RC_NOSPACE;
	talk(&k, buf_sv(&in), &codes);
	ck_assert(sv_ends(buf_sv(&codes), SV("354 452/4.3.1 221/2.0.0")));
	buf_fini(&codes);
	buf_fini(&in);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__budget_is_shared)
{
	struct fixture k;
	struct buf in, codes;

	fixture_init(&k, false);
	k.budget.memory.max = 256 * 1024;
	buf_init(&in, 16u << 20);
	buf_init(&codes, 1000);
	big(&in, 500 * 1000);
	talk(&k, buf_sv(&in), &codes);
	ck_assert(sv_ends(buf_sv(&codes), SV("354 452/4.3.1 221/2.0.0")));
	ck_assert_uint_eq(k.ngot, 0);
	buf_fini(&codes);
	buf_fini(&in);
	fixture_fini(&k);
}
END_TEST

/* Many slow strangers must not fill the disk with drafts. */
START_TEST(smtp_session__file_budget_is_shared)
{
	struct fixture k;
	struct buf in, codes;

	fixture_init(&k, false);
	k.budget.files.max = 2u << 20;
	buf_init(&in, 16u << 20);
	buf_init(&codes, 1000);
	big(&in, 3000 * 1000);
	talk(&k, buf_sv(&in), &codes);
	ck_assert(sv_ends(buf_sv(&codes), SV("354 452/4.3.1 221/2.0.0")));
	ck_assert_uint_eq(k.ngot, 0);
	buf_fini(&codes);
	buf_fini(&in);
	fixture_fini(&k);
}
END_TEST

/* limit - 1, limit, limit + 1 of a message's bytes. */
START_TEST(smtp_session__size_limit)
{
	static const char head[] = EHLO MAIL RCPT "DATA\r\n";
	size_t n;

	for (n = 99; n <= 101; n++) {
		struct fixture k;
		struct buf in, codes;
		size_t i;

		fixture_init(&k, false);
		k.o.limits.message_size = 100;
		buf_init(&in, 10000);
		buf_init(&codes, 1000);
		buf_adds(&in, head);
		for (i = 0; i < n - 2; i++)
			buf_addc(&in, 'x');
		buf_adds(&in, "\r\n.\r\nNOOP\r\n");
		talk(&k, buf_sv(&in), &codes);
		ck_assert_msg(sv_ends(buf_sv(&codes),
				  n <= 100 ? SV("354 250/2.0.0 250/2.0.0")
					   : SV("354 552/5.3.4 250/2.0.0")),
		    "%zu: %s", n, codes.p);
		buf_fini(&codes);
		buf_fini(&in);
		fixture_fini(&k);
	}
}
END_TEST

START_TEST(smtp_session__recipient_limit)
{
	struct fixture k;
	struct buf codes;

	fixture_init(&k, false);
	k.o.limits.recipients = 2;
	buf_init(&codes, 1000);
	talk(&k, SV(EHLO MAIL RCPT RCPT RCPT "DATA\r\n" MSG ".\r\n"), &codes);
	ck_assert_str_eq(codes.p,
	    "220 250 250/2.1.0 250/2.1.5 250/2.1.5 452/4.5.3 354 250/2.0.0");
	ck_assert_str_eq(k.got[0].accounts.p, "anna");
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__too_many_errors)
{
	struct fixture k;
	struct buf codes;

	fixture_init(&k, false);
	k.o.limits.errors = 3;
	buf_init(&codes, 1000);
	talk(&k, SV("A\r\nB\r\nNOOP\r\nC\r\nNOOP\r\n"), &codes);
	ck_assert_str_eq(
	    codes.p, "220 500/5.5.1 500/5.5.1 250/2.0.0 500/5.5.1 421/4.7.0");
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__noop_without_end)
{
	struct fixture k;
	struct buf in, codes;
	int i;

	fixture_init(&k, false);
	buf_init(&in, 10000);
	buf_init(&codes, 10000);
	for (i = 0; i < 120; i++)
		buf_adds(&in, "NOOP\r\n");
	talk(&k, buf_sv(&in), &codes);
	ck_assert(sv_ends(buf_sv(&codes), SV("450/4.7.0 421/4.7.0")));
	buf_fini(&in);
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__line_limits)
{
	struct fixture k;
	struct buf in, codes;

	fixture_init(&k, false);
	buf_init(&in, 100000);
	buf_init(&codes, 1000);
	buf_adds(&in, "NOOP ");
	while (in.n < 12288)
		buf_addc(&in, 'x');
	buf_adds(&in, "\r\n");
	talk(&k, buf_sv(&in), &codes);
	ck_assert_str_eq(codes.p, "220 250/2.0.0");
	buf_reset(&in);
	while (in.n < 50000)
		buf_addc(&in, 'x');
	buf_adds(&in, "\r\nNOOP\r\n");
	talk(&k, buf_sv(&in), &codes);
	ck_assert_str_eq(codes.p, "220 500/5.5.2 250/2.0.0");
	buf_fini(&in);
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

/* 99 and 100 Received fields. */
START_TEST(smtp_session__loop_limit)
{
	int n;

	for (n = 99; n <= 100; n++) {
		struct fixture k;
		struct buf in, codes;
		int i;

		fixture_init(&k, false);
		buf_init(&in, 100000);
		buf_init(&codes, 1000);
		buf_adds(&in, EHLO MAIL RCPT "DATA\r\n");
		for (i = 0; i < n; i++)
			buf_adds(&in, "Received: from a\r\n\tby b\r\n");
		buf_adds(&in, "\r\nReceived: body\r\n.\r\n");
		talk(&k, buf_sv(&in), &codes);
		ck_assert(sv_ends(buf_sv(&codes),
		    n == 99 ? SV("250/2.0.0") : SV("554/5.4.6")));
		buf_fini(&in);
		buf_fini(&codes);
		fixture_fini(&k);
	}
}
END_TEST

/* Each copy that leaves counts as a message that has come. */
START_TEST(smtp_session__what_is_forwarded_counts)
{
	struct fixture k;
	struct buf codes;

	fixture_init(&k, false);
	buf_init(&codes, 1000);
	talk(&k,
	    SV(EHLO MAIL "RCPT TO:<club@example.org>\r\n" RCPT
			 "RCPT TO:<far@example.org>\r\n"),
	    &codes);
	ck_assert_uint_eq(k.taken, 1 + 2 + 1);
	fixture_fini(&k);
	buf_fini(&codes);
}
END_TEST

#define CLUB "RCPT TO:<club+x@example.org>\r\n"
#define BY_US                                                   \
	"Received: from x by mail.example.org with ESMTP id 1 " \
	"for <club@example.org>; x\r\n"

START_TEST(smtp_session__what_is_forwarded_comes_once)
{
	static const struct {
		struct sv in;
		const char *codes, *forward, *accounts;
	} loops[] = {
	    {SV(EHLO MAIL CLUB "DATA\r\n" MSG ".\r\n"),
		"220 250 " OK3 "354 250/2.0.0", "club@example.org", "anna"},
	    {SV(EHLO MAIL CLUB CLUB RCPT "DATA\r\n" MSG ".\r\n"),
		"220 250 " OK3 "250/2.1.5 250/2.1.5 354 250/2.0.0",
		"club@example.org", "anna"},
	    {SV(EHLO MAIL CLUB "DATA\r\n" BY_US MSG ".\r\n"),
		"220 250 " OK3 "354 554/5.4.6", NULL, NULL},
	    {SV(EHLO MAIL CLUB "DATA\r\n" BY_US "\r\n.\r\n"),
		"220 250 " OK3 "354 554/5.4.6", NULL, NULL},
	    {SV(EHLO MAIL CLUB CLUB "DATA\r\n" BY_US MSG ".\r\n"),
		"220 250 " OK3 "250/2.1.5 354 554/5.4.6", NULL, NULL},
	    {SV(EHLO MAIL CLUB "DATA\r\nX: y\r\n\r\n" BY_US ".\r\n"),
		"220 250 " OK3 "354 250/2.0.0", "club@example.org", "anna"},
	    /* The others still get it. */
	    {SV(EHLO MAIL CLUB "RCPT TO:<far@example.org>\r\nRCPT "
			       "TO:<ben@example.org>\r\nDATA\r\n" BY_US MSG
			       ".\r\n"),
		"220 250 " OK3 "250/2.1.5 250/2.1.5 354 250/2.0.0",
		"far@example.org", "anna ben"},
	};
	struct fixture k;
	struct buf codes;

	fixture_init(&k, false);
	buf_init(&codes, 1000);
	talk(&k, loops[_i].in, &codes);
	ck_assert_str_eq(codes.p, loops[_i].codes);
	ck_assert_uint_eq(k.ngot, loops[_i].forward != NULL);
	if (k.ngot > 0) {
		ck_assert_str_eq(k.got[0].forward.p, loops[_i].forward);
		ck_assert_str_eq(k.got[0].accounts.p, loops[_i].accounts);
		/* Return-Path is put there by the queue, for accounts. */
		ck_assert(k.got[0].bare);
		ck_assert(
		    sv_starts(buf_sv(&k.got[0].message), SV("Received: ")));
	}
	fixture_fini(&k);
	buf_fini(&codes);
}
END_TEST

START_TEST(smtp_session__rate_limit)
{
	struct fixture k;
	struct buf codes;

	fixture_init(&k, false);
	k.may_take = false;
	buf_init(&codes, 1000);
	talk(&k, SV(EHLO MAIL RCPT), &codes);
	ck_assert_str_eq(codes.p, "220 250 451/4.7.1 503/5.5.1");
	buf_fini(&codes);
	fixture_fini(&k);
}
END_TEST

START_TEST(smtp_session__silence_ends)
{
	struct fixture k;
	struct buf out;
	pthread_t th;
	int fd;

	fixture_init(&k, false);
	k.o.limits.command_timeout = 50;
	buf_init(&out, 10000);
	fd = fixture_start(&k, &th);
	fixture_read_all(fd, &out);
	ck_assert(sv_find(buf_sv(&out), SV("\r\n421 4.3.2 ")) < out.n);
	pthread_join(th, NULL);
	(void)close(fd);
	buf_fini(&out);
	fixture_fini(&k);
}
END_TEST

UNIT_TESTS(session)
{
	TCase *tc = tcase_create("session");
	int n = (int)(sizeof rows / sizeof rows[0]);

	tcase_add_loop_test(tc, smtp_session__pipelined, 0, n);
	tcase_add_loop_test(tc, smtp_session__byte_by_byte, 0, n);
	tcase_add_test(tc, smtp_session__what_is_forwarded_counts);
	tcase_add_loop_test(
	    tc, smtp_session__what_is_forwarded_comes_once, 0, 7);
	tcase_add_test(tc, smtp_session__delivers_what_was_sent);
	tcase_add_test(tc, smtp_session__data_and_bdat_bring_the_same);
	tcase_add_test(tc, smtp_session__tells_what_the_house_says);
	tcase_add_test(tc, smtp_session__large_messages_go_to_a_file);
	tcase_add_test(tc, smtp_session__budget_is_shared);
	tcase_add_test(tc, smtp_session__file_budget_is_shared);
	tcase_add_test(tc, smtp_session__size_limit);
	tcase_add_test(tc, smtp_session__recipient_limit);
	tcase_add_test(tc, smtp_session__too_many_errors);
	tcase_add_test(tc, smtp_session__noop_without_end);
	tcase_add_test(tc, smtp_session__line_limits);
	tcase_add_test(tc, smtp_session__loop_limit);
	tcase_add_test(tc, smtp_session__rate_limit);
	tcase_add_test(tc, smtp_session__silence_ends);
	return tc;
}
