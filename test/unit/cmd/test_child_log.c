/* The logs of processes as the supervisor reads them: while they live, and at
 * their end. */
#include <unistd.h>

#include "base/sv.h"
#include "cmd/supervisor/child_log.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct child_logs *all;
static struct child_log *l;
static int out;

static void
setup(void)
{
	loop = ev_loop_new();
	all = child_logs_new(loop);
	l = child_log_new(all, "smtp", &out);
	ck_assert_ptr_nonnull(l);
}

static void
teardown(void)
{
	child_logs_free(&all);
	ev_loop_free(&loop);
}

static void
stop(void *arg)
{
	ev_stop(arg);
}

static void
run(int64_t ms)
{
	ck_assert_ptr_nonnull(ev_timer_add(loop, ms, stop, loop));
	ev_run(loop);
}

/* Between two looks nothing is read, but its end comes all the same. */
START_TEST(child_log__ends_in_a_pause)
{
	ck_assert_int_eq(write(out, "one\n", 4), 4);
	run(1);
	if (_i == 1)
		ck_assert_int_eq(write(out, "two\n", 4), 4);
	ck_assert_int_eq(close(out), 0);
	run(100);
	child_log_end(&l);
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(child_log__is_read_again_after_a_pause)
{
	char b[100];
	size_t n;
	int fd[2], err = dup(2), i;

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(dup2(fd[1], 2), 2);
	ck_assert_int_eq(write(out, "one\n", 4), 4);
	run(100);
	ck_assert_int_eq(write(out, "two\n", 4), 4);
	run(100);
	ck_assert_int_eq(dup2(err, 2), 2);
	(void)close(fd[1]);
	for (i = 0; i < 2; i++) {
		n = 0;
		do
			ck_assert_int_eq(read(fd[0], b + n, 1), 1);
		while (b[n++] != '\n' && n < 99);
		ck_assert(
		    sv_find(sv_of(b, n), i == 0 ? SV("one") : SV("two")) < n);
	}
	(void)close(fd[0]);
	(void)close(err);
	(void)close(out);
}
END_TEST

UNIT_TESTS(child_log)
{
	TCase *t = tcase_create("child_log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, child_log__ends_in_a_pause, 0, 2);
	tcase_add_test(t, child_log__is_read_again_after_a_pause);
	return t;
}
