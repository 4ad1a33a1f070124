/* Strangers who were asked to come again: when they pass, and for how long. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue/spool/grey.h"
#include "test/unit/unit.h"

#define S    1000ll
#define DAY  (24 * 60 * 60 * S)
#define T0   (20000 * DAY)
#define MONO (1000 * S)
#define YEAR (365 * DAY)

static char folder[] = "/tmp/hearthmail-grey.XXXXXX";
static int dirfd_;
static struct grey *g;

static void
setup(void)
{
	(void)snprintf(folder, sizeof folder, "/tmp/hearthmail-grey.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dirfd_ = open(folder, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dirfd_, 0);
	g = grey_open(dirfd_);
}

static void
teardown(void)
{
	grey_free(&g);
	(void)unlinkat(dirfd_, "grey", 0);
	(void)unlinkat(dirfd_, "grey.new", 0);
	(void)close(dirfd_);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void
again(void)
{
	grey_free(&g);
	g = grey_open(dirfd_);
}

static bool
pass(const char *triple, int64_t after)
{
	return grey_pass(g, sv_str(triple), T0 + after, MONO + after);
}

START_TEST(grey__after_five_minutes)
{
	ck_assert(!pass("a", 0));
	ck_assert(!pass("a", GREY_WAIT_S * S - S));
	ck_assert(!pass("b", GREY_WAIT_S * S));
	ck_assert(pass("a", GREY_WAIT_S * S));
	ck_assert(pass("a", GREY_WAIT_S * S + S));
	/* Each time it comes it is remembered for as long. */
	ck_assert(pass("a", 35 * DAY));
	ck_assert(pass("a", 70 * DAY));
	ck_assert(!pass("a", 107 * DAY));
	ck_assert(pass("a", 108 * DAY));
}
END_TEST

START_TEST(grey__within_two_days)
{
	ck_assert(!pass("a", 0));
	ck_assert(pass("a", GREY_WINDOW_S * S));
	ck_assert(!pass("b", 0));
	ck_assert(!pass("b", GREY_WINDOW_S * S + S));
	ck_assert(pass("b", GREY_WINDOW_S * S + S + GREY_WAIT_S * S));
}
END_TEST

START_TEST(grey__outlives_a_restart)
{
	ck_assert(!pass("a", 0));
	ck_assert(!pass("b", 0));
	ck_assert(pass("a", GREY_WAIT_S * S));
	again();
	ck_assert_uint_eq(grey_count(g), 2);
	ck_assert(pass("a", GREY_WAIT_S * S));
	ck_assert(!pass("b", GREY_WAIT_S * S - S));
	ck_assert(pass("b", GREY_WAIT_S * S));
}
END_TEST

/* Killed, it has what was synced. */
START_TEST(grey__syncs)
{
	struct grey *other;

	ck_assert(!pass("a", 0));
	grey_sync(g);
	other = grey_open(dirfd_);
	ck_assert_uint_eq(grey_count(other), 1);
	ck_assert(!pass("b", 0));
	grey_free(&other);
}
END_TEST

START_TEST(grey__clocks_that_step)
{
	/* Back by a day: it waits for five minutes all the same. */
	ck_assert(!pass("a", 0));
	ck_assert(!grey_pass(g, SV("a"), T0 - DAY, MONO + S));
	ck_assert(grey_pass(
	    g, SV("a"), T0 - DAY + GREY_WAIT_S * S, MONO + GREY_WAIT_S * S));
	/* Years ahead, and back: nobody is a stranger again. */
	ck_assert(
	    grey_pass(g, SV("a"), T0 + 10 * YEAR, MONO + 2 * GREY_WAIT_S * S));
	again();
	ck_assert(
	    grey_pass(g, SV("a"), T0 + 10 * YEAR, MONO + 3 * GREY_WAIT_S * S));
	ck_assert(grey_pass(g, SV("a"), T0, MONO + 4 * GREY_WAIT_S * S));
}
END_TEST

START_TEST(grey__is_bounded)
{
	char name[32];
	unsigned i;

	ck_assert(!pass("friend", 0));
	ck_assert(pass("friend", GREY_WAIT_S * S));
	for (i = 0; i < 2 * GREY_ROWS; i++) {
		(void)snprintf(name, sizeof name, "bot %u", i);
		ck_assert(!pass(name, GREY_WAIT_S * S + i));
	}
	ck_assert_uint_le(grey_count(g), GREY_ROWS);
	ck_assert(pass("friend", DAY));
	again();
	ck_assert_uint_gt(grey_count(g), GREY_ROWS / 2);
	ck_assert(pass("friend", DAY));
}
END_TEST

/* Cut, changed, or of somebody else: it begins anew. */
START_TEST(grey__damaged)
{
	char b[4096];
	ssize_t n;
	int fd;

	ck_assert(!pass("a", 0));
	grey_sync(g);
	fd = openat(dirfd_, "grey", O_RDWR);
	n = read(fd, b, sizeof b);
	ck_assert_int_gt(n, 40);
	if (_i == 0)
		ck_assert_int_eq(ftruncate(fd, n - 5), 0);
	else if (_i == 1)
		ck_assert_int_eq(pwrite(fd, "x", 1, n / 2), 1);
	else if (_i == 2)
		ck_assert_int_eq(ftruncate(fd, 0), 0);
	else
		ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	(void)close(fd);
	{
		struct grey *other = grey_open(dirfd_);

		ck_assert_uint_eq(grey_count(other), 0);
		grey_free(&other);
	}
}
END_TEST

UNIT_TESTS(grey)
{
	TCase *tc = tcase_create("grey");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, grey__after_five_minutes);
	tcase_add_test(tc, grey__within_two_days);
	tcase_add_test(tc, grey__outlives_a_restart);
	tcase_add_test(tc, grey__syncs);
	tcase_add_test(tc, grey__clocks_that_step);
	tcase_add_test(tc, grey__is_bounded);
	tcase_add_loop_test(tc, grey__damaged, 0, 4);
	return tc;
}
