/*
 * One bit wrong at every byte of a small account: it is named, every message
 * can still be read, and no phone has to load anything again.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/fsck.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define FILES_MAX 64
#define MESSAGES  12
#ifdef HM_SANITIZED
#define STEP 13 /* all of them take minutes */
#else
#define STEP 1
#endif

struct file {
	char path[160];
	char *p;
	size_t n;
};

static struct store *busy;
static struct file files[FILES_MAX];
static size_t nfile;
static struct journal_io quick;

static int
no_sync(const struct journal_io *io, int fd)
{
	(void)io;
	(void)fd;
	return 0;
}

static const struct fsck_opts *
fsck_opts(void)
{
	static struct fsck_opts o;

	quick = journal_disk;
	quick.datasync = no_sync;
	quick.dirsync = no_sync;
	o.io = &quick;
	return &o;
}

static struct store *
open_quick(void)
{
	struct store_opts o = {.io = fsck_opts()->io,
	    .low_water_bytes = 1,
	    .segment_bytes = 6000,
	    .inline_body_max = 1200};

	return fixture_open_with(&o);
}

static void
read_file(const char *path)
{
	struct file *f = &files[nfile++];
	struct stat st;
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	(void)snprintf(f->path, sizeof f->path, "%s", path);
	f->n = (size_t)st.st_size;
	f->p = xmalloc(f->n + 1);
	ck_assert_int_eq(read(fd, f->p, f->n), (ssize_t)f->n);
	close(fd);
}

static void
forget_files(void)
{
	while (nfile > 0)
		free(files[--nfile].p);
}

static void
write_file(const struct file *f)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, f->p, f->n), (ssize_t)f->n);
	close(fd);
}

static void
each_in(const char *folder, void (*fn)(const char *path))
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char path[300];

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (e->d_type == DT_REG && strcmp(e->d_name, "lock") != 0 &&
		    strcmp(e->d_name, "reserve") != 0 &&
		    strcmp(e->d_name, "suspects") != 0)
			fn(path);
	}
	closedir(d);
}

static void
remove_file(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
}

static const char *
log_folder(void)
{
	static char path[128];

	(void)snprintf(path, sizeof path, "%s/log", fixture_dir());
	return path;
}

static void
put_back(void)
{
	each_in(fixture_dir(), remove_file);
	each_in(log_folder(), remove_file);
	for (size_t i = 0; i < nfile; i++)
		write_file(&files[i]);
}

static const char *
message(unsigned i)
{
	static char text[3000];
	int n = snprintf(text, sizeof text,
	    "From: anna@example.org\r\nSubject: number %u\r\n\r\n", i);

	for (unsigned k = 0; k < 20 + (i == 5 ? 1500 : 40 * i % 300); k++)
		text[n++] = (char)('a' + (i + k) % 26);
	(void)snprintf(text + n, sizeof text - (size_t)n, "\r\nend %u\r\n", i);
	return text;
}

static void
make_account(void)
{
	struct store *st = open_quick();
	struct view *v;

	fixture_create(st, "Work");
	for (unsigned i = 0; i < MESSAGES; i++) {
		fixture_add(st, i % 3 == 0 ? "Work" : "INBOX", message(i),
		    i % 2 ? STORE_SEEN : 0);
		if (i == 4) {
			v = fixture_view(st, "INBOX");
			fixture_keyword(v, 1, 2, "$Forwarded");
			view_close(&v);
		}
		if (i == 7)
			store_checkpoint(st);
	}
	v = fixture_view(st, "INBOX");
	fixture_flag(v, 2, 3, STORE_OP_ADD, STORE_FLAGGED);
	view_close(&v);
	store_close(&st);
	forget_files();
	each_in(fixture_dir(), read_file);
	each_in(log_folder(), read_file);
}

/* Bit i: message i can be read in this mailbox. */
static unsigned
readable_in(struct store *st, const char *mailbox)
{
	struct view *v = fixture_view(st, mailbox);
	unsigned found = 0;
	uint64_t need = 0;

	for (uint32_t i = 1; i <= view_count(v); i++) {
		struct store_msg m;
		char text[3000];

		ck_assert_uint_eq(view_msgs(v, i, 1, &m, &need), 1);
		if (m.size >= sizeof text ||
		    store_read(st, m.body, 0, text, m.size) != RC_OK)
			continue;
		text[m.size] = '\0';
		for (unsigned k = 0; k < MESSAGES; k++)
			if (strcmp(text, message(k)) == 0)
				found |= 1u << k;
	}
	view_close(&v);
	return found;
}

static unsigned
readable(struct store *st)
{
	struct store_mailbox_list l;
	unsigned found = 0;
	uint64_t need = 0;

	store_mailbox_list(st, &l, &need);
	for (size_t i = 0; i < l.n; i++)
		found |= readable_in(st, l.m[i].name);
	store_mailbox_list_fini(&l);
	return found;
}

static bool
names(const struct fsck_report *r, const char *path)
{
	const char *file = path + strlen(fixture_dir()) + 1;

	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->f[i].file, file) == 0 ||
		    strstr(r->f[i].text, file) != NULL)
			return true;
	return false;
}

static void
try_flip(struct file *f, size_t at, uint32_t inbox, uint32_t work)
{
	struct fsck_report before, after;
	struct fsck_repaired done;
	struct err err = {.text = ""};
	unsigned want = (1u << MESSAGES) - 1, got;
	bool body = strstr(f->path, "/body-") != NULL;
	struct store *st;

	put_back();
	f->p[at] ^= (char)(1 << at % 8);
	write_file(f);
	f->p[at] ^= (char)(1 << at % 8);
	ck_assert_msg(
	    fsck_check(fixture_dir(), fsck_opts(), &before, &err) == RC_OK,
	    "%s:%zu: %s", f->path, at, err.text);
	ck_assert_msg(
	    names(&before, f->path), "%s:%zu is not named", f->path, at);
	fsck_report_fini(&before);
	ck_assert_msg(fsck_repair(fixture_dir(), fsck_opts(), &before, &after,
			  &done, &err) == RC_OK,
	    "%s:%zu: %s", f->path, at, err.text);
	fsck_report_fini(&before);
	fsck_report_fini(&after);
	st = open_quick();
	got = readable(st);
	ck_assert_msg(
	    got == (body ? want & ~(1u << 5) : want) || (body && got == want),
	    "%s:%zu: readable %x", f->path, at, got);
	ck_assert_msg(fixture_status(st, "INBOX").uidvalidity == inbox &&
			  fixture_status(st, "Work").uidvalidity == work,
	    "%s:%zu: UIDVALIDITY", f->path, at);
	store_close(&st);
}

START_TEST(fsck_check__says_nothing_of_a_sound_account)
{
	struct fsck_report r;
	struct err err = {.text = ""};

	make_account();
	ck_assert_msg(fsck_check(fixture_dir(), fsck_opts(), &r, &err) == RC_OK,
	    "%s", err.text);
	for (size_t i = 0; i < r.n; i++)
		ck_abort_msg("%s:%llu: %s", r.f[i].file,
		    (unsigned long long)r.f[i].off, r.f[i].text);
	ck_assert_uint_eq(r.messages, MESSAGES);
	ck_assert_uint_eq(r.unreadable, 0);
	ck_assert_uint_ge(r.segments, 2);
	fsck_report_fini(&r);
}
END_TEST

START_TEST(fsck_repair__loses_nothing_with_one_bit_wrong_anywhere)
{
	uint32_t inbox, work;
	struct store *st;
	int err, null;

	make_account();
	st = open_quick();
	inbox = fixture_status(st, "INBOX").uidvalidity;
	work = fixture_status(st, "Work").uidvalidity;
	ck_assert_uint_eq(readable(st), (1u << MESSAGES) - 1);
	store_close(&st);
	/* It complains of each. */
	err = dup(2);
	null = open("/dev/null", O_WRONLY);
	ck_assert(err >= 0 && null >= 0 && dup2(null, 2) == 2);
	for (size_t i = 0; i < nfile; i++)
		for (size_t at = 0; at < files[i].n; at += STEP)
			try_flip(&files[i], at, inbox, work);
	ck_assert_int_eq(dup2(err, 2), 2);
	close(null);
	close(err);
}
END_TEST

static struct file *
file_named(const char *name)
{
	for (size_t i = 0; i < nfile; i++)
		if (sv_ends(sv_str(files[i].path), sv_str(name)))
			return &files[i];
	ck_abort_msg("no file %s", name);
	return NULL;
}

static void
do_repair(void)
{
	struct fsck_report before, after;
	struct fsck_repaired done;
	struct err err = {.text = ""};

	ck_assert_msg(fsck_repair(fixture_dir(), fsck_opts(), &before, &after,
			  &done, &err) == RC_OK,
	    "%s", err.text);
	fsck_report_fini(&before);
	fsck_report_fini(&after);
}

/* Repairs twice: the second time there is nothing to do. */
static void
repair(uint64_t back, uint64_t in_lost_found)
{
	struct fsck_report before, after;
	struct fsck_repaired done;
	struct err err = {.text = ""};

	for (int i = 0; i < 2; i++) {
		ck_assert_msg(fsck_repair(fixture_dir(), fsck_opts(), &before,
				  &after, &done, &err) == RC_OK,
		    "%s", err.text);
		fsck_report_fini(&before);
		fsck_report_fini(&after);
		ck_assert_uint_eq(done.back, i == 0 ? back : 0);
		ck_assert_uint_eq(done.lost_found, i == 0 ? in_lost_found : 0);
	}
}

/* The last batch loses its commit: a message that was never whole. */
static void
void_last_message(struct file *f)
{
	size_t end = f->n;

	while (end > 0 && f->p[end - 1] == 0)
		end--;
	end = (end + 7) / 8 * 8;
	memset(f->p + end - 112, 0, 112);
}

START_TEST(fsck_repair__puts_a_void_message_where_it_was_meant_for)
{
	struct store *st = open_quick();
	struct file *f;

	fixture_add(st, "INBOX", message(0), 0);
	fixture_add(st, "INBOX", message(1), STORE_FLAGGED);
	store_close(&st);
	forget_files();
	each_in(fixture_dir(), read_file);
	each_in(log_folder(), read_file);
	f = file_named("/log/000001");
	void_last_message(f);
	put_back();
	fixture_forget_checkpoint();
	/* It would know that the batch was flushed, and the message count. */
	remove_file(file_named("/log/000001.toc")->path);
	repair(1, 0);
	st = open_quick();
	ck_assert_uint_eq(readable_in(st, "INBOX"), 3);
	store_close(&st);
}
END_TEST

START_TEST(fsck_repair__finds_a_message_by_the_table_of_contents)
{
	struct store *st;
	struct file *f;
	struct sv all;
	size_t at;

	make_account();
	f = file_named("/log/000001");
	all = sv_of(f->p, f->n);
	at = sv_find(all, sv_str(message(2)));
	ck_assert_uint_lt(at, all.n);
	memset(f->p + at - 40, 0xee, 40);
	put_back();
	repair(1, 0);
	st = open_quick();
	ck_assert_uint_eq(readable(st), (1u << MESSAGES) - 1);
	store_close(&st);
}
END_TEST

/* Its record's header is gone, and one of its bytes is another. */
START_TEST(fsck_repair__says_what_no_checksum_vouches_for)
{
	struct fsck_report before, after;
	struct fsck_repaired done;
	struct err err = {.text = ""};
	struct file *f;
	struct sv all;
	size_t at;

	make_account();
	f = file_named("/log/000001");
	all = sv_of(f->p, f->n);
	at = sv_find(all, sv_str(message(2)));
	ck_assert_uint_lt(at, all.n);
	memset(f->p + at - 40, 0xee, 40);
	f->p[at + 60] ^= 0x20;
	put_back();
	ck_assert_msg(fsck_repair(fixture_dir(), fsck_opts(), &before, &after,
			  &done, &err) == RC_OK,
	    "%s", err.text);
	fsck_report_fini(&before);
	fsck_report_fini(&after);
	ck_assert_uint_eq(done.back, 1);
	ck_assert_uint_eq(done.unverified, 1);
	busy = open_quick();
	ck_assert_uint_eq(fixture_status(busy, FSCK_UNVERIFIED).messages, 1);
	store_close(&busy);
}
END_TEST

/* A byte too few: nothing behind it stands where a record may begin. */
START_TEST(fsck_repair__finds_what_stands_one_byte_off)
{
	struct store *st;
	struct file *f;
	struct sv all;
	size_t at;

	make_account();
	f = file_named("/log/000001");
	all = sv_of(f->p, f->n);
	at = sv_find(all, sv_str(message(1)));
	ck_assert_uint_lt(at, all.n);
	memmove(f->p + at + 20, f->p + at + 21, f->n - at - 21);
	f->n--;
	put_back();
	fixture_forget_checkpoint();
	do_repair();
	st = open_quick();
	ck_assert_uint_eq(readable(st) | 1u << 1, (1u << MESSAGES) - 1);
	store_close(&st);
}
END_TEST

START_TEST(fsck_repair__makes_lost_and_found)
{
	struct store *st;
	struct file *f;
	struct sv all;
	size_t at;

	/* The record that puts message 2 into INBOX, and all that knows of
	 * it. */
	make_account();
	f = file_named("/log/000001");
	all = sv_of(f->p, f->n);
	at = sv_find(all, sv_str(message(2)));
	ck_assert_uint_lt(at, all.n);
	at = (at + strlen(message(2)) + 7) / 8 * 8;
	memset(f->p + at, 0xee, 48);
	put_back();
	fixture_forget_checkpoint();
	repair(1, 1);
	st = open_quick();
	ck_assert_uint_eq(readable_in(st, FSCK_LOST_FOUND), 1u << 2);
	ck_assert_uint_eq(readable(st), (1u << MESSAGES) - 1);
	store_close(&st);
}
END_TEST

START_TEST(fsck_repair__finds_messages_in_a_segment_without_header)
{
	struct store *st;
	struct file *f;

	make_account();
	f = file_named("/log/000001");
	memset(f->p, 0xee, 4096);
	put_back();
	repair(4, 0);
	/* What only the checkpoint knew is in the log now. */
	fixture_forget_checkpoint();
	st = open_quick();
	ck_assert_uint_eq(readable_in(st, "INBOX") | readable_in(st, "Work"),
	    (1u << MESSAGES) - 1);
	store_close(&st);
}
END_TEST

START_TEST(fsck_check__does_not_take_another_accounts_checkpoint)
{
	struct fsck_report r;
	struct err err;
	struct file *f, other;
	struct store *st;

	make_account();
	f = file_named("/state");
	other = *f;
	other.p = xmemdup0(f->p, f->n);
	/* The same once more, of another epoch. */
	each_in(fixture_dir(), remove_file);
	each_in(log_folder(), remove_file);
	make_account();
	f = file_named("/state");
	free(f->p);
	*f = other;
	put_back();
	ck_assert_int_eq(
	    fsck_check(fixture_dir(), fsck_opts(), &r, &err), RC_OK);
	ck_assert_uint_eq(r.damage, 0);
	ck_assert_uint_eq(r.derived, 1);
	ck_assert(names(&r, f->path));
	fsck_report_fini(&r);
	ck_assert_int_eq(
	    fsck_rebuild(fixture_dir(), fsck_opts(), &r, &err), RC_OK);
	fsck_report_fini(&r);
	ck_assert_int_eq(
	    fsck_check(fixture_dir(), fsck_opts(), &r, &err), RC_OK);
	ck_assert_uint_eq(r.n, 0);
	fsck_report_fini(&r);
	st = open_quick();
	ck_assert_uint_eq(readable(st), (1u << MESSAGES) - 1);
	store_close(&st);
}
END_TEST

/* Between the reading of the log and that of the checkpoint mail comes in. */
static int
open_while_mail_comes(
    const struct journal_io *io, int dirfd, const char *name, int flags)
{
	if (strcmp(name, "state") == 0 && busy != NULL) {
		fixture_add(busy, "INBOX", "meanwhile\r\n", 0);
		fixture_add(busy, "INBOX", "and once more\r\n", 0);
	}
	return journal_disk.open(io, dirfd, name, flags);
}

START_TEST(fsck_check__misses_nothing_that_came_meanwhile)
{
	struct journal_io io = journal_disk;
	struct fsck_opts o = {.io = &io, .online = true};
	struct fsck_report r;
	struct err err;

	busy = fixture_open();
	fixture_add(busy, "INBOX", "before\r\n", 0);
	io.open = open_while_mail_comes;
	ck_assert_int_eq(fsck_check(fixture_dir(), &o, &r, &err), RC_OK);
	ck_assert_uint_eq(r.messages, 3);
	ck_assert_uint_eq(r.damage + r.unreadable, 0);
	fsck_report_fini(&r);
	store_close(&busy);
}
END_TEST

/* The first time that a table is looked at. */
static int
open_while_a_table_is_written(
    const struct journal_io *io, int dirfd, const char *name, int flags)
{
	static bool done;

	if (!done && sv_ends(sv_str(name), SV(".toc"))) {
		done = true;
		fixture_add(busy, "INBOX", "meanwhile\r\n", 0);
		store_checkpoint(busy);
	}
	return journal_disk.open(io, dirfd, name, flags);
}

START_TEST(fsck_check__a_table_written_meanwhile_proves_no_loss)
{
	struct journal_io io = journal_disk;
	struct fsck_opts o = {.io = &io, .online = true};
	struct fsck_report r;
	struct err err;

	busy = fixture_open();
	fixture_add(busy, "INBOX", "before\r\n", 0);
	io.open = open_while_a_table_is_written;
	ck_assert_int_eq(fsck_check(fixture_dir(), &o, &r, &err), RC_OK);
	ck_assert_uint_eq(r.messages, 2);
	ck_assert_uint_eq(r.damage + r.derived + r.unreadable, 0);
	fsck_report_fini(&r);
	store_close(&busy);
}
END_TEST

static void
found_with_cut_table(size_t n, uint64_t derived)
{
	struct fsck_opts o = *fsck_opts();
	struct fsck_report r;
	struct err err;

	o.online = busy != NULL;
	ck_assert_int_eq(
	    truncate(file_named("/log/000001.toc")->path, (off_t)n), 0);
	ck_assert_int_eq(fsck_check(fixture_dir(), &o, &r, &err), RC_OK);
	ck_assert_uint_eq(r.damage + r.unreadable, 0);
	ck_assert_msg(r.derived == derived, "%zu bytes of the table: %llu", n,
	    (unsigned long long)r.derived);
	fsck_report_fini(&r);
}

/* The table of a segment that is not the last one: it may be written at any
 * time, and a kill leaves a part of it. */
START_TEST(fsck_check__a_table_cut_by_a_crash_is_not_a_fault)
{
	size_t n;

	make_account();
	n = file_named("/log/000001.toc")->n;
	found_with_cut_table(n - 1, 1); /* but after a clean end it is */
	put_back();
	busy = open_quick();
	fixture_add(busy, "INBOX", message(0), 0);
	while (n-- > 0)
		found_with_cut_table(n, 0);
	store_close(&busy);
}
END_TEST

UNIT_TESTS(fsck)
{
	TCase *t = tcase_create("fsck");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_checked_fixture(t, NULL, forget_files);
	tcase_add_test(t, fsck_check__says_nothing_of_a_sound_account);
	tcase_add_test(t, fsck_check__misses_nothing_that_came_meanwhile);
	tcase_add_test(t, fsck_check__a_table_written_meanwhile_proves_no_loss);
	tcase_add_test(t, fsck_check__a_table_cut_by_a_crash_is_not_a_fault);
	tcase_add_test(
	    t, fsck_check__does_not_take_another_accounts_checkpoint);
	tcase_add_test(
	    t, fsck_repair__puts_a_void_message_where_it_was_meant_for);
	tcase_add_test(
	    t, fsck_repair__finds_a_message_by_the_table_of_contents);
	tcase_add_test(t, fsck_repair__says_what_no_checksum_vouches_for);
	tcase_add_test(t, fsck_repair__finds_what_stands_one_byte_off);
	tcase_add_test(t, fsck_repair__makes_lost_and_found);
	tcase_add_test(
	    t, fsck_repair__finds_messages_in_a_segment_without_header);
	tcase_add_test(
	    t, fsck_repair__loses_nothing_with_one_bit_wrong_anywhere);
	return t;
}
