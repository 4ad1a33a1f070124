/* The worker pool. */
#include <check.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "net/pool.h"
#include "test/unit/unit.h"

struct echo {
	struct pool_task task;
	atomic_bool done;
	int far;
	atomic_int runs;
	atomic_int inside; /* workers in run() now */
	int pause_ms;	   /* how long run() takes */
};

/* Not freed by end(): the tests look at what has ended, too. */
static struct echo echoes[256];
static atomic_uint nechoes;
static struct pool *pool;
static atomic_int ended, twice;

static void
pause_ms(int ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

/* Sends back what it gets; "q" is the end. */
static enum pool_next
echo_run(struct pool_task *t)
{
	struct echo *e = (struct echo *)t;
	enum pool_next next = POOL_WAIT;
	char c;

	if (atomic_fetch_add(&e->inside, 1) != 0)
		atomic_fetch_add(&twice, 1);
	atomic_fetch_add(&e->runs, 1);
	if (e->pause_ms > 0)
		pause_ms(e->pause_ms);
	if (atomic_load(&t->stopping))
		next = POOL_DONE;
	while (next == POOL_WAIT) {
		ssize_t n = recv(t->fd, &c, 1, MSG_DONTWAIT);

		if (n < 0)
			break;
		if (n == 0 || c == 'q')
			next = POOL_DONE;
		else if (send(t->fd, &c, 1, MSG_NOSIGNAL) != 1)
			next = POOL_DONE;
	}
	atomic_fetch_sub(&e->inside, 1);
	return next;
}

static void
echo_end(struct pool_task *t)
{
	struct echo *e = (struct echo *)t;

	close(t->fd);
	atomic_fetch_add(&ended, 1);
	atomic_store(&e->done, true);
}

static struct echo *
echo_new(void)
{
	struct echo *e = &echoes[atomic_fetch_add(&nechoes, 1)];
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	memset(e, 0, sizeof *e);
	e->task.fd = fd[0];
	e->far = fd[1];
	e->task.run = echo_run;
	e->task.end = echo_end;
	return e;
}

static void
wait_for_int(atomic_int *v, int least)
{
	int64_t until = clk_mono() + 60000;

	while (atomic_load(v) < least && clk_mono() < until)
		pause_ms(1);
	ck_assert_int_ge(atomic_load(v), least);
}

static void
setup(void)
{
	pool = pool_new(8);
	atomic_store(&nechoes, 0);
	atomic_store(&ended, 0);
	atomic_store(&twice, 0);
}

static void
teardown(void)
{
	if (pool != NULL)
		ck_assert(pool_stop(pool, 3000));
	pool = NULL;
	ck_assert_int_eq(atomic_load(&twice), 0);
}

START_TEST(pool__runs_at_once_at_input_and_at_a_wake)
{
	struct echo *e = echo_new();
	int far = e->far;
	char c;

	pool_add(pool, &e->task);
	wait_for_int(&e->runs, 1);
	ck_assert_uint_eq(pool_count(pool), 1);
	pool_wake(&e->task);
	wait_for_int(&e->runs, 2);
	ck_assert_int_eq(io_write_all(far, "x", 1), RC_OK);
	ck_assert_int_eq(read(far, &c, 1), 1);
	ck_assert_int_eq(c, 'x');
	pause_ms(20);
	ck_assert_int_le(atomic_load(&e->runs), 4); /* it does not spin */
	ck_assert_int_eq(io_write_all(far, "q", 1), RC_OK);
	wait_for_int(&ended, 1);
	close(far);
}
END_TEST

START_TEST(pool_wake__while_it_runs_means_one_more_run)
{
	struct echo *e = echo_new();
	int far = e->far, i;

	e->pause_ms = 60;
	pool_add(pool, &e->task);
	wait_for_int(&e->inside, 1);
	for (i = 0; i < 50; i++)
		pool_wake(&e->task);
	wait_for_int(&e->runs, 2);
	pause_ms(200);
	ck_assert_int_eq(atomic_load(&e->runs), 2);
	close(far);
	wait_for_int(&ended, 1);
}
END_TEST

static void *
waker(void *arg)
{
	struct echo *e = arg;
	int i;

	for (i = 0; i < 5000; i++)
		pool_wake(&e->task);
	return NULL;
}

START_TEST(pool__ends_with_wakes_still_on_their_way)
{
	int round;

	for (round = 0; round < 30; round++) {
		struct echo *e = echo_new();
		int far = e->far;
		pthread_t t;

		pool_add(pool, &e->task);
		ck_assert_int_eq(pthread_create(&t, NULL, waker, e), 0);
		ck_assert_int_eq(io_write_all(far, "ab", 2), RC_OK);
		pthread_join(t, NULL);
		ck_assert_int_eq(io_write_all(far, "q", 1), RC_OK);
		wait_for_int(&ended, round + 1);
		close(far);
	}
	ck_assert_uint_eq(pool_count(pool), 0);
}
END_TEST

#define MANY 200

START_TEST(pool__many_tasks_on_few_threads)
{
	static int far[MANY];
	char c;
	int i, round;

	for (i = 0; i < MANY; i++) {
		struct echo *e = echo_new();

		far[i] = e->far;
		pool_add(pool, &e->task);
	}
	for (round = 0; round < 20; round++) {
		for (i = 0; i < MANY; i++)
			ck_assert_int_eq(io_write_all(far[i],
					     "ABCDEFGHIJKLMNOPQRST" + round, 1),
			    RC_OK);
		for (i = 0; i < MANY; i++) {
			ck_assert_int_eq(read(far[i], &c, 1), 1);
			ck_assert_int_eq(c, 'A' + round);
		}
	}
	ck_assert_uint_eq(pool_count(pool), MANY);
	for (i = 0; i < MANY; i++)
		close(far[i]);
	wait_for_int(&ended, MANY);
}
END_TEST

START_TEST(pool__a_slow_task_does_not_hold_the_others_up)
{
	struct echo *slow = echo_new(), *quick = echo_new();
	int far[2] = {slow->far, quick->far};
	int64_t start;
	char c;

	slow->pause_ms = 2500;
	pool_add(pool, &slow->task);
	wait_for_int(&slow->inside, 1);
	start = clk_mono();
	pool_add(pool, &quick->task);
	ck_assert_int_eq(io_write_all(far[1], "x", 1), RC_OK);
	ck_assert_int_eq(read(far[1], &c, 1), 1);
	ck_assert_int_lt(clk_mono() - start, 2200);
	close(far[0]);
	close(far[1]);
	wait_for_int(&ended, 2);
}
END_TEST

START_TEST(pool_tick__wakes_those_whose_time_has_come)
{
	struct echo *a = echo_new(), *b = echo_new();
	int far[2] = {a->far, b->far};

	atomic_store(&a->task.deadline, clk_mono() - 1);
	atomic_store(&b->task.deadline, clk_mono() + 100000);
	pool_add(pool, &a->task);
	pool_add(pool, &b->task);
	wait_for_int(&a->runs, 1);
	wait_for_int(&b->runs, 1);
	pause_ms(20);
	pool_tick(pool);
	wait_for_int(&a->runs, 2);
	pause_ms(20);
	ck_assert_int_eq(atomic_load(&b->runs), 1);
	close(far[0]);
	close(far[1]);
	wait_for_int(&ended, 2);
}
END_TEST

static bool
is_seven(struct pool_task *t, void *arg)
{
	(void)arg;
	return t->owner == 7;
}

START_TEST(pool_stop_some__stops_those_only)
{
	struct echo *a = echo_new(), *b = echo_new();
	int far[2] = {a->far, b->far};
	char c;

	a->task.owner = 7;
	pool_add(pool, &a->task);
	pool_add(pool, &b->task);
	pool_stop_some(pool, is_seven, NULL);
	wait_for_int(&ended, 1);
	ck_assert(atomic_load(&a->done) && !atomic_load(&b->done));
	ck_assert_int_eq(read(far[0], &c, 1), 0);
	pool_stop_some(pool, NULL, NULL);
	wait_for_int(&ended, 2);
	close(far[0]);
	close(far[1]);
}
END_TEST

START_TEST(pool_stop__waits_for_all_and_for_what_is_running)
{
	int far[50], i;

	for (i = 0; i < 50; i++) {
		struct echo *e = echo_new();

		far[i] = e->far;
		e->pause_ms = i % 10 == 0 ? 30 : 0;
		pool_add(pool, &e->task);
	}
	ck_assert(pool_stop(pool, 5000));
	pool = NULL;
	ck_assert_int_eq(atomic_load(&ended), 50);
	for (i = 0; i < 50; i++)
		close(far[i]);
}
END_TEST

static void *
adder(void *arg)
{
	int *far = arg, i;

	for (i = 0; i < 200; i++) {
		struct echo *e = echo_new();

		far[i] = e->far;
		pool_add(pool, &e->task);
	}
	return NULL;
}

START_TEST(pool_stop_some__may_run_while_tasks_come)
{
	static int far[200];
	pthread_t t;
	int i;

	ck_assert_int_eq(pthread_create(&t, NULL, adder, far), 0);
	for (i = 0; i < 100; i++)
		pool_stop_some(pool, NULL, NULL);
	pthread_join(t, NULL);
	pool_stop_some(pool, NULL, NULL);
	wait_for_int(&ended, 200);
	for (i = 0; i < 200; i++)
		close(far[i]);
}
END_TEST

UNIT_TESTS(pool)
{
	TCase *t = tcase_create("pool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pool__runs_at_once_at_input_and_at_a_wake);
	tcase_add_test(t, pool_wake__while_it_runs_means_one_more_run);
	tcase_add_test(t, pool__ends_with_wakes_still_on_their_way);
	tcase_add_test(t, pool__many_tasks_on_few_threads);
	tcase_add_test(t, pool__a_slow_task_does_not_hold_the_others_up);
	tcase_add_test(t, pool_tick__wakes_those_whose_time_has_come);
	tcase_add_test(t, pool_stop_some__stops_those_only);
	tcase_add_test(t, pool_stop__waits_for_all_and_for_what_is_running);
	tcase_add_test(t, pool_stop_some__may_run_while_tasks_come);
	return t;
}
