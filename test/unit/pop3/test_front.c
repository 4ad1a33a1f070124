/* POP3 before login. */
#include <check.h>
#include <string.h>

#include "pop3/front/front.h"
#include "test/unit/unit.h"

#define P pop3_front_proto

/* Options of a connection, by letter. */
static struct front_opts
opts(char kind)
{
	struct front_opts o = {.hostname = "mail.example.org"};

	o.tls_offered = kind == 'p'; /* plain, STLS offered */
	o.tls = kind == 't';	     /* under TLS */
	o.trusted = kind == 'l';     /* loopback in the clear */
	return o;
}

static void
show_login(const struct front_action *act, struct buf *out)
{
	struct sv s = buf_sv(&act->sasl);

	buf_addc(out, '[');
	for (; s.n > 0; s = sv_skip(s, 1))
		buf_addc(out, *s.p == '\0' ? '|' : *s.p);
	buf_adds(out, "]\n");
}

/*
 * What the client says in `in` goes to the front in pieces of `chunk`; what
 * comes back is written down, with actions in brackets.  A login is refused
 * for the password "wrong", fails for the time being for "later".
 */
static void
talk(char kind, struct sv in, size_t chunk, struct buf *out)
{
	struct front_opts o = opts(kind);
	struct front_action act;
	struct buf pending;
	void *f = P.open(&o, out);
	size_t i, used;

	front_action_init(&act);
	buf_init(&pending, 100000);
	buf_reset(out);
	for (i = 0; act.what == FRONT_GO_ON && i < in.n; i += chunk) {
		buf_addsv(&pending, sv_first(sv_skip(in, i), chunk));
		do {
			used = P.input(f, buf_sv(&pending), out, &act);
			ck_assert_uint_le(used, pending.n);
			buf_consume(&pending, used);
			if (act.what == FRONT_STARTTLS) {
				buf_adds(out, "[tls]\n");
				buf_reset(&pending);
				P.tls_started(f);
				act.what = FRONT_GO_ON;
			} else if (act.what == FRONT_LOGIN) {
				struct sv s = buf_sv(&act.sasl);
				bool later = sv_ends(s, SV("later"));
				bool no = later || sv_ends(s, SV("wrong"));

				show_login(&act, out);
				buf_reset(&act.sasl);
				if (no)
					act.what = P.failed(f,
					    later ? FRONT_TEMP : FRONT_DENIED,
					    "sorry", out);
			}
		} while (act.what == FRONT_GO_ON && pending.n > 0 && used > 0);
	}
	if (act.what == FRONT_CLOSE)
		buf_adds(out, "[close]\n");
	P.close(f);
	buf_fini(&pending);
	front_action_fini(&act);
}

#define CAPA_HEAD                                               \
	"+OK capabilities follow\r\nTOP\r\nUIDL\r\n"            \
	"PIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE " \
	"NEVER\r\n"
#define CAPA_END "IMPLEMENTATION hearthmail\r\n.\r\n"
#define CLEAR	 "-ERR [AUTH] login requires TLS: use STLS or the TLS port\r\n"
#define UNKNOWN	 "-ERR unknown command; log in first\r\n"
#define UNK3	 UNKNOWN UNKNOWN UNKNOWN
#define X3	 "X\r\nX\r\nX\r\n"
#define NOT_YET	 "USER a\r\nPASS wrong\r\n"
#define N3	 NOT_YET NOT_YET NOT_YET
#define REFUSED	 "+OK\r\n[|a|wrong]\n-ERR [AUTH] sorry\r\n"
#define R3	 REFUSED REFUSED REFUSED

static const struct {
	const char *name;
	char kind;
	const char *in, *want;
} rows[] = {
    {"CAPA in the clear", 'p', "CAPA\r\n", CAPA_HEAD "STLS\r\n" CAPA_END},
    {"CAPA under TLS", 't', "capa\r\n",
	CAPA_HEAD "USER\r\nSASL PLAIN LOGIN\r\n" CAPA_END},
    {"CAPA on the loopback", 'l', "CAPA\r\n",
	CAPA_HEAD "USER\r\nSASL PLAIN LOGIN\r\n" CAPA_END},
    {"QUIT", 'p', "QUIT\r\nNOOP\r\n", "+OK goodbye\r\n[close]\n"},
    {"NOOP", 't', "NOOP\r\n", "-ERR log in first\r\n"},
    {"USER and PASS", 't', "USER anna\r\nPASS secret\r\n",
	"+OK\r\n[|anna|secret]\n"},
    {"bare LF", 't', "USER anna\nPASS secret\n", "+OK\r\n[|anna|secret]\n"},
    {"a password with spaces", 't', "USER anna\r\nPASS  a b \r\n",
	"+OK\r\n[|anna| a b ]\n"},
    {"an empty password", 't', "USER anna\r\nPASS\r\n", "+OK\r\n[|anna|]\n"},
    {"loopback", 'l', "USER anna\r\nPASS secret\r\n",
	"+OK\r\n[|anna|secret]\n"},
    {"refused in the clear", 'p',
	"USER anna\r\nPASS secret\r\nAUTH PLAIN AGEAYg==\r\n",
	CLEAR CLEAR CLEAR},
    {"PASS without USER", 't', "PASS secret\r\n", "-ERR send USER first\r\n"},
    {"USER without a name", 't', "USER\r\nUSER \r\n",
	"-ERR USER needs a name\r\n-ERR USER needs a name\r\n"},
    {"USER again", 't', "USER ben\r\nUSER anna\r\nPASS x\r\n",
	"+OK\r\n+OK\r\n[|anna|x]\n"},
    {"wrong password forgets the name", 't',
	"USER anna\r\nPASS wrong\r\nPASS x\r\n",
	"+OK\r\n[|anna|wrong]\n-ERR [AUTH] sorry\r\n-ERR send USER first\r\n"},
    {"auth is down", 't', "USER anna\r\nPASS later\r\n",
	"+OK\r\n[|anna|later]\n-ERR [SYS/TEMP] sorry\r\n"},
    {"nine wrong passwords and the right one", 't',
	N3 N3 N3 "USER a\r\nPASS right\r\n", R3 R3 R3 "+OK\r\n[|a|right]\n"},
    {"ten wrong passwords", 't', N3 N3 N3 NOT_YET "NOOP\r\n",
	R3 R3 R3 REFUSED "[close]\n"},
    {"every way to be refused", 't',
	NOT_YET "AUTH PLAIN AGFubmEAd3Jvbmc=\r\n"
		"AUTH PLAIN\r\nAGFubmEAd3Jvbmc=\r\n"
		"AUTH LOGIN\r\nYW5uYQ==\r\nd3Jvbmc=\r\nCAPA\r\n",
	REFUSED "[|anna|wrong]\n-ERR [AUTH] sorry\r\n+ \r\n"
		"[|anna|wrong]\n-ERR [AUTH] sorry\r\n"
		"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n"
		"[|anna|wrong]\n-ERR [AUTH] sorry\r\n" CAPA_HEAD
		"USER\r\nSASL PLAIN LOGIN\r\n" CAPA_END},
    {"every way, while auth is down", 't',
	"USER a\r\nPASS later\r\nAUTH PLAIN AGFubmEAbGF0ZXI=\r\n"
	"AUTH PLAIN\r\nAGFubmEAbGF0ZXI=\r\n"
	"AUTH LOGIN\r\nYW5uYQ==\r\nbGF0ZXI=\r\nQUIT\r\n",
	"+OK\r\n[|a|later]\n-ERR [SYS/TEMP] sorry\r\n"
	"[|anna|later]\n-ERR [SYS/TEMP] sorry\r\n+ \r\n"
	"[|anna|later]\n-ERR [SYS/TEMP] sorry\r\n"
	"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n"
	"[|anna|later]\n-ERR [SYS/TEMP] sorry\r\n"
	"+OK goodbye\r\n[close]\n"},
    {"AUTH alone", 't', "AUTH\r\n", "+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n"},
    {"AUTH PLAIN", 't', "AUTH PLAIN\r\nAGFubmEAc2VjcmV0\r\n",
	"+ \r\n[|anna|secret]\n"},
    {"AUTH PLAIN at once", 't', "auth plain AGFubmEAc2VjcmV0\r\n",
	"[|anna|secret]\n"},
    {"AUTH PLAIN, empty", 't', "AUTH PLAIN =\r\n", "[]\n"},
    {"AUTH PLAIN cancelled", 't', "AUTH PLAIN\r\n*\r\nNOOP\r\n",
	"+ \r\n-ERR cancelled\r\n-ERR log in first\r\n"},
    {"AUTH PLAIN, no base64", 't', "AUTH PLAIN\r\n!!\r\nNOOP\r\n",
	"+ \r\n-ERR not valid base64\r\n-ERR log in first\r\n"},
    {"AUTH LOGIN", 't', "AUTH LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n",
	"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n[|anna|secret]\n"},
    {"AUTH LOGIN, bad name", 't', "AUTH LOGIN\r\n!\r\nNOOP\r\n",
	"+ VXNlcm5hbWU6\r\n-ERR not valid base64\r\n-ERR log in first\r\n"},
    {"AUTH LOGIN, bad password", 't', "AUTH LOGIN\r\nYW5uYQ==\r\n!\r\nNOOP\r\n",
	"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n-ERR not valid base64\r\n-ERR log "
	"in first\r\n"},
    {"AUTH LOGIN, a NUL in the name", 't',
	"AUTH LOGIN AGI=\r\nc2VjcmV0\r\nNOOP\r\n",
	"+ UGFzc3dvcmQ6\r\n-ERR not a name or password\r\n-ERR log in "
	"first\r\n"},
    {"AUTH LOGIN, the name at once", 't', "AUTH LOGIN YW5uYQ==\r\nc2VjcmV0\r\n",
	"+ UGFzc3dvcmQ6\r\n[|anna|secret]\n"},
    {"AUTH LOGIN cancelled", 't', "AUTH LOGIN\r\nYW5uYQ==\r\n*\r\n",
	"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n-ERR cancelled\r\n"},
    {"AUTH LOGIN forgets USER", 't',
	"USER ben\r\nAUTH LOGIN\r\nYW5uYQ==\r\n*\r\nPASS x\r\n",
	"+OK\r\n+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n-ERR cancelled\r\n-ERR "
	"send USER first\r\n"},
    {"another mechanism", 't', "AUTH CRAM-MD5\r\n",
	"-ERR only PLAIN and LOGIN\r\n"},
    {"STLS", 'p', "STLS\r\n", "+OK begin TLS now\r\n[tls]\n"},
    {"STLS twice", 't', "STLS\r\n", "-ERR TLS is already active\r\n"},
    {"STLS without a certificate", 'l', "STLS\r\n",
	"-ERR TLS is not available\r\n"},
    {"commands of after login", 't', "STAT\r\nRETR 1\r\n\r\n", UNK3},
    {"too many bad commands", 't', X3 X3 X3 "X\r\nNOOP\r\n",
	UNK3 UNK3 UNK3 UNKNOWN "-ERR too many bad commands\r\n[close]\n"},
};

START_TEST(pop3_front__answers_each_row)
{
	const size_t chunks[] = {100000, 1, 2, 7};
	struct buf out;
	size_t i;

	buf_init(&out, 100000);
	for (i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		talk(rows[_i].kind, sv_str(rows[_i].in), chunks[i], &out);
		ck_assert_msg(sv_eq(buf_sv(&out), sv_str(rows[_i].want)),
		    "%s by %zu: got \"%s\"", rows[_i].name, chunks[i], out.p);
	}
	buf_fini(&out);
}
END_TEST

START_TEST(pop3_front__survives_truncation)
{
	struct sv in = sv_str(rows[_i].in);
	struct buf out;
	size_t n;

	buf_init(&out, 100000);
	for (n = 0; n < in.n; n++)
		talk(rows[_i].kind, sv_first(in, n), 3, &out);
	ck_assert(buf_ok(&out));
	buf_fini(&out);
}
END_TEST

START_TEST(pop3_front__holds_its_line_limit)
{
	static char line[POP3_LINE_MAX + 10];
	struct buf out;

	buf_init(&out, 100000);
	memset(line, 'x', sizeof line);
	line[POP3_LINE_MAX] = '\n';
	talk('t', sv_of(line, POP3_LINE_MAX + 1), 100000, &out);
	ck_assert_str_eq(out.p, UNKNOWN);
	line[POP3_LINE_MAX] = 'x';
	line[POP3_LINE_MAX + 1] = '\n';
	talk('t', sv_of(line, POP3_LINE_MAX + 2), 100000, &out);
	ck_assert_str_eq(out.p, "-ERR bad line\r\n");
	line[POP3_LINE_MAX + 1] = 'x';
	talk('t', sv_of(line, sizeof line), 100000, &out);
	ck_assert_str_eq(out.p, "-ERR the line is too long\r\n[close]\n");
	talk('t', sv_of("US\0ER a\r\nNOOP\r\n", 15), 100000, &out);
	ck_assert_str_eq(out.p, "-ERR bad line\r\n-ERR log in first\r\n");
	buf_fini(&out);
}
END_TEST

START_TEST(pop3_front__greets_and_says_why_it_ends)
{
	struct front_opts o = opts('p');
	struct buf out;
	void *f;

	buf_init(&out, 1000);
	f = P.open(&o, &out);
	ck_assert_str_eq(out.p, "+OK mail.example.org POP3 ready\r\n");
	buf_reset(&out);
	P.bye(f, "the server restarts", &out);
	ck_assert_str_eq(out.p, "-ERR [SYS/TEMP] the server restarts\r\n");
	/* [RFC 1939 3]: ten minutes at least, and nothing is said. */
	ck_assert_int_ge(P.idle_ms, 10 * 60 * 1000);
	ck_assert_str_eq(P.idle_bye, "");
	P.close(f);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(front)
{
	TCase *t = tcase_create("front");
	int n = (int)(sizeof rows / sizeof rows[0]);

	tcase_add_loop_test(t, pop3_front__answers_each_row, 0, n);
	tcase_add_loop_test(t, pop3_front__survives_truncation, 0, n);
	tcase_add_test(t, pop3_front__holds_its_line_limit);
	tcase_add_test(t, pop3_front__greets_and_says_why_it_ends);
	return t;
}
