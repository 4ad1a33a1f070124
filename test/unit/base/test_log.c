/* What strangers may write into the log, and counts that outlive a process. */
#include <check.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tally.h"
#include "test/unit/unit.h"

START_TEST(log_peer_may__has_an_end)
{
	unsigned missed, n = 0, i;
	char peer[40];

	for (i = 0; i < 1000; i++)
		n += log_peer_may("192.0.2.1", &missed);
	/* A minute may end meanwhile. */
	ck_assert_uint_ge(n, LOG_PEER_LINES);
	ck_assert_uint_le(n, 2 * LOG_PEER_LINES);
	/* The neighbour is the same network, another network is not. */
	n = log_peer_may("192.0.2.200", &missed);
	ck_assert_uint_eq(log_peer_may("198.51.100.1", &missed), 1);
	ck_assert_uint_eq(missed, 0);
	for (i = n = 0; i < 65536; i++) {
		(void)snprintf(
		    peer, sizeof peer, "10.%u.%u.1", i / 256, i % 256);
		n += log_peer_may(peer, &missed);
	}
	ck_assert_uint_ge(n, LOG_STRANGER_LINES / 2);
	ck_assert_uint_le(n, 3 * LOG_STRANGER_LINES);
}
END_TEST

static void
find_error(void *arg, enum log_level level, int64_t when, const char *text)
{
	unsigned *found = arg;

	(void)when;
	found[level == LOG_ERROR]++;
	ck_assert(level != LOG_WARN || strstr(text, "n=99") != NULL ||
		  strstr(text, "disk.slow") != NULL);
}

START_TEST(log_recent__strangers_hide_nothing)
{
	unsigned found[2] = {0, 0}, i;

	mlog(LOG_ERROR, "disk.fail", "text=x");
	for (i = 0; i < 100; i++) {
		mlog(LOG_WARN, "smtp.crowded", "n=%u", i);
		mlog(LOG_WARN, "accept.full", "n=%u", i);
		mlog(LOG_WARN, "starttls.dropped", "n=%u", i);
	}
	mlog(LOG_WARN, "disk.slow", "text=y");
	log_recent(find_error, found);
	ck_assert_uint_eq(found[1], 1);
	ck_assert_uint_eq(found[0], 4);
}
END_TEST

START_TEST(tally__outlives_a_process)
{
	struct tally_table *t;
	int fd = -1, status;
	pid_t pid;

	tally_add(TALLY_SUBMITTED, 1);
	t = tally_table_new(&fd);
	ck_assert_ptr_nonnull(t);
	pid = fork();
	if (pid == 0) {
		tally_use(fd);
		tally_add(TALLY_SUBMITTED, 2);
		tally_add(TALLY_REFUSED, 5);
		_exit(tally_day(TALLY_SUBMITTED) == 2 ? 0 : 1);
	}
	close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(tally_day(TALLY_SUBMITTED), 1);
	tally_merge(&t);
	ck_assert_ptr_null(t);
	tally_merge(&t);
	ck_assert_uint_eq(tally_day(TALLY_SUBMITTED), 3);
	ck_assert_uint_eq(tally_day(TALLY_REFUSED), 5);
	tally_use(-1); /* nothing is there: it goes on by itself */
	tally_add(TALLY_REFUSED, 1);
	ck_assert_uint_eq(tally_day(TALLY_REFUSED), 6);
}
END_TEST

UNIT_TESTS(log)
{
	TCase *t = tcase_create("log");

	tcase_add_test(t, log_peer_may__has_an_end);
	tcase_add_test(t, log_recent__strangers_hide_nothing);
	tcase_add_test(t, tally__outlives_a_process);
	return t;
}
