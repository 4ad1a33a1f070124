#include "history/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/log.h"
#include "history/search.h"
#include "history/sqlite.h"

#define VERSION	   1 /* of the tables */
#define BUSY_MS	   3000
#define KNOWN	   4096
#define DAYS_KEPT  60 /* of counts */
#define PRUNE_SOME 200
#define LOOK_EACH  256 /* rows between two looks at the clock */
#define PAGE_BYTES 4096
#define CHECKPOINT "1000" /* pages */
#define CACHE_KIB  "2048"
#define ASIDE	   HISTORY_DB_NAME ".damaged"

#define SCHEMA                                                              \
	"CREATE TABLE story(id INTEGER PRIMARY KEY, delivery BLOB NOT NULL" \
	" UNIQUE, time INTEGER NOT NULL, kept INTEGER NOT NULL);"           \
	"CREATE INDEX refused ON story(id) WHERE kept = 0;"                 \
	"CREATE TABLE step(story INTEGER NOT NULL, n INTEGER NOT NULL,"     \
	" time INTEGER NOT NULL, kind INTEGER NOT NULL, writer INTEGER,"    \
	" flags INTEGER, code INTEGER, number INTEGER, who TEXT,"           \
	" account TEXT, peer TEXT, sender TEXT, words TEXT,"                \
	" message_id TEXT, subject TEXT, PRIMARY KEY(story, n))"            \
	" WITHOUT ROWID;"                                                   \
	"CREATE TABLE count(day INTEGER NOT NULL, what INTEGER NOT NULL,"   \
	" n INTEGER NOT NULL, PRIMARY KEY(day, what)) WITHOUT ROWID;"       \
	"PRAGMA user_version = 1;"

#define STEP_COLUMNS                                             \
	"time, kind, writer, flags, code, number, who, account," \
	" peer, sender, words, message_id, subject"

enum statement {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_STORY,
	Q_NEW_STORY,
	Q_KEEP_STORY,
	Q_LAST_STEP,
	Q_STEP,
	Q_COUNT,
	Q_COUNTS,
	Q_FORGET_COUNTS,
	Q_FIND,
	Q_DELIVERY,
	Q_READ,
	Q_OLDEST,
	Q_REFUSED,
	Q_DROP_STEPS,
	Q_DROP_STORY,
	Q_PAGES,
	Q_FREE_PAGES,
	Q_VACUUM,
	Q_SUBJECTS,
	Q_NEWEST,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [Q_BEGIN] = "BEGIN",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_STORY] = "SELECT id, kept FROM story WHERE delivery = ?",
    [Q_NEW_STORY] = "INSERT INTO story(delivery, time, kept) VALUES(?, ?, ?)",
    [Q_KEEP_STORY] = "UPDATE story SET kept = 1 WHERE id = ?",
    [Q_LAST_STEP] = "SELECT max(n) FROM step WHERE story = ?",
    [Q_STEP] = "INSERT INTO step(story, n, " STEP_COLUMNS ") VALUES"
	       "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_COUNT] = "INSERT INTO count(day, what, n) VALUES(?, ?, ?)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n",
    [Q_COUNTS] = "SELECT what, sum(n) FROM count WHERE day > ? GROUP BY what",
    [Q_FORGET_COUNTS] = "DELETE FROM count WHERE day < ?",
    [Q_FIND] = "SELECT story, " STEP_COLUMNS " FROM step WHERE story < ?"
	       " ORDER BY story DESC, n DESC",
    [Q_DELIVERY] = "SELECT delivery FROM story WHERE id = ?",
    [Q_READ] = "SELECT n, " STEP_COLUMNS " FROM step WHERE story = ?"
	       " AND n >= ? ORDER BY n",
    [Q_OLDEST] = "SELECT id, time FROM story ORDER BY id LIMIT ?",
    [Q_REFUSED] = "SELECT id FROM story WHERE kept = 0 AND time < ?"
		  " ORDER BY id LIMIT ?",
    [Q_DROP_STEPS] = "DELETE FROM step WHERE story = ?",
    [Q_DROP_STORY] = "DELETE FROM story WHERE id = ?",
    [Q_PAGES] = "PRAGMA page_count",
    [Q_FREE_PAGES] = "PRAGMA freelist_count",
    [Q_VACUUM] = "PRAGMA incremental_vacuum(256)",
    [Q_SUBJECTS] = "UPDATE step SET subject = NULL WHERE story > ? AND"
		   " story <= ? AND subject IS NOT NULL",
    [Q_NEWEST] = "SELECT max(id) FROM story",
};

/* The last stories, so that most steps need no look-up: direct-mapped. */
struct known {
	uint8_t id[16];
	uint64_t story; /* 0: none */
	uint32_t last;	/* step */
	bool kept;
};

struct history_db {
	sqlite3 *h;
	sqlite3_stmt *q[STATEMENTS];
	struct history_db_opts o;
	bool begun;
	uint64_t count[HISTORY_COUNT_LOST + 1];
	bool counted;
	uint64_t hidden; /* stories up to that have no subjects any more */
	struct known known[KNOWN];
};

/* ---- SQLite ---- */

/* A statement, ready for its arguments; NULL: it cannot be prepared, and *r
 * says why. */
static sqlite3_stmt *
ready(struct history_db *db, enum statement q, int *r)
{
	*r = SQLITE_OK;
	if (db->q[q] == NULL)
		*r = sqlite3_prepare_v3(db->h, sql[q], -1,
		    SQLITE_PREPARE_PERSISTENT, &db->q[q], NULL);
	else
		(void)sqlite3_reset(db->q[q]);
	return *r == SQLITE_OK ? db->q[q] : NULL;
}

/* Runs one that has up to two numbers as arguments and, if out is not NULL, a
 * number as its result. */
static int
run(struct history_db *db, enum statement q, int64_t a, int64_t b, int64_t *out)
{
	int r, n;
	sqlite3_stmt *st = ready(db, q, &r);

	if (st == NULL)
		return history_sqlite_rc(r);
	n = sqlite3_bind_parameter_count(st);
	if (n > 0)
		(void)sqlite3_bind_int64(st, 1, a);
	if (n > 1)
		(void)sqlite3_bind_int64(st, 2, b);
	while ((r = sqlite3_step(st)) == SQLITE_ROW)
		if (out != NULL)
			*out = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return history_sqlite_rc(r);
}

static int
begin(struct history_db *db)
{
	int r = RC_OK;

	if (!db->begun)
		r = run(db, Q_BEGIN, 0, 0, NULL);
	db->begun = db->begun || r == RC_OK;
	return r;
}

/* What failed has nothing behind it. */
static int
roll_back(struct history_db *db, int r)
{
	if (r == RC_OK || !db->begun)
		return r;
	if (!sqlite3_get_autocommit(db->h))
		(void)!run(db, Q_ROLLBACK, 0, 0, NULL);
	db->begun = false;
	memset(db->known, 0, sizeof db->known);
	return r;
}

/* ---- open ---- */

static int
make_tables(sqlite3 *h, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int version = -1, r;

	r = sqlite3_prepare_v2(h, "PRAGMA user_version", -1, &st, NULL);
	if (r == SQLITE_OK && (r = sqlite3_step(st)) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	if (version == 0)
		r = sqlite3_exec(h, "BEGIN;" SCHEMA "COMMIT", NULL, NULL, NULL);
	else if (version > 0 && version != VERSION)
		return err_set(err, RC_DAMAGED,
		    "the history is of another version of Hearthmail");
	if (history_sqlite_rc(r) != RC_OK)
		return err_set(err, history_sqlite_rc(r), "history: %s",
		    sqlite3_errmsg(h));
	return RC_OK;
}

static int
set_up(sqlite3 *h, struct err *err)
{
	int r = sqlite3_exec(h,
	    "PRAGMA locking_mode = EXCLUSIVE;"
	    "PRAGMA auto_vacuum = INCREMENTAL;"
	    "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = NORMAL;"
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA trusted_schema = OFF;"
	    "PRAGMA secure_delete = FAST;"
	    "PRAGMA cache_size = -" CACHE_KIB ";"
	    "PRAGMA wal_autocheckpoint = " CHECKPOINT ";"
	    "PRAGMA journal_size_limit = 8388608;",
	    NULL, NULL, NULL);

	if (history_sqlite_rc(r) != RC_OK)
		return err_set(err, history_sqlite_rc(r), "history: %s",
		    sqlite3_errmsg(h));
	(void)sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return make_tables(h, err);
}

static int
open_once(struct history_db *db, struct err *err)
{
	int r = sqlite3_open_v2(HISTORY_DB_NAME, &db->h,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	    history_sqlite_vfs());

	if (r == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db->h, BUSY_MS);
		r = set_up(db->h, err);
	} else {
		r = err_set(err, history_sqlite_rc(r), "history: %s",
		    db->h != NULL ? sqlite3_errmsg(db->h) : "no memory");
	}
	if (r != RC_OK) {
		(void)sqlite3_close(db->h);
		db->h = NULL;
	}
	return r;
}

void
history_db_set_aside(void)
{
	(void)unlink(HISTORY_DB_NAME "-wal");
	if (rename(HISTORY_DB_NAME, ASIDE) != 0 && errno != ENOENT)
		(void)unlink(HISTORY_DB_NAME);
	mlog(LOG_ERROR, "history.damaged",
	    "text=\"the history cannot be read; it is kept as %s, and a new "
	    "one "
	    "begins\"",
	    ASIDE);
}

int
history_db_open(
    const struct history_db_opts *o, struct history_db **out, struct err *err)
{
	struct history_db *db = xcalloc(1, sizeof *db);
	int r = open_once(db, err);

	if (r == RC_DAMAGED) {
		history_db_set_aside();
		r = open_once(db, err);
	}
	if (r != RC_OK) {
		free(db);
		return r;
	}
	history_db_set_opts(db, o);
	*out = db;
	return RC_OK;
}

void
history_db_close(struct history_db **dbp)
{
	struct history_db *db = *dbp;
	size_t i;

	if (db == NULL)
		return;
	(void)!history_db_commit(db);
	for (i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(db->q[i]);
	(void)sqlite3_close(db->h);
	free(db);
	*dbp = NULL;
}

void
history_db_set_opts(struct history_db *db, const struct history_db_opts *o)
{
	char text[80];

	if (db->o.subjects && !o->subjects)
		db->hidden = 0;
	db->o = *o;
	/* A quarter more than it may have: until that is cleared. */
	(void)snprintf(text, sizeof text, "PRAGMA max_page_count = %llu",
	    (unsigned long long)(o->size / PAGE_BYTES * 5 / 4 + 64));
	(void)sqlite3_exec(db->h, text, NULL, NULL, NULL);
}

/* ---- writing ---- */

static struct known *
place_of(struct history_db *db, const uint8_t id[16])
{
	return &db->known[be_get32(id) % KNOWN];
}

/* Is it more than a stranger's knock at the door? */
static bool
is_kept(const struct history_step *s)
{
	return s->kind != HISTORY_REFUSED && s->kind != HISTORY_DEFERRED;
}

static int
look_up(struct history_db *db, const uint8_t id[16], struct known *k)
{
	int r;
	int64_t last = 0;
	sqlite3_stmt *st = ready(db, Q_STORY, &r);

	if (st == NULL)
		return history_sqlite_rc(r);
	(void)sqlite3_bind_blob(st, 1, id, 16, SQLITE_STATIC);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW) {
		k->story = (uint64_t)sqlite3_column_int64(st, 0);
		k->kept = sqlite3_column_int(st, 1) != 0;
	}
	(void)sqlite3_reset(st);
	if (r != SQLITE_ROW)
		return r == SQLITE_DONE ? RC_NOTFOUND : history_sqlite_rc(r);
	r = run(db, Q_LAST_STEP, (int64_t)k->story, 0, &last);
	k->last = (uint32_t)last;
	return r;
}

static int
begin_story(
    struct history_db *db, const struct history_step *s, struct known *k)
{
	int r;
	sqlite3_stmt *st = ready(db, Q_NEW_STORY, &r);

	if (st == NULL)
		return history_sqlite_rc(r);
	(void)sqlite3_bind_blob(st, 1, s->id, 16, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, s->when);
	(void)sqlite3_bind_int(st, 3, is_kept(s));
	r = sqlite3_step(st);
	(void)sqlite3_reset(st);
	if (r != SQLITE_DONE)
		return history_sqlite_rc(r);
	k->story = (uint64_t)sqlite3_last_insert_rowid(db->h);
	k->last = 0;
	k->kept = is_kept(s);
	return RC_OK;
}

static int
find_story(
    struct history_db *db, const struct history_step *s, struct known **out)
{
	struct known *k = place_of(db, s->id);
	int r = RC_OK;

	if (k->story == 0 || memcmp(k->id, s->id, sizeof k->id) != 0) {
		memset(k, 0, sizeof *k);
		r = look_up(db, s->id, k);
		if (r == RC_NOTFOUND)
			r = begin_story(db, s, k);
		if (r != RC_OK)
			k->story = 0;
		memcpy(k->id, s->id, sizeof k->id);
	}
	if (r == RC_OK && !k->kept && is_kept(s)) {
		r = run(db, Q_KEEP_STORY, (int64_t)k->story, 0, NULL);
		k->kept = true;
	}
	*out = k;
	return r;
}

static void
bind_text(sqlite3_stmt *st, int at, struct sv s)
{
	if (s.n > 0)
		(void)sqlite3_bind_text(st, at, s.p, (int)s.n, SQLITE_STATIC);
	else
		(void)sqlite3_bind_null(st, at);
}

static int
add_step(struct history_db *db, const struct history_step *s, struct known *k)
{
	int r;
	sqlite3_stmt *st = ready(db, Q_STEP, &r);

	if (st == NULL)
		return history_sqlite_rc(r);
	(void)sqlite3_bind_int64(st, 1, (int64_t)k->story);
	(void)sqlite3_bind_int64(st, 2, k->last + 1);
	(void)sqlite3_bind_int64(st, 3, s->when);
	(void)sqlite3_bind_int(st, 4, s->kind);
	(void)sqlite3_bind_int(st, 5, s->writer);
	(void)sqlite3_bind_int(st, 6, s->flags);
	(void)sqlite3_bind_int64(st, 7, s->code);
	(void)sqlite3_bind_int64(st, 8, (int64_t)s->number);
	bind_text(st, 9, s->who);
	bind_text(st, 10, s->account);
	bind_text(st, 11, s->peer);
	bind_text(st, 12, s->sender);
	bind_text(st, 13, s->text);
	bind_text(st, 14, s->message_id);
	bind_text(st, 15, db->o.subjects ? s->subject : SV(""));
	r = sqlite3_step(st);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	if (r == SQLITE_DONE)
		k->last++;
	return history_sqlite_rc(r);
}

int
history_db_add(struct history_db *db, const struct history_step *s)
{
	struct known *k;
	int r;

	history_db_count(db, s->count, 1);
	if (db->o.keep_ms == 0)
		return RC_OK;
	r = begin(db);
	if (r == RC_OK)
		r = find_story(db, s, &k);
	if (r == RC_OK)
		r = add_step(db, s, k);
	return roll_back(db, r);
}

/* ---- counts ---- */

static int64_t
today(void)
{
	time_t now = (time_t)(clk_now() / 1000);
	struct tm tm = {.tm_gmtoff = 0};

	(void)localtime_r(&now, &tm);
	return ((int64_t)now + tm.tm_gmtoff) / 86400;
}

void
history_db_count(struct history_db *db, uint32_t what, uint64_t n)
{
	if (what > HISTORY_COUNT_LOST || what == HISTORY_C_NONE || n == 0)
		return;
	db->count[what] += n;
	db->counted = true;
}

static int
write_counts(struct history_db *db)
{
	const int64_t day = today();
	int r = RC_OK;
	uint32_t i;

	for (i = 0; r == RC_OK && i <= HISTORY_COUNT_LOST; i++) {
		sqlite3_stmt *st;

		if (db->count[i] == 0)
			continue;
		st = ready(db, Q_COUNT, &r);
		if (st == NULL)
			return history_sqlite_rc(r);
		(void)sqlite3_bind_int64(st, 1, day);
		(void)sqlite3_bind_int64(st, 2, i);
		(void)sqlite3_bind_int64(st, 3, (int64_t)db->count[i]);
		r = history_sqlite_rc(sqlite3_step(st));
		(void)sqlite3_reset(st);
	}
	return r;
}

bool
history_db_pending(const struct history_db *db)
{
	return db->begun || db->counted;
}

int
history_db_commit(struct history_db *db)
{
	int r = RC_OK;

	if (!history_db_pending(db))
		return RC_OK;
	r = begin(db);
	if (r == RC_OK && db->counted)
		r = write_counts(db);
	if (r == RC_OK)
		r = run(db, Q_COMMIT, 0, 0, NULL);
	if (r != RC_OK)
		return roll_back(db, r);
	db->begun = db->counted = false;
	memset(db->count, 0, sizeof db->count);
	return RC_OK;
}

static void
sum_counts(
    struct history_db *db, unsigned days, uint64_t out[HISTORY_COUNT_LOST + 1])
{
	int r;
	sqlite3_stmt *st = ready(db, Q_COUNTS, &r);

	memcpy(out, db->count, sizeof db->count);
	if (st == NULL)
		return;
	(void)sqlite3_bind_int64(st, 1, today() - (int64_t)days);
	while (sqlite3_step(st) == SQLITE_ROW) {
		int64_t what = sqlite3_column_int64(st, 0);

		if (what >= 0 && what <= HISTORY_COUNT_LOST)
			out[what] += (uint64_t)sqlite3_column_int64(st, 1);
	}
	(void)sqlite3_reset(st);
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

/* ---- removing ---- */

static int
drop_story(struct history_db *db, int64_t id)
{
	int r = run(db, Q_DROP_STEPS, id, 0, NULL);

	return r == RC_OK ? run(db, Q_DROP_STORY, id, 0, NULL) : r;
}

/* Their numbers and times. */
struct batch {
	int64_t id[PRUNE_SOME], time[PRUNE_SOME];
	size_t n;
};

static int
read_batch(
    struct history_db *db, enum statement q, int64_t before, struct batch *b)
{
	int r;
	sqlite3_stmt *st = ready(db, q, &r);

	b->n = 0;
	if (st == NULL)
		return history_sqlite_rc(r);
	if (q == Q_REFUSED)
		(void)sqlite3_bind_int64(st, 1, before);
	(void)sqlite3_bind_int64(st, q == Q_REFUSED ? 2 : 1, PRUNE_SOME);
	while ((r = sqlite3_step(st)) == SQLITE_ROW && b->n < PRUNE_SOME) {
		b->id[b->n] = sqlite3_column_int64(st, 0);
		b->time[b->n++] =
		    q == Q_OLDEST ? sqlite3_column_int64(st, 1) : 0;
	}
	(void)sqlite3_reset(st);
	return history_sqlite_rc(r);
}

/* Those of the batch that began before; *n: how many. */
static int
drop_batch(
    struct history_db *db, const struct batch *b, int64_t before, size_t *n)
{
	int r = begin(db);
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

	if (run(db, Q_PAGES, 0, 0, &pages) != RC_OK ||
	    run(db, Q_FREE_PAGES, 0, 0, &unused) != RC_OK)
		return false;
	return (uint64_t)(pages - unused) * PAGE_BYTES > db->o.size;
}

/* Refusals have half the time that there is. */
static int
make_room(struct history_db *db, struct batch *b, size_t *n)
{
	int64_t now = clk_now(), half;
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

/* Subjects that were written before they were to be left out. */
static int
hide_subjects(struct history_db *db, bool *more)
{
	const int64_t from = (int64_t)db->hidden;
	int64_t last = 0;
	int r = run(db, Q_NEWEST, 0, 0, &last);

	if (r != RC_OK || from >= last)
		return r;
	r = run(db, Q_SUBJECTS, from, from + PRUNE_SOME, NULL);
	db->hidden += PRUNE_SOME;
	*more = *more || (int64_t)db->hidden < last;
	return r;
}

int
history_db_prune(struct history_db *db, bool *more)
{
	struct batch b;
	int64_t keep = db->o.keep_ms;
	size_t n = 0, crowded = 0;
	int r = begin(db);

	*more = false;
	if (r == RC_OK)
		r = read_batch(db, Q_OLDEST, 0, &b);
	if (r == RC_OK)
		r = drop_batch(
		    db, &b, keep > 0 ? clk_now() - keep : INT64_MAX, &n);
	if (r == RC_OK && n == 0 && is_too_large(db))
		r = make_room(db, &b, &crowded);
	if (r == RC_OK)
		r = run(db, Q_FORGET_COUNTS, today() - DAYS_KEPT, 0, NULL);
	*more = n == PRUNE_SOME || crowded > 0;
	if (r == RC_OK && !db->o.subjects)
		r = hide_subjects(db, more);
	if (r == RC_OK)
		r = history_db_commit(db);
	if (r == RC_OK && n + crowded > 0)
		r = run(db, Q_VACUUM, 0, 0, NULL);
	return roll_back(db, r);
}

/* ---- reading ---- */

static struct sv
text_of(sqlite3_stmt *st, int at)
{
	const unsigned char *p = sqlite3_column_text(st, at);
	int n = sqlite3_column_bytes(st, at);

	return p != NULL && n > 0 ? sv_of(p, (size_t)n) : SV("");
}

/* What a row of STEP_COLUMNS from `at` on says; slices are valid until the
 * next row. */
static void
read_row(sqlite3_stmt *st, int at, struct history_step *s)
{
	s->when = sqlite3_column_int64(st, at);
	s->kind = (uint8_t)sqlite3_column_int(st, at + 1);
	s->writer = (uint8_t)sqlite3_column_int(st, at + 2);
	s->flags = (uint8_t)sqlite3_column_int(st, at + 3);
	s->code = (uint32_t)sqlite3_column_int64(st, at + 4);
	s->number = (uint64_t)sqlite3_column_int64(st, at + 5);
	s->who = text_of(st, at + 6);
	s->account = text_of(st, at + 7);
	s->peer = text_of(st, at + 8);
	s->sender = text_of(st, at + 9);
	s->text = text_of(st, at + 10);
	s->message_id = text_of(st, at + 11);
	s->subject = text_of(st, at + 12);
	s->count = HISTORY_C_NONE;
	if (s->kind >= HISTORY_KINDS)
		s->kind = HISTORY_REMARK;
}

/* By its delivery id there is an index. */
static int
find_by_id(struct history_db *db, const struct trace_find *f,
    struct history_found *out)
{
	struct known k = {.story = 0};
	uint32_t i;
	int r;

	for (i = 0; i < f->nterm; i++) {
		if (f->term[i].kind != HISTORY_BY_ID || f->before != 0)
			continue;
		r = look_up(db, f->term[i].id, &k);
		if (r == RC_OK)
			out->story[out->n++] = k.story;
		else if (r != RC_NOTFOUND)
			return r;
	}
	return RC_OK;
}

static bool
has_others(const struct trace_find *f)
{
	uint32_t i;

	for (i = 0; i < f->nterm; i++)
		if (f->term[i].kind != HISTORY_BY_ID)
			return true;
	return false;
}

/* One row of the search: goes on while true. */
static bool
look_at(struct history_search *search, const struct trace_find *f,
    uint64_t story, const struct history_step *s, struct history_found *out)
{
	const uint32_t most =
	    f->most < HISTORY_FOUND_MAX ? f->most : HISTORY_FOUND_MAX;

	if (out->n > 0 && out->story[out->n - 1] == story)
		return true;
	if (s->when < f->since || !history_search_matches(search, s))
		return true;
	if (out->n >= most) {
		out->more = true;
		return false;
	}
	out->story[out->n++] = story;
	return true;
}

static int
scan(struct history_db *db, const struct trace_find *f, int64_t until,
    struct history_found *out)
{
	struct history_search *search = history_search_new(f->term, f->nterm);
	struct history_step s;
	uint64_t story = 0, rows = 0;
	int r;
	sqlite3_stmt *st = ready(db, Q_FIND, &r);

	if (st != NULL) {
		(void)sqlite3_bind_int64(
		    st, 1, f->before == 0 ? INT64_MAX : (int64_t)f->before);
		while ((r = sqlite3_step(st)) == SQLITE_ROW) {
			uint64_t now = (uint64_t)sqlite3_column_int64(st, 0);

			/* At the border of two stories it may end. */
			if (now != story && rows > LOOK_EACH) {
				rows = 0;
				out->more = clk_mono() > until;
				if (out->more)
					break;
			}
			rows++;
			memset(&s, 0, sizeof s);
			read_row(st, 1, &s);
			if (!look_at(search, f, now, &s, out))
				break;
			story = now;
		}
		(void)sqlite3_reset(st);
	}
	out->before = story;
	history_search_free(&search);
	return history_sqlite_rc(r);
}

int
history_db_find(struct history_db *db, const struct trace_find *f, int64_t ms,
    struct history_found *out)
{
	int r;

	out->n = 0;
	out->more = false;
	out->before = 0;
	r = find_by_id(db, f, out);
	if (r == RC_OK && has_others(f))
		r = scan(db, f, clk_mono() + ms, out);
	return r;
}

static int
read_id(struct history_db *db, uint64_t story, uint8_t id[16])
{
	int r;
	sqlite3_stmt *st = ready(db, Q_DELIVERY, &r);
	bool found;

	if (st == NULL)
		return history_sqlite_rc(r);
	(void)sqlite3_bind_int64(st, 1, (int64_t)story);
	r = sqlite3_step(st);
	found = r == SQLITE_ROW && sqlite3_column_bytes(st, 0) == 16;
	if (found)
		memcpy(id, sqlite3_column_blob(st, 0), 16);
	(void)sqlite3_reset(st);
	return found		  ? RC_OK
	       : r == SQLITE_DONE ? RC_NOTFOUND
				  : history_sqlite_rc(r);
}

static void
add_to_page(const struct history_step *s, struct buf *out)
{
	unsigned char length[4];
	struct msg m;

	msg_init(&m, 0);
	history_step_put(&m, s);
	be_put32(length, (uint32_t)m.b.n);
	buf_add(out, length, sizeof length);
	buf_addsv(out, buf_sv(&m.b));
	msg_fini(&m);
}

int
history_db_read(struct history_db *db, uint64_t story, uint32_t from,
    struct history_page *page)
{
	struct history_step s = {.kind = 0};
	int r = read_id(db, story, s.id);
	sqlite3_stmt *st;

	page->n = 0;
	page->more = false;
	if (r != RC_OK)
		return r;
	st = ready(db, Q_READ, &r);
	if (st == NULL)
		return history_sqlite_rc(r);
	(void)sqlite3_bind_int64(st, 1, (int64_t)story);
	(void)sqlite3_bind_int64(st, 2, from);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		page->next = (uint32_t)sqlite3_column_int64(st, 0);
		if (page->out->n > page->room) {
			page->more = true;
			break;
		}
		read_row(st, 1, &s);
		add_to_page(&s, page->out);
		page->n++;
	}
	(void)sqlite3_reset(st);
	return history_sqlite_rc(r);
}
