/* The messages' fields. */
#include <check.h>
#include <fcntl.h>
#include <unistd.h>

#include "ipc/msg.h"
#include "test/unit/unit.h"

static void
fill(struct msg *m)
{
	msg_init(m, 77);
	msg_put_u8(m, 200);
	msg_put_u32(m, 0xfffefdfc);
	msg_put_u64(m, UINT64_MAX - 1);
	msg_put_sv(m, sv_of("a\0b", 3));
	msg_put_str(m, "anna");
	msg_put_sv(m, SV("0123456789abcdef"));
	msg_put_str(m, "");
}

/* All fields; what msg_end() says. */
static int
read_all(struct msg *m, bool check)
{
	char name[8], id[16];
	uint8_t a = msg_get_u8(m);
	uint32_t b = msg_get_u32(m);
	uint64_t c = msg_get_u64(m);
	struct sv d = msg_get_sv(m), e;

	msg_get_str(m, name, sizeof name);
	msg_get_bytes(m, id, sizeof id);
	e = msg_get_sv(m);
	ck_assert_uint_lt(strlen(name), sizeof name);
	if (check) {
		ck_assert_uint_eq(a, 200);
		ck_assert_uint_eq(b, 0xfffefdfc);
		ck_assert_uint_eq(c, UINT64_MAX - 1);
		ck_assert(sv_eq(d, sv_of("a\0b", 3)) && e.n == 0);
		ck_assert_str_eq(name, "anna");
		ck_assert(sv_eq(sv_of(id, 16), SV("0123456789abcdef")));
	}
	return msg_end(m);
}

START_TEST(msg__fields_come_back)
{
	struct msg m;

	fill(&m);
	ck_assert_int_eq(read_all(&m, true), RC_OK);
	ck_assert_uint_eq(msg_get_u8(&m), 0);
	ck_assert_int_eq(msg_end(&m), RC_SYNTAX);
	msg_fini(&m);
	msg_fini(&m);
}
END_TEST

START_TEST(msg__truncated_at_every_point_is_bad)
{
	struct msg m;
	size_t n, whole;

	fill(&m);
	whole = m.b.n;
	msg_fini(&m);
	for (n = 0; n < whole; n++) {
		fill(&m);
		buf_truncate(&m.b, n);
		ck_assert_int_eq(read_all(&m, false), RC_SYNTAX);
		msg_fini(&m);
	}
}
END_TEST

START_TEST(msg__more_than_was_asked_for_is_bad)
{
	struct msg m;

	fill(&m);
	msg_put_u8(&m, 0);
	ck_assert_int_eq(read_all(&m, true), RC_SYNTAX);
	msg_fini(&m);
}
END_TEST

START_TEST(msg_get_str__refuses_what_does_not_fit)
{
	static const struct {
		struct sv in;
		bool ok;
	} rows[] = {{SV("abc"), true}, {SV("abcd"), false}, {SV("a\0b"), false},
	    {SV(""), true}};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char out[4] = "xxx";
		struct msg m;

		msg_init(&m, 1);
		msg_put_sv(&m, rows[i].in);
		msg_get_str(&m, out, sizeof out);
		ck_assert((msg_end(&m) == RC_OK) == rows[i].ok);
		ck_assert(rows[i].ok || out[0] == '\0');
		msg_fini(&m);
	}
}
END_TEST

START_TEST(msg_get_sv__a_length_beyond_the_end_is_bad)
{
	static const uint32_t lengths[] = {1, 0xffff, UINT32_MAX};
	size_t i;

	for (i = 0; i < 3; i++) {
		struct msg m;

		msg_init(&m, 1);
		msg_put_u32(&m, lengths[i]);
		ck_assert_uint_eq(msg_get_sv(&m).n, 0);
		ck_assert_int_eq(msg_end(&m), RC_SYNTAX);
		msg_fini(&m);
	}
}
END_TEST

START_TEST(msg__descriptors_are_taken_or_closed)
{
	struct msg m;
	int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY);
	int got;

	msg_init(&m, 1);
	msg_put_fd(&m, a);
	msg_put_fd(&m, b);
	got = msg_take_fd(&m);
	ck_assert_int_eq(got, a);
	msg_fini(&m);
	ck_assert_int_ge(fcntl(a, F_GETFD), 0);
	ck_assert_int_lt(fcntl(b, F_GETFD), 0);
	close(a);
	msg_init(&m, 1);
	ck_assert_int_eq(msg_take_fd(&m), -1);
	ck_assert_int_eq(msg_end(&m), RC_SYNTAX);
	msg_fini(&m);
}
END_TEST

START_TEST(msg_put__too_much_is_remembered)
{
	static char big[MSG_MAX + 1];
	struct msg m;

	msg_init(&m, 1);
	msg_put_sv(&m, sv_of(big, sizeof big));
	ck_assert(!buf_ok(&m.b));
	msg_fini(&m);
	msg_init(&m, 1);
	msg_put_sv(&m, sv_of(big, MSG_MAX - 4));
	ck_assert(buf_ok(&m.b));
	msg_put_u8(&m, 1);
	ck_assert(!buf_ok(&m.b));
	msg_fini(&m);
}
END_TEST

UNIT_TESTS(msg)
{
	TCase *t = tcase_create("msg");

	tcase_add_test(t, msg__fields_come_back);
	tcase_add_test(t, msg__truncated_at_every_point_is_bad);
	tcase_add_test(t, msg__more_than_was_asked_for_is_bad);
	tcase_add_test(t, msg_get_str__refuses_what_does_not_fit);
	tcase_add_test(t, msg_get_sv__a_length_beyond_the_end_is_bad);
	tcase_add_test(t, msg__descriptors_are_taken_or_closed);
	tcase_add_test(t, msg_put__too_much_is_remembered);
	return t;
}
