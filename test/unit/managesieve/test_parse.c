/* Commands off a stream, whole, byte by byte, and too long ones. */
#include <check.h>
#include <string.h>

#include "managesieve/parse/parse.h"
#include "test/unit/unit.h"

static const struct msv_limits limits = {
    .line = 40, .literal = 10, .skip = 30, .bad = 3};

/* C(text) a command, T one that was too long, X the end. */
static const struct {
	const char *in, *want;
} frames[] = {
    {"NOOP\r\n", "C(NOOP)"},
    {"NOOP\nLOGOUT\r\n", "C(NOOP)C(LOGOUT)"},
    {"\r\n", "C()"},
    {"A {3+}\r\nxyz\r\n", "C(A {3+}|xyz)"},
    {"A {0+}\r\n\r\n", "C(A {0+}|)"},
    {"A {3+}\r\nx\r\n B\r\n", "C(A {3+}|x| B)"},
    {"A {1+}\r\nx {2+}\r\nyz\r\nB\r\n", "C(A {1+}|x {2+}|yz)C(B)"},
    /* What only looks like one, at the end of one. */
    {"A {4+}\r\n{9+}\r\nB\r\n", "C(A {4+}|{9+})C(B)"},
    {"A {2}\r\n", "L"},
    {"A {4+}\r\nx{2}\r\n", "C(A {4+}|x{2})"},
    {"A \"x{2}\"\r\n{2}\r\n", "C(A \"x{2}\")L"},
    {"A {x}\r\nB {}\r\n", "C(A {x})C(B {})"},
    {"A {10+}\r\n0123456789\r\n", "C(A {10+}|0123456789)"},
    {"A {11+}\r\n0123456789a\r\nB\r\n", "TC(B)"},
    {"A {11+}\r\n0123456789a {2+}\r\nxy\r\nB\r\n", "TC(B)"},
    {"A {30+}\r\n012345678901234567890123456789\r\nB\r\n", "TC(B)"},
    {"A {31+}\r\n", "X"},
    {"A {99999999999999999999+}\r\n", "L"},
    {"A {11+}\r\n0123456789a {2}\r\n", "L"},
    {"01234567890123456789012345678901234567\r\n",
	"C(01234567890123456789012345678901234567)"},
    {"012345678901234567890123456789012345678\r\n", "X"},
    {"01234567890123456789012345678901234567890", "X"},
};

static void
feed(const char *text, size_t step, struct buf *out)
{
	struct sv in = sv_str(text);
	struct msv_frame f;
	size_t i;

	msv_frame_init(&f, &limits);
	while (in.n > 0) {
		struct sv piece = sv_first(in, step);

		in = sv_skip(in, piece.n);
		while (piece.n > 0) {
			size_t used;
			enum msv_event e = msv_frame_feed(&f, piece, &used);

			piece = sv_skip(piece, used);
			if (e == MSV_CLOSE || e == MSV_LOST) {
				buf_addc(out, e == MSV_LOST ? 'L' : 'X');
				goto out;
			}
			if (e == MSV_TOOLONG)
				buf_addc(out, 'T');
			if (e != MSV_COMMAND)
				continue;
			buf_adds(out, "C(");
			for (i = 0; i < f.text.n; i++)
				if (f.text.p[i] == '\n')
					buf_addc(out, '|');
				else if (f.text.p[i] != '\r')
					buf_addc(out, f.text.p[i]);
			buf_addc(out, ')');
		}
	}
out:
	msv_frame_wipe(&f);
	buf_fini(&f.text);
}

START_TEST(msv_frame__commands)
{
	struct buf out;
	size_t step;

	buf_init(&out, 1000);
	for (step = 1; step < 60; step += 1 + step / 8) {
		buf_reset(&out);
		feed(frames[_i].in, step, &out);
		ck_assert_msg(strcmp(out.p, frames[_i].want) == 0,
		    "%d, by %zu: %s", _i, step, out.p);
	}
	buf_fini(&out);
}
END_TEST

/* name, then "s(...)" and "n(...)"; "?": it does not parse. */
static const struct {
	const char *in, *want;
} commands[] = {
    {"NOOP", "NOOP"},
    {"noop \"a\"", "noop s(a)"},
    {"A \"\" \"b c\" 12", "A s() s(b c) n(12)"},
    {"A \"a\\\"b\\\\\"", "A s(a\"b\\)"},
    {"A {3+}\r\na\"b 7", "A s(a\"b) n(7)"},
    {"A {0+}\r\n", "A s()"},
    {"A {2+}\nxy", "A s(xy)"},
    {"", "?"},
    {" A", "?"},
    /* More blanks than there should be. */
    {"A ", "A"},
    {"A  \"x\"  1  ", "A s(x) n(1)"},
    {"A\t\"x\"", "?"},
    {"A \"x", "?"},
    {"A \"x\\n\"", "?"},
    {"A \"x\"\"y\"", "?"},
    {"A x", "?"},
    {"A {3}\r\nabc", "?"},
    {"A {4+}\r\nabc", "?"},
    {"A 1 2 3 4", "?"},
    {"A 99999999999", "?"},
    {"A1", "?"},
};

START_TEST(msv_command__reads)
{
	struct msv_command m;
	struct arena arena;
	const char *why;
	struct buf b;
	size_t i;

	arena_init(&arena);
	buf_init(&b, 1000);
	if (msv_command_read(sv_str(commands[_i].in), &arena, &m, &why) !=
	    RC_OK) {
		buf_adds(&b, "?");
		ck_assert_ptr_nonnull(why);
	} else {
		buf_addsv(&b, m.name);
		for (i = 0; i < m.n; i++)
			if (m.arg[i].is_number)
				buf_addf(&b, " n(%llu)",
				    (unsigned long long)m.arg[i].number);
			else
				buf_addf(&b, " s(%.*s)", SV_ARG(m.arg[i].text));
	}
	ck_assert_str_eq(b.p, commands[_i].want);
	buf_fini(&b);
	arena_reset(&arena);
}
END_TEST

START_TEST(msv_write__strings)
{
	static const struct {
		const char *in, *want;
	} row[] = {{"", "\"\""}, {"a b", "\"a b\""},
	    {"a\"b\\", "\"a\\\"b\\\\\""}, {"a\nb", "{3}\r\na\nb"}};
	struct buf b;
	size_t i;

	buf_init(&b, 100);
	for (i = 0; i < sizeof row / sizeof *row; i++) {
		buf_reset(&b);
		msv_string_write(sv_str(row[i].in), &b);
		ck_assert_str_eq(b.p, row[i].want);
	}
	buf_reset(&b);
	msv_reply_write(&b, "NO", "QUOTA/MAXSIZE", SV("full"));
	ck_assert_str_eq(b.p, "NO (QUOTA/MAXSIZE) \"full\"\r\n");
	buf_reset(&b);
	msv_reply_write(&b, "NO", NULL, SV("a\nb"));
	ck_assert_str_eq(b.p, "NO {4}\r\na\r\nb\r\n");
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(parse)
{
	TCase *t = tcase_create("parse");

	tcase_add_loop_test(
	    t, msv_frame__commands, 0, sizeof frames / sizeof *frames);
	tcase_add_loop_test(
	    t, msv_command__reads, 0, sizeof commands / sizeof *commands);
	tcase_add_test(t, msv_write__strings);
	return t;
}
