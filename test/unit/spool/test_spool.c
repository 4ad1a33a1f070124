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

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "queue/spool/spool_priv.h"
#include "test/unit/folder.h"
#include "test/unit/unit.h"

static char dir[UNIT_FOLDER_MAX];
static int home = -1, dirfd_ = -1;
static struct spool *s;
static const struct journal_io *disk; /* NULL: the real one */

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static char places[200];

static void
place(void *arg, struct sv name, int64_t when, int64_t next, unsigned failures,
    struct sv reply_text)
{
	size_t n = strlen(places);

	(void)arg;
	ck_assert_int_gt(when, 0);
	(void)snprintf(places + n, sizeof places - n, "%.*s %u %lld %.*s;",
	    SV_ARG(name), failures, (long long)next, SV_ARG(reply_text));
}

static void
again(void)
{
	struct err err = {0};
	int r;

	spool_close(&s);
	r = spool_open(dirfd_, disk, place, NULL, &s, &err);
	ck_assert_msg(r == RC_OK, "%s: %s", rc_name(r), err.text);
}

static void
setup(void)
{
	disk = NULL;
	home = open(".", O_RDONLY | O_DIRECTORY);
	unit_folder(dir, "spool");
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

static const struct queue_to both[] = {{.address = {"anna", 4}, .local = true},
    {.address = {"x@example.test", 14}}};

static int
put_fd(uint8_t id, int fd, uint64_t size, size_t nto)
{
	struct spool_put p = {.delivery_id = {id},
	    .sender = SV("y@example.org"),
	    .owner = SV("ben"),
	    .flags = SPOOL_BARE,
	    .front = id == 9 ? SV("front ") : SV(""),
	    .to = both,
	    .nto = nto,
	    .fd = fd,
	    .size = size,
	    .size_max = 1 << 30};
	struct err err = {0};
	struct spool_item *it = NULL;
	int r = spool_put(s, &p, &it, &err);

	if (r == RC_OK) {
		ck_assert_ptr_nonnull(it);
		ck_assert_int_eq(spool_flush(s), RC_OK);
	}
	return r;
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

	ck_assert_int_eq(spool_body(s, it, SV(""), &fd, &err), RC_OK);
	ck_assert_int_eq(pread(fd, b, sizeof b - 1, 0), (ssize_t)strlen(want));
	ck_assert_str_eq(b, want);
	/* The receiver cannot change what the next one gets. */
	ck_assert_int_lt(pwrite(fd, "x", 1, 0), 0);
	close(fd);
}

/* Settles, and forgets what is done. */
static void
settle(struct spool_item *it, size_t rcpt, enum spool_outcome outcome)
{
	spool_settle(s, it, rcpt, outcome, SV("250 fine"));
	ck_assert(spool_pending(s));
	(void)spool_drop_if_done(s, it);
	ck_assert_int_eq(spool_flush(s), RC_OK);
}

START_TEST(spool__keeps_an_item_until_each_recipient_is_done)
{
	struct spool_item *it;

	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	it = spool_first(s);
	ck_assert_str_eq(it->sender, "y@example.org");
	ck_assert_uint_eq(it->size, 5);
	expect_body(it, "hello");
	settle(it, 0, SPOOL_DELIVERED);
	again();
	it = spool_first(s);
	ck_assert_ptr_nonnull(it);
	ck_assert_int_eq(it->rcpt[0].outcome, SPOOL_DELIVERED);
	ck_assert_int_eq(it->rcpt[1].outcome, SPOOL_WAITS);
	ck_assert_str_eq(it->rcpt[1].address, "x@example.test");
	ck_assert(it->rcpt[0].local && !it->rcpt[1].local);
	ck_assert_str_eq(it->owner, "ben");
	ck_assert_uint_eq(it->flags, SPOOL_BARE);
	ck_assert_uint_eq(it->delivery_id[0], 1);
	expect_body(it, "hello");
	settle(it, 1, SPOOL_FAILED);
	ck_assert_uint_eq(spool_count(s), 0);
	again();
	ck_assert_uint_eq(spool_count(s), 0);
	ck_assert_ptr_null(spool_first(s));
}
END_TEST

START_TEST(spool__remembers_tries_places_marks_and_steps)
{
	struct spool_item *it;
	int64_t arrived;

	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	it = spool_first(s);
	arrived = it->arrived;
	spool_tried(s, it, 1, 12345, SV("450 later"));
	spool_tried(s, it, 1, 23456, SV("451 later still"));
	spool_place(s, "example.test", 34567, 3, SV("no answer"));
	spool_hold(s, it, 1, true);
	spool_delay_reported(s, it);
	clk_set_offset(1000000);
	spool_stepped(s, 1000000);
	ck_assert_int_eq(put(2, "later", 1), RC_OK);
	places[0] = '\0';
	again();
	it = spool_first(s);
	ck_assert_uint_eq(it->nattempt, 2);
	ck_assert_str_eq(it->attempt[0].reply_text, "450 later");
	ck_assert_str_eq(it->attempt[1].reply_text, "451 later still");
	ck_assert_uint_eq(it->rcpt[1].attempts, 2);
	ck_assert_int_eq(it->rcpt[1].next_try, 23456);
	ck_assert_str_eq(places, "example.test 3 34567 no answer;");
	ck_assert(it->rcpt[1].held && !it->rcpt[0].held && it->delay_reported);
	ck_assert_int_eq(it->arrived, arrived + 1000000);
	ck_assert(!it->next->rcpt[0].held && !it->next->delay_reported);
	ck_assert_int_lt(it->next->arrived, arrived + 1500000);
	clk_set_offset(0);
	spool_hold(s, it, 1, false);
	ck_assert_int_eq(spool_flush(s), RC_OK);
	again();
	ck_assert(!spool_first(s)->rcpt[1].held);
}
END_TEST

START_TEST(spool__keeps_the_first_and_the_newest_attempts)
{
	struct spool_item *it;
	char text[20];
	int i;

	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	it = spool_first(s);
	for (i = 0; i < 250; i++) {
		(void)snprintf(text, sizeof text, "%d", i);
		spool_tried(s, it, 1, 0, sv_str(text));
	}
	ck_assert_uint_eq(it->nattempt, 100);
	ck_assert_str_eq(it->attempt[0].reply_text, "0");
	ck_assert_str_eq(it->attempt[1].reply_text, "151");
	ck_assert_str_eq(it->attempt[99].reply_text, "249");
}
END_TEST

START_TEST(spool_report__takes_the_place_of_what_it_is_about)
{
	struct queue_to to = {.address = SV("ben"), .local = true};
	struct spool_put p = {.delivery_id = {77},
	    .sender = SV(""),
	    .to = &to,
	    .nto = 1,
	    .fd = -1,
	    .bytes = SV("sorry"),
	    .flags = SPOOL_REPORT};
	struct spool_item *it, *letter = NULL;
	struct err err = {0};
	size_t who = 1;

	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	it = spool_first(s);
	ck_assert_int_eq(
	    spool_report(s, &p, it, &who, 1, SPOOL_WAITS, &letter, &err),
	    RC_OK);
	ck_assert(it->delay_reported);
	p.delivery_id[0] = 78;
	ck_assert_int_eq(
	    spool_report(s, &p, it, &who, 1, SPOOL_FAILED, &letter, &err),
	    RC_OK);
	ck_assert_int_eq(it->rcpt[1].outcome, SPOOL_FAILED);
	ck_assert_int_eq(it->rcpt[0].outcome, SPOOL_WAITS);
	ck_assert_int_eq(spool_flush(s), RC_OK);
	again();
	ck_assert_uint_eq(spool_count(s), 3);
	it = spool_first(s);
	ck_assert(it->delay_reported);
	ck_assert_int_eq(it->rcpt[1].outcome, SPOOL_FAILED);
	ck_assert_str_eq(it->next->sender, "");
	expect_body(it->next->next, "sorry");
	ck_assert_uint_eq(it->next->flags, SPOOL_REPORT);
}
END_TEST

START_TEST(spool_put__sees_eight_bits_and_puts_the_front_before)
{
	ck_assert_int_eq(put(9,
			     "gr\xc3\xbc\xc3\x9f"
			     "e",
			     2),
	    RC_OK);
	ck_assert_uint_eq(spool_first(s)->flags, SPOOL_BARE | SPOOL_EIGHT_BIT);
	expect_body(spool_first(s), "front gr\xc3\xbc\xc3\x9f"
				    "e");
	again();
	expect_body(spool_first(s), "front gr\xc3\xbc\xc3\x9f"
				    "e");
}
END_TEST

START_TEST(spool_open__a_record_of_a_newer_version_is_refused_by_name)
{
	/* Wrong lengths and unknown tags, straight into the parser. */
	static const struct {
		const char *bytes;
		size_t n;
		int rc;
	} rows[] = {
	    {"\x80\x04\0\0\0\0\x80\x05\0\0\0\1a", 13, RC_OK},
	    {"\x80\x04\0\0\0\0", 6, RC_DAMAGED}, /* for nobody */
	    {"\x80\x04\0\0\0\1", 6, RC_DAMAGED},
	    {"\x80\x04\0\0\0", 5, RC_DAMAGED},
	    {"\x80\x01\0\0\0\0", 6, RC_DAMAGED},
	    {"\x80\x7f\0\0\0\0", 6, RC_NOSUPPORT},
	    {"\x00\x7f\0\0\0\0\x80\x04\0\0\0\0\x80\x05\0\0\0\1a", 19, RC_OK},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spool_item *it = calloc(1, sizeof *it);

		ck_assert_int_eq(
		    record_item_parse(sv_of(rows[i].bytes, rows[i].n), it),
		    rows[i].rc);
		item_free(it);
	}
}
END_TEST

START_TEST(spool__survives_an_end_without_close)
{
	struct err err = {0};
	pid_t pid;
	int status = -1;

	spool_close(&s);
	pid = fork();
	if (pid == 0) {
		int r = spool_open(dirfd_, NULL, NULL, NULL, &s, &err);

		_exit(r == RC_OK && put(1, "one", 1) == RC_OK &&
			      put(2, "two", 2) == RC_OK
			  ? 0
			  : 1);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	again();
	ck_assert_uint_eq(spool_count(s), 2);
	expect_body(spool_first(s), "one");
	expect_body(spool_first(s)->next, "two");
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

START_TEST(spool_body__a_large_one_has_a_file_without_a_name)
{
	uint64_t size = (2 << 20) + 17;
	struct spool_item *it;
	struct err err = {0};
	struct stat st;
	int fd = -1, out = -1;

	ck_assert_int_eq(spool_tmpfile(&fd, NULL, &err), RC_OK);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(put_fd(1, fd, size, 1), RC_OK);
	it = spool_first(s);
	ck_assert_int_eq(
	    spool_body(s, it, SV("Return-Path: <>\r\n"), &out, &err), RC_OK);
	ck_assert_int_eq(fstat(out, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, size + 17);
	ck_assert_uint_eq(st.st_nlink, 0);
	ck_assert_int_eq(rmdir("incoming"), 0); /* it is empty */
	close(fd);
	close(out);
}
END_TEST

/* ---- what holds others back is written anew ---- */

static uint64_t used;

static int
add_size(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)path;
	(void)type;
	(void)ftw;
	used += (uint64_t)sb->st_size;
	return 0;
}

static uint64_t
log_bytes(void)
{
	used = 0;
	ck_assert_int_eq(nftw("log", add_size, 16, FTW_PHYS), 0);
	return used;
}

/* One that waits since long ago, and after it a hundred megabytes of letters
 * that are delivered. */
static void
outlive(void)
{
	uint64_t size = 4 << 20;
	int fd = memfd_create("m", MFD_CLOEXEC);
	struct spool_item *it;
	int i;

	ck_assert_int_eq(put(1, "hello", 2), RC_OK);
	it = spool_first(s);
	spool_tried(s, it, 1, 12345, SV("450 later"));
	spool_tried(s, it, 1, 23456, SV("451 later still"));
	spool_delay_reported(s, it);
	spool_hold(s, it, 1, true);
	settle(it, 0, SPOOL_DELIVERED);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	for (i = 0; i < 25; i++) {
		ck_assert_int_eq(
		    put_fd((uint8_t)(100 + i), fd, size, 1), RC_OK);
		settle(spool_first(s)->next, 0, SPOOL_DELIVERED);
	}
	close(fd);
	ck_assert_uint_gt(log_bytes(), 90u << 20);
}

static void
expect_outlived(uint64_t name)
{
	struct spool_item *it = spool_first(s);

	ck_assert_uint_eq(spool_count(s), 1);
	ck_assert_uint_eq(it->seq, name);
	ck_assert_uint_eq(it->delivery_id[0], 1);
	ck_assert_str_eq(it->sender, "y@example.org");
	ck_assert_str_eq(it->owner, "ben");
	ck_assert_uint_eq(it->nrcpt, 2);
	ck_assert_int_eq(it->rcpt[0].outcome, SPOOL_DELIVERED);
	ck_assert(it->rcpt[0].local && !it->rcpt[1].local);
	ck_assert_int_eq(it->rcpt[1].outcome, SPOOL_WAITS);
	ck_assert_uint_eq(it->rcpt[1].attempts, 2);
	ck_assert_int_eq(it->rcpt[1].next_try, 23456);
	ck_assert_uint_eq(it->nattempt, 2);
	ck_assert_str_eq(it->attempt[0].reply_text, "450 later");
	ck_assert_str_eq(it->attempt[1].reply_text, "451 later still");
	ck_assert(it->delay_reported && it->rcpt[1].held && !it->rcpt[0].held);
	ck_assert_uint_eq(it->flags, SPOOL_BARE);
	expect_body(it, "hello");
}

static void
tidy(void)
{
	spool_tidy(s);
	ck_assert_int_eq(spool_flush(s), RC_OK);
}

START_TEST(spool_tidy__gives_back_what_one_message_held_back)
{
	uint64_t name;
	int64_t arrived;

	outlive();
	name = spool_first(s)->seq;
	arrived = spool_first(s)->arrived;
	tidy();
	tidy();
	tidy();
	ck_assert_uint_lt(log_bytes(), 8u << 20);
	expect_outlived(name);
	again();
	expect_outlived(name);
	ck_assert_int_eq(spool_first(s)->arrived, arrived);
	/* And it ends like any other. */
	settle(spool_first(s), 1, SPOOL_FAILED);
	again();
	ck_assert_uint_eq(spool_count(s), 0);
}
END_TEST

/* rounds of tidying, and then the power fails: before the last one's flush, or
 * behind it. */
START_TEST(spool_tidy__is_one_message_after_a_crash)
{
	static const struct {
		int rounds;
		bool flush;
	} rows[] = {{1, false}, {1, true}, {2, false}, {2, true}, {3, true}};
	struct err err = {0};
	int status = -1, i;
	uint64_t name;
	pid_t pid;

	outlive();
	name = spool_first(s)->seq;
	spool_close(&s);
	pid = fork();
	if (pid == 0) {
		if (spool_open(dirfd_, NULL, NULL, NULL, &s, &err) != RC_OK)
			_exit(1);
		for (i = 1; i <= rows[_i].rounds; i++) {
			spool_tidy(s);
			if ((i < rows[_i].rounds || rows[_i].flush) &&
			    spool_flush(s) != RC_OK)
				_exit(1);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	again();
	expect_outlived(name);
	for (i = 0; i < 4; i++)
		tidy();
	ck_assert_uint_lt(log_bytes(), 8u << 20);
	expect_outlived(name);
	again();
	expect_outlived(name);
}
END_TEST

static int
nothing_free(const struct journal_io *io, int fd, uint64_t *out)
{
	(void)io;
	(void)fd;
	*out = 1 << 20;
	return 0;
}

START_TEST(spool_tidy__writes_nothing_anew_on_a_full_disk)
{
	struct journal_io full = journal_disk;
	uint64_t name, body;
	int i;

	outlive();
	full.free_bytes = nothing_free;
	disk = &full;
	again();
	name = spool_first(s)->seq;
	body = spool_first(s)->body;
	for (i = 0; i < 4; i++)
		tidy();
	ck_assert_uint_eq(spool_first(s)->body, body);
	expect_outlived(name);
	spool_close(&s);
}
END_TEST

static int64_t left;

static int
little_free(const struct journal_io *io, int fd, uint64_t *out)
{
	(void)io;
	(void)fd;
	*out = (uint64_t)left;
	return 0;
}

static int
little_allocate(const struct journal_io *io, int fd, uint64_t off, uint64_t n)
{
	(void)io;
	(void)fd;
	(void)off;
	return (int64_t)n > left ? -1 : 0;
}

/* What a batch holds is not on the disk yet, and is missing there all the
 * same when it is looked at for the next one. */
static void
fill(size_t n, size_t living)
{
	uint64_t size = 900000;
	int fd = memfd_create("m", MFD_CLOEXEC);
	struct spool_item *it, *next;
	size_t i;

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(put_fd((uint8_t)(20 + i), fd, size, 1), RC_OK);
	close(fd);
	for (i = 0, it = spool_first(s); it != NULL; it = next, i++) {
		next = it->next;
		if (i >= living)
			settle(it, 0, SPOOL_DELIVERED);
	}
	ck_assert_int_eq(spool_flush(s), RC_OK);
}

START_TEST(spool_tidy__leaves_what_is_scarce_to_others)
{
	static const int64_t rows[] = {20 << 20, 40 << 20, 70 << 20, 80 << 20};
	struct journal_io full = journal_disk;
	struct spool_item *it;
	uint64_t last, bytes = 0;

	fill(200, 40);
	full.free_bytes = little_free;
	full.allocate = little_allocate;
	left = rows[_i];
	disk = &full;
	again();
	last = journal_next(s->journal);
	spool_tidy(s);
	ck_assert_int_eq(spool_flush(s), RC_OK);
	for (it = spool_first(s); it != NULL; it = it->next)
		bytes += it->body > last ? it->size : 0;
	ck_assert_uint_le(
	    bytes, left > 64 << 20 ? (uint64_t)left - (64 << 20) : 0);
	ck_assert_int_eq(bytes > 0, left > 64 << 20);
	ck_assert_uint_eq(spool_count(s), 40);
	spool_close(&s);
}
END_TEST

START_TEST(spool_put__counts_what_is_not_written_yet)
{
	struct journal_io full = journal_disk;
	struct spool_put p = {.bytes = SV(""), .fd = -1, .to = both, .nto = 1};
	char *text = calloc(1, 900000);
	struct err err = {0};
	struct spool_item *it;
	int i, r = RC_OK;

	full.free_bytes = little_free;
	left = 70 << 20;
	disk = &full;
	again();
	p.bytes = sv_of(text, 900000);
	for (i = 0; i < 20 && r == RC_OK; i++) {
		p.delivery_id[0] = (uint8_t)(50 + i);
		r = spool_put(s, &p, &it, &err);
	}
	ck_assert_int_eq(r, RC_NOSPACE);
	ck_assert_int_gt(i, 5);
	ck_assert_int_eq(spool_flush(s), RC_OK);
	spool_close(&s);
	free(text);
}
END_TEST

/* A copy that leaves does not take the last of the disk. */
START_TEST(spool_body__leaves_the_last_of_the_disk)
{
	static const struct {
		int64_t left;
		size_t size;
		int rc;
	} rows[] = {
	    {64 << 20, 3000000, RC_OK}, {12 << 20, 3000000, RC_OK},
	    {10 << 20, 3000000, RC_NOSPACE}, {1 << 20, 3000000, RC_NOSPACE},
	    {1 << 20, 300000, RC_OK}, /* in memory */
	};
	struct journal_io full = journal_disk;
	int fd = memfd_create("m", MFD_CLOEXEC);
	struct err err = {0};

	ck_assert_int_eq(ftruncate(fd, (off_t)rows[_i].size), 0);
	ck_assert_int_eq(put_fd(1, fd, rows[_i].size, 1), RC_OK);
	io_close(&fd);
	full.free_bytes = little_free;
	left = rows[_i].left;
	disk = &full;
	again();
	ck_assert_int_eq(
	    spool_body(s, spool_first(s), SV(""), &fd, &err), rows[_i].rc);
	io_close(&fd);
	spool_close(&s);
}
END_TEST

START_TEST(spool_tidy__leaves_the_damaged_where_it_is)
{
	char name[300] = "", byte;
	uint64_t body, size = 2 << 20;
	struct err err = {0};
	int fd = memfd_create("m", MFD_CLOEXEC), i;
	FILE *p;

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(put_fd(50, fd, size, 2), RC_OK);
	body = spool_first(s)->body;
	p = popen("ls log/body-*", "r");
	ck_assert_ptr_nonnull(fgets(name, sizeof name, p));
	pclose(p);
	name[strcspn(name, "\n")] = '\0';
	close(fd);
	fd = open(name, O_RDWR);
	ck_assert_int_eq(pread(fd, &byte, 1, 1 << 20), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(fd, &byte, 1, 1 << 20), 1);
	close(fd);
	/* Nor is it sent to anybody. */
	ck_assert_int_eq(
	    spool_body(s, spool_first(s), SV(""), &fd, &err), RC_DAMAGED);
	fd = memfd_create("m", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	for (i = 0; i < 60; i++) {
		ck_assert_int_eq(
		    put_fd((uint8_t)(100 + i), fd, size, 1), RC_OK);
		settle(spool_first(s)->next, 0, SPOOL_DELIVERED);
	}
	close(fd);
	for (i = 0; i < 4; i++)
		tidy();
	ck_assert_uint_eq(spool_count(s), 1);
	ck_assert_uint_eq(spool_first(s)->body, body);
}
END_TEST

/* How each recipient gets it, and what was found out about it. */
START_TEST(spool__keeps_who_gets_it_into_junk)
{
	static const struct queue_to to[] = {
	    {.address = SV("anna"), .local = true, .junk = true, .override = 4},
	    {.address = SV("ben"), .local = true, .override = 1},
	    {.address = SV("cleo"), .local = true}};
	struct spool_put p = {.delivery_id = {50},
	    .sender = SV("x@bank.test"),
	    .flags = SPOOL_JUNK,
	    .verdict = SV("\5\2\1\1\6\1\0"),
	    .to = to,
	    .nto = 3,
	    .fd = -1,
	    .bytes = SV("hello")};
	struct spool_item *it, *copy;
	struct err err = {0};
	struct buf b;

	ck_assert_int_eq(spool_put(s, &p, &it, &err), RC_OK);
	ck_assert_int_eq(spool_flush(s), RC_OK);
	again();
	it = spool_first(s);
	buf_init(&b, 10000);
	record_renewed(it, it->body, &b);
	copy = xcalloc(1, sizeof *copy);
	ck_assert_int_eq(record_item_parse(buf_sv(&b), copy), RC_OK);
	for (int i = 0; i < 2; i++, it = copy) {
		ck_assert(it->rcpt[0].junk && it->rcpt[0].override == 4);
		ck_assert(!it->rcpt[1].junk && it->rcpt[1].override == 1);
		ck_assert(!it->rcpt[2].junk && it->rcpt[2].override == 0);
		ck_assert(sv_eq(sv_of(it->verdict, it->nverdict), p.verdict));
	}
	item_free(copy);
	buf_fini(&b);
}
END_TEST

/* An earlier version wrote it once, for all. */
START_TEST(spool__knows_junk_of_before)
{
	static const char record[] = "\x80\1\0\0\0\20"
				     "0123456789abcdef"
				     "\x80\2\0\0\0\10\0\0\0\0\0\0\0\1"
				     "\0\21\0\0\0\4\0\0\0\10"
				     "\x80\4\0\0\0\1x"
				     "\x80\5\0\0\0\4"
				     "anna"
				     "\x80\6\0\0\0\1y"
				     "\x80\5\0\0\0\3"
				     "ben";
	struct spool_item *it = xcalloc(1, sizeof *it);

	ck_assert_int_eq(
	    record_item_parse(sv_of(record, sizeof record - 1), it), RC_OK);
	ck_assert_uint_eq(it->nrcpt, 3);
	ck_assert(it->rcpt[0].junk && !it->rcpt[1].junk && it->rcpt[2].junk);
	item_free(it);
}
END_TEST

UNIT_TESTS(spool)
{
	TCase *t = tcase_create("spool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, spool_tidy__leaves_what_is_scarce_to_others, 0, 4);
	tcase_add_test(t, spool_put__counts_what_is_not_written_yet);
	tcase_add_test(t, spool__keeps_an_item_until_each_recipient_is_done);
	tcase_add_test(t, spool__keeps_who_gets_it_into_junk);
	tcase_add_test(t, spool__knows_junk_of_before);
	tcase_add_test(t, spool__survives_an_end_without_close);
	tcase_add_test(t, spool__remembers_tries_places_marks_and_steps);
	tcase_add_test(t, spool__keeps_the_first_and_the_newest_attempts);
	tcase_add_test(t, spool_report__takes_the_place_of_what_it_is_about);
	tcase_add_test(t, spool_put__sees_eight_bits_and_puts_the_front_before);
	tcase_add_test(
	    t, spool_open__a_record_of_a_newer_version_is_refused_by_name);
	tcase_add_test(t, spool_put__a_repeated_delivery_id_adds_nothing);
	tcase_add_test(
	    t, spool_put__refuses_a_descriptor_that_is_not_what_was_said);
	tcase_add_test(t, spool_body__a_large_one_has_a_file_without_a_name);
	tcase_add_loop_test(t, spool_body__leaves_the_last_of_the_disk, 0, 5);
	tcase_add_test(t, spool_tidy__gives_back_what_one_message_held_back);
	tcase_add_loop_test(t, spool_tidy__is_one_message_after_a_crash, 0, 5);
	tcase_add_test(t, spool_tidy__writes_nothing_anew_on_a_full_disk);
	tcase_add_test(t, spool_tidy__leaves_the_damaged_where_it_is);
	return t;
}
