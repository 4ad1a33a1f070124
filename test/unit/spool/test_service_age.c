/* Age, clocks that step, and what stays over a restart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

/* Many failures, as five days have. */
static void
fail_often(unsigned n)
{
	while (n-- > 0) {
		mx_says(expect(mx, MX_JOB), true, 451, "451 4.3.0 later");
		if (n > 0) {
			hurry();
			turn(5);
		}
	}
}

START_TEST(queue__a_clock_that_steps_makes_nothing_older)
{
	put_as("anna@example.org", "x@example.test");
	fail_often(15);
	clk_set_offset(10LL * 24 * 3600 * 1000);
	/* An attempt right after the step, before any sweep. */
	hurry();
	turn(5);
	mx_says(expect(mx, MX_JOB), true, 451, "451 4.3.0 later");
	ck_assert_str_eq(only()->rcpt[0].address, "x@example.test");
	queue_sweep(q);
	turn(20);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	ck_assert(!only()->delay_reported);
	/* Also after a restart, and when it steps back. */
	end();
	start();
	queue_sweep(q);
	ck_assert_int_lt(clk_now() - only()->arrived, 60000);
	clk_set_offset(0);
	queue_sweep(q);
	turn(20);
	ck_assert_int_lt(llabs(clk_now() - only()->arrived), 60000);
}
END_TEST

#define YEAR (365LL * 24 * 3600 * 1000)

/* A server that begins in 1970 until it has found the time. */
START_TEST(queue__a_clock_that_is_set_moves_only_what_it_has_stamped)
{
	struct spool_item *old, *fresh;
	int64_t came;

	put_as("anna@example.org", "x@example.test");
	came = only()->arrived;
	mx_says(expect(mx, MX_JOB), false, 0, "no route to host");
	end();
	clk_set_offset(-56 * YEAR);
	start();
	put_as("anna@example.org", "y@other.test");
	(void)expect(mx, MX_JOB);
	old = spool_first(q->spool);
	fresh = old->next;
	ck_assert_int_eq(old->arrived, came);
	ck_assert_int_lt(fresh->arrived, came - 55 * YEAR);
	/* Nor does what could not be reached wait for the right year. */
	ck_assert_int_lt(
	    old->units->dest->wake - clk_mono(), 5LL * 3600 * 1000);
	clk_set_offset(0);
	queue_sweep(q);
	ck_assert_int_eq(old->arrived, came);
	ck_assert_int_lt(llabs(clk_now() - fresh->arrived), 60000);
	turn(20);
	end();
	start();
	ck_assert_int_eq(spool_first(q->spool)->arrived, came);
	ck_assert_int_lt(
	    llabs(clk_now() - spool_first(q->spool)->next->arrived), 60000);
}
END_TEST

START_TEST(queue__nothing_has_come_later_than_now)
{
	put_as("anna@example.org", "x@example.test");
	(void)expect(mx, MX_JOB);
	end();
	/* Back for good: what it was before was the wrong one. */
	clk_set_offset(-2 * YEAR);
	start();
	clk_set_offset(-2 * YEAR - 24LL * 3600 * 1000);
	queue_sweep(q);
	ck_assert_int_le(only()->arrived, clk_now());
}
END_TEST

START_TEST(queue__what_comes_after_a_step_is_not_older)
{
	clk_set_offset(-48LL * 3600 * 1000);
	put_as("anna@example.org", "x@example.test");
	queue_sweep(q);
	ck_assert_int_lt(llabs(clk_now() - only()->arrived), 60000);
}
END_TEST

START_TEST(queue__age_needs_tries_and_tries_need_age)
{
	put_as("anna@example.org", "x@example.test");
	fail_often(3);
	end();
	/* Dark for six days: nothing is given up for that. */
	clk_set_offset(6LL * 24 * 3600 * 1000);
	start();
	queue_sweep(q);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	turn(20);
	fail_often(SCHED_TRIES_MIN - 3);
	ck_assert_uint_eq(spool_count(q->spool), 1);
	ck_assert_str_eq(only()->rcpt[0].address, "anna"); /* the report */
}
END_TEST

/* The segment goes in which it was said that the place fails. */
START_TEST(queue__remembers_a_place_longer_than_its_first_letter)
{
	const struct sched_dest *d;
	int64_t wake;
	int i;

	put_as("anna@example.org", "x@example.test");
	mx_says(expect(mx, MX_JOB), false, 0, "no route to host");
	journal_roll(q->spool->journal);
	put_as("anna@example.org", "y@example.test");
	wake = spool_first(q->spool)->next->units->dest->wake;
	ck_assert_uint_eq(
	    act(QUEUE_REMOVE, QUEUE_PICK_ADDRESS, "x@example.test"), 1);
	(void)only();
	ck_assert(spool_outgrown(q->spool));
	for (i = 0; i < 100 && spool_outgrown(q->spool); i++)
		turn(50); /* the first sweep */
	ck_assert(!spool_outgrown(q->spool));
	end();
	start();
	turn(20);
	d = only()->units->dest;
	ck_assert_uint_eq(d->failures, 1);
	ck_assert_int_lt(llabs(d->wake - wake), 1000);
	ck_assert_str_eq(d->reply_text, "no route to host");
	ck_assert(is_silent(mx));
}
END_TEST

START_TEST(queue__what_is_held_stays_over_a_restart)
{
	put_as("anna@example.org", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 450, "450 later");
	spool_hold(q->spool, only(), 0, true);
	ck_assert_int_eq(spool_flush(q->spool), RC_OK);
	end();
	start();
	turn(20);
	ck_assert(is_silent(mx));
	ck_assert_int_eq(only()->units->state, SCHED_HELD);
}
END_TEST

static uint64_t
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all = 0, pages = 0;

	ck_assert_int_eq(fscanf(f, "%lu %lu", &all, &pages), 2);
	fclose(f);
	return (uint64_t)pages * 4096;
}

/* A spool as a long outage leaves it. */
static void
fill(size_t items, size_t places)
{
	char to[64];
	struct queue_to t = {.local = false};
	struct spool_put p = {.sender = SV("anna@example.org"),
	    .to = &t,
	    .nto = 1,
	    .fd = -1,
	    .bytes = SV("Subject: x\r\n\r\nhello\r\n")};
	struct spool_item *it;
	struct err err = {0};
	size_t i;

	for (i = 0; i < items; i++) {
		(void)snprintf(to, sizeof to, "person%zu@d%zu.example.test", i,
		    i % places);
		memcpy(p.delivery_id, &i, sizeof i);
		t.address = sv_str(to);
		ck_assert_int_eq(spool_put(q->spool, &p, &it, &err), RC_OK);
		if (i % 1000 == 999)
			ck_assert_int_eq(spool_flush(q->spool), RC_OK);
	}
}

START_TEST(queue__starts_with_a_hundred_thousand)
{
	clock_t began;
	uint64_t before;

	fill(100000, 1000);
	end();
	alloc_trim();
	before = resident();
	began = clock();
	start();
	/* The first are in flight. */
	turn(1);
	(void)expect(mx, MX_JOB);
	began = (clock() - began) / (CLOCKS_PER_SEC / 1000);
	ck_assert_uint_eq(spool_count(q->spool), 100000);
	printf("100000 waiting: started in %lld ms of CPU, %llu kB\n",
	    (long long)began, (unsigned long long)(resident() - before) / 1024);
#ifndef HM_SANITIZED
	ck_assert_int_lt(began, 2000);
	ck_assert_uint_lt(resident() - before, 100u << 20);
#endif
}
END_TEST

UNIT_TESTS(service_age)
{
	TCase *t = tcase_create("service_age");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(
	    t, queue__remembers_a_place_longer_than_its_first_letter);
	tcase_add_test(t, queue__what_comes_after_a_step_is_not_older);
	tcase_add_test(t, queue__a_clock_that_steps_makes_nothing_older);
	tcase_add_test(
	    t, queue__a_clock_that_is_set_moves_only_what_it_has_stamped);
	tcase_add_test(t, queue__nothing_has_come_later_than_now);
	tcase_add_test(t, queue__age_needs_tries_and_tries_need_age);
	tcase_add_test(t, queue__what_is_held_stays_over_a_restart);
	tcase_add_test(t, queue__starts_with_a_hundred_thousand);
	return t;
}
