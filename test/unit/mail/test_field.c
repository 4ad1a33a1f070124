#include <check.h>

#include "mail/field.h"
#include "test/unit/unit.h"

/* "name=value|name=value" */
static void
render(struct sv header, struct buf *out)
{
	struct mail_field f;

	buf_reset(out);
	while (mail_field_next(&header, &f)) {
		if (out->n > 0)
			buf_addc(out, '|');
		buf_addsv(out, f.name);
		buf_addc(out, '=');
		buf_addsv(out, f.value);
	}
}

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"two", "A: 1\r\nB:2\r\n\r\nC: 3\r\n", "A=1|B=2"},
    {"folded", "A: 1\r\n 2\r\n\t3\r\nB: 4\r\n", "A=1\r\n 2\r\n\t3|B=4"},
    {"bare LF", "A: 1\n 2\nB: 3\n\nC: 4\n", "A=1\n 2|B=3"},
    {"blank before the colon", "A : 1\r\n", "A=1"},
    {"no value", "A:\r\nB: \r\n", "A=|B="},
    {"no line end", "A: 1", "A=1"},
    {"no colon", "rubbish\r\n folded\r\nA: 1\r\n", "A=1"},
    {"mbox line", "From anna Tue Nov 24 11:36:46 2026\r\nA: 1\r\n", "A=1"},
    {"no name", ": 1\r\nA: 2\r\n", "A=2"},
    {"colon in a folded line only", "A\r\n b: c\r\nD: 1\r\n", "D=1"},
    {"8-bit value", "A: \xff\r\n", "A=\xff"},
    {"starts folded", " x: y\r\nA: 1\r\n", "A=1"},
    {"empty", "", ""},
    {"empty line only", "\r\nA: 1\r\n", ""},
};

START_TEST(mail_field_next__reads_each_row)
{
	struct buf out;

	buf_init(&out, 1000);
	render(sv_str(rows[_i].in), &out);
	ck_assert_msg(sv_eq(buf_sv(&out), sv_str(rows[_i].want)),
	    "%s: got \"%s\"", rows[_i].name, out.p);
	buf_fini(&out);
}
END_TEST

START_TEST(mail_field_remove__takes_all_of_a_name)
{
	struct buf out;

	buf_init(&out, 1000);
	mail_field_remove(SV("Bcc: a@b,\r\n c@d\r\nTo: x\r\nBCC : y\r\njunk\r\n"
			     "\r\nBcc: body"),
	    SV("bcc"), &out);
	ck_assert_str_eq(out.p, "To: x\r\njunk\r\n\r\nBcc: body");
	buf_fini(&out);
}
END_TEST

/* Fed in any two pieces the counter finds the same as mail_field_count. */
START_TEST(mail_field_counter__agrees_at_every_split)
{
	static const char in[] =
	    "Received: a\r\n b\r\nreceived : c\r\nX-Received: d\r\n"
	    "Receive: e\r\nRECEIVED:f\r\n Received: g\r\nReceivedx: h\r\n"
	    "\r\nReceived: body\r\n";
	struct sv all = sv_str(in);
	size_t cut;

	ck_assert_uint_eq(mail_field_count(all, SV("received")), 3);
	for (cut = 0; cut <= all.n; cut++) {
		struct mail_field_counter c;
		size_t i;

		mail_field_counter_init(&c, SV("received"));
		mail_field_counter_feed(&c, sv_first(all, cut));
		mail_field_counter_feed(&c, sv_skip(all, cut));
		ck_assert_msg(c.count == 3, "split at %zu: %zu", cut, c.count);
		mail_field_counter_init(&c, SV("received"));
		for (i = 0; i < all.n; i++)
			mail_field_counter_feed(&c, sv_of(all.p + i, 1));
		ck_assert_uint_eq(c.count, 3);
	}
}
END_TEST

UNIT_TESTS(field)
{
	TCase *tc = tcase_create("field");

	tcase_add_loop_test(tc, mail_field_next__reads_each_row, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, mail_field_remove__takes_all_of_a_name);
	tcase_add_test(tc, mail_field_counter__agrees_at_every_split);
	return tc;
}
