/* Steps and counts, on their way into the database. */
#include "history/db_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "history/record.h"

#define PENDING_MAX 4000 /* messages */
#define USUAL_BYTES 300

/* ---- what is known ---- */

static struct known *
place_of(struct history_db *db, const uint8_t id[16])
{
	return &db->known[be_get32(id) % HISTORY_KNOWN];
}

static void
know(struct history_db *db, const uint8_t id[16], uint64_t story, uint8_t state)
{
	struct known *k = place_of(db, id);

	*k = (struct known){.story = story, .state = state};
	memcpy(k->id, id, sizeof k->id);
}

/* From the newest on back, so that a new process finds what an earlier one has
 * begun. */
int
history_db_read_recent(struct history_db *db)
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, Q_RECENT, &r);

	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_int64(st, 1, HISTORY_KNOWN);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		const uint8_t *id = sqlite3_column_blob(st, 1);

		if (sqlite3_column_bytes(st, 1) == 16 &&
		    place_of(db, id)->story == 0)
			know(db, id, (uint64_t)sqlite3_column_int64(st, 0),
			    (uint8_t)sqlite3_column_int(st, 2));
	}
	(void)sqlite3_reset(st);
	return history_db_rc(r);
}

/* In the index of those that the queue has had. */
static int
look_up(struct history_db *db, const uint8_t id[16], struct known *out)
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, Q_FIND_QUEUED, &r);

	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_blob(st, 1, id, 16, SQLITE_STATIC);
	r = sqlite3_step(st);
	*out = (struct known){.state = QUEUED};
	if (r == SQLITE_ROW)
		out->story = (uint64_t)sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return r == SQLITE_ROW	  ? RC_OK
	       : r == SQLITE_DONE ? RC_NOTFOUND
				  : history_db_rc(r);
}

/* The story that this belongs to; RC_NOTFOUND: it is a new one.  One that
 * begins at the door was not in the queue long ago. */
static int
find_story(struct history_db *db, const struct pending *p, struct known *out)
{
	struct known *k = place_of(db, p->id);

	if (k->story != 0 && memcmp(k->id, p->id, sizeof k->id) == 0) {
		*out = *k;
		return RC_OK;
	}
	return p->begins ? RC_NOTFOUND : look_up(db, p->id, out);
}

/* ---- writing ---- */

void
history_db_drop_pending(struct history_db *db)
{
	struct pending *p;

	while ((p = db->pending) != NULL) {
		db->pending = p->next;
		buf_fini(&p->steps);
		free(p);
	}
	db->pending_end = &db->pending;
	db->npending = 0;
	memset(db->slot, 0, sizeof db->slot);
}

static struct pending *
pending_of(struct history_db *db, const struct history_step *s)
{
	struct pending **at = &db->slot[be_get32(s->id) % HISTORY_SLOTS], *p;

	for (p = *at; p != NULL; p = p->same)
		if (memcmp(p->id, s->id, sizeof p->id) == 0)
			return p;
	p = xcalloc(1, sizeof *p);
	memcpy(p->id, s->id, sizeof p->id);
	p->when = s->when;
	buf_init(&p->steps, 2 * HISTORY_ROW_MAX);
	p->same = *at;
	*at = p;
	*db->pending_end = p;
	db->pending_end = &p->next;
	db->npending++;
	return p;
}

static uint8_t
state_after(uint8_t kind)
{
	if (kind == HISTORY_QUEUED)
		return QUEUED;
	return kind == HISTORY_REFUSED || kind == HISTORY_DEFERRED ? REFUSED
								   : ENDED;
}

static int
begin_story(struct history_db *db, const struct pending *p)
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, Q_NEW_STORY, &r);

	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_blob(st, 1, p->id, 16, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, p->when);
	(void)sqlite3_bind_int(st, 3, p->state);
	(void)sqlite3_bind_blob(
	    st, 4, p->steps.p, (int)p->steps.n, SQLITE_STATIC);
	r = sqlite3_step(st);
	(void)sqlite3_reset(st);
	if (r != SQLITE_DONE)
		return history_db_rc(r);
	know(db, p->id, (uint64_t)sqlite3_last_insert_rowid(db->h), p->state);
	return RC_OK;
}

static int
go_on(struct history_db *db, const struct pending *p, struct known *k)
{
	int64_t last = k->later;
	int r = RC_OK, sr;
	sqlite3_stmt *st;

	if (p->state > k->state) {
		k->state = p->state;
		r = history_db_run(
		    db, Q_SET_STATE, (int64_t)k->story, k->state, NULL);
	}
	if (r == RC_OK && last == 0)
		r = history_db_run(
		    db, Q_LAST_LATER, (int64_t)k->story, 0, &last);
	if (r != RC_OK)
		return r;
	k->later = (uint32_t)last + 1;
	st = history_db_ready(db, Q_LATER, &sr);
	if (st == NULL)
		return history_db_rc(sr);
	(void)sqlite3_bind_int64(st, 1, (int64_t)k->story);
	(void)sqlite3_bind_int64(st, 2, k->later);
	(void)sqlite3_bind_blob(
	    st, 3, p->steps.p, (int)p->steps.n, SQLITE_STATIC);
	sr = sqlite3_step(st);
	(void)sqlite3_reset(st);
	memcpy(k->id, p->id, sizeof k->id);
	*place_of(db, p->id) = *k;
	return history_db_rc(sr);
}

/* What is pending goes into the transaction. */
int
history_db_write_pending(struct history_db *db)
{
	const struct pending *p;
	int r = RC_OK;

	if (db->pending == NULL)
		return RC_OK;
	r = history_db_begin(db);
	for (p = db->pending; r == RC_OK && p != NULL; p = p->next) {
		struct known k;

		r = find_story(db, p, &k);
		if (r == RC_OK)
			r = go_on(db, p, &k);
		else if (r == RC_NOTFOUND)
			r = begin_story(db, p);
	}
	history_db_drop_pending(db);
	return history_db_roll_back(db, r);
}

static bool
is_full(const struct pending *p, struct sv record)
{
	return p->nsteps > 0 && (p->nsteps >= HISTORY_ROW_STEPS ||
				    p->steps.n + record.n > HISTORY_ROW_BYTES);
}

static void
add_step(struct history_db *db, struct pending *p, const struct history_step *s,
    struct sv record)
{
	struct history_step bare = *s;
	uint8_t state = state_after(s->kind);

	if (p->nsteps == 0)
		(void)buf_reserve(&p->steps, USUAL_BYTES);
	if (!db->o.subjects && s->subject.n > 0) {
		bare.subject = SV("");
		history_record_put(&bare, &p->steps);
	} else {
		buf_addsv(&p->steps, record);
	}
	p->nsteps++;
	db->uncommitted++;
	p->begins = p->begins || s->kind <= HISTORY_DEFERRED;
	if (state > p->state)
		p->state = state;
	if (s->when < p->when)
		p->when = s->when;
}

int
history_db_add(
    struct history_db *db, const struct history_step *s, struct sv record)
{
	struct pending *p;
	int r = RC_OK;

	history_db_count(db, s->count, 1);
	if (db->o.keep_ms == 0)
		return RC_OK;
	p = pending_of(db, s);
	if (is_full(p, record) || db->npending > PENDING_MAX) {
		r = history_db_write_pending(db);
		p = pending_of(db, s);
	}
	if (r == RC_OK)
		add_step(db, p, s, record);
	return r;
}

/* ---- counts ---- */

/* Local seconds since 1970. */
static int64_t
local_seconds(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm = {.tm_gmtoff = 0};

	(void)localtime_r(&t, &tm);
	return (int64_t)t + tm.tm_gmtoff;
}

int64_t
history_db_day(int64_t ms)
{
	return local_seconds(ms) / 86400;
}

void
history_db_count(struct history_db *db, uint32_t what, uint64_t n)
{
	if (what > HISTORY_COUNT_LOST || what == HISTORY_C_NONE || n == 0)
		return;
	db->count[what] += n;
	db->ever[what] += n;
	db->counted = true;
}

/* What failed has nothing behind it. */
int
history_db_roll_back(struct history_db *db, int r)
{
	if (r == RC_OK)
		return r;
	history_db_count(db, HISTORY_COUNT_LOST, db->uncommitted);
	db->uncommitted = 0;
	if (!db->begun)
		return r;
	if (!sqlite3_get_autocommit(db->h))
		(void)!history_db_run(db, Q_ROLLBACK, 0, 0, NULL);
	db->begun = false;
	memset(db->known, 0, sizeof db->known);
	return r;
}

static int
write_count(struct history_db *db, enum statement q, int64_t day, uint32_t what,
    uint64_t n)
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, q, &r);

	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_int64(st, 1, day);
	(void)sqlite3_bind_int64(st, 2, what);
	(void)sqlite3_bind_int64(st, 3, (int64_t)n);
	r = history_db_rc(sqlite3_step(st));
	(void)sqlite3_reset(st);
	return r;
}

static int
write_counts(struct history_db *db)
{
	const int64_t day = history_db_day(clk_now());
	int r = RC_OK;
	uint32_t i;

	for (i = 0; r == RC_OK && i <= HISTORY_COUNT_LOST; i++) {
		if (db->count[i] > 0)
			r = write_count(db, Q_COUNT, day, i, db->count[i]);
	}
	return r;
}

int
history_db_sample(struct history_db *db, const struct history_sample *s)
{
	const int64_t now = local_seconds(clk_now());
	const uint32_t hour = (uint32_t)(now / 3600 % 24);
	int r = history_db_begin(db);

	if (r == RC_OK)
		r = write_count(db, Q_SAMPLE, now / 86400,
		    HISTORY_SAMPLE_AT(HISTORY_S_WAITING, hour), s->waiting);
	if (r == RC_OK)
		r = write_count(db, Q_SAMPLE, now / 86400,
		    HISTORY_SAMPLE_AT(HISTORY_S_DISK, hour), s->disk_free);
	return r == RC_OK ? RC_OK : history_db_roll_back(db, r);
}

void
history_db_days(struct history_db *db, struct history_days *out)
{
	const int64_t now = local_seconds(clk_now());
	size_t cap = 0;
	int r;
	sqlite3_stmt *st = history_db_ready(db, Q_DAYS, &r);

	*out = (struct history_days){
	    .today = now / 86400, .hour = (uint32_t)(now / 3600 % 24)};
	if (st == NULL)
		return;
	(void)sqlite3_bind_int64(st, 1, out->today - HISTORY_DAYS);
	(void)sqlite3_bind_int64(st, 2, HISTORY_DAY_ROWS);
	while (sqlite3_step(st) == SQLITE_ROW) {
		out->row = xgrow(out->row, &cap, out->n + 1, sizeof *out->row);
		out->row[out->n++] =
		    (struct history_row){sqlite3_column_int64(st, 0),
			(uint32_t)sqlite3_column_int64(st, 1),
			(uint64_t)sqlite3_column_int64(st, 2)};
	}
	(void)sqlite3_reset(st);
}

bool
history_db_pending(const struct history_db *db)
{
	return db->begun || db->counted || db->pending != NULL;
}

int
history_db_commit(struct history_db *db)
{
	int r = RC_OK;

	if (!history_db_pending(db))
		return RC_OK;
	r = history_db_write_pending(db);
	if (r == RC_OK)
		r = history_db_begin(db);
	if (r == RC_OK && db->counted)
		r = write_counts(db);
	if (r == RC_OK)
		r = history_db_run(db, Q_COMMIT, 0, 0, NULL);
	if (r != RC_OK)
		return history_db_roll_back(db, r);
	db->begun = db->counted = false;
	db->uncommitted = 0;
	memset(db->count, 0, sizeof db->count);
	return RC_OK;
}

static void
sum_counts(
    struct history_db *db, unsigned days, uint64_t out[HISTORY_COUNT_LOST + 1])
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, Q_COUNTS, &r);

	memcpy(out, db->count, sizeof db->count);
	if (st == NULL)
		return;
	(void)sqlite3_bind_int64(
	    st, 1, history_db_day(clk_now()) - (int64_t)days);
	while (sqlite3_step(st) == SQLITE_ROW) {
		int64_t what = sqlite3_column_int64(st, 0);

		if (what >= 0 && what <= HISTORY_COUNT_LOST)
			out[what] += (uint64_t)sqlite3_column_int64(st, 1);
	}
	(void)sqlite3_reset(st);
}

void
history_db_ever(const struct history_db *db, uint64_t out[HISTORY_COUNTS])
{
	memcpy(out, db->ever, HISTORY_COUNTS * sizeof *out);
}

void
history_db_counts(
    struct history_db *db, unsigned days, uint64_t out[HISTORY_COUNTS])
{
	uint64_t all[HISTORY_COUNT_LOST + 1];

	sum_counts(db, days, all);
	memcpy(out, all, HISTORY_COUNTS * sizeof *out);
}

uint64_t
history_db_lost(struct history_db *db, unsigned days)
{
	uint64_t all[HISTORY_COUNT_LOST + 1];

	sum_counts(db, days, all);
	return all[HISTORY_COUNT_LOST];
}
