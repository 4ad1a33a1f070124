/* The spool: what is put in comes out, also after a restart. */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "queue/spool/spool.h"
#include "test/unit/spool/suites.h"

static char dir[64];
static int home = -1, dirfd_ = -1;
static struct spool *s;

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
again(void)
{
	struct err err = {0};
	int r;

	spool_close(&s);
	r = spool_open(dirfd_, NULL, &s, &err);
	ck_assert_msg(r == RC_OK, "%s: %s", rc_name(r), err.text);
}

static void
setup(void)
{
	home = open(".", O_RDONLY | O_DIRECTORY);
	strcpy(dir, "spool-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("log", 0700), 0);
	ck_assert_int_eq(mkdir("incoming", 0700), 0);
	dirfd_ = open(".", O_RDONLY | O_DIRECTORY);
	again();
}

static void
teardown(void)
{
	spool_close(&s);
	spool_close(&s);
	ck_assert_int_eq(fchdir(home), 0);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	io_close(&home);
	io_close(&dirfd_);
}

static const char *const both[] = {"anna", "ben"};

static int
put_fd(uint8_t id, int fd, uint64_t size, size_t naccount)
{
	struct spool_put p = {.delivery_id = {id},
	    .sender = SV("x@example.test"),
	    .account = both,
	    .naccount = naccount,
	    .fd = fd,
	    .size = size};
	struct err err = {0};

	return spool_put(s, &p, &err);
}

static int
put(uint8_t id, const char *text, size_t naccount)
{
	int fd = memfd_create("m", MFD_CLOEXEC), r;

	ck_assert_int_eq(io_write_all(fd, text, strlen(text)), RC_OK);
	r = put_fd(id, fd, strlen(text), naccount);
	close(fd);
	return r;
}

static void
expect_body(const struct spool_item *it, const char *want)
{
	struct err err = {0};
	char b[100] = "";
	int fd = -1;

	ck_assert_int_eq(spool_body(s, it, &fd, &err), RC_OK);
	ck_assert_int_eq(pread(fd, b, sizeof b - 1, 0), (ssize_t)strlen(want));
	ck_assert_str_eq(b, want);
	/* The receiver cannot change what the next one gets. */
	ck_assert_int_lt(pwrite(fd, "x", 1, 0), 0);
	close(fd);
}

START_TEST(spool__keeps_an_item_until_each_recipient_is_done)
{
	struct spool_item *it;
	size_t who = 99;
	int64_t wait = 0;

	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	ck_assert_uint_eq(spool_count(s), 1);
	it = spool_due(s, &who, &wait);
	ck_assert_ptr_nonnull(it);
	ck_assert_uint_eq(who, 0);
	ck_assert_str_eq(it->sender, "x@example.test");
	ck_assert_uint_eq(it->size, 5);
	expect_body(it, "hello");
	spool_outcome(s, it->seq, 0, true);
	again();
	it = spool_due(s, &who, &wait);
	ck_assert_ptr_nonnull(it);
	ck_assert_uint_eq(who, 1);
	ck_assert_str_eq(it->rcpt[1].account, "ben");
	ck_assert_uint_eq(it->delivery_id[0], 1);
	expect_body(it, "hello");
	spool_outcome(s, it->seq, 1, true);
	ck_assert_uint_eq(spool_count(s), 0);
	again();
	ck_assert_uint_eq(spool_count(s), 0);
	ck_assert_ptr_null(spool_due(s, &who, &wait));
	ck_assert_int_eq(wait, -1);
}
END_TEST

START_TEST(spool__survives_an_end_without_close)
{
	struct spool_item *it;
	struct err err = {0};
	int64_t wait;
	size_t who;
	pid_t pid;

	spool_close(&s);
	pid = fork();
	if (pid == 0) {
		int r = spool_open(dirfd_, NULL, &s, &err);

		_exit(r == RC_OK && put(1, "one", 1) == RC_OK &&
			      put(2, "two", 2) == RC_OK
			  ? 0
			  : 1);
	}
	ck_assert_int_gt(pid, 0);
	{
		int status = -1;

		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
	again();
	ck_assert_uint_eq(spool_count(s), 2);
	it = spool_due(s, &who, &wait);
	expect_body(it, "one");
	expect_body(it->next, "two");
}
END_TEST

START_TEST(spool__failed_attempts_wait_longer_each_time)
{
	struct spool_item *it;
	int64_t wait = 0, last = 0;
	size_t who;
	int i;

	ck_assert_int_eq(put(1, "hello", 1), RC_OK);
	it = spool_due(s, &who, &wait);
	for (i = 0; i < 15; i++) {
		spool_outcome(s, it->seq, 0, false);
		ck_assert_ptr_null(spool_due(s, &who, &wait));
		ck_assert_int_ge(wait, i == 0 ? 1000 : last - 100);
		ck_assert_int_le(wait, 15 * 60 * 1000);
		last = wait;
	}
	ck_assert_int_gt(last, 14 * 60 * 1000);
	spool_retry_all(s);
	ck_assert_ptr_eq(spool_due(s, &who, &wait), it);
	it->rcpt[0].in_hand = true;
	ck_assert_ptr_null(spool_due(s, &who, &wait));
	/* A restart tries at once. */
	again();
	ck_assert_ptr_nonnull(spool_due(s, &who, &wait));
}
END_TEST

START_TEST(spool_put__a_repeated_delivery_id_adds_nothing)
{
	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	ck_assert_uint_eq(spool_count(s), 1);
	again();
	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	ck_assert_uint_eq(spool_count(s), 1);
	ck_assert_int_eq(put(2, "hello", 2), RC_OK);
	ck_assert_uint_eq(spool_count(s), 2);
}
END_TEST

START_TEST(spool_put__refuses_a_descriptor_that_is_not_what_was_said)
{
	int fd = memfd_create("m", MFD_CLOEXEC), p[2];

	ck_assert_int_eq(io_write_all(fd, "hello", 5), RC_OK);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(put_fd(1, fd, 4, 1), RC_SYNTAX);
	ck_assert_int_eq(put_fd(1, fd, 6, 1), RC_SYNTAX);
	ck_assert_int_eq(put_fd(1, p[0], 5, 1), RC_SYNTAX);
	ck_assert_int_eq(put_fd(1, dirfd_, 5, 1), RC_SYNTAX);
	ck_assert_int_eq(put_fd(1, -1, 5, 1), RC_SYNTAX);
	ck_assert_int_eq(put_fd(1, fd, 5, 0), RC_SYNTAX); /* for nobody */
	ck_assert_uint_eq(spool_count(s), 0);
	ck_assert_int_eq(put_fd(1, fd, 5, 1), RC_OK);
	again();
	ck_assert_uint_eq(spool_count(s), 1);
	close(fd);
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(spool_outcome__of_what_is_not_there_does_nothing)
{
	struct spool_item *it;
	int64_t wait;
	size_t who;
	uint64_t seq;

	ck_assert_int_eq(put(1, "hello", 1), RC_OK);
	it = spool_due(s, &who, &wait);
	seq = it->seq;
	spool_outcome(s, seq + 1000, 0, true);
	spool_outcome(s, seq, 1, true);
	ck_assert_uint_eq(spool_count(s), 1);
	spool_outcome(s, seq, 0, true);
	spool_outcome(s, seq, 0, true);
	ck_assert_uint_eq(spool_count(s), 0);
}
END_TEST

START_TEST(spool_body__a_large_one_has_a_file_without_a_name)
{
	uint64_t size = (2 << 20) + 17;
	struct spool_item *it;
	struct err err = {0};
	struct stat st;
	int fd = -1, out = -1;
	int64_t wait;
	size_t who;

	ck_assert_int_eq(spool_tmpfile(&fd, &err), RC_OK);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(put_fd(1, fd, size, 1), RC_OK);
	it = spool_due(s, &who, &wait);
	ck_assert_int_eq(spool_body(s, it, &out, &err), RC_OK);
	ck_assert_int_eq(fstat(out, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, size);
	ck_assert_uint_eq(st.st_nlink, 0);
	ck_assert_int_eq(rmdir("incoming"), 0); /* it is empty */
	close(fd);
	close(out);
}
END_TEST

TCase *
spool_tests(void)
{
	TCase *t = tcase_create("spool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, spool__keeps_an_item_until_each_recipient_is_done);
	tcase_add_test(t, spool__survives_an_end_without_close);
	tcase_add_test(t, spool__failed_attempts_wait_longer_each_time);
	tcase_add_test(t, spool_put__a_repeated_delivery_id_adds_nothing);
	tcase_add_test(
	    t, spool_put__refuses_a_descriptor_that_is_not_what_was_said);
	tcase_add_test(t, spool_outcome__of_what_is_not_there_does_nothing);
	tcase_add_test(t, spool_body__a_large_one_has_a_file_without_a_name);
	return t;
}
