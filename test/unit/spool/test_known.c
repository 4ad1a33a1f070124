/* Whom the people here have written to. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "queue/spool/known.h"
#include "test/unit/unit.h"

#define DAY  (24ll * 3600 * 1000)
#define ANNA SV("anna")
#define BEN  SV("ben")
#define ANY  SV("")

static char dir[40];
static int dirfd_;
static struct known *k;

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static void
again(void)
{
	known_free(&k);
	k = known_open(dirfd_);
}

static void
start(void)
{
	strcpy(dir, "/tmp/known-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	again();
}

static void
stop(void)
{
	known_free(&k);
	io_close(&dirfd_);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

START_TEST(known__is_there_again)
{
	int i;

	known_add(k, ANNA, SV("Club@Lists.test"), 1000 * DAY);
	known_add(k, BEN, SV("x@y.test"), 1000 * DAY);
	for (i = 0; i < 2; i++, again()) {
		ck_assert(known_has(k, ANY, SV("club@lists.test")));
		ck_assert(known_has(k, ANNA, SV("CLUB@lists.test")));
		ck_assert(!known_has(k, BEN, SV("club@lists.test")));
		ck_assert(known_has(k, BEN, SV("x@y.test")));
		ck_assert(!known_has(k, ANY, SV("y@y.test")));
		ck_assert(!known_has(k, ANY, SV("")));
		ck_assert_uint_eq(known_count(k), 2);
	}
}
END_TEST

/* Who asks a list to take them will get mail of the list. */
START_TEST(known__knows_the_list_of_a_request)
{
	known_add(k, ANNA, SV("Club-request@lists.test"), DAY);
	known_add(k, ANNA, SV("dance+subscribe@lists.test"), DAY);
	ck_assert(known_has(k, ANY, SV("club-request@lists.test")));
	ck_assert(known_has(k, ANY, SV("club@lists.test")));
	ck_assert(known_has(k, ANY, SV("dance@lists.test")));
	ck_assert(!known_has(k, ANY, SV("lists.test")));
}
END_TEST

static void
add_many(struct sv account, unsigned n, int64_t first_day)
{
	char address[40];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(address, sizeof address, "x%u@%.*s.test", i,
		    SV_ARG(account));
		known_add(
		    k, account, sv_str(address), (first_day + i / 100) * DAY);
	}
}

/* One who writes to many makes nobody else's be forgotten. */
START_TEST(known__is_bounded_for_an_account)
{
	known_add(k, BEN, SV("friend@y.test"), DAY);
	add_many(ANNA, 3 * KNOWN_OF_ACCOUNT, 1000);
	ck_assert_uint_le(known_count(k), KNOWN_OF_ACCOUNT + 1);
	ck_assert_uint_gt(known_count(k), KNOWN_OF_ACCOUNT / 2);
	ck_assert(known_has(k, ANY, SV("friend@y.test")));
	ck_assert(!known_has(k, ANY, SV("x0@anna.test")));
	ck_assert(known_has(k, ANY, SV("x12287@anna.test")));
	again();
	ck_assert(known_has(k, ANY, SV("friend@y.test")));
	ck_assert(known_has(k, ANY, SV("x12287@anna.test")));
	ck_assert_uint_le(known_count(k), KNOWN_OF_ACCOUNT + 1);
}
END_TEST

START_TEST(known__is_bounded_for_all)
{
	char account[20];
	unsigned i;

	for (i = 0; i < 20; i++) {
		(void)snprintf(account, sizeof account, "a%u", i);
		add_many(sv_str(account), KNOWN_OF_ACCOUNT, 1000 + i);
	}
	ck_assert_uint_le(known_count(k), KNOWN_OF_ALL);
	ck_assert(known_has(k, ANY, SV("x4095@a19.test")));
	ck_assert(!known_has(k, ANY, SV("x0@a0.test")));
}
END_TEST

static off_t
file_size(void)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dirfd_, "known", &st, 0), 0);
	return st.st_size;
}

/* Writing to the same people every day must not fill the disk. */
START_TEST(known__does_not_grow)
{
	off_t size;
	int i;

	known_add(k, ANNA, SV("x@y.test"), DAY);
	size = file_size();
	for (i = 0; i < 6; i++)
		known_add(k, ANNA, SV("x@y.test"), (2 + i) * DAY);
	ck_assert_int_eq(file_size(), size);
	for (i = 0; i < 10000; i++)
		known_add(k, ANNA, SV("x@y.test"), (10 + 7 * i) * DAY);
	ck_assert_int_lt(file_size(), 40000);
	again();
	ck_assert(known_has(k, ANNA, SV("x@y.test")));
}
END_TEST

/* Whatever a crash or a disk has made of the file. */
START_TEST(known__survives_damage)
{
	int fd, i;

	known_add(k, ANNA, SV("a@y.test"), DAY);
	known_add(k, ANNA, SV("b@y.test"), DAY);
	known_free(&k);
	fd = openat(dirfd_, "known", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	switch (_i) {
	case 0: /* half an entry */
		ck_assert_int_eq(ftruncate(fd, 32 + 24 + 11), 0);
		break;
	case 1: /* one wrong byte in the first */
		ck_assert_int_eq(pwrite(fd, "!", 1, 32 + 17), 1);
		break;
	case 2: /* the head */
		ck_assert_int_eq(pwrite(fd, "!", 1, 3), 1);
		break;
	case 3:
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		break;
	default: /* of a later version */
		ck_assert_int_eq(pwrite(fd, "\2", 1, 15), 1);
		break;
	}
	(void)close(fd);
	k = known_open(dirfd_);
	ck_assert(known_has(k, ANNA, SV("a@y.test")) == (_i == 0));
	ck_assert(known_has(k, ANNA, SV("b@y.test")) == (_i == 1));
	known_add(k, ANNA, SV("c@y.test"), DAY);
	for (i = 0; i < 2; i++, again())
		ck_assert(known_has(k, ANNA, SV("c@y.test")));
}
END_TEST

/* Where it cannot be written there is no memory, and no harm. */
START_TEST(known__does_without_a_folder)
{
	known_free(&k);
	k = known_open(-1);
	known_add(k, ANNA, SV("a@y.test"), DAY);
	ck_assert(known_has(k, ANNA, SV("a@y.test")));
	known_sync(k);
}
END_TEST

UNIT_TESTS(known)
{
	TCase *tc = tcase_create("known");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, known__is_there_again);
	tcase_add_test(tc, known__knows_the_list_of_a_request);
	tcase_add_test(tc, known__is_bounded_for_an_account);
	tcase_add_test(tc, known__is_bounded_for_all);
	tcase_add_test(tc, known__does_not_grow);
	tcase_add_loop_test(tc, known__survives_damage, 0, 5);
	tcase_add_test(tc, known__does_without_a_folder);
	return tc;
}
