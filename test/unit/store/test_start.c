#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/store/fixture.h"
#include "base/log.h"
#include "test/unit/unit.h"

/* A bit of everything. */
static void
busy(struct store *st)
{
	struct view *v;
	struct rangeset set = RANGESET_EMPTY, a = RANGESET_EMPTY,
			b = RANGESET_EMPTY;
	uint32_t validity;
	uint64_t need = 0;
	struct err err;

	fixture_create(st, "work/2024");
	for (int i = 0; i < 40; i++)
		fixture_add(st, i % 3 ? "INBOX" : "work/2024", "some text\r\n",
		    i % 2 ? STORE_SEEN : 0);
	v = fixture_view(st, "INBOX");
	fixture_flag(v, 3, 9, STORE_OP_ADD, STORE_FLAGGED);
	fixture_keyword(v, 5, 6, "todo");
	fixture_flag(v, 10, 12, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	rangeset_add(&set, 4, 6);
	ck_assert_int_eq(
	    view_copy(v, &set, "work", true, &validity, &a, &b, &need, &err),
	    RC_OK);
	rangeset_fini(&set);
	rangeset_fini(&a);
	rangeset_fini(&b);
	view_close(&v);
	ck_assert_int_eq(
	    store_mailbox_rename(st, "work", "play", &need, &err), RC_OK);
	ck_assert_int_eq(store_mailbox_delete(st, "Junk", &need, &err), RC_OK);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
}

static void
ck_same(struct store *st, const char *want)
{
	char *got = fixture_dump(st);

	ck_assert_str_eq(got, want);
	free(got);
}

START_TEST(store_start__same_with_and_without_checkpoint)
{
	struct store *st = fixture_open();
	char *want;

	busy(st);
	want = fixture_dump(st);
	fixture_again(&st);
	ck_same(st, want);
	store_close(&st);
	fixture_forget_checkpoint();
	st = fixture_open();
	ck_same(st, want);
	free(want);
	/* And on top of a checkpoint. */
	for (int i = 0; i < 3; i++) {
		fixture_add(st, "INBOX", "later\r\n", 0);
		store_checkpoint(st);
		fixture_add(st, "INBOX", "later\r\n", 0);
		want = fixture_dump(st);
		fixture_again(&st);
		ck_same(st, want);
		free(want);
	}
	store_close(&st);
}
END_TEST

START_TEST(store_start__old_checkpoint_and_newer_journal)
{
	struct store *st = fixture_open();
	char cmd[200];
	char *want;

	busy(st);
	store_checkpoint(st);
	(void)snprintf(cmd, sizeof cmd, "cp %s/state %s/old", fixture_dir(),
	    fixture_dir());
	ck_assert_int_eq(system(cmd), 0);
	for (int i = 0; i < 10; i++)
		fixture_add(st, "INBOX", "later\r\n", 0);
	want = fixture_dump(st);
	store_close(&st);
	(void)snprintf(cmd, sizeof cmd, "mv %s/old %s/state", fixture_dir(),
	    fixture_dir());
	ck_assert_int_eq(system(cmd), 0);
	st = fixture_open();
	ck_same(st, want);
	free(want);
	store_close(&st);
}
END_TEST

START_TEST(store_start__damaged_checkpoint_is_not_believed)
{
	struct store *st = fixture_open();
	char path[128];
	struct stat sb;
	char *want;

	busy(st);
	want = fixture_dump(st);
	store_close(&st);
	(void)snprintf(path, sizeof path, "%s/state", fixture_dir());
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_uint_eq(sb.st_mode & 0777, 0600);
	for (off_t at = 3; at < sb.st_size; at += 997) {
		int fd = open(path, O_RDWR);
		char c;

		/* Between header and tables nothing is kept. */
		if (at >= 128 && at < 4096)
			continue;
		ck_assert_int_eq(pread(fd, &c, 1, at), 1);
		c = (char)(c ^ 0x40);
		ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
		close(fd);
		st = fixture_open();
		ck_same(st, want);
		store_close(&st);
		fixture_forget_checkpoint();
		st = fixture_open();
		store_close(&st);
	}
	free(want);
}
END_TEST

START_TEST(store_start__one_process_only)
{
	struct store *st = fixture_open(), *two = NULL;
	struct store_opts o = {.low_water_bytes = 1};
	struct err err = {0, ""};

	ck_assert_int_eq(store_open(fixture_dir(), &o, &two, &err), RC_TEMP);
	ck_assert_str_ne(err.text, "");
	store_close(&st);
	st = fixture_open();
	store_close(&st);
}
END_TEST

START_TEST(store_start__small_segments)
{
	struct store_opts o = {.low_water_bytes = 1, .segment_bytes = 8192};
	struct store *st = fixture_open_with(&o);
	char cmd[200];
	char *want;

	busy(st);
	want = fixture_dump(st);
	for (int i = 0; i < 4; i++) {
		struct view *v;
		struct store_msg m;
		uint64_t need = 0;
		char got[11];

		store_close(&st);
		if (i & 1)
			fixture_forget_checkpoint();
		if (i & 2) {
			(void)snprintf(
			    cmd, sizeof cmd, "rm %s/log/*.toc", fixture_dir());
			ck_assert_int_eq(system(cmd), 0);
		}
		st = fixture_open_with(&o);
		ck_same(st, want);
		v = fixture_view(st, "INBOX");
		for (uint32_t k = 1; k <= view_count(v); k++) {
			ck_assert_uint_eq(view_msgs(v, k, 1, &m, &need), 1);
			ck_assert_int_eq(
			    store_read(st, m.body, 0, got, 11), RC_OK);
			ck_assert_int_eq(memcmp(got, "some text\r\n", 11), 0);
		}
		view_close(&v);
	}
	free(want);
	store_close(&st);
}
END_TEST

START_TEST(store_start__lost_change_raises_uidvalidity_once)
{
	struct store *st = fixture_open();
	struct store_status was, is;
	char path[128], *text;
	uint64_t epoch = store_epoch(st);
	struct stat sb;
	int fd;

	busy(st);
	was = fixture_status(st, "INBOX");
	store_close(&st);
	fixture_forget_checkpoint();
	(void)snprintf(path, sizeof path, "%s/log/000001", fixture_dir());
	ck_assert_int_eq(stat(path, &sb), 0);
	fd = open(path, O_RDWR);
	text = calloc(1, 64);
	ck_assert_int_eq(pwrite(fd, text, 64, 8192 + 40), 64);
	free(text);
	close(fd);
	st = fixture_open();
	is = fixture_status(st, "INBOX");
	ck_assert_uint_gt(is.uidvalidity, was.uidvalidity);
	ck_assert(store_epoch(st) != epoch);
	ck_assert_uint_gt(fixture_add(st, "INBOX", "x\r\n", 0), 1);
	for (int i = 0; i < 2; i++) {
		fixture_again(&st);
		ck_assert_uint_eq(
		    fixture_status(st, "INBOX").uidvalidity, is.uidvalidity);
		store_close(&st);
		fixture_forget_checkpoint();
		st = fixture_open();
		ck_assert_uint_eq(
		    fixture_status(st, "INBOX").uidvalidity, is.uidvalidity);
	}
	store_close(&st);
}
END_TEST

START_TEST(store_start__readonly_writes_nothing)
{
	struct store_opts o = {.readonly = true};
	struct store *st = fixture_open();
	struct store_add a = {.mailbox = "INBOX"};
	struct store_added out;
	char *want;

	busy(st);
	want = fixture_dump(st);
	store_close(&st);
	st = fixture_open_with(&o);
	ck_same(st, want);
	ck_assert_int_eq(fixture_try_add(st, &a, "x", &out), RC_DENIED);
	free(want);
	store_close(&st);
}
END_TEST

UNIT_TESTS(start)
{
	TCase *t = tcase_create("start");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_start__same_with_and_without_checkpoint);
	tcase_add_test(t, store_start__old_checkpoint_and_newer_journal);
	tcase_add_test(t, store_start__damaged_checkpoint_is_not_believed);
	tcase_add_test(t, store_start__one_process_only);
	tcase_add_test(t, store_start__small_segments);
	tcase_add_test(t, store_start__lost_change_raises_uidvalidity_once);
	tcase_add_test(t, store_start__readonly_writes_nothing);
	return t;
}

void
unit_start(void)
{
	log_setup("test", LOG_ERROR);
}
