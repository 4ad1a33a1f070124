#include <stdlib.h>

#include "test/unit/mime/fixture.h"
#include "test/unit/unit.h"

static const struct mime_limits limits = MIME_LIMITS_DEFAULT;

static const struct {
	const char *name, *in, *want;
} rows[] = {
    {"text", "A: 1\r\n\r\nhello\r\n", "T8+7/1"},
    {"no header", "\r\nhello", "T2+5/0"},
    {"no body", "A: 1\r\n\r\n", "T8+0/0"},
    {"header only, no empty line", "A: 1\r\n", "T6+0/0"},
    {"empty", "", "T0+0/0"},
    {"bare LF", "A: 1\n\na\nb\n", "T6+4/2"},
    {"two parts",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\nlines\r\n--b--\r\n",
	"P45+38/8(T2+3/0 T2+10/1)"},
    {"preamble and epilogue",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"pre\r\n--b\r\n\r\none\r\n--b--\r\nepi\r\n--b\r\n\r\nno part\r\n",
	"P45+45/9(T2+3/0)"},
    {"end missing",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\n\r\none\r\n",
	"P45+12/3(T2+5/1)"},
    {"inner end missing",
	"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n"
	"--a\r\n\r\ny\r\n--a--\r\n",
	"P45+77/10(P45+8/2(T2+1/0) T2+1/0)"},
    {"digest",
	"Content-Type: multipart/digest; boundary=b\r\n\r\n"
	"--b\r\n\r\nSubject: x\r\n\r\nhi\r\n--b--\r\n",
	"P46+32/6(M2+16/2(T14+2/0))"},
    {"message", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi\r\n",
	"M32+18/3(T14+4/1)"},
    {"message cut by the boundary",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n--b--\r\n",
	"P45+56/5(M32+12/1(T12+0/0))"},
    {"header cut by the boundary",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	"Content-ID: <x>\r\n--b--\r\n",
	"P45+29/3(T17+0/0)"},
    {"closing boundary first",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
	"T45+7/1"},
    {"no boundary parameter",
	"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
	"T33+17/4"},
    {"multipart without subtype", "Content-Type: multipart\r\n\r\nx\r\n",
	"T27+3/1"},
    {"boundary with blanks behind it",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b  \r\n\r\none\r\n--b-- \r\n",
	"P45+22/4(T2+3/0)"},
    {"dashes in the middle of a line",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\n\r\none --b\r\n--b--\r\n",
	"P45+23/4(T2+7/0)"},
    {"one boundary begins the other",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n"
	"--bb--\r\n--b\r\n\r\ny\r\n--b--\r\n",
	"P45+87/11(P46+17/3(T2+1/0) T2+1/0)"},
};

START_TEST(mime_parse__shapes)
{
	struct sv in = sv_str(rows[_i].in);
	struct mime_msg m;
	struct buf got;

	buf_init(&got, 1000);
	mime_parse(in, &limits, &m);
	fixture_check_structure(&m, in.n);
	fixture_shape(&m, 0, &got);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(rows[_i].want)),
	    "%s: got %s, want %s", rows[_i].name, got.p, rows[_i].want);
	ck_assert(!m.truncated);
	mime_msg_fini(&m);
	buf_fini(&got);
}
END_TEST

START_TEST(mime_parse__survives_truncation)
{
	struct sv in = sv_str(rows[_i].in);
	size_t n;

	for (n = 0; n <= in.n; n++) {
		char *copy = malloc(n + 1); /* so that a sanitizer sees n */
		struct mime_msg m;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, in.p, n);
		mime_parse(sv_of(copy, n), &limits, &m);
		fixture_check_structure(&m, n);
		mime_msg_fini(&m);
		free(copy);
	}
}
END_TEST

static void
check_all_cuts(const char *name, struct sv msg)
{
	size_t n, step = 1 + msg.n / 400;

	(void)name;
	for (n = 0; n <= msg.n; n += step) {
		struct mime_msg m;

		mime_parse(sv_first(msg, n), &limits, &m);
		fixture_check_structure(&m, n);
		mime_msg_fini(&m);
	}
}

START_TEST(mime_parse__real_messages_cut_anywhere)
{
	ck_assert_int_ge(fixture_each_message(check_all_cuts), 20);
}
END_TEST

START_TEST(mime_section__finds_what_imap_names)
{
	static const struct {
		uint32_t num[5];
		size_t n;
		const char *text; /* the part's body; NULL: there is none */
	} s[] = {
	    {{1}, 1, "This part specifier should be: 1\r\n"},
	    {{2}, 1, "This part specifier should be: 2\r\n"},
	    {{3, 1}, 2, "This part specifier should be: 3.1\r\n"},
	    {{3, 2}, 2, "This part specifier should be: 3.2\r\n"},
	    {{4, 1}, 2, "This part specifier should be: 4.1\r\n"},
	    {{4, 2, 1}, 3, "This part specifier should be: 4.2.1\r\n"},
	    {{4, 2, 2, 1}, 4, "This part specifier should be: 4.2.2.1\r\n"},
	    {{4, 2, 2, 2}, 4, "This part specifier should be: 4.2.2.2\r\n"},
	    {{5}, 1, NULL},
	    {{0}, 1, NULL},
	    {{1, 1}, 2, NULL},
	    {{3, 3}, 2, NULL},
	    {{4, 2, 2, 1, 1}, 5, NULL},
	};
	struct mime_msg m;
	struct buf msg;
	size_t i;

	buf_init(&msg, 1 << 20);
	fixture_load("mimekit/rfc2060.eml", &msg);
	mime_parse(buf_sv(&msg), &limits, &m);
	ck_assert_uint_eq(mime_section(&m, NULL, 0), 0);
	for (i = 0; i < sizeof s / sizeof s[0]; i++) {
		uint32_t k = mime_section(&m, s[i].num, s[i].n);

		if (s[i].text == NULL) {
			ck_assert_uint_eq(k, MIME_NONE);
			continue;
		}
		ck_assert_uint_lt(k, m.n);
		ck_assert_msg(
		    sv_eq(sv_of(msg.p + m.part[k].body_off, m.part[k].body_len),
			sv_str(s[i].text)),
		    "row %zu", i);
	}
	mime_msg_fini(&m);
	buf_fini(&msg);
}
END_TEST

START_TEST(mime_section__one_of_a_plain_message_is_its_body)
{
	const uint32_t one[] = {1, 1};
	struct mime_msg m;

	mime_parse(SV("A: 1\r\n\r\nx"), &limits, &m);
	ck_assert_uint_eq(mime_section(&m, one, 1), 0);
	ck_assert_uint_eq(mime_section(&m, one, 2), MIME_NONE);
	mime_msg_fini(&m);
	/* A message that is a message: 1 is what it carries, 1.1 its text. */
	mime_parse(SV("Content-Type: message/rfc822\r\n\r\nA: 1\r\n\r\nx"),
	    &limits, &m);
	ck_assert_uint_eq(mime_section(&m, one, 1), 0);
	ck_assert_uint_eq(mime_section(&m, one, 2), 1);
	mime_msg_fini(&m);
}
END_TEST

/* depth - 1, depth, depth + 1 multiparts in each other. */
START_TEST(mime_parse__holds_the_depth_limit)
{
	struct mime_limits lim = limits;
	uint32_t nest;

	lim.depth = 10;
	for (nest = 9; nest <= 11; nest++) {
		struct mime_msg m;
		struct buf msg, out;
		uint32_t i;

		buf_init(&msg, 1 << 20);
		buf_init(&out, 1 << 20);
		for (i = 0; i < nest; i++)
			buf_addf(&msg,
			    "Content-Type: multipart/mixed; boundary=b%u.\r\n"
			    "\r\n--b%u.\r\n",
			    i, i);
		buf_adds(&msg, "\r\nx");
		mime_parse(buf_sv(&msg), &lim, &m);
		fixture_check_structure(&m, msg.n);
		ck_assert_uint_eq(m.n, nest <= 10 ? nest + 1 : 11);
		ck_assert_int_eq(m.truncated, nest > 10);
		mime_bodystructure(buf_sv(&msg), &m, true, &out);
		ck_assert_int_eq(
		    sv_find(buf_sv(&out),
			SV("\"application\" \"octet-stream\"")) < out.n,
		    nest > 10);
		mime_msg_fini(&m);
		buf_fini(&out);
		buf_fini(&msg);
	}
}
END_TEST

START_TEST(mime_parse__holds_the_parts_limit)
{
	struct mime_limits lim = limits;
	uint32_t parts;

	lim.parts = 10;
	for (parts = 8; parts <= 10; parts++) { /* and the multipart itself */
		struct mime_msg m;
		struct buf msg;
		uint32_t i;

		buf_init(&msg, 1 << 20);
		buf_adds(
		    &msg, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
		for (i = 0; i < parts; i++)
			buf_adds(&msg, "--b\r\n\r\nx\r\n");
		mime_parse(buf_sv(&msg), &lim, &m);
		fixture_check_structure(&m, msg.n);
		ck_assert_uint_eq(m.n, parts < 10 ? parts + 1 : 10);
		ck_assert_int_eq(m.truncated, parts >= 10);
		/* The last one has all the rest. */
		ck_assert_uint_eq(
		    m.part[m.n - 1].body_off + m.part[m.n - 1].body_len, msg.n);
		mime_msg_fini(&m);
		buf_fini(&msg);
	}
}
END_TEST

START_TEST(mime_parse__holds_the_header_limits)
{
	struct mime_limits lim = limits;
	struct mime_msg m;

	lim.header_bytes = 8;
	mime_parse(SV("A: 1\r\n\r\nbody"), &lim, &m);
	ck_assert_uint_eq(m.part[0].header_len, 8);
	ck_assert(!m.truncated);
	mime_msg_fini(&m);
	mime_parse(SV("A: 1\r\nB: 2\r\n\r\nbody"), &lim, &m);
	ck_assert_uint_eq(m.part[0].header_len, 6);
	ck_assert(m.truncated);
	mime_msg_fini(&m);
	lim = limits;
	lim.header_fields = 2;
	mime_parse(SV("A: 1\r\nB: 2\r\n 3\r\nC: 3\r\n\r\n"), &lim, &m);
	ck_assert_uint_eq(m.part[0].header_len, 16);
	ck_assert(m.truncated);
	mime_msg_fini(&m);
}
END_TEST

UNIT_TESTS(parse)
{
	TCase *tc = tcase_create("parse");
	int n = (int)(sizeof rows / sizeof rows[0]);

	tcase_add_loop_test(tc, mime_parse__shapes, 0, n);
	tcase_add_loop_test(tc, mime_parse__survives_truncation, 0, n);
	tcase_add_test(tc, mime_parse__real_messages_cut_anywhere);
	tcase_add_test(tc, mime_section__finds_what_imap_names);
	tcase_add_test(tc, mime_section__one_of_a_plain_message_is_its_body);
	tcase_add_test(tc, mime_parse__holds_the_depth_limit);
	tcase_add_test(tc, mime_parse__holds_the_parts_limit);
	tcase_add_test(tc, mime_parse__holds_the_header_limits);
	return tc;
}
