#include <stdio.h>

#include "test/unit/mime/fixture.h"
#include "test/unit/unit.h"

static const struct mime_limits limits = MIME_LIMITS_DEFAULT;

static const struct {
	const char *name, *in, *want;
} env[] = {
    {"nothing", "\r\n", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"all of it",
	"Date: Tue, 24 Nov 2026 11:36:46 +0000\r\nSubject: Hi\r\n"
	"From: Anna <anna@example.org>\r\nTo: ben@example.org\r\n"
	"Message-ID: <1@example.org>\r\nIn-Reply-To: <0@example.org>\r\n\r\n",
	"(\"Tue, 24 Nov 2026 11:36:46 +0000\" \"Hi\" "
	"((\"Anna\" NIL \"anna\" \"example.org\")) "
	"((\"Anna\" NIL \"anna\" \"example.org\")) "
	"((\"Anna\" NIL \"anna\" \"example.org\")) "
	"((NIL NIL \"ben\" \"example.org\")) NIL NIL \"<0@example.org>\" "
	"\"<1@example.org>\")"},
    {"empty Reply-To is From", "From: a@b\r\nReply-To:\r\n\r\n",
	"(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
	"((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL)"},
    {"two From fields are one list",
	"From: a@b\r\nFrom: c@d\r\nSender: e@f\r\n"
	"Reply-To: g@h\r\n\r\n",
	"(NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) "
	"((NIL NIL \"e\" \"f\")) ((NIL NIL \"g\" \"h\")) "
	"NIL NIL NIL NIL NIL)"},
    {"group", "To: g: a@b;\r\n\r\n",
	"(NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")"
	"(NIL NIL NIL NIL)) NIL NIL NIL NIL)"},
    {"no domain", "To: anna\r\n\r\n",
	"(NIL NIL NIL NIL NIL ((NIL NIL \"anna\" \"MISSING_DOMAIN\")) "
	"NIL NIL NIL NIL)"},
    {"quotes and backslashes", "Subject: a\"b\\c\r\n\r\n",
	"(NIL \"a\\\"b\\\\c\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"8-bit is a literal", "Subject: \xc3\xb6\r\n\r\n",
	"(NIL {2}\r\n\xc3\xb6 NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"blanks of a subject", "Subject: a  b\r\n\t c \r\n\r\n",
	"(NIL \"a b c\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"empty subject", "Subject:\r\n\r\n",
	"(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"fields folded before their value",
	"Message-ID:\r\n <a@b>\r\nIn-Reply-To:\r\n\t<c@d> \r\n"
	"Date:\r\n Tue, 24 Nov\r\n 2026\r\n\r\n",
	"(\"Tue, 24 Nov 2026\" NIL NIL NIL NIL NIL NIL NIL \"<c@d>\" "
	"\"<a@b>\")"},
    {"the last subject", "Subject: a\r\nSubject: b\r\n\r\n",
	"(NIL \"b\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
};

START_TEST(mime_envelope__renders_each_row)
{
	struct sv in = sv_str(env[_i].in);
	struct mime_msg m;
	struct buf got;

	buf_init(&got, 10000);
	mime_parse(in, &limits, &m);
	mime_envelope(in, &m, 0, &got);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(env[_i].want)), "%s: got %s",
	    env[_i].name, got.p);
	mime_msg_fini(&m);
	buf_fini(&got);
}
END_TEST

static const struct {
	const char *name, *in, *want;
} bs[] = {
    {"plain", "\r\nhi\r\n",
	"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 1 "
	"NIL NIL NIL NIL)"},
    {"all fields",
	"Content-Type: image/gif; name=\"a b\"\r\nContent-ID: <1>\r\n"
	"Content-Description: d\r\nContent-Transfer-Encoding: BASE64\r\n"
	"Content-MD5: m\r\nContent-Disposition: attachment; filename=x\r\n"
	"Content-Language: de, en\r\nContent-Location: l\r\n\r\nAA==",
	"(\"image\" \"gif\" (\"name\" \"a b\") \"<1>\" \"d\" \"BASE64\" 4 "
	"\"m\" (\"attachment\" (\"filename\" \"x\")) (\"de\" \"en\") \"l\")"},
    {"type that is none", "Content-Type: rubbish; charset=x\r\n\r\n",
	"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 "
	"NIL NIL NIL NIL)"},
    {"multipart without parts",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
	"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 "
	"NIL NIL NIL NIL)"},
    {"multipart whose boundary never comes",
	"Content-Type: multipart/mixed; boundary=b\r\n"
	"Content-Transfer-Encoding: 8bit\r\n\r\nHello,\r\nyou\r\n",
	"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"8bit\" 13 2 "
	"NIL NIL NIL NIL)"},
    {"fields folded before their value",
	"Content-Type: a/b\r\nContent-ID:\r\n <x@y>\r\n"
	"Content-Description: \t\r\n\ta  b \r\n\r\n",
	"(\"a\" \"b\" NIL \"<x@y>\" \"a  b\" \"7bit\" 0 NIL NIL NIL NIL)"},
    {"message", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi",
	"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 "
	"(NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 0 "
	"NIL NIL NIL NIL) 2 NIL NIL NIL NIL)"},
    {"pieces of a parameter",
	"Content-Type: a/b; n*0*=utf-8''a%20; n*1=b%; m=1\r\n\r\n",
	"(\"a\" \"b\" (\"m\" \"1\" \"n*\" \"utf-8''a%20b%25\") NIL NIL "
	"\"7bit\" 0 NIL NIL NIL NIL)"},
};

START_TEST(mime_bodystructure__renders_each_row)
{
	struct sv in = sv_str(bs[_i].in);
	struct mime_msg m;
	struct buf got;

	buf_init(&got, 10000);
	mime_parse(in, &limits, &m);
	mime_bodystructure(in, &m, true, &got);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(bs[_i].want)), "%s: got %s",
	    bs[_i].name, got.p);
	mime_msg_fini(&m);
	buf_fini(&got);
}
END_TEST

/* NAME.want was written by mimedump and compared with Dovecot's answer. */
static void
check_wanted(const char *name, struct sv msg)
{
	char path[512];
	struct mime_msg m;
	struct buf want, got;

	(void)snprintf(
	    path, sizeof path, "%.*s.want", (int)(sv_str(name).n - 4), name);
	buf_init(&want, 1 << 20);
	buf_init(&got, 1 << 20);
	fixture_load(path, &want);
	mime_parse(msg, &limits, &m);
	mime_envelope(msg, &m, 0, &got);
	buf_addc(&got, '\n');
	mime_bodystructure(msg, &m, true, &got);
	buf_addc(&got, '\n');
	mime_bodystructure(msg, &m, false, &got);
	buf_addc(&got, '\n');
	ck_assert_msg(
	    sv_eq(buf_sv(&got), buf_sv(&want)), "%s: got %s", name, got.p);
	mime_msg_fini(&m);
	buf_fini(&got);
	buf_fini(&want);
}

START_TEST(mime_imap__renders_real_messages)
{
	ck_assert_int_ge(fixture_each_message(check_wanted), 20);
}
END_TEST

UNIT_TESTS(imap)
{
	TCase *tc = tcase_create("imap");

	tcase_add_loop_test(tc, mime_envelope__renders_each_row, 0,
	    (int)(sizeof env / sizeof env[0]));
	tcase_add_loop_test(tc, mime_bodystructure__renders_each_row, 0,
	    (int)(sizeof bs / sizeof bs[0]));
	tcase_add_test(tc, mime_imap__renders_real_messages);
	return tc;
}
