/*
 * The steps on the disk: SQLite, in WAL mode, one connection, which holds the
 * file for itself (locking_mode EXCLUSIVE, so that neither a reader nor a file
 * of shared memory is needed).  Temporary files are in memory.
 *
 *   story  a message: its delivery id, when it began, whether there is more to
 *          it than refusals and whether the queue has it, and its steps, as
 *          history/record.h has them: mostly all that there are
 *   later  steps that came in a later transaction
 *   count  numbers by day, local time
 *   clock  when it was pruned last
 *
 * Most messages are stored within a second, and are one row: steps wait in
 * memory for the next history_db_commit (or search) and are written together.
 * Which story a later step belongs to is known of the newest 4096; of older
 * ones there is an index only if the queue has had them.
 *
 * Stories are numbered in the order in which they began; the oldest go first,
 * whole.  Of what is older than `keep` nothing stays; above `size` refusals
 * make room before accepted mail does.
 *
 * A database that is damaged is set aside by history_db_open, or reported as
 * RC_DAMAGED: close it, call history_db_set_aside, open again.
 */
#ifndef HISTORY_DB_H
#define HISTORY_DB_H

#include "ipc/msg_history.h"

#define HISTORY_DB_NAME "history.db"

struct history_db;

struct history_db_opts {
	int64_t keep_ms; /* 0: only counts are kept */
	uint64_t size;	 /* bytes */
	bool subjects;	 /* kept, or left out */
};

/* In the working folder.  RC_TEMP: another process has it. */
int history_db_open(const struct history_db_opts *o, struct history_db **out,
    struct err *err) RC_USE_RESULT;
void history_db_close(struct history_db **db);
void history_db_set_opts(
    struct history_db *db, const struct history_db_opts *o);
/* Renames what cannot be read: see history/aside.h.  It is removed when all
 * that is in it is too old to be kept. */
void history_db_set_aside(void);

/* s is what the record says.  RC_NOSPACE: the disk is full, the step is not
 * kept; RC_DAMAGED; RC_IO. */
int history_db_add(struct history_db *db, const struct history_step *s,
    struct sv record) RC_USE_RESULT;
void history_db_count(struct history_db *db, uint32_t what, uint64_t n);
/* Is there something to be committed? */
bool history_db_pending(const struct history_db *db);
int history_db_commit(struct history_db *db) RC_USE_RESULT;

/* Removes some of what is too old at that time, in ms since 1970, or too much;
 * *more: call it again. */
int history_db_prune(
    struct history_db *db, int64_t now, bool *more) RC_USE_RESULT;
/* What an earlier process has believed the time to be, in ms; 0: nothing. */
int64_t history_db_time(struct history_db *db);

/* The newest first, no more than most and f->most; looks for ms at most. */
struct history_found {
	uint64_t *story; /* room for HISTORY_FOUND_MAX */
	uint32_t n;
	bool more;
	uint64_t before;
};
int history_db_find(struct history_db *db, const struct trace_find *f,
    int64_t ms, struct history_found *out) RC_USE_RESULT;

/*
 * Appends the story's steps to out: from is 0, or the `next` of a page with
 * `more`, which has more than `room` bytes.
 */
struct history_page {
	struct buf *out;
	size_t room;
	uint8_t id[16];
	uint32_t next;
	bool more;
};
int history_db_read(struct history_db *db, uint64_t story, uint32_t from,
    struct history_page *page) RC_USE_RESULT;

/* Of the last so many days, today included. */
void history_db_counts(
    struct history_db *db, unsigned days, uint64_t out[HISTORY_COUNTS]);
/* Keeps what there is in this hour. */
int history_db_sample(
    struct history_db *db, const struct history_sample *s) RC_USE_RESULT;
/* The answer to CMD_DAYS; out->row is the caller's to free. */
void history_db_days(struct history_db *db, struct history_days *out);
/* Since it was opened. */
void history_db_ever(const struct history_db *db, uint64_t out[HISTORY_COUNTS]);
/* Steps that were lost on the way in that time. */
uint64_t history_db_lost(struct history_db *db, unsigned days);
/* For history_db_count. */
#define HISTORY_COUNT_LOST (HISTORY_COUNTS + 16)

#endif
