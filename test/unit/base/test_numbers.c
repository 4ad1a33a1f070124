/* Sets of numbers, network byte order, the calendar. */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "base/be.h"
#include "base/clk.h"
#include "base/rangeset.h"
#include "test/unit/unit.h"

#define BITS 200

static void
check_set(const struct rangeset *s, const bool *bit)
{
	uint64_t count = 0;
	uint32_t i, next, want;

	for (i = 0; i < s->n; i++) {
		ck_assert_uint_le(s->r[i].lo, s->r[i].hi);
		if (i > 0) /* sorted, disjoint, not touching */
			ck_assert(s->r[i].lo > s->r[i - 1].hi + 1);
	}
	for (i = 0; i < BITS; i++) {
		count += bit[i];
		ck_assert(rangeset_has(s, i) == bit[i]);
		for (want = i; want < BITS && !bit[want];)
			want++;
		next = UINT32_MAX;
		ck_assert(rangeset_next(s, i, &next) == (want < BITS));
		ck_assert_uint_eq(next, want < BITS ? want : UINT32_MAX);
	}
	ck_assert_uint_eq(rangeset_count(s), count);
}

START_TEST(rangeset__agrees_with_a_bitmap)
{
	struct rangeset s = RANGESET_EMPTY, t = RANGESET_EMPTY,
			u = RANGESET_EMPTY;
	int round, k;

	for (round = 0; round < 200; round++) {
		bool a[BITS] = {0}, b[BITS] = {0};
		uint32_t i;

		rangeset_reset(&s);
		rangeset_reset(&t);
		for (k = 0; k < 1 + round % 40; k++) {
			uint32_t lo = (uint32_t)rand() % BITS;
			uint32_t hi = (lo + (uint32_t)rand() % 9) % BITS;
			bool *bit = k % 3 == 0 ? b : a;

			rangeset_add(k % 3 == 0 ? &t : &s, lo, hi);
			for (i = lo < hi ? lo : hi; i <= (lo < hi ? hi : lo);
			     i++)
				bit[i] = true;
		}
		check_set(&s, a);
		check_set(&t, b);
		rangeset_copy(&u, &s);
		check_set(&u, a);
		rangeset_intersect(&u, &t);
		for (i = 0; i < BITS; i++)
			a[i] = a[i] && b[i];
		check_set(&u, a);
	}
	rangeset_fini(&s);
	rangeset_fini(&t);
	rangeset_fini(&u);
}
END_TEST

START_TEST(rangeset__holds_both_ends_of_the_range)
{
	struct rangeset s = RANGESET_EMPTY;
	uint32_t v;
	struct buf b;

	rangeset_add(&s, UINT32_MAX, UINT32_MAX);
	rangeset_add(&s, 0, 0);
	rangeset_add(&s, 5, 3);
	ck_assert(rangeset_has(&s, 0) && rangeset_has(&s, UINT32_MAX));
	ck_assert(!rangeset_has(&s, 1) && !rangeset_has(&s, UINT32_MAX - 1));
	ck_assert(rangeset_next(&s, 6, &v) && v == UINT32_MAX);
	buf_init(&b, 100);
	rangeset_print(&s, &b);
	ck_assert_str_eq(b.p, "0,3:5,4294967295");
	rangeset_add(&s, 0, UINT32_MAX);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(rangeset_count(&s), 1ULL << 32);
	buf_fini(&b);
	rangeset_fini(&s);
	rangeset_fini(&s);
}
END_TEST

START_TEST(be__round_trip)
{
	unsigned char p[8];

	be_put64(p, 0x0102030405060708ULL);
	ck_assert_uint_eq(p[0], 1);
	ck_assert_uint_eq(be_get64(p), 0x0102030405060708ULL);
	ck_assert_uint_eq(be_get32(p + 4), 0x05060708);
	ck_assert_uint_eq(be_get16(p), 0x0102);
	be_put32(p, 0xfffefdfc);
	ck_assert_uint_eq(be_get32(p), 0xfffefdfc);
}
END_TEST

START_TEST(clk_civil__goes_there_and_back)
{
	const int64_t lo = -62167219200, hi = 253402300799;
	int64_t s;

	for (s = lo; s <= hi; s += 86400 * 3 + 4711) {
		struct clk_tm t;

		clk_civil(s, &t);
		if (clk_secs(&t) != s || t.month < 1 || t.month > 12 ||
		    t.day < 1 || t.day > 31)
			ck_abort_msg("%lld", (long long)s);
	}
}
END_TEST

START_TEST(clk_civil__agrees_with_libc)
{
	int64_t s;

	for (s = -5000000000; s < 9000000000; s += 86400 * 5 + 7777) {
		struct clk_tm t;
		struct tm want;
		time_t tt = (time_t)s;

		ck_assert_ptr_nonnull(gmtime_r(&tt, &want));
		clk_civil(s, &t);
		if (t.year != want.tm_year + 1900 ||
		    t.month != want.tm_mon + 1 || t.day != want.tm_mday ||
		    t.hour != want.tm_hour || t.minute != want.tm_min ||
		    t.second != want.tm_sec || t.weekday != want.tm_wday)
			ck_abort_msg("%lld", (long long)s);
	}
}
END_TEST

START_TEST(clk_civil__clamps)
{
	struct clk_tm t;

	clk_civil(INT64_MAX, &t);
	ck_assert(t.year == 9999 && t.month == 12 && t.day == 31);
	clk_civil(INT64_MIN, &t);
	ck_assert(t.year == 0 && t.month == 1 && t.day == 1);
}
END_TEST

START_TEST(clk_secs__takes_fields_out_of_range)
{
	struct clk_tm a = {.year = 2026, .month = 1, .day = 32}, b;

	clk_civil(clk_secs(&a), &b);
	ck_assert(b.month == 2 && b.day == 1);
}
END_TEST

START_TEST(clk_now__moves_with_its_offset)
{
	int64_t before = clk_now();

	clk_set_offset(1000000);
	ck_assert_int_ge(clk_now(), before + 1000000);
	clk_set_offset(0);
	ck_assert_int_lt(clk_now(), before + 900000);
}
END_TEST

UNIT_TESTS(numbers)
{
	TCase *t = tcase_create("numbers");

	tcase_add_test(t, rangeset__agrees_with_a_bitmap);
	tcase_add_test(t, rangeset__holds_both_ends_of_the_range);
	tcase_add_test(t, be__round_trip);
	tcase_add_test(t, clk_civil__goes_there_and_back);
	tcase_add_test(t, clk_civil__agrees_with_libc);
	tcase_add_test(t, clk_civil__clamps);
	tcase_add_test(t, clk_secs__takes_fields_out_of_range);
	tcase_add_test(t, clk_now__moves_with_its_offset);
	return t;
}
