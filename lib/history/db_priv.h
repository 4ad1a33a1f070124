/*
 * Inside the history's database only: what its files share.
 *
 *   db.c        opening and closing
 *   db_sql.c    the statements
 *   db_write.c  steps and counts in
 *   db_prune.c  what is too old or too much
 *   db_read.c   searches
 */
#ifndef HISTORY_DB_PRIV_H
#define HISTORY_DB_PRIV_H

#include <sqlite3.h>

#include "history/db.h"

#define HISTORY_KNOWN	   4096
#define HISTORY_SLOTS	   1024
#define HISTORY_PRUNE_SOME 200
/* Of one message in one row: with what is read along it fits an answer. */
#define HISTORY_ROW_BYTES 20000
#define HISTORY_ROW_STEPS 64
/* A step alone may be larger than that. */
#define HISTORY_ROW_MAX (HISTORY_ROW_BYTES + 4096)

/* Of a story. */
enum state {
	REFUSED, /* nothing but refusals: the first to make room */
	ENDED,	 /* no step is to come, or soon */
	QUEUED	 /* many may come, for days: found by an index */
};

enum statement {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_FIND_QUEUED,
	Q_NEW_STORY,
	Q_SET_STATE,
	Q_LAST_LATER,
	Q_LATER,
	Q_RECENT,
	Q_COUNT,
	Q_COUNTS,
	Q_SAMPLE,
	Q_DAYS,
	Q_FORGET_COUNTS,
	Q_SCAN,
	Q_SCAN_LATER,
	Q_READ,
	Q_READ_LATER,
	Q_OLDEST,
	Q_REFUSED,
	Q_DROP_LATER,
	Q_DROP_STORY,
	Q_PAGES,
	Q_FREE_PAGES,
	Q_VACUUM,
	Q_NEWEST,
	Q_SOME,
	Q_REWRITE,
	Q_SOME_LATER,
	Q_REWRITE_LATER,
	Q_TIME,
	Q_SET_TIME,
	STATEMENTS
};

/* The last stories that were written, so that few need to be looked up:
 * direct-mapped. */
struct known {
	uint8_t id[16];
	uint64_t story; /* 0: none */
	uint32_t later; /* the last number of its later steps; 0: unknown */
	uint8_t state;
};

/* Steps that are not written yet, of one message: mostly all of them. */
struct pending {
	uint8_t id[16];
	int64_t when; /* the first */
	uint8_t state;
	struct buf steps;
	unsigned nsteps;
	bool begins;	      /* with a step that is the first of a message */
	struct pending *next; /* in the order in which they came */
	struct pending *same; /* of the same slot */
};

struct history_db {
	sqlite3 *h;
	sqlite3_stmt *q[STATEMENTS];
	struct history_db_opts o;
	bool begun;
	uint64_t uncommitted; /* steps */
	uint64_t count[HISTORY_COUNT_LOST + 1];
	uint64_t ever[HISTORY_COUNT_LOST + 1]; /* since it was opened */
	bool counted;
	uint64_t hidden; /* stories up to that have no subjects any more */
	struct known known[HISTORY_KNOWN];
	struct pending *pending, **pending_end;
	struct pending *slot[HISTORY_SLOTS];
	size_t npending;
};

/* ---- db_sql.c ---- */

/* What SQLite's result means: an enum rc. */
int history_db_rc(int r);
/* What opens files, for sqlite3_open_v2; sets the library up. */
const char *history_db_vfs(void);
/* The statement of that text, kept at *st, ready for its arguments; NULL: it
 * cannot be prepared, and *r says why. */
sqlite3_stmt *history_sql_ready(
    sqlite3 *h, sqlite3_stmt **st, const char *text, int *r);
sqlite3_stmt *history_db_ready(struct history_db *db, enum statement q, int *r);
/* Runs one that has up to two numbers as arguments and, if out is not NULL, a
 * number as its result. */
int history_db_run(struct history_db *db, enum statement q, int64_t a,
    int64_t b, int64_t *out) RC_USE_RESULT;
/* Valid until the next row. */
struct sv history_db_blob(sqlite3_stmt *st, int at);
int history_db_begin(struct history_db *db) RC_USE_RESULT;

/* ---- db_write.c ---- */

/* If r is an error: what failed has nothing behind it.  Returns r. */
int history_db_roll_back(struct history_db *db, int r) RC_USE_RESULT;
/* Learns the newest stories, so that a new process finds what an earlier one
 * has begun. */
int history_db_read_recent(struct history_db *db) RC_USE_RESULT;
/* What is pending goes into the transaction. */
int history_db_write_pending(struct history_db *db) RC_USE_RESULT;
void history_db_drop_pending(struct history_db *db);
/* The day of that time in ms since 1970, local time. */
int64_t history_db_day(int64_t ms);

#endif
