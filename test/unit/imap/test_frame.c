#include "test/unit/unit.h"

#include "imap/parse/frame.h"

static const struct imap_limits lim = {
    .line = 60, .literal = 20, .command = 100, .depth = 4, .elements = 20};

/*
 * What the frame says, written down: C(text) a command, L5 L5+ a literal that
 * was accepted, X5+ one that was refused, B8 a streamed binary one, T too
 * long, S skipped.  Literals of size 7 are streamed, as an APPEND would.
 */
struct recorder {
	struct imap_frame f;
	struct buf out;
	uint64_t streaming;
};

static void
literal(struct recorder *r, const struct imap_literal *lit)
{
	const char *kind = lit->nonsync ? "+" : "";

	if (lit->size == 7) {
		imap_frame_literal_stream(&r->f);
		r->streaming = lit->size;
		buf_addf(&r->out, "M7%s ", kind);
	} else if (!lit->binary && imap_frame_literal_accept(&r->f, lit)) {
		buf_addf(
		    &r->out, "L%llu%s ", (unsigned long long)lit->size, kind);
	} else {
		imap_frame_literal_skip(&r->f, lit);
		buf_addf(&r->out, "X%llu%s%s ", (unsigned long long)lit->size,
		    kind, lit->binary ? "~" : "");
	}
}

static void
feed(struct recorder *r, struct sv in)
{
	while (in.n > 0) {
		struct imap_literal lit;
		size_t used;

		if (r->streaming > 0) {
			used =
			    in.n < r->streaming ? in.n : (size_t)r->streaming;
			r->streaming -= used;
			in = sv_skip(in, used);
			continue;
		}
		switch (imap_frame_feed(&r->f, in, &used, &lit)) {
		case IMAP_FRAME_MORE:
			ck_assert_uint_eq(used, in.n);
			break;
		case IMAP_FRAME_LITERAL:
			literal(r, &lit);
			break;
		case IMAP_FRAME_COMMAND:
			buf_addf(&r->out, "C(%s) ", r->f.text.p);
			imap_frame_reset(&r->f);
			break;
		case IMAP_FRAME_TOOLONG:
			buf_adds(&r->out, "T ");
			imap_frame_reset(&r->f);
			break;
		case IMAP_FRAME_SKIPPED:
			buf_adds(&r->out, "S ");
			imap_frame_reset(&r->f);
			break;
		}
		in = sv_skip(in, used);
	}
}

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"one line", "a NOOP\r\n", "C(a NOOP) "},
    {"bare LF", "a NOOP\nb NOOP\r\n", "C(a NOOP) C(b NOOP) "},
    {"empty line", "\r\n", "C() "},
    {"CR inside", "a\rb\r\n", "C(a\rb) "},
    {"literal", "a X {3}\r\nb\r\n\r\n", "L3 C(a X {3}\r\nb\r\n) "},
    {"literal, then more", "a X {3}\r\nabc y\r\n", "L3 C(a X {3}\r\nabc y) "},
    {"empty literal", "a X {0}\r\n\r\n", "L0 C(a X {0}\r\n) "},
    {"two literals", "a {1}\r\nb {2}\r\ncd\r\n",
	"L1 L2 C(a {1}\r\nb {2}\r\ncd) "},
    {"non-synchronising", "a {2+}\r\ncd\r\n", "L2+ C(a {2+}\r\ncd) "},
    {"LITERAL-", "a {2-}\r\ncd\r\n", "L2+ C(a {2-}\r\ncd) "},
    {"streamed", "a X {7}\r\n{9+}\r\n.\r\nb\r\n", "M7 C() C(b) "},
    {"literal too large", "a {21}\r\nb\r\n", "X21 C(b) "},
    {"same, non-synchronising", "a {21+}\r\n{9+}\r\n123456789{9+}\n z\r\nb\r\n",
	"X21+ S C(b) "},
    {"skipping passes over literals",
	"a {21+}\r\n123456789012345678901{3+}\r\n\r\n\r\r\nb\r\n",
	"X21+ S C(b) "},
    {"skipping ends at a synchronising one",
	"a {21+}\r\n123456789012345678901{3}\r\nb\r\n", "X21+ S C(b) "},
    {"binary", "a ~{2}\r\nb\r\n", "X2~ C(b) "},
    {"no 64-bit number", "a {99999999999999999999}\r\nb\r\n",
	"X18446744073709551615 C(b) "},
    {"no literal: sign", "a {-3}\r\nb\r\n", "C(a {-3}) C(b) "},
    {"no literal: empty", "a {}\r\nb {+}\r\n", "C(a {}) C(b {+}) "},
    {"no literal: text behind", "a {3} \r\nb\r\n", "C(a {3} ) C(b) "},
    {"limit", SIXTY "\r\n", "C(" SIXTY ") "},
    {"limit plus one", SIXTY "1\r\nb\r\n", "T C(b) "},
    {"limit plus one, bare LF", SIXTY "1\nb\r\n", "T C(b) "},
    {"far too long", SIXTY SIXTY SIXTY "\r\nb\r\n", "T C(b) "},
    {"too long, then a literal", SIXTY SIXTY " {3+}\r\n\r\n\r x\r\nb\r\n",
	"T C(b) "},
    {"too long, then one to wait for", SIXTY SIXTY " {3}\r\nb\r\n", "T C(b) "},
    {"limit counts all lines", "a {1}\r\nb" SIXTY "\r\nb\r\n", "L1 T C(b) "},
    {"all literals together",
	"a {20+}\r\n12345678901234567890{20+}\r\n12345678901234567890{20+}\r\n"
	"12345678901234567890{20+}\r\n12345678901234567890\r\nb\r\n",
	"L20+ L20+ L20+ X20+ S C(b) "},
};

START_TEST(imap_frame__finds_commands_at_any_split)
{
	struct sv in = sv_str(rows[_i].in);
	size_t chunk, i;

	for (chunk = 1; chunk <= in.n; chunk++) {
		struct recorder r = {.streaming = 0};

		imap_frame_init(&r.f, &lim);
		buf_init(&r.out, 4096);
		for (i = 0; i < in.n; i += chunk)
			feed(&r, sv_first(sv_skip(in, i), chunk));
		ck_assert_msg(strcmp(r.out.p, rows[_i].want) == 0,
		    "%s, by %zu: %s", rows[_i].name, chunk, r.out.p);
		buf_fini(&r.out);
		imap_frame_fini(&r.f);
	}
}
END_TEST

UNIT_TESTS(imap_frame)
{
	TCase *tc = tcase_create("frame");

	tcase_add_loop_test(tc, imap_frame__finds_commands_at_any_split, 0,
	    sizeof rows / sizeof rows[0]);
	return tc;
}
