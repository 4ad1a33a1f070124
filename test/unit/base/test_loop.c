/* The event loop. */
#include <check.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/ev.h"
#include "base/heap.h"
#include "base/io.h"
#include "test/unit/unit.h"

#define TEXT(s) ((char[]){s}) /* lives as long as its block */

static struct ev_loop *loop;
static char trace[100];
static size_t traced;

static void
setup(void)
{
	loop = ev_loop_new();
	memset(trace, 0, sizeof trace);
	traced = 0;
}

static void
teardown(void)
{
	ev_loop_free(&loop);
}

static void
note(void *arg)
{
	const char *c = arg;

	trace[traced++] = *c;
}

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

/* Against the simplest thing that could be right. */
START_TEST(heap__gives_the_least_whatever_is_added_and_removed)
{
	struct heap h = {.v = NULL};
	struct heap_node n[200] = {{0}};
	unsigned seed = 7, round, i;

	for (round = 0; round < 20000; round++) {
		struct heap_node *x, *least = NULL;

		seed = seed * 1103515245 + 12345;
		x = &n[(seed >> 16) % 200];
		if (x->at != 0)
			heap_remove(&h, x);
		else
			heap_add(&h, x, (int64_t)((seed >> 8) % 1000));
		for (i = 0; i < 200; i++)
			if (n[i].at != 0 &&
			    (least == NULL || n[i].key < least->key))
				least = &n[i];
		x = heap_least(&h);
		ck_assert((x == NULL) == (least == NULL));
		if (x != NULL)
			ck_assert_int_eq(x->key, least->key);
	}
	heap_fini(&h);
}
END_TEST

START_TEST(ev_timer__fires_in_order)
{
	struct ev_timer *dropped;
	int64_t start = clk_mono();

	ev_timer_add(loop, 30, note, TEXT("c"));
	ev_timer_add(loop, 10, note, TEXT("a"));
	ev_timer_add(loop, 20, note, TEXT("b"));
	ev_timer_add(loop, 12, note, TEXT("A"));
	dropped = ev_timer_add(loop, 15, note, TEXT("x"));
	ev_timer_add(loop, 40, stop, NULL);
	ev_timer_del(&dropped);
	ev_timer_del(&dropped);
	ev_run(loop);
	ck_assert_str_eq(trace, "aAbc");
	ck_assert_int_ge(clk_mono() - start, 40);
}
END_TEST

static struct ev_timer *other;

static void
delete_other(void *arg)
{
	(void)arg;
	ev_timer_del(&other);
	note(TEXT("d"));
}

START_TEST(ev_timer__can_be_deleted_by_another_that_is_due_too)
{
	ev_timer_add(loop, 0, delete_other, NULL);
	other = ev_timer_add(loop, 0, note, TEXT("x"));
	ev_timer_add(loop, 0, note, TEXT("e"));
	ev_timer_add(loop, 5, stop, NULL);
	ev_run(loop);
	ck_assert_str_eq(trace, "de");
}
END_TEST

static int pipes[2][2];
static struct ev *evs[2];

/* Whoever comes first deletes both. */
static void
delete_both(struct ev *e, uint32_t events, void *arg)
{
	(void)e;
	(void)events;
	(void)arg;
	ev_del(&evs[0]);
	ev_del(&evs[1]);
	note(TEXT("1"));
}

START_TEST(ev_del__holds_within_the_same_tick)
{
	int i;

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(pipe(pipes[i]), 0);
		ck_assert_int_eq(io_write_all(pipes[i][1], "x", 1), RC_OK);
		evs[i] = ev_add(loop, pipes[i][0], EPOLLIN, delete_both, NULL);
	}
	ev_timer_add(loop, 20, stop, NULL);
	ev_run(loop);
	ck_assert_str_eq(trace, "1");
	for (i = 0; i < 2; i++) {
		io_close(&pipes[i][0]);
		io_close(&pipes[i][1]);
	}
}
END_TEST

static void
read_one(struct ev *e, uint32_t events, void *arg)
{
	int *fd = arg;
	char c;

	(void)e;
	ck_assert((events & EPOLLIN) != 0);
	ck_assert_int_eq(read(*fd, &c, 1), 1);
	note(&c);
	if (c == '.')
		ev_stop(loop);
}

START_TEST(ev__is_level_triggered_and_can_be_paused)
{
	int p[2];
	struct ev *e;

	ck_assert_int_eq(pipe(p), 0);
	e = ev_add(loop, p[0], EPOLLIN, read_one, &p[0]);
	ck_assert_int_eq(io_write_all(p[1], "ab.", 3), RC_OK);
	ev_run(loop);
	ck_assert_str_eq(trace, "ab.");
	ev_set(e, 0);
	ck_assert_int_eq(io_write_all(p[1], "c.", 2), RC_OK);
	ev_timer_add(loop, 10, stop, NULL);
	ev_run(loop);
	ck_assert_str_eq(trace, "ab.");
	ev_set(e, EPOLLIN);
	ev_run(loop);
	ck_assert_str_eq(trace, "ab.c.");
	ev_del(&e);
	io_close(&p[0]);
	io_close(&p[1]);
}
END_TEST

#define POSTS 20000

static int counted;

static void
count(void *arg)
{
	int *last = arg;

	counted++;
	if (last != NULL && --*last == 0)
		ev_stop(loop);
}

static void *
poster(void *arg)
{
	int i;

	for (i = 1; i < POSTS; i++)
		ev_post(loop, count, NULL);
	ev_post(loop, count, arg);
	return NULL;
}

START_TEST(ev_post__loses_nothing_from_other_threads)
{
	pthread_t t[2];
	int left = 2, i;

	counted = 0;
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, poster, &left), 0);
	ev_run(loop);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(counted, 2 * POSTS);
}
END_TEST

static void
post_again(void *arg)
{
	note(arg);
	if (traced < 3)
		ev_post(loop, post_again, arg);
	else
		ev_stop(loop);
}

START_TEST(ev_post__may_post_again)
{
	ev_post(loop, post_again, TEXT("p"));
	ev_run(loop);
	ck_assert_str_eq(trace, "ppp");
}
END_TEST

START_TEST(ev_loop_free__runs_what_was_posted)
{
	struct ev_loop *l = ev_loop_new();

	ev_post(l, note, TEXT("p"));
	ev_timer_add(l, 0, note, TEXT("t"));
	ev_loop_free(&l);
	ck_assert_ptr_null(l);
	ev_loop_free(&l);
	ck_assert_str_eq(trace, "p");
}
END_TEST

UNIT_TESTS(loop)
{
	TCase *t = tcase_create("loop");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, heap__gives_the_least_whatever_is_added_and_removed);
	tcase_add_test(t, ev_timer__fires_in_order);
	tcase_add_test(t, ev_timer__can_be_deleted_by_another_that_is_due_too);
	tcase_add_test(t, ev_del__holds_within_the_same_tick);
	tcase_add_test(t, ev__is_level_triggered_and_can_be_paused);
	tcase_add_test(t, ev_post__loses_nothing_from_other_threads);
	tcase_add_test(t, ev_post__may_post_again);
	tcase_add_test(t, ev_loop_free__runs_what_was_posted);
	return t;
}
