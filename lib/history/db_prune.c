/* What is too old, or too much. */
#include "history/db_priv.h"

#include <string.h>

#include "history/aside.h"
#include "history/record.h"

#define DAYS_KEPT  60 /* of counts */
#define PAGE_BYTES 4096

/* ---- removing ---- */

static int
drop_story(struct history_db *db, int64_t id)
{
	int r = history_db_run(db, Q_DROP_LATER, id, 0, NULL);

	return r == RC_OK ? history_db_run(db, Q_DROP_STORY, id, 0, NULL) : r;
}

/* Their numbers and times. */
struct batch {
	int64_t id[HISTORY_PRUNE_SOME], time[HISTORY_PRUNE_SOME];
	size_t n;
};

static int
read_batch(
    struct history_db *db, enum statement q, int64_t before, struct batch *b)
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, q, &r);

	b->n = 0;
	if (st == NULL)
		return history_db_rc(r);
	if (q == Q_REFUSED)
		(void)sqlite3_bind_int64(st, 1, before);
	(void)sqlite3_bind_int64(
	    st, q == Q_REFUSED ? 2 : 1, HISTORY_PRUNE_SOME);
	while (
	    (r = sqlite3_step(st)) == SQLITE_ROW && b->n < HISTORY_PRUNE_SOME) {
		b->id[b->n] = sqlite3_column_int64(st, 0);
		b->time[b->n++] =
		    q == Q_OLDEST ? sqlite3_column_int64(st, 1) : 0;
	}
	(void)sqlite3_reset(st);
	return history_db_rc(r);
}

/* Those of the batch that began before; *n: how many. */
static int
drop_batch(
    struct history_db *db, const struct batch *b, int64_t before, size_t *n)
{
	int r = history_db_begin(db);
	size_t i;

	*n = 0;
	for (i = 0; r == RC_OK && i < b->n; i++)
		if (b->time[i] < before) {
			r = drop_story(db, b->id[i]);
			++*n;
		}
	if (*n > 0)
		memset(db->known, 0, sizeof db->known);
	return r;
}

static bool
is_too_large(struct history_db *db)
{
	int64_t pages = 0, unused = 0;

	if (history_db_run(db, Q_PAGES, 0, 0, &pages) != RC_OK ||
	    history_db_run(db, Q_FREE_PAGES, 0, 0, &unused) != RC_OK)
		return false;
	return (uint64_t)(pages - unused) * PAGE_BYTES > db->o.size;
}

/* Refusals have half the time that there is. */
static int
make_room(struct history_db *db, int64_t now, struct batch *b, size_t *n)
{
	int64_t half;
	int r;

	if (b->n == 0)
		return RC_OK;
	half = b->time[0] + (now - b->time[0]) / 2;
	r = read_batch(db, Q_REFUSED, half, b);
	if (r == RC_OK)
		r = drop_batch(db, b, now, n);
	if (r != RC_OK || *n > 0)
		return r;
	r = read_batch(db, Q_OLDEST, 0, b);
	return r == RC_OK ? drop_batch(db, b, INT64_MAX, n) : r;
}

/* Rows of (story, number, steps) whose steps are written anew. */
static int
hide_in(struct history_db *db, enum statement some, enum statement rewrite)
{
	int r, wr = SQLITE_DONE;
	sqlite3_stmt *st = history_db_ready(db, some, &r),
		     *w = history_db_ready(db, rewrite, &wr);
	struct buf out;

	if (st == NULL || w == NULL)
		return history_db_rc(st == NULL ? r : wr);
	buf_init(&out, 2 * HISTORY_ROW_MAX);
	(void)sqlite3_bind_int64(st, 1, (int64_t)db->hidden);
	(void)sqlite3_bind_int64(
	    st, 2, (int64_t)db->hidden + HISTORY_PRUNE_SOME);
	wr = SQLITE_DONE;
	while (wr == SQLITE_DONE && (r = sqlite3_step(st)) == SQLITE_ROW) {
		buf_reset(&out);
		if (!history_record_strip(
			history_db_blob(st, 2), HISTORY_TAG_SUBJECT, &out))
			continue;
		(void)sqlite3_bind_int64(w, 1, sqlite3_column_int64(st, 0));
		if (rewrite == Q_REWRITE_LATER)
			(void)sqlite3_bind_int64(
			    w, 2, sqlite3_column_int64(st, 1));
		(void)sqlite3_bind_blob(w, 3, out.p, (int)out.n, SQLITE_STATIC);
		wr = sqlite3_step(w);
		(void)sqlite3_reset(w);
	}
	(void)sqlite3_reset(st);
	buf_fini(&out);
	return wr != SQLITE_DONE ? history_db_rc(wr) : history_db_rc(r);
}

/* Subjects that were written before they were to be left out. */
static int
hide_subjects(struct history_db *db, bool *more)
{
	int64_t last = 0;
	int r = history_db_run(db, Q_NEWEST, 0, 0, &last);

	if (r != RC_OK || (int64_t)db->hidden >= last)
		return r;
	r = hide_in(db, Q_SOME, Q_REWRITE);
	if (r == RC_OK)
		r = hide_in(db, Q_SOME_LATER, Q_REWRITE_LATER);
	db->hidden += HISTORY_PRUNE_SOME;
	*more = *more || (int64_t)db->hidden < last;
	return r;
}

int64_t
history_db_time(struct history_db *db)
{
	int64_t time = 0;

	(void)!history_db_run(db, Q_TIME, 0, 0, &time);
	return time;
}

int
history_db_prune(struct history_db *db, int64_t now, bool *more)
{
	struct batch b;
	int64_t keep = db->o.keep_ms;
	size_t n = 0, crowded = 0;
	int r = history_db_write_pending(db);

	if (r == RC_OK)
		r = history_db_begin(db);
	*more = false;
	history_aside_forget(
	    HISTORY_DB_NAME, keep > 0 ? (now - keep) / 1000 : INT64_MAX);
	if (r == RC_OK)
		r = read_batch(db, Q_OLDEST, 0, &b);
	if (r == RC_OK)
		r = drop_batch(db, &b, keep > 0 ? now - keep : INT64_MAX, &n);
	if (r == RC_OK && n == 0 && is_too_large(db))
		r = make_room(db, now, &b, &crowded);
	if (r == RC_OK)
		r = history_db_run(db, Q_FORGET_COUNTS,
		    history_db_day(now) - DAYS_KEPT, 0, NULL);
	if (r == RC_OK)
		r = history_db_run(db, Q_SET_TIME, now, 0, NULL);
	*more = n == HISTORY_PRUNE_SOME || crowded > 0;
	if (r == RC_OK && !db->o.subjects)
		r = hide_subjects(db, more);
	if (r == RC_OK)
		r = history_db_commit(db);
	if (r == RC_OK && n + crowded > 0)
		r = history_db_run(db, Q_VACUUM, 0, 0, NULL);
	return history_db_roll_back(db, r);
}
