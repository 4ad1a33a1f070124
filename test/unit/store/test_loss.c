/*
 * The end of a log is lost, in every way that a disk, a file system or a hand
 * can do it; then come starts, checks, rebuilds and repairs in any order.  No
 * UID and no MODSEQ is given a second time under the same UIDVALIDITY, no file
 * of bytes is removed, and in the end every message of which the bytes are
 * still there can be read.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "store/fsck.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define MESSAGES 36u
#define TEXT_MAX 4000u

/* ---- a disk that refuses ---- */

static struct journal_io disk;
static char refused[32]; /* the name of a file in log/ */
static int refused_fd = -1;
static bool refuse_open, refuse_all;
static uint64_t refuse_from, refuse_to;

static int
no_sync(const struct journal_io *io, int fd)
{
	(void)io;
	(void)fd;
	return 0;
}

static bool
is_refused(const char *name)
{
	return refused[0] != '\0' && strcmp(name, refused) == 0;
}

static int
open_some(const struct journal_io *io, int dirfd, const char *name, int flags)
{
	int fd;

	if (refuse_open && is_refused(name)) {
		errno = EACCES;
		return -1;
	}
	fd = journal_disk.open(io, dirfd, name, flags);
	if (is_refused(name))
		refused_fd = fd;
	else if (fd == refused_fd)
		refused_fd = -1;
	return fd;
}

static void
close_some(const struct journal_io *io, int fd)
{
	if (fd == refused_fd)
		refused_fd = -1;
	journal_disk.close(io, fd);
}

static ssize_t
pread_some(const struct journal_io *io, int fd, void *p, size_t n, uint64_t off)
{
	if (fd >= 0 && fd == refused_fd &&
	    (refuse_all || (off < refuse_to && off + n > refuse_from))) {
		errno = EIO;
		return -1;
	}
	return journal_disk.pread(io, fd, p, n, off);
}

static int
rename_some(
    const struct journal_io *io, int dirfd, const char *from, const char *to)
{
	int r = journal_disk.rename(io, dirfd, from, to);

	/* The bad blocks go with the file. */
	if (r == 0 && is_refused(from))
		(void)snprintf(refused, sizeof refused, "%s", to);
	else if (r == 0 && is_refused(to))
		refused[0] = '\0';
	return r;
}

static const struct journal_io *
the_disk(void)
{
	disk = journal_disk;
	disk.datasync = no_sync;
	disk.dirsync = no_sync;
	disk.open = open_some;
	disk.close = close_some;
	disk.pread = pread_some;
	disk.rename = rename_some;
	return &disk;
}

static void
refuse_nothing(void)
{
	refused[0] = '\0';
	refused_fd = -1;
	refuse_open = refuse_all = false;
	refuse_from = refuse_to = 0;
}

/* ---- an account ---- */

struct known {
	char *mailbox, *text;
	uint32_t uid;
};

static struct known known[MESSAGES];
static uint32_t validity[2];
static uint64_t modseq[2];
static unsigned bodies_before;
static bool one_segment;
static const char *const boxes[2] = {"INBOX", "Work"};

static const struct store_opts *
opts(void)
{
	static struct store_opts o;

	o = (struct store_opts){.io = the_disk(),
	    .low_water_bytes = 1,
	    .segment_bytes = one_segment ? 0 : 9000,
	    .inline_body_max = 1200};
	return &o;
}

static const char *
text_of(unsigned i)
{
	static char text[TEXT_MAX];
	size_t n = (size_t)snprintf(text, sizeof text,
	    "From: anna@example.org\r\nSubject: number %u\r\n\r\n", i);
	size_t want = i % 6 == 5 ? 1500 : 200 + 37 * i % 300;

	for (size_t k = 0; k < want; k++)
		text[n++] = (char)('a' + (i + k) % 26);
	(void)snprintf(text + n, sizeof text - n, "\r\nend %u\r\n", i);
	return text;
}

static unsigned
count_bodies(void)
{
	char path[200];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	(void)snprintf(path, sizeof path, "%s/log", fixture_dir());
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "body-", 5) == 0;
	if (d != NULL)
		closedir(d);
	return n;
}

static void
make(void)
{
	struct store *st;

	refuse_nothing();
	st = fixture_open_with(opts());
	fixture_create(st, "Work");
	for (unsigned i = 0; i < MESSAGES; i++) {
		known[i].mailbox = xstrdup(boxes[i % 3 == 0]);
		known[i].text = xstrdup(text_of(i));
		known[i].uid =
		    fixture_add(st, known[i].mailbox, known[i].text, 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		validity[i] = fixture_status(st, boxes[i]).uidvalidity;
		modseq[i] = fixture_status(st, boxes[i]).modseq;
	}
	store_close(&st);
	bodies_before = count_bodies();
	ck_assert_uint_eq(bodies_before, MESSAGES / 6);
}

static void
forget(void)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		free(known[i].mailbox);
		free(known[i].text);
		known[i] = (struct known){NULL, NULL, 0};
	}
}

/* %s: the account's folder. */
static void
shell(const char *words)
{
	struct buf b;

	buf_init(&b, 4096);
	for (const char *p = words; *p != '\0'; p++)
		if (p[0] == '%' && p[1] == 's') {
			buf_adds(&b, fixture_dir());
			p++;
		} else {
			buf_addc(&b, *p);
		}
	ck_assert_int_eq(system(b.p), 0);
	buf_fini(&b);
}

static void
save(void)
{
	shell("rm -rf %s.saved && cp -a %s %s.saved");
}

/* ---- ways to lose the end ---- */

static char last_path[300], last_name[32];

static void
find_last(void)
{
	char path[200];
	struct dirent *e;
	DIR *d;

	last_name[0] = '\0';
	(void)snprintf(path, sizeof path, "%s/log", fixture_dir());
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] == '0' && strchr(e->d_name, '.') == NULL &&
		    strcmp(e->d_name, last_name) > 0)
			(void)snprintf(
			    last_name, sizeof last_name, "%.20s", e->d_name);
	closedir(d);
	(void)snprintf(last_path, sizeof last_path, "%s/%s", path, last_name);
}

static off_t
used(void)
{
	static char p[1 << 16];
	int fd = open(last_path, O_RDONLY);
	ssize_t n = read(fd, p, sizeof p);

	close(fd);
	while (n > 0 && p[n - 1] == 0)
		n--;
	return (off_t)n;
}

static void
put_zeros(off_t from, size_t n)
{
	static const char zeros[4096];
	int fd = open(last_path, O_WRONLY);

	ck_assert_int_eq(pwrite(fd, zeros, n, from), (ssize_t)n);
	close(fd);
}

static void
cut(off_t n)
{
	ck_assert_int_eq(truncate(last_path, n), 0);
}

static void
lose_file(void)
{
	ck_assert_int_eq(unlink(last_path), 0);
}

static void
lose_half(void)
{
	cut((used() + 4096) / 2);
}

static void
lose_all_bytes(void)
{
	cut(0);
}

static void
lose_end(void)
{
	cut(used() - 700);
}

static void
lose_header(void)
{
	put_zeros(0, 4096);
}

static void
lose_header_and_more(void)
{
	put_zeros(0, 4096);
	put_zeros(4096, 900);
}

static void
lose_last_block(void)
{
	off_t n = used(), from = n - 1500 > 4096 ? n - 1500 : 4096;

	put_zeros(from, (size_t)(n - from));
}

static void
lose_middle_block(void)
{
	put_zeros(4096 + 600, 600);
}

static void
lose_to_directory(void)
{
	ck_assert_int_eq(unlink(last_path), 0);
	ck_assert_int_eq(mkdir(last_path, 0700), 0);
}

static void
lose_to_mode(void)
{
	(void)snprintf(refused, sizeof refused, "%s", last_name);
	refuse_open = true;
}

static void
lose_to_errors(void)
{
	(void)snprintf(refused, sizeof refused, "%s", last_name);
	refuse_all = true;
}

static void
lose_to_bad_header(void)
{
	(void)snprintf(refused, sizeof refused, "%s", last_name);
	refuse_to = 4096;
}

static void
lose_to_bad_sector(void)
{
	off_t n = used();

	(void)snprintf(refused, sizeof refused, "%s", last_name);
	refuse_from = (uint64_t)n / 512 * 512 - 512;
	refuse_to = (uint64_t)n / 512 * 512 + 512;
}

static const struct {
	const char *name;
	void (*fn)(void);
	bool bytes_stay; /* a repair brings back all but what it hits */
	unsigned hit;	 /* messages that may be gone at most */
} ways[] = {
    {"file", lose_file, false, 14},
    {"half", lose_half, false, 14},
    {"no bytes", lose_all_bytes, false, 14},
    {"end", lose_end, false, 4},
    {"header", lose_header, true, 0},
    {"header and more", lose_header_and_more, true, 3},
    {"last block", lose_last_block, true, 5},
    {"middle block", lose_middle_block, true, 3},
    {"directory", lose_to_directory, false, 14},
    {"mode", lose_to_mode, false, 14},
    {"errors", lose_to_errors, false, 14},
    {"bad header", lose_to_bad_header, true, 0},
    {"bad sector", lose_to_bad_sector, true, 4},
};
#define NWAYS (sizeof ways / sizeof *ways)

/* ---- what is done then ---- */

enum step {
	START,
	CHECK,
	REBUILD,
	REPAIR,
	NSTEPS
};

static int
try_open(struct store **st)
{
	struct err err;

	return store_open(fixture_dir(), opts(), st, &err);
}

/* Adds a message to both, and looks at what it got. */
static void
use(struct store *st, const char *what)
{
	for (unsigned b = 0; b < 2; b++) {
		struct store_status s;
		uint32_t uid;

		if (b == 1) {
			struct view *v = NULL;
			uint64_t need = 0;

			if (view_open(st, "Work", true, NULL, NULL, &v,
				&need) != RC_OK)
				continue; /* of that, too, nothing is left */
			view_close(&v);
		}
		s = fixture_status(st, boxes[b]);
		uid = fixture_add(st, boxes[b], "new mail\r\n", 0);
		if (s.uidvalidity != validity[b])
			continue;
		for (unsigned i = 0; i < MESSAGES; i++)
			ck_assert_msg(strcmp(known[i].mailbox, boxes[b]) != 0 ||
					  known[i].uid != uid,
			    "%s: UID %u of %s comes again", what, uid,
			    boxes[b]);
		ck_assert_msg(fixture_status(st, boxes[b]).modseq > modseq[b],
		    "%s: a MODSEQ of %s comes again", what, boxes[b]);
	}
}

static void
do_step(enum step step, const char *what)
{
	const struct fsck_opts fo = {.io = the_disk()};
	struct fsck_report before = {0}, after = {0};
	struct fsck_repaired done;
	struct store *st = NULL;
	struct err err = {.text = ""};
	int r = RC_OK;

	switch (step) {
	case START:
		if (try_open(&st) == RC_OK)
			use(st, what);
		store_close(&st);
		break;
	case CHECK:
		r = fsck_check(fixture_dir(), &fo, &before, &err);
		ck_assert_msg(r == RC_OK, "%s: check: %s", what, err.text);
		ck_assert_msg(before.damage > 0, "%s: nothing found", what);
		break;
	case REBUILD:
		r = fsck_rebuild(fixture_dir(), &fo, &before, &err);
		ck_assert_msg(r == RC_OK, "%s: rebuild: %s", what, err.text);
		ck_assert_msg(before.damage > 0, "%s: nothing found", what);
		break;
	case REPAIR:
		r = fsck_repair(
		    fixture_dir(), &fo, &before, &after, &done, &err);
		ck_assert_msg(r == RC_OK, "%s: repair: %s", what, err.text);
		break;
	case NSTEPS:
		break;
	}
	fsck_report_fini(&before);
	fsck_report_fini(&after);
	ck_assert_msg(count_bodies() >= bodies_before,
	    "%s: a file of bytes is gone", what);
}

/* How many of the messages can be read, wherever they are. */
static unsigned
count_readable(struct store *st)
{
	bool found[MESSAGES] = {false};
	struct store_mailbox_list l;
	unsigned sum = 0;
	uint64_t need = 0;

	store_mailbox_list(st, &l, &need);
	for (size_t i = 0; i < l.n; i++) {
		struct view *v = fixture_view(st, l.m[i].name);

		for (uint32_t k = 1; k <= view_count(v); k++) {
			char text[TEXT_MAX];
			struct store_msg m;

			ck_assert_uint_eq(view_msgs(v, k, 1, &m, &need), 1);
			if (m.size >= sizeof text ||
			    store_read(st, m.body, 0, text, m.size) != RC_OK)
				continue;
			text[m.size] = '\0';
			for (unsigned n = 0; n < MESSAGES; n++)
				found[n] = found[n] ||
					   strcmp(text, known[n].text) == 0;
		}
		view_close(&v);
	}
	store_mailbox_list_fini(&l);
	for (unsigned n = 0; n < MESSAGES; n++)
		sum += found[n];
	return sum;
}

static void
run(size_t way, bool state, const enum step *step, size_t n)
{
	static const char *const names[] = {
	    "start", "check", "rebuild", "repair"};
	struct store *st = NULL;
	unsigned got, hit = ways[way].hit;
	char what[200];
	int at;

	if (one_segment && !ways[way].bytes_stay)
		hit = MESSAGES;
	at = snprintf(what, sizeof what, "%s%s%s", ways[way].name,
	    one_segment ? " of one" : "", state ? "" : ", no state");
	for (size_t i = 0; i < n; i++)
		at += snprintf(what + at, sizeof what - (size_t)at, ", %s",
		    names[step[i]]);
	shell("rm -rf %s && cp -a %s.saved %s");
	refuse_nothing();
	find_last();
	ways[way].fn();
	if (!state)
		fixture_forget_checkpoint();
	for (size_t i = 0; i < n; i++)
		do_step(step[i], what);
	/* A store that does not start is repaired, and starts then. */
	if (try_open(&st) != RC_OK)
		do_step(REPAIR, what);
	store_close(&st);
	do_step(START, what);
	do_step(START, what);
	do_step(REPAIR, what);
	st = fixture_open_with(opts());
	got = count_readable(st);
	ck_assert_msg(
	    got + hit >= MESSAGES, "%s: %u messages can be read", what, got);
	store_close(&st);
}

static void
run_all(size_t way, bool state)
{
	for (int a = 0; a < NSTEPS; a++) {
		const enum step one[] = {(enum step)a};

		run(way, state, one, 1);
		for (int b = 0; b < NSTEPS; b++) {
			const enum step two[] = {(enum step)a, (enum step)b};

			run(way, state, two, 2);
		}
	}
}

START_TEST(store_loss__of_the_end_gives_no_uid_again)
{
	one_segment = (size_t)_i >= NWAYS;
	make();
	save();
	run_all((size_t)_i % NWAYS, true);
	forget();
	shell("rm -rf %s.saved");
}
END_TEST

/* The tables of contents, and what is there of the segment, know enough. */
START_TEST(store_loss__is_known_without_a_checkpoint)
{
	one_segment = (size_t)_i >= NWAYS;
	make();
	save();
	run_all((size_t)_i % NWAYS, false);
	forget();
	shell("rm -rf %s.saved");
}
END_TEST

static void
rename_log(const char *from, const char *to)
{
	char a[200], b[200];

	(void)snprintf(a, sizeof a, "%s/%s", fixture_dir(), from);
	(void)snprintf(b, sizeof b, "%s/%s", fixture_dir(), to);
	ck_assert_int_eq(rename(a, b), 0);
}

START_TEST(store_loss__of_the_whole_log_is_no_empty_account)
{
	struct fsck_report r;
	const struct fsck_opts fo = {.io = the_disk()};
	struct store *st = NULL;
	struct err err;

	make();
	rename_log("log", "elsewhere");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    store_open(fixture_dir(), opts(), &st, &err), RC_DAMAGED);
	ck_assert_int_eq(fsck_check(fixture_dir(), &fo, &r, &err), RC_OK);
	ck_assert_uint_gt(r.damage, 0);
	fsck_report_fini(&r);
	/* It is mounted again. */
	shell("rm -rf %s/log && mv %s/elsewhere %s/log");
	st = fixture_open_with(opts());
	ck_assert_uint_eq(count_readable(st), MESSAGES);
	ck_assert_uint_eq(fixture_status(st, "INBOX").uidvalidity, validity[0]);
	store_close(&st);
	forget();
}
END_TEST

/* A read error passes: nothing has changed meanwhile. */
START_TEST(store_loss__a_passing_read_error_leaves_no_trace)
{
	struct store *st = NULL;
	struct err err;

	make();
	for (unsigned i = 0; i < 4; i++) {
		fixture_forget_checkpoint();
		find_last();
		(void)snprintf(refused, sizeof refused, "%s",
		    i < 2 ? last_name : "000001");
		refuse_from = i % 2 == 0 ? 0 : 4096 + 100;
		refuse_to = refuse_from + 100;
		ck_assert_int_eq(
		    store_open(fixture_dir(), opts(), &st, &err), RC_IO);
		refuse_nothing();
		st = fixture_open_with(opts());
		ck_assert_uint_eq(count_readable(st), MESSAGES);
		ck_assert_uint_eq(
		    fixture_status(st, "INBOX").uidvalidity, validity[0]);
		store_close(&st);
	}
	ck_assert_uint_eq(count_bodies(), bodies_before);
	forget();
}
END_TEST

UNIT_TESTS(loss)
{
	TCase *t = tcase_create("loss");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_checked_fixture(t, NULL, refuse_nothing);
	tcase_add_loop_test(
	    t, store_loss__of_the_end_gives_no_uid_again, 0, 2 * (int)NWAYS);
	tcase_add_loop_test(
	    t, store_loss__is_known_without_a_checkpoint, 0, 2 * (int)NWAYS);
	tcase_add_test(t, store_loss__of_the_whole_log_is_no_empty_account);
	tcase_add_test(t, store_loss__a_passing_read_error_leaves_no_trace);
	return t;
}
