/* The schedule, in a time of its own. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "queue/spool/sched.h"
#include "test/unit/unit.h"

static struct sched *s;
static struct sched_unit *u[8];

static void
setup(void)
{
	s = sched_new(4);
	memset(u, 0, sizeof u);
}

static void
teardown(void)
{
	size_t i;

	for (i = 0; i < 8; i++)
		sched_remove(s, &u[i]);
	sched_free(&s);
}

static struct sched_unit *
add(size_t i, const char *dest, int64_t due)
{
	struct sched_dest *d = sched_dest(s, sv_str(dest));

	u[i] = sched_add(s, d, NULL, due, 0);
	return u[i];
}

START_TEST(sched_take__waits_for_the_time)
{
	ck_assert_int_eq(sched_wait(s, 0), -1);
	add(0, "a", 100);
	add(1, "b", 50);
	ck_assert_int_eq(sched_wait(s, 0), 50);
	ck_assert_ptr_null(sched_take(s, 49));
	ck_assert_ptr_eq(sched_take(s, 50), u[1]);
	ck_assert_ptr_null(sched_take(s, 50));
	ck_assert_int_eq(sched_wait(s, 50), 50);
	ck_assert_ptr_eq(sched_take(s, 100), u[0]);
	ck_assert_int_eq(sched_wait(s, 100), -1);
}
END_TEST

START_TEST(sched_take__gives_each_destination_its_turn)
{
	add(0, "a", 0);
	add(1, "a", 1);
	add(2, "a", 2);
	add(3, "b", 3);
	ck_assert_ptr_eq(sched_take(s, 10), u[0]);
	ck_assert_ptr_eq(sched_take(s, 10), u[3]);
	ck_assert_ptr_eq(sched_take(s, 10), u[1]);
	/* Two at a time to begin with. */
	ck_assert_ptr_null(sched_take(s, 10));
	sched_reached(s, u[0]);
	ck_assert_ptr_eq(sched_take(s, 10), u[2]);
}
END_TEST

START_TEST(sched__a_place_that_works_gets_more_up_to_the_limit)
{
	struct sched_dest *d = sched_dest(s, SV("a"));
	size_t i;

	for (i = 0; i < 8; i++)
		add(i, "a", 0);
	ck_assert_uint_eq(d->limit, 2);
	for (i = 0; i < 5; i++) {
		struct sched_unit *x = sched_take(s, 0);

		ck_assert_ptr_nonnull(x);
		sched_reached(s, x);
		sched_later(s, x, 1000);
	}
	ck_assert_uint_eq(d->limit, 4);
}
END_TEST

START_TEST(sched_unreached__makes_all_wait_and_one_go_first)
{
	struct sched_unit *x, *y;

	add(0, "a", 0);
	add(1, "a", 0);
	add(2, "a", 0);
	x = sched_take(s, 0);
	y = sched_take(s, 0);
	sched_unreached(s, x, 500, SV("no answer"));
	ck_assert_uint_eq(x->dest->failures, 1);
	ck_assert_str_eq(x->dest->reply_text, "no answer");
	/* The one that was in flight, too, is the same failure. */
	sched_unreached(s, y, 600, SV("no answer"));
	ck_assert_uint_eq(x->dest->failures, 1);
	ck_assert_ptr_null(sched_take(s, 599));
	ck_assert_int_eq(sched_wait(s, 599), 1);
	x = sched_take(s, 600);
	ck_assert_ptr_nonnull(x);
	ck_assert_ptr_null(sched_take(s, 600));
	/* All count it as a try. */
	ck_assert_uint_eq(sched_tries(u[0]), 1);
	ck_assert_uint_eq(sched_tries(u[1]), 1);
	ck_assert_uint_eq(sched_tries(u[2]), 1);
	sched_reached(s, x);
	ck_assert_uint_eq(sched_tries(x), 2);
	ck_assert_ptr_null(x->dest->reply_text);
	ck_assert_ptr_nonnull(sched_take(s, 600));
}
END_TEST

START_TEST(sched_hold__keeps_one_back_until_it_may_go)
{
	add(0, "a", 0);
	add(1, "a", 0);
	sched_hold(s, u[0]);
	ck_assert_ptr_eq(sched_take(s, 0), u[1]);
	ck_assert_ptr_null(sched_take(s, 1000000));
	sched_now(s, u[0]);
	ck_assert_ptr_eq(sched_take(s, 0), u[0]);
	sched_hold(s, u[0]); /* in flight: stays there */
	ck_assert_int_eq(u[0]->state, SCHED_IN_FLIGHT);
}
END_TEST

START_TEST(sched_now__wakes_the_place_too)
{
	add(0, "a", 0);
	sched_unreached(s, sched_take(s, 0), 9000, SV("x"));
	ck_assert_ptr_null(sched_take(s, 10));
	sched_now(s, u[0]);
	ck_assert_ptr_eq(sched_take(s, 10), u[0]);
}
END_TEST

START_TEST(sched_remember__a_place_is_still_asleep_after_a_restart)
{
	sched_remember(s, SV("a"), 700, 5, SV("gone"));
	sched_remember(s, SV("b"), 900, 2, SV("gone"));
	add(0, "a", 0);
	sched_forget_empty(s);
	ck_assert_ptr_null(sched_take(s, 699));
	ck_assert_int_eq(sched_wait(s, 0), 700);
	ck_assert_ptr_eq(sched_take(s, 700), u[0]);
	ck_assert_uint_eq(u[0]->dest->failures, 5);
	/* It does not count what was before it came. */
	ck_assert_uint_eq(sched_tries(u[0]), 0);
}
END_TEST

START_TEST(sched__many_in_any_order_come_out_by_their_time)
{
	enum {
		N = 5000
	};
	static struct sched_unit *many[N];
	unsigned seed = 3;
	int64_t last = -1, now;
	size_t i, taken = 0;
	char name[16];

	for (i = 0; i < N; i++) {
		seed = seed * 1103515245 + 12345;
		(void)snprintf(name, sizeof name, "d%u", (seed >> 8) % 50);
		many[i] = sched_add(s, sched_dest(s, sv_str(name)), NULL,
		    (int64_t)((seed >> 16) % 1000), 0);
	}
	for (now = 0; now <= 1000; now++) {
		struct sched_unit *x;

		while ((x = sched_take(s, now)) != NULL) {
			ck_assert_int_ge(x->node.key, last);
			taken++;
			sched_reached(s, x);
			for (i = 0; many[i] != x; i++)
				;
			sched_remove(s, &many[i]);
		}
		last = now;
	}
	ck_assert_uint_eq(taken, N);
}
END_TEST

static const struct {
	unsigned tries;
	int64_t minutes; /* without jitter */
} delays[] = {{0, 1}, {1, 1}, {2, 5}, {3, 10}, {4, 20}, {5, 40}, {6, 80},
    {7, 120}, {8, 180}, {9, 240}, {10, 240}, {1000, 240}};

START_TEST(sched_delay__grows_to_four_hours_with_a_tenth_of_jitter)
{
	int64_t ms = delays[_i].minutes * 60000;
	uint32_t chance;

	for (chance = 0; chance < 3000; chance += 7) {
		int64_t d = sched_delay(delays[_i].tries, chance);

		ck_assert_int_ge(d, ms - ms / 10);
		ck_assert_int_le(d, ms + ms / 10);
	}
	ck_assert_int_ne(sched_delay(5, 1), sched_delay(5, 500));
}
END_TEST

START_TEST(sched_delay__five_days_have_enough_tries)
{
	int64_t at = 0;
	unsigned tries = 0;

	while (at < SCHED_EXPIRY_MS)
		at += sched_delay(++tries, 999);
	ck_assert_uint_gt(tries, SCHED_TRIES_MIN * 2);
	ck_assert_uint_lt(tries, 60);
}
END_TEST

UNIT_TESTS(sched)
{
	TCase *t = tcase_create("sched");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, sched_take__waits_for_the_time);
	tcase_add_test(t, sched_take__gives_each_destination_its_turn);
	tcase_add_test(t, sched__a_place_that_works_gets_more_up_to_the_limit);
	tcase_add_test(t, sched_unreached__makes_all_wait_and_one_go_first);
	tcase_add_test(t, sched_hold__keeps_one_back_until_it_may_go);
	tcase_add_test(t, sched_now__wakes_the_place_too);
	tcase_add_test(
	    t, sched_remember__a_place_is_still_asleep_after_a_restart);
	tcase_add_test(t, sched__many_in_any_order_come_out_by_their_time);
	tcase_add_loop_test(t,
	    sched_delay__grows_to_four_hours_with_a_tenth_of_jitter, 0,
	    sizeof delays / sizeof delays[0]);
	tcase_add_test(t, sched_delay__five_days_have_enough_tries);
	return t;
}
