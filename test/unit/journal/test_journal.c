#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "journal/journal.h"
#include "test/fault/testdisk.h"
#include "test/unit/unit.h"
#include "base/rc.h"

#define TYPE JOURNAL_TYPE_USER

struct world {
	struct testdisk *d;
	int dirfd;
	struct journal *j;
	struct buf seen; /* what a replay has told */
	struct journal_report report;
};

static int
tell(void *arg, const struct journal_record *r)
{
	struct buf *b = arg;

	buf_addf(b, "%llu:%.*s ", (unsigned long long)r->seq, (int)r->payload.n,
	    r->payload.p);
	return RC_OK;
}

static void
open_journal(struct world *w, const struct journal_mark *from)
{
	struct journal_opts o = {.io = testdisk_io(w->d),
	    .kind = {'t', 'e', 's', 't'},
	    .segment_bytes = 6000,
	    .inline_max = 1000};
	struct err err = {0, ""};
	int r;

	w->dirfd = o.io->opendir(o.io, AT_FDCWD, ".", true);
	r = journal_open(w->dirfd, &o, &w->j, &err);
	ck_assert_msg(r == RC_OK, "%s", err.text);
	buf_reset(&w->seen);
	r = journal_replay(w->j, from, tell, &w->seen, &w->report, &err);
	ck_assert_msg(r == RC_OK, "%s", err.text);
}

static void
setup(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->d = testdisk_new();
	buf_init(&w->seen, 1 << 20);
	open_journal(w, NULL);
}

static void
teardown(struct world *w)
{
	journal_close(&w->j);
	buf_fini(&w->seen);
	testdisk_free(&w->d);
}

static void
again(struct world *w)
{
	journal_close(&w->j);
	testdisk_kill(w->d);
	open_journal(w, NULL);
}

static uint64_t
put(struct world *w, const char *text, uint8_t flags)
{
	struct journal_item it = {
	    .type = TYPE, .flags = flags, .payload = sv_str(text)};

	return journal_append(w->j, &it, 1);
}

START_TEST(journal__records_come_back_in_order)
{
	struct journal_item two[2] = {{.type = TYPE, .payload = SV("c")},
	    {.type = TYPE, .payload = SV("d")}};
	struct world w;

	setup(&w);
	ck_assert_uint_eq(journal_next(w.j), 1);
	ck_assert_uint_eq(put(&w, "a", 0), 1);
	ck_assert_int_eq(journal_flush(w.j, 1), RC_OK);
	ck_assert_uint_eq(put(&w, "b", 0), 2);
	ck_assert_uint_eq(journal_append(w.j, two, 2), 3);
	ck_assert_uint_eq(journal_flushed(w.j), 1);
	again(&w);
	ck_assert_str_eq(w.seen.p, "1:a 2:b 3:c 4:d ");
	ck_assert(!w.report.unclean);
	/* A clean end is continued in the same segment. */
	ck_assert_uint_eq(put(&w, "e", 0), 5);
	again(&w);
	ck_assert_str_eq(w.seen.p, "1:a 2:b 3:c 4:d 5:e ");
	ck_assert_uint_eq(testdisk_size(w.d, "log", "000002"), UINT64_MAX);
	/* Opened and closed without a word: nothing is written. */
	again(&w);
	again(&w);
	ck_assert_str_eq(w.seen.p, "1:a 2:b 3:c 4:d 5:e ");
	teardown(&w);
}
END_TEST

START_TEST(journal__unflushed_is_gone_after_a_power_cut)
{
	struct world w;

	setup(&w);
	(void)put(&w, "a", 0);
	ck_assert_int_eq(journal_flush(w.j, 1), RC_OK);
	(void)put(&w, "b", 0);
	testdisk_stop_at(w.d, 0);
	journal_close(&w.j);
	testdisk_power_cut(w.d, CUT_NOTHING, 0);
	open_journal(&w, NULL);
	ck_assert_str_eq(w.seen.p, "1:a ");
	ck_assert(w.report.unclean);
	ck_assert_uint_eq(w.report.copied, 1);
	ck_assert_uint_eq(put(&w, "c", 0), 2);
	again(&w);
	ck_assert_str_eq(w.seen.p, "1:a 2:c ");
	teardown(&w);
}
END_TEST

START_TEST(journal__failed_flush_poisons)
{
	struct world w;

	setup(&w);
	(void)put(&w, "a", 0);
	testdisk_fail_at(w.d, testdisk_ops(w.d) + 1, EIO);
	ck_assert_int_eq(journal_flush(w.j, 1), RC_IO);
	ck_assert(journal_poisoned(w.j));
	(void)put(&w, "b", 0);
	ck_assert_int_eq(journal_flush(w.j, 2), RC_IO);
	ck_assert_int_eq(journal_flush(w.j, 0), RC_OK);
	/* The page cache still has "a": the next one copies it. */
	again(&w);
	ck_assert_str_eq(w.seen.p, "1:a ");
	ck_assert_uint_eq(w.report.copied, 1);
	testdisk_stop_at(w.d, 0);
	journal_close(&w.j);
	testdisk_power_cut(w.d, CUT_NOTHING, 0);
	open_journal(&w, NULL);
	ck_assert_str_eq(w.seen.p, "1:a ");
	teardown(&w);
}
END_TEST

START_TEST(journal__segments_roll_and_are_read)
{
	char text[600], got[600];
	struct world w;

	setup(&w);
	for (int i = 1; i <= 40; i++) {
		memset(text, 'a' + i % 26, sizeof text);
		text[599] = '\0';
		ck_assert_uint_eq(put(&w, text, JOURNAL_NAMED), (uint64_t)i);
		if (i % 3 == 0)
			ck_assert_int_eq(journal_flush(w.j, UINT64_MAX), RC_OK);
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i <= 40; i++) {
			ck_assert_int_eq(
			    journal_read(w.j, (uint64_t)i, 0, got, 599), RC_OK);
			ck_assert_int_eq(got[0], 'a' + i % 26);
			ck_assert_int_eq(got[598], 'a' + i % 26);
		}
		ck_assert_int_eq(journal_read(w.j, 41, 0, got, 1), RC_NOTFOUND);
		again(&w);
		if (round == 1)
			testdisk_remove(w.d, "log", "000002.toc");
	}
	ck_assert_uint_ne(testdisk_size(w.d, "log", "000004"), UINT64_MAX);
	teardown(&w);
}
END_TEST

START_TEST(journal__replay_from_a_mark)
{
	struct journal_mark m;
	struct world w;

	setup(&w);
	(void)put(&w, "a", 0);
	ck_assert(!journal_mark(w.j, &m));
	ck_assert_int_eq(journal_flush(w.j, 1), RC_OK);
	ck_assert(journal_mark(w.j, &m));
	(void)put(&w, "b", 0);
	journal_close(&w.j);
	testdisk_kill(w.d);
	open_journal(&w, &m);
	ck_assert_str_eq(w.seen.p, "2:b ");
	ck_assert(journal_has(w.j, &m));
	m.seq++;
	ck_assert(!journal_has(w.j, &m));
	m.seq--;
	m.epoch++;
	ck_assert(!journal_has(w.j, &m));
	teardown(&w);
}
END_TEST

START_TEST(journal__notes)
{
	struct journal_item it = {.type = TYPE,
	    .flags = JOURNAL_NAMED,
	    .payload = SV("body"),
	    .note = SV("first")};
	struct world w;
	struct buf b;

	setup(&w);
	buf_init(&b, 1000);
	ck_assert_uint_eq(journal_append(w.j, &it, 1), 1);
	ck_assert_uint_eq(put(&w, "more", JOURNAL_NAMED), 2);
	for (int i = 0; i < 3; i++) {
		buf_reset(&b);
		ck_assert_int_eq(journal_note_get(w.j, 1, &b), RC_OK);
		ck_assert_str_eq(b.p, "first");
		if (i == 0)
			ck_assert_int_eq(
			    journal_note_get(w.j, 2, &b), RC_NOTFOUND);
		if (i == 1)
			journal_note_put(w.j, 2, SV("later"));
		if (i > 0) {
			buf_reset(&b);
			ck_assert_int_eq(journal_note_get(w.j, 2, &b), RC_OK);
			ck_assert_str_eq(b.p, "later");
		}
		again(&w);
	}
	buf_fini(&b);
	teardown(&w);
}
END_TEST

static void
count_bodies(void *arg, const char *name)
{
	if (sv_starts(sv_str(name), SV("body-")))
		(*(int *)arg)++;
}

static int
bodies(struct world *w)
{
	const struct journal_io *io = testdisk_io(w->d);
	int n = 0, fd = io->opendir(io, w->dirfd, "log", false);

	(void)io->list(io, fd, count_bodies, &n);
	io->close(io, fd);
	return n;
}

START_TEST(journal__blobs_and_their_orphans)
{
	char chunk[3000], got[6000];
	struct journal_blob *b, *orphan;
	struct journal_item it = {.type = TYPE, .flags = JOURNAL_NAMED};
	uint64_t size;
	struct world w;
	struct sv s;

	setup(&w);
	memset(chunk, 'x', sizeof chunk);
	for (size_t n = 500; n <= 6000; n += 5500) {
		b = journal_blob_new(w.j);
		for (size_t k = 0; k < n; k += 500)
			ck_assert_int_eq(
			    journal_blob_add(b, chunk, 500), RC_OK);
		ck_assert_int_eq(journal_blob_seal(b), RC_OK);
		ck_assert_int_eq(journal_blob_bytes(b, &s), RC_OK);
		ck_assert_uint_eq(s.n, n);
		it.blob = b;
		(void)journal_append(w.j, &it, 1);
		journal_blob_free(&b);
	}
	orphan = journal_blob_new(w.j);
	ck_assert_int_eq(journal_blob_add(orphan, chunk, 3000), RC_OK);
	ck_assert_int_eq(bodies(&w), 2);
	ck_assert_int_eq(journal_flush(w.j, UINT64_MAX), RC_OK);
	ck_assert_int_eq(journal_size(w.j, 2, &size), RC_OK);
	ck_assert_uint_eq(size, 6000);
	testdisk_stop_at(w.d, 0);
	journal_blob_free(&orphan);
	journal_close(&w.j);
	testdisk_power_cut(w.d, CUT_ALL, 0);
	open_journal(&w, NULL);
	ck_assert_int_eq(bodies(&w), 1);
	ck_assert_int_eq(journal_read(w.j, 2, 0, got, 6000), RC_OK);
	ck_assert_int_eq(journal_read(w.j, 1, 0, got, 500), RC_OK);
	ck_assert_int_eq(journal_read(w.j, 2, 5999, got, 2), RC_EOF);
	/* One that is given up leaves nothing. */
	b = journal_blob_new(w.j);
	ck_assert_int_eq(journal_blob_add(b, chunk, 3000), RC_OK);
	ck_assert_int_eq(bodies(&w), 2);
	journal_blob_free(&b);
	ck_assert_int_eq(bodies(&w), 1);
	teardown(&w);
}
END_TEST

START_TEST(journal__new_epoch)
{
	struct world w;
	uint64_t epoch;

	setup(&w);
	epoch = journal_epoch(w.j);
	(void)put(&w, "a", 0);
	ck_assert_int_eq(journal_new_epoch(w.j), RC_OK);
	ck_assert(journal_epoch(w.j) != epoch);
	epoch = journal_epoch(w.j);
	(void)put(&w, "b", 0);
	again(&w);
	ck_assert(journal_epoch(w.j) == epoch);
	ck_assert_str_eq(w.seen.p, "1:a 2:b ");
	teardown(&w);
}
END_TEST

START_TEST(journal__drop_before)
{
	char text[2000];
	struct world w;
	uint64_t bytes;

	setup(&w);
	memset(text, 'x', sizeof text);
	text[1999] = '\0';
	for (int i = 0; i < 20; i++) {
		(void)put(&w, text, JOURNAL_NAMED);
		ck_assert_int_eq(journal_flush(w.j, UINT64_MAX), RC_OK);
	}
	ck_assert_uint_gt(journal_oldest_end(w.j, &bytes), 1);
	ck_assert_uint_gt(bytes, 4000);
	ck_assert_int_eq(journal_drop_before(w.j, 10), RC_OK);
	ck_assert_int_eq(journal_read(w.j, 1, 0, text, 1), RC_NOTFOUND);
	ck_assert_int_eq(journal_read(w.j, 10, 0, text, 1), RC_OK);
	again(&w);
	ck_assert_uint_eq(w.report.damaged, 0);
	ck_assert_uint_eq(w.report.damaged_seq, 0);
	ck_assert_int_eq(journal_drop_before(w.j, UINT64_MAX), RC_OK);
	ck_assert_uint_eq(journal_oldest_end(w.j, &bytes), 0);
	again(&w);
	ck_assert_uint_eq(journal_next(w.j), 21);
	teardown(&w);
}
END_TEST

/* ---- many writers ---- */

struct writer {
	struct journal *j;
	pthread_mutex_t *mu;
	int n;
};

static void *
write_many(void *arg)
{
	struct writer *me = arg;

	for (int i = 0; i < me->n; i++) {
		struct journal_item it = {.type = TYPE,
		    .payload = SV("x"),
		    .flags = JOURNAL_NAMED,
		    .note = SV("y")};
		uint64_t seq;

		pthread_mutex_lock(me->mu);
		seq = journal_append(me->j, &it, 1);
		pthread_mutex_unlock(me->mu);
		ck_assert_int_eq(journal_flush(me->j, seq), RC_OK);
		ck_assert_uint_ge(journal_flushed(me->j), seq);
	}
	return NULL;
}

/* ---- compaction ---- */

static bool
keep_none(void *arg, uint64_t seq, uint16_t type)
{
	(void)arg;
	(void)seq;
	(void)type;
	return false;
}

static void
small_snapshot(void *arg, struct buf *out, uint64_t *seq)
{
	buf_adds(out, "state");
	*seq = *(uint64_t *)arg;
}

static bool
give_up(void *arg, uint64_t bytes)
{
	(void)arg;
	(void)bytes;
	return false;
}

/* Ten records, a segment each. */
static void
fill_segments(struct world *w, uint64_t seq[10])
{
	char text[900];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 10; i++) {
		journal_roll(w->j);
		seq[i] = put(w, text, JOURNAL_NAMED);
		ck_assert_int_eq(journal_flush(w->j, seq[i]), RC_OK);
	}
}

START_TEST(journal_compact__leaves_what_is_later_than_its_list)
{
	uint64_t seq[10], last;
	struct journal_compaction c = {
	    .keep = keep_none, .snapshot = small_snapshot, .arg = &last};
	struct journal_compacted out;
	struct world w;
	char byte;

	setup(&w);
	fill_segments(&w, seq);
	last = seq[9];
	c.upto = seq[4];
	ck_assert_int_eq(journal_compact(w.j, &c, &out), RC_OK);
	ck_assert_uint_eq(out.dropped, 5);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(journal_read(w.j, seq[i], 0, &byte, 1),
		    i < 5 ? RC_NOTFOUND : RC_OK);
	ck_assert_int_eq(journal_compact(w.j, &c, &out), RC_NOTFOUND);
	teardown(&w);
}
END_TEST

START_TEST(journal_compact__can_be_given_up)
{
	uint64_t seq[10], last;
	struct journal_compaction c = {.keep = keep_none,
	    .snapshot = small_snapshot,
	    .pause = give_up,
	    .arg = &last};
	struct journal_compacted out;
	struct world w;
	char byte;

	setup(&w);
	fill_segments(&w, seq);
	last = c.upto = seq[9];
	ck_assert_int_eq(journal_compact(w.j, &c, &out), RC_TEMP);
	again(&w);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(journal_read(w.j, seq[i], 0, &byte, 1), RC_OK);
	teardown(&w);
}
END_TEST

/* Killed while a compaction wrote and the next segment was begun: neither of
 * the files takes room any longer. */
START_TEST(journal__a_start_removes_all_that_is_unfinished)
{
	uint64_t seq[10];
	struct world w;
	char byte;

	setup(&w);
	fill_segments(&w, seq);
	testdisk_put(w.d, "log", "000003.new", "half", 4);
	testdisk_put(w.d, "log", "000011.new", "half", 4);
	again(&w);
	ck_assert_uint_eq(testdisk_size(w.d, "log", "000003.new"), UINT64_MAX);
	ck_assert_uint_eq(testdisk_size(w.d, "log", "000011.new"), UINT64_MAX);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(journal_read(w.j, seq[i], 0, &byte, 1), RC_OK);
	teardown(&w);
}
END_TEST

/* One segment that cannot be read stays, and only that one. */
START_TEST(journal_compact__goes_around_a_damage)
{
	uint64_t seq[10], last;
	struct journal_compaction c = {
	    .keep = keep_none, .snapshot = small_snapshot, .arg = &last};
	struct journal_compacted out;
	unsigned dropped = 0;
	struct world w;
	char byte;

	setup(&w);
	fill_segments(&w, seq);
	last = c.upto = seq[9];
	ck_assert(testdisk_damage(w.d, "log", "000004", 4096 + 60, 1));
	while (journal_compact(w.j, &c, &out) == RC_OK)
		dropped += (unsigned)out.dropped;
	ck_assert_uint_eq(dropped, 8);
	ck_assert_int_eq(journal_read(w.j, seq[9], 0, &byte, 1), RC_OK);
	teardown(&w);
}
END_TEST

START_TEST(journal__writers_share)
{
	pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
	char dir[] = "journal-test-XXXXXX", cmd[64];
	struct journal_opts o = {
	    .kind = {'t', 'e', 's', 't'}, .segment_bytes = 20000};
	struct journal_report rep;
	struct journal *j = NULL;
	pthread_t t[8];
	struct writer me;
	struct buf seen;
	struct err err;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	buf_init(&seen, 1 << 20);
	ck_assert_int_eq(journal_open(fd, &o, &j, &err), RC_OK);
	ck_assert_int_eq(
	    journal_replay(j, NULL, tell, &seen, &rep, &err), RC_OK);
	me = (struct writer){j, &mu, 100};
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, write_many, &me);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(journal_next(j), 801);
	journal_close(&j);
	ck_assert_int_eq(journal_open(fd, &o, &j, &err), RC_OK);
	ck_assert_int_eq(
	    journal_replay(j, NULL, tell, &seen, &rep, &err), RC_OK);
	ck_assert_uint_eq(rep.damaged, 0);
	ck_assert_uint_eq(journal_next(j), 801);
	journal_close(&j);
	buf_fini(&seen);
	(void)snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

UNIT_TESTS(journal)
{
	TCase *t = tcase_create("journal");

	tcase_add_test(t, journal__records_come_back_in_order);
	tcase_add_test(t, journal__unflushed_is_gone_after_a_power_cut);
	tcase_add_test(t, journal__failed_flush_poisons);
	tcase_add_test(t, journal__segments_roll_and_are_read);
	tcase_add_test(t, journal__replay_from_a_mark);
	tcase_add_test(t, journal__notes);
	tcase_add_test(t, journal__blobs_and_their_orphans);
	tcase_add_test(t, journal__new_epoch);
	tcase_add_test(t, journal__drop_before);
	tcase_add_test(t, journal__writers_share);
	return t;
}

/* ---- damage ---- */

/* Whatever byte is hit: the others come back, and the loss is reported. */
START_TEST(journal_damage__costs_one_record)
{
	struct world w;
	uint64_t size;

	setup(&w);
	for (int i = 0; i < 10; i++) {
		(void)put(&w, "0123456789", 0);
		ck_assert_int_eq(journal_flush(w.j, UINT64_MAX), RC_OK);
	}
	journal_close(&w.j);
	testdisk_kill(w.d);
	size = testdisk_size(w.d, "log", "000001");
	for (uint64_t off = 4096; off < size - 56; off++) {
		struct world c = {.d = testdisk_clone(w.d)};
		size_t n = 0;

		buf_init(&c.seen, 1 << 20);
		ck_assert(testdisk_damage(c.d, "log", "000001", off, 1));
		open_journal(&c, NULL);
		for (size_t i = 0; i < c.seen.n; i++)
			n += c.seen.p[i] == ':';
		ck_assert_uint_ge(n, 9);
		/* Padding and commit records may be hit without a loss. */
		if (n == 9) {
			ck_assert_uint_gt(c.report.damaged, 0);
			ck_assert_uint_gt(c.report.damaged_seq, 0);
		}
		ck_assert_uint_eq(journal_next(c.j), 11);
		teardown(&c);
	}
	teardown(&w);
}
END_TEST

START_TEST(journal_damage__large_hole)
{
	char text[300], got[300];
	struct world w;

	setup(&w);
	memset(text, 'q', sizeof text);
	text[299] = '\0';
	for (int i = 0; i < 12; i++) {
		(void)put(&w, text, JOURNAL_NAMED);
		ck_assert_int_eq(journal_flush(w.j, UINT64_MAX), RC_OK);
	}
	journal_close(&w.j);
	testdisk_kill(w.d);
	ck_assert(testdisk_damage(w.d, "log", "000001", 5000, 1000));
	open_journal(&w, NULL);
	ck_assert_uint_eq(journal_next(w.j), 13);
	ck_assert_uint_gt(w.report.damaged_bytes, 999);
	ck_assert_int_eq(journal_read(w.j, 2, 0, got, 299), RC_OK);
	/* The table of contents knows the place, the record is gone. */
	ck_assert_int_lt(journal_read(w.j, 4, 0, got, 299), RC_OK);
	ck_assert_int_eq(journal_read(w.j, 12, 0, got, 299), RC_OK);
	ck_assert_int_eq(got[0], 'q');
	teardown(&w);
}
END_TEST

START_TEST(journal_damage__table_of_contents_is_made_anew)
{
	struct world w;
	char got[10];

	setup(&w);
	for (int i = 0; i < 20; i++)
		(void)put(&w, "0123456789", JOURNAL_NAMED);
	journal_close(&w.j);
	for (uint64_t off = 0; off < testdisk_size(w.d, "log", "000001.toc");
	     off += 3) {
		struct world c = {.d = testdisk_clone(w.d)};

		buf_init(&c.seen, 1 << 20);
		testdisk_kill(c.d);
		ck_assert(testdisk_damage(c.d, "log", "000001.toc", off, 1));
		open_journal(&c, NULL);
		for (uint64_t seq = 1; seq <= 20; seq++)
			ck_assert_int_eq(
			    journal_read(c.j, seq, 0, got, 10), RC_OK);
		teardown(&c);
	}
	teardown(&w);
}
END_TEST

static int
open_rc(struct testdisk *d, const char *kind)
{
	struct journal_opts o = {.io = testdisk_io(d)};
	struct journal *j = NULL;
	struct err err = {0, ""};
	int r, fd = o.io->opendir(o.io, AT_FDCWD, ".", true);

	memcpy(o.kind, kind, 4);
	r = journal_open(fd, &o, &j, &err);
	if (r == RC_OK)
		journal_close(&j);
	else
		ck_assert_str_ne(err.text, "");
	return r;
}

START_TEST(journal_damage__what_is_not_ours_is_refused)
{
	struct world w;

	setup(&w);
	(void)put(&w, "a", 0);
	journal_close(&w.j);
	testdisk_kill(w.d);
	ck_assert_int_eq(open_rc(w.d, "test"), RC_OK);
	ck_assert_int_eq(open_rc(w.d, "mail"), RC_DAMAGED);
	ck_assert(testdisk_damage(w.d, "log", "000001", 100, 1));
	ck_assert_int_eq(open_rc(w.d, "test"), RC_OK);
	ck_assert(testdisk_damage(w.d, "log", "000001", 2148, 1));
	ck_assert_int_eq(open_rc(w.d, "test"), RC_DAMAGED);
	teardown(&w);
}
END_TEST

UNIT_TESTS(damage)
{
	TCase *t = tcase_create("damage");

	tcase_add_test(t, journal_compact__leaves_what_is_later_than_its_list);
	tcase_add_test(t, journal_compact__can_be_given_up);
	tcase_add_test(t, journal__a_start_removes_all_that_is_unfinished);
	tcase_add_test(t, journal_compact__goes_around_a_damage);
	tcase_add_test(t, journal_damage__costs_one_record);
	tcase_add_test(t, journal_damage__large_hole);
	tcase_add_test(t, journal_damage__table_of_contents_is_made_anew);
	tcase_add_test(t, journal_damage__what_is_not_ours_is_refused);
	return t;
}

void
unit_start(void)
{
	/* Damage is made by the thousand, and reported as often. */
	if (getenv("TEST_VERBOSE") == NULL)
		must(freopen("/dev/null", "w", stderr) != NULL);
}
