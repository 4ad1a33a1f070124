#include "msgauth/canon.h"
#include "test/unit/unit.h"

static void
put(void *arg, struct sv bytes)
{
	buf_addsv(arg, bytes);
}

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"nothing", "", ""},
    {"one line", "a\r\n", "a\r\n"},
    {"no line end", "a", "a\r\n"},
    {"RFC 6376 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"},
    {"empty lines only", "\r\n\r\n\r\n", ""},
    {"one empty line", "\r\n", ""},
    {"blanks only", " \t ", ""},
    {"lines of blanks only", " \r\n\t\r\n  \t\r\n", ""},
    {"empty lines in front", "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
    {"empty lines within", "a\r\n\r\n\r\nb\r\n\r\n", "a\r\n\r\n\r\nb\r\n"},
    {"blanks at the very end", "a\r\n  ", "a\r\n"},
    {"blanks in front of a line", "\t \ta\r\n", " a\r\n"},
    {"line of blanks within", "a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n"},
    {"runs of blanks", "a \t b  c\td\r\n", "a b c d\r\n"},
    {"dots", ".\r\n..\r\n...", ".\r\n..\r\n...\r\n"},
    {"8-bit", "gr\xc3\xbc\xc3\x9f \xff\r\n", "gr\xc3\xbc\xc3\x9f \xff\r\n"},
    {"bare CR", "a\rb\r\n", "a\rb\r\n"},
    {"bare LF", "a\nb \nc\r\n", "a\nb \nc\r\n"},
    {"CR at the end", "a \r", "a \r\r\n"},
    {"two CRs", "a\r\r\n", "a\r\r\n"},
    {"CR, blanks", "a\r \r\n", "a\r\r\n"},
    {"LF in front", "\n\r\n", "\n\r\n"},
};

static void
canon(struct sv a, struct sv b, size_t step, struct buf *out)
{
	struct dkim_body d;
	size_t i;

	buf_reset(out);
	dkim_body_init(&d, DKIM_RELAXED, put, out);
	if (step == 0) {
		dkim_body_feed(&d, a);
		dkim_body_feed(&d, b);
	}
	for (i = 0; step > 0 && i < a.n; i += step)
		dkim_body_feed(&d, sv_first(sv_skip(a, i), step));
	dkim_body_end(&d);
}

START_TEST(dkim_body__row_at_every_split)
{
	struct sv in = sv_str(rows[_i].in), want = sv_str(rows[_i].want);
	struct buf out;
	size_t cut;

	buf_init(&out, 1000);
	for (cut = 0; cut <= in.n; cut++) {
		canon(sv_first(in, cut), sv_skip(in, cut), 0, &out);
		ck_assert_msg(sv_eq(buf_sv(&out), want), "%s at %zu: \"%s\"",
		    rows[_i].name, cut, out.p);
	}
	canon(in, SV(""), 1, &out);
	ck_assert_msg(sv_eq(buf_sv(&out), want), "%s byte by byte: \"%s\"",
	    rows[_i].name, out.p);
	buf_fini(&out);
}
END_TEST

/* Larger than what is gathered, with many line ends held back. */
START_TEST(dkim_body__long_bodies_come_in_pieces)
{
	struct buf in, out, want;
	size_t i;

	buf_init(&in, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_init(&out, 1 << 20);
	for (i = 0; i < 3000; i++)
		buf_adds(&in, "x");
	for (i = 0; i < 3000; i++)
		buf_adds(&in, " \r\n");
	buf_adds(&in, "end\r\n\r\n");
	for (i = 0; i < 3000; i++)
		buf_adds(&want, "x");
	for (i = 0; i < 3000; i++)
		buf_adds(&want, "\r\n");
	buf_adds(&want, "end\r\n");
	for (i = 0; i < 3; i++) {
		canon(buf_sv(&in), SV(""), i == 0 ? 1 : i * 1023, &out);
		ck_assert(sv_eq(buf_sv(&out), buf_sv(&want)));
	}
	buf_fini(&in);
	buf_fini(&want);
	buf_fini(&out);
}
END_TEST

static void
alike(struct sv in)
{
	struct buf bytes, pieces;

	buf_init(&bytes, 1000);
	buf_init(&pieces, 1000);
	canon(in, SV(""), 1, &bytes);
	canon(in, SV(""), in.n, &pieces);
	ck_assert(sv_eq(buf_sv(&bytes), buf_sv(&pieces)));
	canon(in, SV(""), 97, &pieces);
	ck_assert(sv_eq(buf_sv(&bytes), buf_sv(&pieces)));
	buf_fini(&pieces);
	buf_fini(&bytes);
}

/*
 * Lines with all that is changed at any place of them, beside what is not: in
 * large pieces, of which many bytes are looked at in one step, and byte by
 * byte.
 */
START_TEST(dkim_body__many_bytes_in_one_step)
{
	static const char *const odd[] = {" ", "\t", "\r", "\n", "\r\n", "  ",
	    " \t", " \r\n", "\r\n\r\n", "\r\n \r\n", "\r\r\n", "\n\r\n",
	    "\r\n\t", "\n ", "\n\t"};
	const size_t n = sizeof odd / sizeof odd[0];
	struct buf in;
	size_t a, b, at, j;

	buf_init(&in, 1000);
	for (a = 0; a < n; a++)
		for (b = 0; b < n; b++)
			for (at = 0; at < 140; at++) {
				size_t whole = (a + b) % 2 ? 75 : 300;

				buf_reset(&in);
				for (j = 0; j < 300; j++) {
					if (j == at)
						buf_adds(&in, odd[a]);
					if (j == at + 1 + b)
						buf_adds(&in, odd[b]);
					if (j % whole == whole - 1)
						buf_adds(&in, "\r\n");
					buf_addc(&in, j % 7 == 3 ? ' ' : 'x');
				}
				alike(buf_sv(&in));
				/* and where it ends there */
				in.n = 200 + at;
				buf_adds(&in, odd[a]);
				buf_adds(&in, odd[b]);
				alike(buf_sv(&in));
			}
	buf_fini(&in);
}
END_TEST

static const struct {
	const char *name, *in, *want;
} fields[] = {
    {"RFC 6376 3.4.5 a", "A: X\r\n", "a:X"},
    {"RFC 6376 3.4.5 b", "B : Y\t\r\n\tZ  \r\n", "b:Y Z"},
    {"empty", "Subject:\r\n", "subject:"},
    {"blanks only", "Subject: \t \r\n", "subject:"},
    {"only folds", "Subject:\r\n \r\n\t\r\n", "subject:"},
    {"folded in front", "To:\r\n a@b\r\n", "to:a@b"},
    {"colons", "SUBJECT:a:b : c\r\n", "subject:a:b : c"},
    {"8-bit", "Subject: \xff  \xfe\r\n", "subject:\xff \xfe"},
    {"no line end", "X: y ", "x:y"},
    {"CR alone", "X: a \rb\r c\r\n", "x:a \rb\r c"},
    {"CR before a fold", "X: a\r\r\n b\r\n", "x:a\r b"},
};

START_TEST(dkim_field_relaxed__row)
{
	struct sv in = sv_str(fields[_i].in);
	struct mail_field f;
	struct buf out;

	buf_init(&out, 1000);
	ck_assert(mail_field_next(&in, &f));
	dkim_field_relaxed(&f, &out);
	ck_assert_msg(sv_eq(buf_sv(&out), sv_str(fields[_i].want)),
	    "%s: \"%s\"", fields[_i].name, out.p);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(canon)
{
	TCase *tc = tcase_create("canon");

	tcase_add_loop_test(tc, dkim_body__row_at_every_split, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, dkim_body__long_bodies_come_in_pieces);
	tcase_add_test(tc, dkim_body__many_bytes_in_one_step);
	tcase_add_loop_test(tc, dkim_field_relaxed__row, 0,
	    (int)(sizeof fields / sizeof fields[0]));
	return tc;
}
