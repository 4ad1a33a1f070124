/* The replies of other servers. */
#include <string.h>

#include "queue/mx/reply.h"
#include "test/unit/unit.h"

static const struct {
	const char *in;
	int rc;
	unsigned code;
	const char *text;
	size_t left; /* bytes that stay */
} rows[] = {
    {"250 fine\r\n", RC_OK, 250, "fine", 0},
    {"250 fine\n", RC_OK, 250, "fine", 0},
    {"250\r\n", RC_OK, 250, "", 0},
    {"250 \r\n", RC_OK, 250, "", 0},
    {"250-a\r\n250 b\r\n", RC_OK, 250, "a\nb", 0},
    {"220-a\r\n220-\r\n220 c\r\nrest", RC_OK, 220, "a\n\nc", 4},
    {"421 4.3.2 gone\r\n250 x\r\n", RC_OK, 421, "4.3.2 gone", 7},
    {"550 5.1.1 \xff\r\n", RC_OK, 550, "5.1.1 \xff", 0},
    {"250", RC_MORE, 0, NULL, 0},
    {"", RC_MORE, 0, NULL, 0},
    {"250-a\r\n", RC_MORE, 0, NULL, 0},
    {"220-a\r\ntext\r\n220 b\r\n", RC_OK, 220, "a\ntext\nb", 0},
    {"220-a\r\n\r\n22\r\n2200 x\r\n220 b\r\n", RC_OK, 220, "a\n\n22\n2200 x\nb",
	0},
    {"220-a\r\ntext\r\n", RC_MORE, 0, NULL, 0},
    {"text\r\n220 b\r\n", RC_SYNTAX, 0, NULL, 0},
    {"250-a\r\n550 b\r\n", RC_SYNTAX, 0, NULL, 0},
    {"25 a\r\n", RC_SYNTAX, 0, NULL, 0},
    {"2500 a\r\n", RC_SYNTAX, 0, NULL, 0},
    {"190 a\r\n", RC_SYNTAX, 0, NULL, 0},
    {"600 a\r\n", RC_SYNTAX, 0, NULL, 0},
    {"2x0 a\r\n", RC_SYNTAX, 0, NULL, 0},
    {"HTTP/1.1 200 OK\r\n", RC_SYNTAX, 0, NULL, 0},
    {"\r\n", RC_SYNTAX, 0, NULL, 0},
};

START_TEST(reply_parse__answers_each_row)
{
	size_t n = strlen(rows[_i].in), k;
	struct sv in = sv_of(rows[_i].in, n);
	struct reply r;

	reply_init(&r);
	ck_assert_int_eq(reply_parse(&in, &r), rows[_i].rc);
	if (rows[_i].rc == RC_OK) {
		ck_assert_uint_eq(r.code, rows[_i].code);
		ck_assert_str_eq(r.text.p, rows[_i].text);
		ck_assert_uint_eq(in.n, rows[_i].left);
		/* Truncated anywhere it waits for the rest. */
		for (k = 0; k < n - rows[_i].left; k++) {
			in = sv_of(rows[_i].in, k);
			ck_assert_int_eq(reply_parse(&in, &r), RC_MORE);
			ck_assert_uint_eq(in.n, k);
		}
	} else {
		ck_assert_uint_eq(in.n, n);
	}
	reply_fini(&r);
}
END_TEST

START_TEST(reply_parse__has_limits)
{
	struct reply r;
	struct buf b;
	struct sv in;
	int i;

	reply_init(&r);
	buf_init(&b, 1 << 20);
	buf_adds(&b, "250 ");
	for (i = 0; i < 3000; i++)
		buf_addc(&b, 'x');
	in = buf_sv(&b);
	ck_assert_int_eq(reply_parse(&in, &r), RC_TOOBIG);
	buf_adds(&b, "\r\n");
	in = buf_sv(&b);
	ck_assert_int_eq(reply_parse(&in, &r), RC_TOOBIG);
	buf_reset(&b);
	for (i = 0; i < 150; i++)
		buf_adds(&b, "250-twenty bytes of text\r\n");
	buf_adds(&b, "250 end\r\n");
	in = buf_sv(&b);
	ck_assert_int_eq(reply_parse(&in, &r), RC_OK);
	ck_assert_uint_le(r.text.n, REPLY_TEXT_MAX);
	buf_reset(&b);
	for (i = 0; i < 1000; i++)
		buf_adds(&b, "250-a\r\n");
	in = buf_sv(&b);
	ck_assert_int_eq(reply_parse(&in, &r), RC_TOOBIG);
	buf_fini(&b);
	reply_fini(&r);
}
END_TEST

START_TEST(reply_offers__are_read_in_any_case)
{
	struct sv in =
	    SV("250-mail.example.test greets PIPELINING\r\n"
	       "250-size 12345\r\n250-8bitmime\r\n250-StartTLS\r\n"
	       "250-AUTH LOGIN plain\r\n250 ENHANCEDSTATUSCODES\r\n");
	struct reply_offers o;
	struct reply r;

	reply_init(&r);
	ck_assert_int_eq(reply_parse(&in, &r), RC_OK);
	reply_offers(&r, &o);
	ck_assert(!o.pipelining); /* a word of the greeting */
	ck_assert(o.size && o.eight_bit && o.starttls && o.enhanced);
	ck_assert(o.auth_plain && o.auth_login);
	ck_assert_uint_eq(o.size_max, 12345);
	in = SV("250-x\r\n250-SIZE\r\n250-SIZE 99999999999999999999999\r\n"
		"250 PIPELINING\r\n");
	ck_assert_int_eq(reply_parse(&in, &r), RC_OK);
	reply_offers(&r, &o);
	ck_assert(o.size && o.pipelining && !o.starttls);
	ck_assert_uint_eq(o.size_max, 0);
	reply_fini(&r);
}
END_TEST

UNIT_TESTS(reply)
{
	TCase *t = tcase_create("reply");

	tcase_add_loop_test(
	    t, reply_parse__answers_each_row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, reply_parse__has_limits);
	tcase_add_test(t, reply_offers__are_read_in_any_case);
	return t;
}
