/* Strangers who were asked to come again: when they pass, and for how long. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "base/clk.h"
#include "journal/crc32c.h"
#include "queue/spool/grey.h"
#include "test/unit/unit.h"

#define S    1000ll
#define DAY  (24 * 60 * 60 * S)
#define T0   (20000 * DAY)
#define YEAR (365 * DAY)

static char folder[] = "/tmp/hearthmail-grey.XXXXXX";
static int dirfd_;
static struct grey *g;
static int64_t start; /* of the test, by the clock that grey_open reads */

static void
setup(void)
{
	(void)snprintf(folder, sizeof folder, "/tmp/hearthmail-grey.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dirfd_ = open(folder, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dirfd_, 0);
	start = clk_mono();
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
	return grey_pass(g, sv_str(triple), T0 + after, start + after);
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
	ck_assert(!grey_pass(g, SV("a"), T0 - DAY, start + S));
	ck_assert(grey_pass(
	    g, SV("a"), T0 - DAY + GREY_WAIT_S * S, start + GREY_WAIT_S * S));
	/* Years ahead, and back: nobody is a stranger again. */
	ck_assert(
	    grey_pass(g, SV("a"), T0 + 10 * YEAR, start + 2 * GREY_WAIT_S * S));
	again();
	ck_assert(
	    grey_pass(g, SV("a"), T0 + 10 * YEAR, start + 3 * GREY_WAIT_S * S));
	ck_assert(grey_pass(g, SV("a"), T0, start + 4 * GREY_WAIT_S * S));
}
END_TEST

START_TEST(grey__is_bounded)
{
	char name[32];
	unsigned i;

	ck_assert(!pass("friend", 0));
	ck_assert(pass("friend", GREY_WAIT_S * S));
	for (i = 0; i < 2 * GREY_ROWS; i++) {
		(void)snprintf(name, sizeof name, "%u bot", i);
		ck_assert(!pass(name, GREY_WAIT_S * S + i));
	}
	ck_assert_uint_le(grey_count(g), GREY_ROWS);
	ck_assert(pass("friend", DAY));
	again();
	ck_assert_uint_gt(grey_count(g), GREY_ROWS / 2);
	ck_assert(pass("friend", DAY));
}
END_TEST

static void
flood(const char *before, const char *behind, unsigned n, int64_t after)
{
	char name[80];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(
		    name, sizeof name, "%s%04x%s", before, i, behind);
		ck_assert(!pass(name, after));
	}
}

/* One network, with all of its /64s, or senders: others wait and pass. */
START_TEST(grey__one_network_drives_nobody_out)
{
	static const char *const floods[][2] = {
	    {"0620010db80001", "0000000000000000 x@y z"},
	    {"04c6336400000000000000000000000000 ", "@y z"}};
	const char *const *f = floods[_i];
	char name[80];

	ck_assert(!pass("0420010db8 x@y z", 0));
	flood(f[0], f[1], 3 * GREY_ROWS, S);
	ck_assert_uint_eq(grey_count(g), 1 + GREY_WAITING);
	ck_assert(pass("0420010db8 x@y z", GREY_WAIT_S * S));
	/* Its newest are still there, also after a restart, and wait. */
	again();
	(void)snprintf(
	    name, sizeof name, "%s%04x%s", f[0], 3 * GREY_ROWS - 1, f[1]);
	ck_assert(pass(name, GREY_WAIT_S * S + S));
	(void)snprintf(name, sizeof name, "%s%04x%s", f[0], 0, f[1]);
	ck_assert(!pass(name, GREY_WAIT_S * S + S));
	ck_assert_uint_eq(grey_count(g), 1 + 1 + GREY_WAITING);
}
END_TEST

/* One network that comes again patiently, with all of its addresses: it loses
 * its own, and those of others that have passed stay. */
START_TEST(grey__one_network_passes_so_often)
{
	static const char *const all[][2] = {
	    {"0620010db80001", "0000000000000000 x@y z"},
	    {"04c6336400000000000000000000000000 ", "@y z"}};
	const char *const *f = all[_i];
	char name[80];
	unsigned i;

	ck_assert(!pass("0420010db8 x@y z", 0));
	ck_assert(pass("0420010db8 x@y z", GREY_WAIT_S * S));
	for (i = 0; i < GREY_ROWS; i++) {
		(void)snprintf(name, sizeof name, "%s%04x%s", f[0], i, f[1]);
		ck_assert(!pass(name, DAY + i * S));
		ck_assert(pass(name, DAY + i * S + GREY_WAIT_S * S));
	}
	ck_assert_uint_eq(grey_count(g), 1 + GREY_PASSED);
	again();
	ck_assert(pass("0420010db8 x@y z", 2 * DAY));
	ck_assert(pass(name, 2 * DAY));
	(void)snprintf(name, sizeof name, "%s%04x%s", f[0], 0, f[1]);
	ck_assert(!pass(name, 2 * DAY));
}
END_TEST

/* Full of those that have passed: who waits is not driven out at once, and
 * those of them who came last stay. */
START_TEST(grey__who_waits_has_room)
{
	char name[32];
	unsigned i;

	for (i = 0; i < GREY_ROWS; i++) {
		(void)snprintf(name, sizeof name, "%u old", i);
		ck_assert(!pass(name, i * S));
		ck_assert(pass(name, i * S + GREY_WAIT_S * S));
	}
	ck_assert(!pass("waits", 6 * 60 * 60 * S));
	ck_assert_uint_eq(grey_count(g), GREY_ROWS / 4 * 3 + 1);
	flood("", " bot", GREY_ROWS / 8 + 100, 6 * 60 * 60 * S + S);
	ck_assert(pass("waits", 7 * 60 * 60 * S));
	ck_assert(pass(name, 7 * 60 * 60 * S));
	ck_assert(!pass("0 old", 7 * 60 * 60 * S));
	flood("", " more", GREY_ROWS, 8 * 60 * 60 * S);
	ck_assert(pass("3fff more", 9 * 60 * 60 * S));
	ck_assert(pass(name, 9 * 60 * 60 * S));
}
END_TEST

START_TEST(grey__what_is_over_goes_first)
{
	ck_assert(!pass("friend", 0));
	ck_assert(pass("friend", DAY));
	flood("", " bot", GREY_ROWS - 1, DAY);
	ck_assert_uint_eq(grey_count(g), GREY_ROWS);
	ck_assert(!pass("waits", 4 * DAY));
	ck_assert_uint_eq(grey_count(g), 2);
	ck_assert(pass("waits", 5 * DAY));
	ck_assert(pass("friend", 5 * DAY));
}
END_TEST

/* A file without networks: nobody is forgotten. */
START_TEST(grey__reads_the_version_before)
{
	char b[512];
	ssize_t n;
	int fd;

	ck_assert(!pass("a", 0));
	ck_assert(pass("a", GREY_WAIT_S * S));
	ck_assert(!pass("b", 0));
	grey_sync(g);
	fd = openat(dirfd_, "grey", O_RDWR);
	n = read(fd, b, sizeof b);
	ck_assert_int_eq(n, 88 + 2 * 24 + 4);
	b[6] = '1';
	(void)memmove(b + 88 + 20, b + 88 + 24, 20);
	be_put32(b + 88 + 40, crc32c(0, b, 88 + 40));
	ck_assert_int_eq(pwrite(fd, b, 88 + 44, 0), 88 + 44);
	ck_assert_int_eq(ftruncate(fd, 88 + 44), 0);
	(void)close(fd);
	{
		struct grey *other = grey_open(dirfd_);

		ck_assert_uint_eq(grey_count(other), 2);
		ck_assert(grey_pass(other, SV("a"), T0 + S, start));
		ck_assert(
		    grey_pass(other, SV("b"), T0 + GREY_WAIT_S * S, start));
		grey_free(&other);
	}
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
	tcase_add_loop_test(tc, grey__one_network_drives_nobody_out, 0, 2);
	tcase_add_loop_test(tc, grey__one_network_passes_so_often, 0, 2);
	tcase_add_test(tc, grey__who_waits_has_room);
	tcase_add_test(tc, grey__what_is_over_goes_first);
	tcase_add_test(tc, grey__reads_the_version_before);
	tcase_add_loop_test(tc, grey__damaged, 0, 4);
	return tc;
}
