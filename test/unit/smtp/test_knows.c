/* What the queue has said of whom people here know. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "smtp/knows.h"
#include "test/unit/unit.h"

static struct smtp_knows k;

static void
start(void)
{
	smtp_knows_init(&k);
}

static void
stop(void)
{
	smtp_knows_fini(&k);
}

static void
put(const char *account, const char *address, bool yes)
{
	uint64_t ticket;
	bool was;

	ck_assert(!smtp_knows_get(&k, account, address, 1000, &was, &ticket));
	smtp_knows_put(&k, account, address, 1000, yes, ticket);
}

/* 'y', 'n', or '?': to be asked for. */
static char
get(const char *account, const char *address, int64_t now)
{
	uint64_t ticket;
	bool yes;

	return !smtp_knows_get(&k, account, address, now, &yes, &ticket) ? '?'
	       : yes							 ? 'y'
									 : 'n';
}

START_TEST(knows__remembers_both_answers_of_each)
{
	put("anna", "Ben@example.test", true);
	put("ben", "ben@example.test", false);
	ck_assert_int_eq(get("anna", "ben@EXAMPLE.test", 2000), 'y');
	ck_assert_int_eq(get("ben", "ben@example.test", 2000), 'n');
	ck_assert_int_eq(get("", "ben@example.test", 2000), '?');
	/* No part of one is taken for a part of the other. */
	ck_assert_int_eq(get("annab", "en@example.test", 2000), '?');
	ck_assert_int_eq(
	    get("anna", "ben@example.test", 1000 + KNOWS_MS - 1), 'y');
	ck_assert_int_eq(get("anna", "ben@example.test", 1000 + KNOWS_MS), '?');
}
END_TEST

START_TEST(knows__news_win)
{
	uint64_t ticket;
	bool yes;

	put("anna", "ben@example.test", false);
	smtp_knows_forget(&k);
	ck_assert_int_eq(get("anna", "ben@example.test", 1000), '?');
	/* They come while the queue is asked. */
	ck_assert(!smtp_knows_get(
	    &k, "anna", "ben@example.test", 1000, &yes, &ticket));
	smtp_knows_forget(&k);
	smtp_knows_put(&k, "anna", "ben@example.test", 1000, false, ticket);
	ck_assert_int_eq(get("anna", "ben@example.test", 1000), '?');
}
END_TEST

START_TEST(knows__is_bounded)
{
	unsigned i, there = 0;
	char address[600];

	for (i = 0; i < 10 * KNOWS_ROWS; i++) {
		(void)snprintf(address, sizeof address, "x%u@y.test", i);
		put("anna", address, true);
		ck_assert_int_eq(get("anna", address, 1000), 'y');
	}
	for (i = 0; i < 10 * KNOWS_ROWS; i++) {
		(void)snprintf(address, sizeof address, "x%u@y.test", i);
		there += get("anna", address, 1000) == 'y';
	}
	ck_assert_uint_le(there, KNOWS_ROWS);
	ck_assert_uint_gt(there, KNOWS_ROWS / 2);
	/* Too long for it: asked for each time. */
	(void)snprintf(address, sizeof address, "%0*d@y.test", 520, 0);
	put("anna", address, true);
	ck_assert_int_eq(get("anna", address, 1000), '?');
}
END_TEST

/* ---- several threads ---- */

#define THREADS 4
#define ROUNDS	2000

/* The queue of a round: news is the number of words it has learned, said those
 * that everybody has been told of. */
static struct {
	atomic_uint news, said;
	atomic_uint stale; /* answers that were older than what was said */
} queue;

static void *
look(void *arg)
{
	unsigned i, said;
	uint64_t ticket;
	bool yes;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		said = atomic_load(&queue.said);
		if (smtp_knows_get(
			&k, "anna", "ben@example.test", 1000, &yes, &ticket)) {
			if (said > 0 && !yes)
				atomic_fetch_add(&queue.stale, 1);
			continue;
		}
		yes = atomic_load(&queue.news) > 0;
		smtp_knows_put(
		    &k, "anna", "ben@example.test", 1000, yes, ticket);
		if (i % 64 == 0)
			smtp_knows_forget(&k);
	}
	return NULL;
}

/* What was asked before the news never wins over them, whoever puts it. */
START_TEST(knows__is_for_several_threads)
{
	pthread_t t[THREADS];
	size_t i;

	atomic_store(&queue.news, 0);
	atomic_store(&queue.said, 0);
	atomic_store(&queue.stale, 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, look, NULL), 0);
	for (i = 0; i < ROUNDS / 4; i++) {
		atomic_fetch_add(&queue.news, 1);
		smtp_knows_forget(&k);
		atomic_fetch_add(&queue.said, 1);
	}
	for (i = 0; i < THREADS; i++)
		(void)pthread_join(t[i], NULL);
	ck_assert_uint_eq(atomic_load(&queue.stale), 0);
	ck_assert_int_ne(get("anna", "ben@example.test", 1000), 'n');
}
END_TEST

UNIT_TESTS(knows)
{
	TCase *tc = tcase_create("knows");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, knows__remembers_both_answers_of_each);
	tcase_add_test(tc, knows__news_win);
	tcase_add_test(tc, knows__is_bounded);
	tcase_add_test(tc, knows__is_for_several_threads);
	return tc;
}
