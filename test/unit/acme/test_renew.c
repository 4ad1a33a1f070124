/* When a certificate is renewed. */
#include "acme/renew.h"

#include <string.h>

#include "base/rc.h"
#include "test/unit/unit.h"

#define DAY  86400ll
#define HOUR 3600ll
#define T0   1790000000ll /* the certificate begins */

/* One that was issued when it began, of so many days. */
static struct acme_life
life(int64_t days)
{
	return (struct acme_life){
	    .not_before = T0, .not_after = T0 + days * DAY, .issued = T0};
}

START_TEST(renew__at_two_thirds_or_at_half)
{
	static const struct {
		int64_t days, from, to; /* in hours */
	} rows[] = {
	    {90, 60 * 24, 62 * 24},
	    {45, 30 * 24, 31 * 24},
	    {47, 752, 776},
	    {10, 160, 165},
	    {9, 108, 113},
	    {6, 72, 76},
	    {1, 12, 13},
	};
	struct acme_life l = life(rows[_i].days);
	uint32_t chance;
	int64_t at;

	for (chance = 0; chance < 5000; chance += 77) {
		l.chance = chance * 2654435761u;
		at = acme_renew_at(&l);
		ck_assert_int_ge(at, T0 + rows[_i].from * HOUR);
		ck_assert_int_le(at, T0 + rows[_i].to * HOUR);
	}
}
END_TEST

START_TEST(renew__at_once_without_a_certificate)
{
	struct acme_life l = {.not_after = 0};

	ck_assert_int_eq(acme_renew_at(&l), 0);
	/* It was lost, an hour after it had come: not again and again. */
	l.issued = T0;
	ck_assert_int_eq(acme_renew_at(&l), T0 + HOUR);
}
END_TEST

START_TEST(renew__the_window_counts_whatever_the_date_says)
{
	struct acme_life l = life(90);
	uint32_t chance;

	/* All are to be revoked: it has begun, in the third week. */
	l.window_start = T0 + 21 * DAY;
	l.window_end = T0 + 22 * DAY;
	l.window_seen = T0 + 21 * DAY + 60;
	ck_assert_int_eq(acme_renew_at(&l), l.window_start);
	/* It is wholly in the past. */
	l.window_start = T0 + 10 * DAY;
	l.window_end = T0 + 11 * DAY;
	ck_assert_int_le(acme_renew_at(&l), l.window_seen);
	/* Even before the certificate's own beginning. */
	l.window_start = T0 - 10 * DAY;
	l.window_end = T0 - 9 * DAY;
	ck_assert_int_le(acme_renew_at(&l), l.window_seen);
	/* It is to come: a moment in it, by chance. */
	l.window_start = T0 + 70 * DAY;
	l.window_end = T0 + 72 * DAY;
	for (chance = 0; chance < 1024; chance++) {
		l.chance = chance;
		ck_assert_int_ge(acme_renew_at(&l), l.window_start);
		ck_assert_int_le(acme_renew_at(&l), l.window_end);
	}
}
END_TEST

START_TEST(renew__a_window_that_makes_no_sense_does_not_count)
{
	struct acme_life l = life(90);
	int64_t plain = acme_renew_at(&l);

	l.window_seen = T0 + DAY;
	/* Behind the end of the certificate. */
	l.window_start = T0 + 400 * DAY;
	l.window_end = T0 + 401 * DAY;
	ck_assert_int_eq(acme_renew_at(&l), plain);
	/* It ends before it begins. */
	l.window_start = T0 + 50 * DAY;
	l.window_end = T0 + 49 * DAY;
	ck_assert_int_eq(acme_renew_at(&l), plain);
	/* It reaches behind the end: never that late. */
	l.window_start = T0 + 50 * DAY;
	l.window_end = T0 + 500 * DAY;
	l.chance = 1023;
	ck_assert_int_le(acme_renew_at(&l), T0 + 81 * DAY);
}
END_TEST

START_TEST(renew__there_is_time_between_two)
{
	struct acme_life l = life(90);

	/* An authority that always says now. */
	l.window_start = T0 - 5 * DAY;
	l.window_end = T0 - 4 * DAY;
	l.window_seen = T0 + 10;
	ck_assert_int_eq(acme_renew_at(&l), T0 + DAY);
	l = life(6);
	l.window_start = T0 - 5 * DAY;
	l.window_end = T0 - 4 * DAY;
	l.window_seen = T0 + 10;
	ck_assert_int_eq(acme_renew_at(&l), T0 + 18 * HOUR);
}
END_TEST

START_TEST(renew__failures_wait_longer_and_longer)
{
	struct acme_life l = life(90);
	int64_t last = 0, wait;
	unsigned in_an_hour = 0, n;
	int64_t sum = 0;

	for (n = 1; n < 50; n++) {
		wait = acme_renew_back_off(n, 0);
		ck_assert_int_ge(wait, last);
		ck_assert_int_le(wait, DAY);
		last = wait;
		sum += acme_renew_back_off(n, 1023);
		in_an_hour += sum < HOUR;
	}
	/* At most five failures of a name in an hour. */
	ck_assert_uint_le(in_an_hour, 4);
	ck_assert_int_eq(last, DAY);
	/* After a month without the authority it is tried within a day. */
	l.failures = 40;
	l.failed = T0 + 100 * DAY;
	ck_assert_int_le(acme_renew_at(&l), T0 + 101 * DAY);
	ck_assert_int_gt(acme_renew_at(&l), T0 + 100 * DAY);
}
END_TEST

START_TEST(renew__they_say_when_they_may_be_asked)
{
	struct acme_life l = {.failures = 1, .failed = T0};

	l.not_sooner = T0 + 412345;
	ck_assert_int_eq(acme_renew_at(&l), T0 + 412345);
	/* A year is not meant. */
	l.not_sooner = T0 + 365 * DAY;
	ck_assert_int_eq(acme_renew_at(&l), T0 + 7 * DAY);
}
END_TEST

START_TEST(renew__urgency)
{
	ck_assert_uint_eq(acme_renew_urgency(0, T0, T0 + 5), 0);
	ck_assert_uint_eq(acme_renew_urgency(T0, T0 + 30 * DAY, T0), 0);
	ck_assert_uint_eq(
	    acme_renew_urgency(T0, T0 + 30 * DAY, T0 + 15 * DAY - 1), 0);
	ck_assert_uint_eq(
	    acme_renew_urgency(T0, T0 + 30 * DAY, T0 + 15 * DAY), 1);
	ck_assert_uint_eq(
	    acme_renew_urgency(T0, T0 + 30 * DAY, T0 + 24 * DAY - 1), 1);
	ck_assert_uint_eq(
	    acme_renew_urgency(T0, T0 + 30 * DAY, T0 + 24 * DAY), 2);
	ck_assert_uint_eq(
	    acme_renew_urgency(T0, T0 + 30 * DAY, T0 + 30 * DAY), 3);
	ck_assert_uint_eq(
	    acme_renew_urgency(T0, T0 + 3 * DAY, T0 + 2 * DAY), 1);
}
END_TEST

UNIT_TESTS(renew)
{
	TCase *t = tcase_create("renew");

	tcase_add_loop_test(t, renew__at_two_thirds_or_at_half, 0, 7);
	tcase_add_test(t, renew__at_once_without_a_certificate);
	tcase_add_test(t, renew__the_window_counts_whatever_the_date_says);
	tcase_add_test(t, renew__a_window_that_makes_no_sense_does_not_count);
	tcase_add_test(t, renew__there_is_time_between_two);
	tcase_add_test(t, renew__failures_wait_longer_and_longer);
	tcase_add_test(t, renew__they_say_when_they_may_be_asked);
	tcase_add_test(t, renew__urgency);
	return t;
}
