#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "store/fsck.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define DAY_MS (24 * 3600 * 1000ll)

static const struct store_opts keeps = {.segment_bytes = 16384,
    .inline_body_max = 4096,
    .low_water_bytes = 1,
    .retention_ms = 30 * DAY_MS};
static const struct store_opts forgets = {
    .segment_bytes = 16384, .inline_body_max = 4096, .low_water_bytes = 1};

static uint64_t seed;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

static void
add(struct store *st, const char *mailbox)
{
	static unsigned serial;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_addf(&b, "Subject: %u\r\n\r\n", ++serial);
	for (uint32_t i = dice(300); i > 0; i--)
		buf_addf(&b, "line %u of %u\r\n", i, serial);
	(void)fixture_add(st, mailbox, b.p, dice(2) ? STORE_SEEN : 0);
	buf_fini(&b);
}

static void
change(struct store *st)
{
	static const char *const box[] = {"INBOX", "Archive", "Trash"};
	const char *from = box[dice(3)], *to = box[dice(3)];
	struct rangeset set = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct view *v = fixture_view(st, from);
	uint32_t n = view_count(v), lo, validity;
	uint64_t need = 0;
	struct err err;

	if (n > 0) {
		lo = 1 + dice(n);
		rangeset_add(&set, lo, lo);
		if (dice(2) && strcmp(from, to) != 0)
			ck_assert_int_eq(
			    view_copy(v, &set, to, dice(2) == 0, &validity,
				&src, &dst, &need, &err),
			    RC_OK);
		else if (dice(2))
			fixture_keyword(v, lo, lo, dice(2) ? "$a" : "$b");
		else
			fixture_flag(v, lo, lo, STORE_OP_ADD,
			    dice(2) ? STORE_FLAGGED : STORE_DELETED);
		if (dice(3) == 0)
			fixture_expunge(v);
	}
	ck_assert_int_eq(store_flush(st, need), RC_OK);
	rangeset_fini(&set);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	view_close(&v);
}

static struct journal_compacted
compact(struct store *st, bool all)
{
	struct store_compact c = {.all = all};
	struct journal_compacted out;
	int r = store_compact(st, &c, &out);

	ck_assert_msg(r == RC_OK || r == RC_NOTFOUND, "%s", rc_name(r));
	return out;
}

static void
clean(void)
{
	struct fsck_opts o = {.online = false};
	struct fsck_report rep = {.n = 0};
	struct err err = {0, ""};

	ck_assert_int_eq(fsck_check(fixture_dir(), &o, &rep, &err), RC_OK);
	for (size_t i = 0; i < rep.n; i++)
		ck_assert_msg(rep.f[i].level == AUDIT_NOTE, "%s: %s",
		    rep.f[i].file, rep.f[i].text);
	fsck_report_fini(&rep);
}

/* With the checkpoint, and from the log alone. */
static void
same_after_restart(struct store **st, const struct store_opts *o)
{
	char *was = fixture_dump(*st), *now;

	for (int i = 0; i < 2; i++) {
		store_close(st);
		if (i == 1)
			fixture_forget_checkpoint();
		clean();
		*st = fixture_open_with(o);
		now = fixture_dump(*st);
		ck_assert_str_eq(was, now);
		free(now);
	}
	free(was);
}

START_TEST(store_compact__is_equal_in_replay)
{
	const struct store_opts *o = _i % 2 ? &keeps : &forgets;
	struct store *st;
	uint64_t freed = 0;

	seed = (uint64_t)_i;
	fixture_make();
	st = fixture_open_with(o);
	for (int i = 0; i < 400; i++) {
		if (dice(3) == 0)
			add(st, dice(3) ? "INBOX" : "Archive");
		else
			change(st);
		if (dice(40) == 0) {
			struct journal_compacted c;
			char *was = fixture_dump(st), *now;

			c = compact(st, dice(2) == 0);
			freed += c.before - c.after;
			now = fixture_dump(st);
			ck_assert_str_eq(was, now);
			free(was);
			free(now);
		}
		if (dice(100) == 0)
			same_after_restart(&st, o);
	}
	compact(st, true);
	same_after_restart(&st, o);
	ck_assert_uint_gt(freed, 0);
	store_close(&st);
	fixture_remove();
}
END_TEST

struct found {
	struct store_tombstone g[64];
	size_t n;
};

static bool
on_expunged(void *arg, const struct store_expunged *e)
{
	struct found *f = arg;

	f->g[f->n++] = (struct store_tombstone){e->mailbox, e->msg.uid};
	return f->n < 64;
}

static struct found
expunged(struct store *st)
{
	struct found f = {.n = 0};
	uint64_t need = 0;

	store_expunged_each(st, on_expunged, &f, &need);
	return f;
}

static struct store *
with_three_expunged(void)
{
	struct store *st;
	struct view *v;

	seed = 7;
	fixture_make();
	st = fixture_open_with(&keeps);
	for (int i = 0; i < 20; i++)
		add(st, "INBOX");
	v = fixture_view(st, "INBOX");
	fixture_flag(v, 2, 4, STORE_OP_ADD, STORE_DELETED | STORE_FLAGGED);
	fixture_expunge(v);
	view_close(&v);
	for (int i = 0; i < 20; i++)
		add(st, "Archive");
	return st;
}

START_TEST(store_undelete__after_compaction_and_restart)
{
	struct store *st = with_three_expunged();
	struct store_msg m;
	struct found f;
	struct view *v;
	uint64_t need = 0;
	struct err err;
	size_t back;
	char *p;

	compact(st, true);
	store_close(&st);
	fixture_forget_checkpoint();
	st = fixture_open_with(&keeps);
	f = expunged(st);
	ck_assert_uint_eq(f.n, 3);
	ck_assert_int_eq(
	    store_undelete(st, f.g, f.n, "Restored", &back, &need, &err),
	    RC_OK);
	ck_assert_uint_eq(back, 3);
	v = fixture_view(st, "Restored");
	ck_assert_uint_eq(view_count(v), 3);
	for (uint32_t i = 1; i <= 3; i++) {
		ck_assert_uint_eq(view_msgs(v, i, 1, &m, &need), 1);
		ck_assert_uint_eq(m.system & ~STORE_SEEN, STORE_FLAGGED);
		p = xmalloc(m.size + 1u);
		ck_assert_int_eq(store_read(st, m.body, 0, p, m.size), RC_OK);
		free(p);
	}
	view_close(&v);
	ck_assert_uint_eq(expunged(st).n, 0);
	same_after_restart(&st, &keeps);
	store_close(&st);
	fixture_remove();
}
END_TEST

START_TEST(store_purge__removes_for_good)
{
	struct store *st = with_three_expunged();
	struct journal_compacted c;
	struct found f = expunged(st);
	uint64_t need = 0;
	struct err err;
	size_t gone;

	ck_assert_uint_eq(f.n, 3);
	ck_assert_uint_eq(compact(st, false).dropped, 0);
	ck_assert_int_eq(store_purge(st, f.g, 2, &gone, &need, &err), RC_OK);
	ck_assert_uint_eq(gone, 2);
	c = compact(st, false);
	ck_assert_uint_eq(c.dropped, 2);
	ck_assert_uint_eq(expunged(st).n, 1);
	same_after_restart(&st, &keeps);
	ck_assert_uint_eq(expunged(st).n, 1);
	store_close(&st);
	fixture_remove();
}
END_TEST

START_TEST(store_purge__also_in_the_segment_in_use)
{
	const struct store_opts o = {
	    .low_water_bytes = 1, .retention_ms = 30 * DAY_MS};
	struct store *st;
	struct found f;
	struct view *v;
	uint64_t need = 0;
	struct err err;
	size_t gone;

	seed = 3;
	fixture_make();
	st = fixture_open_with(&o);
	for (int i = 0; i < 5; i++)
		add(st, "INBOX");
	v = fixture_view(st, "INBOX");
	fixture_flag(v, 2, 3, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	view_close(&v);
	f = expunged(st);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_int_eq(store_purge(st, f.g, 2, &gone, &need, &err), RC_OK);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
	ck_assert_int_eq(store_roll(st), RC_OK);
	ck_assert_uint_eq(compact(st, false).dropped, 2);
	same_after_restart(&st, &o);
	store_close(&st);
	fixture_remove();
}
END_TEST

START_TEST(store_compact__keeps_what_a_view_shows)
{
	struct store *st;
	struct view *v, *w;
	struct store_msg m;
	uint64_t need = 0;
	char *p;

	seed = 9;
	fixture_make();
	st = fixture_open_with(&forgets);
	for (int i = 0; i < 20; i++)
		add(st, "INBOX");
	v = fixture_view(st, "INBOX");
	w = fixture_view(st, "INBOX");
	fixture_flag(w, 1, 1, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(w);
	view_close(&w);
	ck_assert_uint_gt(compact(st, true).segments, 0);
	ck_assert_uint_eq(view_msgs(v, 1, 1, &m, &need), 1);
	ck_assert(m.expunged);
	p = xmalloc(m.size + 1u);
	ck_assert_int_eq(store_read(st, m.body, 0, p, m.size), RC_OK);
	view_close(&v);
	ck_assert_uint_eq(compact(st, false).dropped, 1);
	ck_assert_int_eq(store_read(st, m.body, 0, p, m.size), RC_NOTFOUND);
	free(p);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* ---- what was found out about messages ---- */

static void
add_judged(struct store *st, uint8_t id, const char *verdict)
{
	const uint8_t delivery[16] = {id};
	const struct store_add a = {.mailbox = "INBOX",
	    .delivery_id = delivery,
	    .verdict = sv_str(verdict)};
	struct store_added out;

	ck_assert_int_eq(
	    fixture_try_add(st, &a, "Subject: x\r\n\r\nhello\r\n", &out),
	    RC_OK);
}

/* Of the n-th message shown; "" if there is none. */
static void
expect_verdict(
    struct store *st, const char *mailbox, uint32_t n, const char *want)
{
	struct view *v = fixture_view(st, mailbox);
	struct store_msg m;
	uint64_t need = 0;
	struct buf b;
	int r;

	buf_init(&b, STORE_VERDICT_MAX);
	ck_assert_uint_eq(view_msgs(v, n, 1, &m, &need), 1);
	r = store_verdict(st, m.body, &b);
	ck_assert_int_eq(r, want[0] != '\0' ? RC_OK : RC_NOTFOUND);
	ck_assert_str_eq(b.p != NULL ? b.p : "", want);
	buf_fini(&b);
	view_close(&v);
}

/* It goes where its message goes, and stays as long. */
START_TEST(store_verdict__stays_with_its_message)
{
	const struct store_opts *o = _i == 0 ? &keeps : &forgets;
	struct rangeset set = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct store *st;
	uint32_t validity;
	struct view *v;
	uint64_t need = 0;
	struct err err;

	seed = 5;
	fixture_make();
	st = fixture_open_with(o);
	add_judged(st, 1, "first");
	add(st, "INBOX");
	add_judged(st, 2, "third");
	add_judged(st, 3, "");
	add_judged(st, 4, "fifth");
	for (int i = 0; i < 20; i++)
		add(st, "INBOX");
	v = fixture_view(st, "INBOX");
	rangeset_add(&set, 3, 3);
	ck_assert_int_eq(view_copy(v, &set, "Archive", true, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	view_close(&v);
	for (int i = 0; i < 3; i++) {
		expect_verdict(st, "INBOX", 1, "");
		expect_verdict(st, "INBOX", 2, "");
		expect_verdict(st, "INBOX", 3, "fifth");
		expect_verdict(st, "INBOX", 4, "");
		expect_verdict(st, "Archive", 1, "third");
		/* The first and its verdict, unless they can come back. */
		if (i == 1)
			ck_assert_uint_eq(
			    compact(st, true).dropped, _i == 0 ? 0 : 2);
		same_after_restart(&st, o);
	}
	rangeset_fini(&set);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* Bytes of somebody's own are not taken for one. */
START_TEST(store_verdict__is_not_the_next_message)
{
	struct store *st;

	seed = 6;
	fixture_make();
	st = fixture_open_with(&keeps);
	for (int i = 0; i < 3; i++)
		(void)fixture_add(st, "INBOX", "\5\2\1\1", 0);
	for (uint32_t i = 1; i <= 3; i++)
		expect_verdict(st, "INBOX", i, "");
	store_close(&st);
	fixture_remove();
}
END_TEST

/* ---- beside sessions ---- */

struct beside {
	struct store *st;
	_Atomic bool stop;
	unsigned done;
};

static void *
compact_always(void *arg)
{
	struct beside *b = arg;

	while (!b->stop) {
		compact(b->st, true);
		b->done++;
	}
	return NULL;
}

static int
by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

/* Reads all messages some times; the slowest of a hundred, microseconds. */
static int64_t
read_all(struct store *st)
{
	static int64_t took[40000];
	struct view *v = fixture_view(st, "INBOX");
	static char text[65536];
	size_t n = 0;

	for (int round = 0; round < 20; round++)
		for (uint32_t i = 1; i <= view_count(v); i++) {
			int64_t t = now_us();
			struct store_msg m;
			uint64_t need = 0;

			ck_assert_uint_eq(view_msgs(v, i, 1, &m, &need), 1);
			ck_assert_int_eq(
			    store_read(st, m.body, 0, text, m.size), RC_OK);
			if (n < sizeof took / sizeof *took)
				took[n++] = now_us() - t;
		}
	view_close(&v);
	qsort(took, n, sizeof *took, by_time);
	return took[n * 99 / 100];
}

START_TEST(store_compact__beside_sessions)
{
	struct beside b = {.stop = false};
	int64_t alone, beside;
	pthread_t t;

	seed = 11;
	fixture_make();
	b.st = fixture_open_with(&keeps);
	for (int i = 0; i < 500; i++)
		add(b.st, "INBOX");
	alone = read_all(b.st);
	ck_assert_int_eq(pthread_create(&t, NULL, compact_always, &b), 0);
	for (int i = 0; i < 100; i++) {
		add(b.st, "INBOX");
		change(b.st);
	}
	beside = read_all(b.st);
	b.stop = true;
	pthread_join(t, NULL);
	printf("p99 of a read: %lld us alone, %lld us beside %u compactions\n",
	    (long long)alone, (long long)beside, b.done);
	same_after_restart(&b.st, &keeps);
	store_close(&b.st);
	fixture_remove();
}
END_TEST

struct adding {
	struct store *st;
	_Atomic bool stop;
};

static void *
add_always(void *arg)
{
	struct adding *a = arg;

	while (!a->stop)
		(void)fixture_add(
		    a->st, "Archive", "Subject: y\r\n\r\nyyyy\r\n", 0);
	return NULL;
}

/* Segments are closed while a compaction looks for what is unwanted: what is
 * in those was not in its list. */
START_TEST(store_compact__beside_deliveries)
{
	const struct store_opts o = {.segment_bytes = 16384,
	    .low_water_bytes = 1,
	    .retention_ms = 30 * DAY_MS};
	const struct store_compact c = {.share = 0};
	struct adding a = {.stop = false};
	const int64_t until = clk_mono() + 1500;
	struct journal_compacted out;
	pthread_t t[2];

	fixture_make();
	a.st = fixture_open_with(&o);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    pthread_create(&t[i], NULL, add_always, &a), 0);
	while (clk_mono() < until) {
		int r = store_compact(a.st, &c, &out);

		ck_assert_msg(r == RC_NOTFOUND, "%s", rc_name(r));
	}
	a.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	(void)read_all(a.st);
	store_close(&a.st);
	fixture_remove();
}
END_TEST

/* What is still in sight goes all the same, and cannot be copied from there. */
START_TEST(store_purge__though_a_view_shows_it)
{
	struct rangeset all = RANGESET_EMPTY, src = RANGESET_EMPTY,
			dst = RANGESET_EMPTY;
	struct store *st;
	struct view *v, *w;
	struct store_msg m;
	struct found f;
	uint64_t need = 0;
	uint32_t validity;
	struct err err;
	size_t gone;
	char byte;

	seed = 11;
	fixture_make();
	st = fixture_open_with(&keeps);
	for (int i = 0; i < 5; i++)
		add(st, "INBOX");
	v = fixture_view(st, "INBOX");
	w = fixture_view(st, "INBOX");
	fixture_flag(v, 2, 2, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	ck_assert_uint_eq(view_msgs(w, 2, 1, &m, &need), 1);
	ck_assert(m.expunged);
	f = expunged(st);
	ck_assert_int_eq(store_purge(st, f.g, f.n, &gone, &need, &err), RC_OK);
	ck_assert_uint_eq(gone, 1);
	ck_assert_int_eq(store_roll(st), RC_OK);
	ck_assert_uint_eq(compact(st, false).dropped, 1);
	ck_assert_int_ne(store_read(st, m.body, 0, &byte, 1), RC_OK);
	rangeset_add(&all, 1, 5);
	ck_assert_int_eq(view_copy(w, &all, "Archive", false, &validity, &src,
			     &dst, &need, &err),
	    RC_OK);
	ck_assert_uint_eq(rangeset_count(&src), 4);
	view_close(&v);
	view_close(&w);
	rangeset_fini(&all);
	rangeset_fini(&src);
	rangeset_fini(&dst);
	same_after_restart(&st, &keeps);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* Restored between the list and the purge: it stays. */
START_TEST(store_purge__not_what_is_back)
{
	struct store *st = with_three_expunged();
	struct found f = expunged(st);
	uint64_t need = 0;
	struct err err;
	size_t n;

	ck_assert_int_eq(
	    store_undelete(st, f.g, 1, "Archive", &n, &need, &err), RC_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(store_purge(st, f.g, 3, &n, &need, &err), RC_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(store_roll(st), RC_OK);
	ck_assert_uint_eq(compact(st, false).dropped, 2);
	(void)read_all(st);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* A round that won nothing is not tried again at once. */
START_TEST(store_compact__ends)
{
	const struct store_compact c = {.share = 30, .min_bytes = 1};
	struct store *st = with_three_expunged();
	struct journal_compacted out;
	struct view *v;
	int rounds = 0;

	v = fixture_view(st, "INBOX");
	fixture_flag(v, 1, 15, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	view_close(&v);
	clk_set_offset(40 * DAY_MS);
	while (store_compact(st, &c, &out) == RC_OK)
		ck_assert_int_lt(++rounds, 10);
	ck_assert_int_gt(rounds, 0);
	clk_set_offset(0);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* When room is scarce a compaction may forget earlier than the store would. */
START_TEST(store_compact__for_a_shorter_retention)
{
	struct store_compact c = {.retention_ms = DAY_MS};
	struct journal_compacted out;
	struct store *st = with_three_expunged();

	clk_set_offset(2 * DAY_MS);
	ck_assert_uint_eq(expunged(st).n, 3);
	ck_assert_int_eq(store_compact(st, &c, &out), RC_OK);
	ck_assert_uint_eq(out.dropped, 3);
	ck_assert_uint_eq(expunged(st).n, 0);
	same_after_restart(&st, &keeps);
	ck_assert_uint_eq(expunged(st).n, 0);
	clk_set_offset(0);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* Years ahead, and back: nothing is older for that.  Without a clock that is
 * distrusted it would be (store_clock_set). */
START_TEST(store_compact__after_a_leap_of_the_clock)
{
	const struct store_compact c = {.share = 1, .min_bytes = 1};
	const int64_t leap = 10 * 365 * DAY_MS;
	struct journal_compacted out;
	struct believed kept = {.time = clk_now(), .mono = clk_mono()};
	struct store *st = with_three_expunged();
	bool trusting = _i == 1;

	/* As an earlier process has left it. */
	if (!trusting)
		store_clock_set(st, &kept);
	clk_set_offset(leap);
	ck_assert(trusting == (store_time(st) - clk_now() > -leap / 2));
	ck_assert_int_ne(store_compact(st, &c, &out), RC_IO);
	ck_assert_uint_eq(expunged(st).n, trusting ? 0 : 3);
	store_clock_get(st, &kept);
	ck_assert(trusting || kept.ahead != 0);
	/* It starts anew while the clock is wrong. */
	store_close(&st);
	st = fixture_open_with(&keeps);
	if (!trusting)
		store_clock_set(st, &kept);
	ck_assert_int_ne(store_compact(st, &c, &out), RC_IO);
	clk_set_offset(0);
	ck_assert(trusting || expunged(st).n == 3);
	ck_assert_int_le(store_time(st), clk_now());
	/* Time goes on as it should. */
	if (!trusting) {
		kept = (struct believed){
		    .time = clk_now() + 39 * DAY_MS, .mono = clk_mono()};
		clk_set_offset(40 * DAY_MS);
		store_clock_set(st, &kept);
		ck_assert_int_ne(store_compact(st, &c, &out), RC_IO);
		ck_assert_uint_eq(expunged(st).n, 0);
		clk_set_offset(0);
	}
	store_close(&st);
	fixture_remove();
}
END_TEST

/* A clock that leaps to and fro makes the others' ids no older. */
START_TEST(store_compact__deliveries_after_a_leap)
{
	uint8_t id[16] = "sixteen bytes...";
	struct store_add a = {.mailbox = "INBOX", .delivery_id = id};
	struct store_added first, again;
	struct store *st;
	unsigned i;

	fixture_make();
	st = fixture_open_with(&forgets);
	ck_assert_int_eq(fixture_try_add(st, &a, "x\r\n", &first), RC_OK);
	for (i = 0; i < 100; i++) {
		clk_set_offset(i % 2 == (unsigned)_i ? 3650 * DAY_MS : 0);
		id[0] = (uint8_t)(i < 's' ? i : i + 1);
		ck_assert_int_eq(
		    fixture_try_add(st, &a, "x\r\n", &again), RC_OK);
	}
	clk_set_offset(0);
	id[0] = 's';
	ck_assert_int_eq(fixture_try_add(st, &a, "x\r\n", &again), RC_OK);
	ck_assert(again.repeated);
	ck_assert_uint_eq(again.uid, first.uid);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* Whoever delivers again what was delivered before the compaction is told so,
 * for seven days. */
START_TEST(store_compact__remembers_deliveries)
{
	const uint8_t id[16] = "sixteen bytes...";
	struct store_add a = {.mailbox = "INBOX", .delivery_id = id};
	struct store_added first, again;
	struct store *st;

	seed = 5;
	fixture_make();
	st = fixture_open_with(&forgets);
	ck_assert_int_eq(fixture_try_add(st, &a, "x\r\n", &first), RC_OK);
	for (int i = 0; i < 30; i++)
		add(st, "Archive");
	ck_assert_uint_gt(compact(st, true).segments, 0);
	store_close(&st);
	fixture_forget_checkpoint();
	st = fixture_open_with(&forgets);
	ck_assert_int_eq(fixture_try_add(st, &a, "x\r\n", &again), RC_OK);
	ck_assert(again.repeated);
	ck_assert_uint_eq(again.uid, first.uid);
	clk_set_offset(8 * DAY_MS);
	ck_assert_int_eq(fixture_try_add(st, &a, "x\r\n", &again), RC_OK);
	ck_assert(!again.repeated);
	clk_set_offset(0);
	store_close(&st);
	fixture_remove();
}
END_TEST

/* While the account is in use: nothing that does not fit is left behind. */
START_TEST(store_compact__leaves_a_checkpoint_that_fits)
{
	struct fsck_opts o = {.online = true};
	struct fsck_report rep = {.n = 0};
	struct err err = {0, ""};
	struct store *st;

	seed = 6;
	fixture_make();
	st = fixture_open_with(&forgets);
	for (int i = 0; i < 10; i++)
		add(st, "INBOX");
	store_checkpoint(st);
	for (int i = 0; i < 30; i++)
		add(st, "Archive");
	ck_assert_uint_gt(compact(st, true).segments, 0);
	ck_assert_int_eq(fsck_check(fixture_dir(), &o, &rep, &err), RC_OK);
	for (size_t i = 0; i < rep.n; i++)
		ck_assert_msg(rep.f[i].file[0] != 's', "%s", rep.f[i].text);
	ck_assert_uint_eq(rep.derived, 0);
	fsck_report_fini(&rep);
	store_close(&st);
	fixture_remove();
}
END_TEST

UNIT_TESTS(compact)
{
	TCase *t = tcase_create("compact");

	tcase_add_loop_test(t, store_compact__is_equal_in_replay, 0, 12);
	tcase_add_test(t, store_undelete__after_compaction_and_restart);
	tcase_add_test(t, store_purge__removes_for_good);
	tcase_add_loop_test(t, store_verdict__stays_with_its_message, 0, 2);
	tcase_add_test(t, store_verdict__is_not_the_next_message);
	tcase_add_test(t, store_compact__beside_deliveries);
	tcase_add_test(t, store_purge__though_a_view_shows_it);
	tcase_add_test(t, store_purge__not_what_is_back);
	tcase_add_test(t, store_compact__ends);
	tcase_add_test(t, store_compact__for_a_shorter_retention);
	tcase_add_test(t, store_compact__remembers_deliveries);
	tcase_add_loop_test(t, store_compact__after_a_leap_of_the_clock, 0, 2);
	tcase_add_loop_test(t, store_compact__deliveries_after_a_leap, 0, 2);
	tcase_add_test(t, store_compact__leaves_a_checkpoint_that_fits);
	tcase_add_test(t, store_compact__beside_sessions);
	tcase_add_test(t, store_purge__also_in_the_segment_in_use);
	tcase_add_test(t, store_compact__keeps_what_a_view_shows);
	return t;
}
