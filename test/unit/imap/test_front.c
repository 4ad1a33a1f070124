#include "test/unit/unit.h"

#include "imap/front/front.h"

/* Options of a connection, by letter. */
static struct front_opts
opts(char kind)
{
	struct front_opts o = {.hostname = "mail.example.org"};

	o.tls_offered = kind == 'p'; /* plain, STARTTLS offered */
	o.tls = kind == 't';	     /* under TLS */
	o.trusted = kind == 'l';     /* loopback in the clear */
	return o;
}

/*
 * A connection: what the client says in `in` goes to the front in pieces of
 * `chunk`; what comes back is written down behind the greeting, with actions
 * in brackets.  A login is refused for the password "wrong", fails for the
 * time being for "later", and is taken else.
 */
static void
talk(char kind, struct sv in, size_t chunk, struct buf *out)
{
	struct front_opts o = opts(kind);
	struct front_action act;
	struct buf pending;
	void *f;
	size_t i = 0;

	front_action_init(&act);
	buf_init(&pending, 100000);
	f = imap_front.open(&o, out);
	buf_reset(out);
	while (act.what == FRONT_GO_ON && i < in.n) {
		struct sv piece = sv_first(sv_skip(in, i), chunk);
		size_t used;

		i += piece.n;
		buf_addsv(&pending, piece);
		do {
			used = imap_front.input(f, buf_sv(&pending), out, &act);
			buf_consume(&pending, used);
			if (act.what == FRONT_STARTTLS) {
				buf_adds(out, "[tls]\n");
				buf_reset(&pending);
				imap_front.tls_started(f);
				act.what = FRONT_GO_ON;
			}
			if (act.what == FRONT_LOGIN) {
				struct sv s = buf_sv(&act.sasl);
				bool later = sv_ends(s, SV("later"));

				buf_addf(out, "[%s", act.tag.p);
				for (; s.n > 0; s = sv_skip(s, 1))
					buf_addc(
					    out, *s.p == '\0' ? '|' : *s.p);
				buf_adds(out, "]\n");
				s = buf_sv(&act.sasl);
				if (later || sv_ends(s, SV("wrong")))
					act.what = imap_front.failed(f,
					    later ? FRONT_TEMP : FRONT_DENIED,
					    "Sorry.", out);
			}
		} while (act.what == FRONT_GO_ON && pending.n > 0 && used > 0);
	}
	if (act.what == FRONT_CLOSE)
		buf_adds(out, "[close]\n");
	imap_front.close(f);
	buf_fini(&pending);
	front_action_fini(&act);
}

#define BYE "* BYE Logging out.\r\n"

static const struct {
	const char *name;
	char kind;
	const char *in, *want;
} rows[] = {
    {"NOOP", 'p', "a NOOP\r\n", "a OK Nothing to do.\r\n"},
    {"LOGOUT", 'p', "a LOGOUT\r\nb NOOP\r\n",
	BYE "a OK Logged out.\r\n[close]\n"},
    {"ID", 'p', "a ID NIL\r\nb ID (\"name\" \"x\" \"version\" NIL)\r\n",
	"* ID (\"name\" \"Hearthmail\")\r\na OK Pleased to meet you.\r\n"
	"* ID (\"name\" \"Hearthmail\")\r\nb OK Pleased to meet you.\r\n"},
    {"LOGIN", 't', "a LOGIN anna secret\r\n", "[a|anna|secret]\n"},
    {"LOGIN quoted", 't', "a LOGIN \"anna\" \"se\\\"c ret\"\r\n",
	"[a|anna|se\"c ret]\n"},
    {"LOGIN literal", 't', "a LOGIN {4}\r\nanna {6+}\r\nsecret\r\n",
	"+ OK, go on.\r\n[a|anna|secret]\n"},
    {"LOGIN on the loopback", 'l', "a LOGIN anna secret\r\n",
	"[a|anna|secret]\n"},
    {"LOGIN refused in the clear", 'p', "a LOGIN anna secret\r\n",
	"a NO [PRIVACYREQUIRED] Passwords are accepted over TLS only: use "
	"STARTTLS or the port for TLS.\r\n"},
    {"AUTHENTICATE refused in the clear", 'p', "a AUTHENTICATE PLAIN\r\n",
	"a NO [PRIVACYREQUIRED] Passwords are accepted over TLS only: use "
	"STARTTLS or the port for TLS.\r\n"},
    {"PLAIN", 't', "a AUTHENTICATE PLAIN\r\nAGFubmEAc2VjcmV0\r\n",
	"+ \r\n[a|anna|secret]\n"},
    {"PLAIN, initial response", 't',
	"a AUTHENTICATE plain AGFubmEAc2VjcmV0\r\n", "[a|anna|secret]\n"},
    {"PLAIN cancelled", 't', "a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n",
	"+ \r\na BAD Authentication cancelled.\r\nb OK Nothing to do.\r\n"},
    {"PLAIN, no base64", 't', "a AUTHENTICATE PLAIN\r\n!!\r\nb NOOP\r\n",
	"+ \r\na BAD The response is not valid base64.\r\n"
	"b OK Nothing to do.\r\n"},
    {"PLAIN, empty initial response", 't', "a AUTHENTICATE PLAIN =\r\n",
	"[a]\n"},
    {"LOGIN mechanism", 't', "a AUTHENTICATE LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n",
	"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n[a|anna|secret]\n"},
    {"LOGIN mechanism, initial response", 't',
	"a AUTHENTICATE LOGIN YW5uYQ==\r\nc2VjcmV0\r\n",
	"+ UGFzc3dvcmQ6\r\n[a|anna|secret]\n"},
    {"LOGIN mechanism, bad name", 't',
	"a AUTHENTICATE LOGIN\r\n!\r\nb NOOP\r\n",
	"+ VXNlcm5hbWU6\r\na BAD The response is not valid base64.\r\n"
	"b OK Nothing to do.\r\n"},
    {"LOGIN mechanism, bad password", 't',
	"a AUTHENTICATE LOGIN YW5uYQ==\r\n!\r\nb NOOP\r\n",
	"+ UGFzc3dvcmQ6\r\na BAD The response is not valid base64.\r\n"
	"b OK Nothing to do.\r\n"},
    {"LOGIN mechanism, NUL", 't', "a AUTHENTICATE LOGIN AGI=\r\nc2VjcmV0\r\n",
	"+ UGFzc3dvcmQ6\r\na BAD The response is not a name or password.\r\n"},
    {"LOGIN mechanism cancelled", 't',
	"a AUTHENTICATE LOGIN\r\n*\r\nb NOOP\r\n",
	"+ VXNlcm5hbWU6\r\na BAD Authentication cancelled.\r\n"
	"b OK Nothing to do.\r\n"},
    {"unknown mechanism", 't', "a AUTHENTICATE GSSAPI\r\n",
	"a NO [CANNOT] Mechanisms are PLAIN and LOGIN.\r\n"},
    {"STARTTLS, then login", 'p', "a STARTTLS\r\n",
	"a OK Begin TLS negotiation now.\r\n[tls]\n"},
    {"STARTTLS twice", 't', "a STARTTLS\r\n",
	"a BAD TLS is already active.\r\n"},
    {"STARTTLS without a certificate", 'l', "a STARTTLS\r\n",
	"a NO TLS is not available here.\r\n"},
    {"wrong password", 't', "a LOGIN anna wrong\r\nb LOGIN anna x\r\n",
	"[a|anna|wrong]\na NO [AUTHENTICATIONFAILED] Sorry.\r\n[b|anna|x]\n"},
    {"auth is down", 't', "a LOGIN anna later\r\n",
	"[a|anna|later]\na NO [UNAVAILABLE] Sorry.\r\n"},
    {"SELECT", 't', "a SELECT INBOX\r\n",
	"a BAD Log in first; this command needs a login.\r\n"},
    {"no tag", 't', "\r\n", "* BAD Expected a tag.\r\n"},
    {"no command", 't', "a\r\n", "a BAD Expected a space.\r\n"},
    {"argument too much", 't', "a NOOP x\r\n",
	"a BAD Expected the end of the command.\r\n"},
    {"no password", 't', "a LOGIN anna\r\n", "a BAD Expected a space.\r\n"},
    {"literal too large", 't', "a LOGIN {1025}\r\nb NOOP\r\n",
	"a BAD No literal of that kind or size here.\r\n"
	"b OK Nothing to do.\r\n"},
    {"literal of gigabytes", 't', "a LOGIN {9999999999+}\r\n",
	"a BAD No literal of that kind or size here.\r\n"
	"* BYE Too many bad commands.\r\n[close]\n"},
    {"literal for AUTHENTICATE", 't',
	"a AUTHENTICATE PLAIN\r\n{5}\r\nb NOOP\r\n",
	"+ \r\na BAD No literal of that kind or size here.\r\n"
	"b OK Nothing to do.\r\n"},
    {"nonsense", 't', "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
	"* BAD Expected a tag.\r\n* BAD Expected a tag.\r\n"
	"* BAD Expected a tag.\r\n* BAD Expected a tag.\r\n"
	"* BAD Expected a tag.\r\n* BAD Expected a tag.\r\n"
	"* BAD Expected a tag.\r\n* BAD Expected a tag.\r\n"
	"* BAD Expected a tag.\r\n* BAD Expected a tag.\r\n"
	"* BYE Too many bad commands.\r\n[close]\n"},
};

START_TEST(imap_front__answers_at_any_split)
{
	struct sv in = sv_str(rows[_i].in);
	struct buf out;
	size_t chunk;

	buf_init(&out, 100000);
	for (chunk = 1; chunk <= in.n; chunk++) {
		buf_reset(&out);
		talk(rows[_i].kind, in, chunk, &out);
		ck_assert_msg(strcmp(out.p, rows[_i].want) == 0,
		    "%s, by %zu: %s", rows[_i].name, chunk, out.p);
	}
	buf_fini(&out);
}
END_TEST

/* Every way to say a name and a password; %s is the password's place. */
static const struct {
	const char *name, *in, *before;
	enum {
		CLEAR,
		BASE64,
		PLAIN
	} how;
} ways[] = {
    {"LOGIN", "ab12 LOGIN anna %s\r\n", "", CLEAR},
    {"LOGIN, literals", "ab12 LOGIN {4+}\r\nanna {5+}\r\n%s\r\n", "", CLEAR},
    {"PLAIN", "ab12 AUTHENTICATE PLAIN\r\n%s\r\n", "+ \r\n", PLAIN},
    {"PLAIN at once", "ab12 AUTHENTICATE PLAIN %s\r\n", "", PLAIN},
    {"LOGIN mechanism", "ab12 AUTHENTICATE LOGIN\r\nYW5uYQ==\r\n%s\r\n",
	"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n", BASE64},
    {"LOGIN mechanism, name at once",
	"ab12 AUTHENTICATE LOGIN YW5uYQ==\r\n%s\r\n", "+ UGFzc3dvcmQ6\r\n",
	BASE64},
};

static const struct {
	const char *password[3]; /* CLEAR, BASE64, PLAIN */
	const char *want;
} outcomes[] = {
    {{"wrong", "d3Jvbmc=", "AGFubmEAd3Jvbmc="},
	"[ab12|anna|wrong]\nab12 NO [AUTHENTICATIONFAILED] Sorry.\r\n"},
    {{"later", "bGF0ZXI=", "AGFubmEAbGF0ZXI="},
	"[ab12|anna|later]\nab12 NO [UNAVAILABLE] Sorry.\r\n"},
};

/* Twice each, so that nothing of the first try is left; and what comes then
 * has its own tag. */
START_TEST(imap_front__refuses_by_the_tag_of_the_command)
{
	const size_t nways = sizeof ways / sizeof ways[0];
	const char *name = ways[(size_t)_i % nways].name;
	size_t w = (size_t)_i % nways, o = (size_t)_i / nways, chunk;
	const char *password = outcomes[o].password[ways[w].how];
	const char *at = strstr(ways[w].in, "%s");
	struct buf in, want, out;
	int k;

	buf_init(&in, 10000);
	buf_init(&want, 10000);
	buf_init(&out, 10000);
	for (k = 0; k < 2; k++) {
		buf_add(&in, ways[w].in, (size_t)(at - ways[w].in));
		buf_adds(&in, password);
		buf_adds(&in, at + 2);
		buf_adds(&want, ways[w].before);
		buf_adds(&want, outcomes[o].want);
	}
	buf_adds(&in, "cd34 NOOP\r\n");
	buf_adds(&want, "cd34 OK Nothing to do.\r\n");
	for (chunk = 1; chunk <= in.n; chunk++) {
		buf_reset(&out);
		talk('t', buf_sv(&in), chunk, &out);
		ck_assert_msg(sv_eq(buf_sv(&out), buf_sv(&want)),
		    "%s, by %zu: %s", name, chunk, out.p);
	}
	buf_fini(&out);
	buf_fini(&want);
	buf_fini(&in);
}
END_TEST

#define NOT_YET "ab12 LOGIN a wrong\r\n"
#define REFUSED "[ab12|a|wrong]\nab12 NO [AUTHENTICATIONFAILED] Sorry.\r\n"
#define X3(s)	s s s

/* A mail program tries one typed password by three ways, and asks again. */
START_TEST(imap_front__bears_some_typing_errors)
{
	struct buf out;

	buf_init(&out, 10000);
	talk('t', SV(X3(X3(NOT_YET)) "b LOGIN a right\r\n"), 1000, &out);
	ck_assert_str_eq(out.p, X3(X3(REFUSED)) "[b|a|right]\n");
	buf_reset(&out);
	talk('t', SV(X3(X3(NOT_YET)) NOT_YET "b NOOP\r\n"), 1000, &out);
	ck_assert_str_eq(out.p, X3(X3(REFUSED)) REFUSED
	    "* BYE Too many failed logins.\r\n[close]\n");
	buf_fini(&out);
}
END_TEST

static bool
announces(char kind, const char *word)
{
	struct front_opts o = opts(kind);
	struct buf out;
	bool found;
	void *f;

	buf_init(&out, 10000);
	f = imap_front.open(&o, &out);
	found = strstr(out.p, word) != NULL;
	imap_front.close(f);
	buf_fini(&out);
	return found;
}

START_TEST(imap_front__announces_how_to_log_in)
{
	ck_assert(announces('p', " STARTTLS"));
	ck_assert(announces('p', " LOGINDISABLED"));
	ck_assert(!announces('p', " AUTH="));
	ck_assert(!announces('t', " STARTTLS"));
	ck_assert(!announces('t', " LOGINDISABLED"));
	ck_assert(announces('t', " AUTH=PLAIN"));
	ck_assert(announces('l', " AUTH=PLAIN"));
	ck_assert(announces('l', "* OK [CAPABILITY IMAP4rev1 "));
}
END_TEST

/* Answered by its tag, however it was cut: that comes first. */
static void
check_long(const char *before, const char *want)
{
	static const size_t cut[] = {1, 7, 1000, 8191, 8192, 8193, 8194, 8200,
	    12000, 16384, 16385, 60000};
	size_t len, i;
	struct buf in, out;

	buf_init(&in, 100000);
	buf_init(&out, 100000);
	for (len = 8230; len <= 40000; len += len < 8260 ? 1 : 5003) {
		buf_reset(&in);
		buf_adds(&in, before);
		while (in.n < len)
			buf_addc(&in, 'x');
		buf_adds(&in, "\r\nb NOOP\r\n");
		for (i = 0; i < sizeof cut / sizeof cut[0]; i++) {
			buf_reset(&out);
			talk('t', buf_sv(&in), cut[i], &out);
			ck_assert_msg(strcmp(out.p, want) == 0,
			    "%zu by %zu: %s", len, cut[i], out.p);
		}
	}
	buf_fini(&out);
	buf_fini(&in);
}

START_TEST(imap_front__bounds_a_line)
{
	check_long("a1 ",
	    "a1 BAD The command is too long.\r\nb OK Nothing to do.\r\n");
	check_long("A1 ID (\"a\" \"",
	    "A1 BAD The command is too long.\r\nb OK Nothing to do.\r\n");
	check_long("c2 LOGIN {4+}\r\nanna ",
	    "c2 BAD The command is too long.\r\nb OK Nothing to do.\r\n");
	check_long("d3 AUTHENTICATE PLAIN\r\n",
	    "+ \r\nd3 BAD The command is too long.\r\n"
	    "b OK Nothing to do.\r\n");
	/* Without an end it may be longer than what is known of it. */
	check_long(
	    "", "* BAD The command is too long.\r\nb OK Nothing to do.\r\n");
}
END_TEST

UNIT_TESTS(imap_front)
{
	TCase *tc = tcase_create("front");

	tcase_add_loop_test(tc, imap_front__answers_at_any_split, 0,
	    sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(tc, imap_front__refuses_by_the_tag_of_the_command,
	    0,
	    sizeof ways / sizeof ways[0] * sizeof outcomes /
		sizeof outcomes[0]);
	tcase_add_test(tc, imap_front__bears_some_typing_errors);
	tcase_add_test(tc, imap_front__announces_how_to_log_in);
	tcase_add_test(tc, imap_front__bounds_a_line);
	return tc;
}
