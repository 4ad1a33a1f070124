/*
 * The DATA machine against a model that reads the whole input at once: every
 * string of CR, LF, dot and a letter up to length 8, at every split.
 */
#include "smtp/data.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

#define LENGTH 8

struct outcome {
	size_t taken;
	bool end, bare;
	struct buf out;
};

/*
 * The model: with the CR LF of the line before in front of it, the message
 * ends behind the first CR LF . CR LF and nowhere else.
 */
static void
model(struct sv in, struct outcome *o)
{
	char text[LENGTH + 3] = "\r\n";
	struct sv all = sv_of(text, in.n + 2);
	size_t end, i;

	memcpy(text + 2, in.p, in.n);
	end = sv_find(all, SV("\r\n.\r\n"));
	o->end = end < all.n;
	o->taken = o->end ? end + 5 - 2 : in.n;
	all = sv_first(all, o->end ? end + 2 : all.n);
	o->bare = false;
	buf_reset(&o->out);
	for (i = 2; i < all.n; i++) {
		if (all.p[i] == '\n' && all.p[i - 1] != '\r')
			o->bare = true;
		if (all.p[i - 1] == '\r' && i > 2 && all.p[i] != '\n')
			o->bare = true;
		if (all.p[i] == '.' && all.p[i - 1] == '\n' &&
		    all.p[i - 2] == '\r')
			continue;
		buf_addc(&o->out, all.p[i]);
	}
}

static void
feed(struct smtp_data *d, struct sv in, struct outcome *o)
{
	size_t n = smtp_data_feed(d, in, &o->out);

	o->taken += n;
	if (n != in.n && d->state != SMTP_DATA_END)
		ck_abort_msg("bytes left without an end");
}

/* In three pieces: up to a, up to b, the rest. */
static void
machine(struct sv in, size_t a, size_t b, struct outcome *o)
{
	struct smtp_data d;

	smtp_data_init(&d, 1000);
	buf_reset(&o->out);
	o->taken = 0;
	feed(&d, sv_first(in, a), o);
	if (d.state != SMTP_DATA_END)
		feed(&d, sv_of(in.p + a, b - a), o);
	if (d.state != SMTP_DATA_END)
		feed(&d, sv_skip(in, b), o);
	o->end = d.state == SMTP_DATA_END;
	o->bare = d.bare;
}

static void
compare(struct sv in, const struct outcome *want, const struct outcome *got)
{
	char q[100];
	size_t i, n = 0;

	/* ck_assert costs too much for millions of rows. */
	if (want->end == got->end && want->taken == got->taken &&
	    (!want->end || (want->bare == got->bare &&
			       (want->bare || sv_eq(buf_sv(&want->out),
						  buf_sv(&got->out))))))
		return;
	for (i = 0; i < in.n; i++) {
		q[n++] = in.p[i] == '\r'   ? 'R'
			 : in.p[i] == '\n' ? 'N'
					   : in.p[i];
	}
	q[n] = '\0';
	ck_abort_msg("\"%s\": end %d/%d taken %zu/%zu bare %d/%d", q, want->end,
	    got->end, want->taken, got->taken, want->bare, got->bare);
}

START_TEST(smtp_data__every_string_at_every_split)
{
	static const char letters[4] = {'\r', '\n', '.', 'x'};
	struct outcome want, got;
	char text[LENGTH];
	uint32_t code;
	size_t n, i, a, b;

	buf_init(&want.out, 100);
	buf_init(&got.out, 100);
	n = (size_t)_i;
	for (code = 0; code < 1u << 2 * n; code++) {
		struct sv in = sv_of(text, n);

		for (i = 0; i < n; i++)
			text[i] = letters[code >> 2 * i & 3];
		model(in, &want);
		for (a = 0; a <= n; a++)
			for (b = a; b <= n; b++) {
				machine(in, a, b, &got);
				compare(in, &want, &got);
			}
	}
	buf_fini(&want.out);
	buf_fini(&got.out);
}
END_TEST

/* What other servers have taken for an end. */
START_TEST(smtp_data__no_end_but_the_one)
{
	static const struct sv no_end[] = {SV("x\n.\n"), SV("x\n.\r\n"),
	    SV("x\r\n.\n"), SV("x\r.\r"), SV("x\r\n.\r"), SV("x\r.\r\n"),
	    SV("x\r\n.\r\r\n"), SV("x\r\n\0.\r\n"), SV("x\r\n. \r\n"),
	    SV("x\r\n..\r\n"), SV("x.\r\n"), SV("\r\n\r\n"), SV("x\n\n.\r\n")};
	size_t i;

	for (i = 0; i < sizeof no_end / sizeof no_end[0]; i++) {
		struct smtp_data d;
		struct buf out;

		buf_init(&out, 100);
		smtp_data_init(&d, 1000);
		(void)smtp_data_feed(&d, no_end[i], &out);
		ck_assert_msg(d.state != SMTP_DATA_END, "row %zu", i);
		buf_fini(&out);
	}
}
END_TEST

START_TEST(smtp_data__line_limit)
{
	size_t n;

	for (n = 9; n <= 11; n++) {
		struct smtp_data d;
		struct buf in, out;
		size_t i;

		buf_init(&in, 100);
		buf_init(&out, 100);
		for (i = 0; i < n; i++)
			buf_addc(&in, 'x');
		buf_adds(&in, "\r\n.\r\n");
		smtp_data_init(&d, 10);
		for (i = 0; i < in.n; i++)
			(void)smtp_data_feed(&d, sv_of(in.p + i, 1), &out);
		ck_assert_int_eq(d.state, SMTP_DATA_END);
		ck_assert_int_eq(d.long_line, n > 10);
		smtp_data_init(&d, 10);
		(void)smtp_data_feed(&d, buf_sv(&in), &out);
		ck_assert_int_eq(d.long_line, n > 10);
		buf_fini(&in);
		buf_fini(&out);
	}
}
END_TEST

START_TEST(smtp_data__notices_nul)
{
	struct smtp_data d;
	struct buf out;

	buf_init(&out, 100);
	smtp_data_init(&d, 10);
	(void)smtp_data_feed(&d, sv_of("a\0b\r\n.\r\n", 8), &out);
	ck_assert(d.nul && d.state == SMTP_DATA_END);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(data)
{
	TCase *tc = tcase_create("data");

	tcase_add_loop_test(
	    tc, smtp_data__every_string_at_every_split, 0, LENGTH + 1);
	tcase_add_test(tc, smtp_data__no_end_but_the_one);
	tcase_add_test(tc, smtp_data__line_limit);
	tcase_add_test(tc, smtp_data__notices_nul);
	return tc;
}
