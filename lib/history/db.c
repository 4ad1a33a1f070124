#include "history/db_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "history/aside.h"

#define VERSION	   1 /* of the tables */
#define BUSY_MS	   3000
#define PAGE_BYTES 4096
#define CHECKPOINT "1000" /* pages */
#define CACHE_KIB  "2048"
#define ASIDE	   HISTORY_DB_NAME ".damaged"

#define SCHEMA                                                               \
	"CREATE TABLE story(id INTEGER PRIMARY KEY, delivery BLOB NOT NULL," \
	" time INTEGER NOT NULL, state INTEGER NOT NULL, steps BLOB);"       \
	"CREATE INDEX refused ON story(id) WHERE state = 0;"                 \
	"CREATE INDEX queued ON story(delivery) WHERE state = 2;"            \
	"CREATE TABLE later(story INTEGER NOT NULL, n INTEGER NOT NULL,"     \
	" steps BLOB, PRIMARY KEY(story, n)) WITHOUT ROWID;"                 \
	"CREATE TABLE count(day INTEGER NOT NULL, what INTEGER NOT NULL,"    \
	" n INTEGER NOT NULL, PRIMARY KEY(day, what)) WITHOUT ROWID;"        \
	"PRAGMA user_version = 1;"
/* Histories that were begun before do not have it. */
#define CLOCK                                                      \
	"CREATE TABLE IF NOT EXISTS clock(id INTEGER PRIMARY KEY," \
	" time INTEGER NOT NULL)"

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
	if (history_db_rc(r) == RC_OK)
		r = sqlite3_exec(h, CLOCK, NULL, NULL, NULL);
	if (history_db_rc(r) != RC_OK)
		return err_set(
		    err, history_db_rc(r), "history: %s", sqlite3_errmsg(h));
	return RC_OK;
}

static int
set_up(sqlite3 *h, struct err *err)
{
	int r;

	/* The end of the process waits for no disk: the next one reads on.  And
	 * what is damaged keeps its log. */
	(void)sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = sqlite3_exec(h,
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

	if (history_db_rc(r) != RC_OK)
		return err_set(
		    err, history_db_rc(r), "history: %s", sqlite3_errmsg(h));
	(void)sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return make_tables(h, err);
}

static int
open_once(struct history_db *db, struct err *err)
{
	int r = sqlite3_open_v2(HISTORY_DB_NAME, &db->h,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	    history_db_vfs());

	if (r == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db->h, BUSY_MS);
		r = set_up(db->h, err);
	} else {
		r = err_set(err, history_db_rc(r), "history: %s",
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
	history_aside_put(HISTORY_DB_NAME);
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
	db->pending_end = &db->pending;
	(void)!history_db_read_recent(db);
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
	history_db_drop_pending(db);
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

	if (db->o.subjects && !o->subjects) {
		db->hidden = 0;
		history_aside_forget(HISTORY_DB_NAME, INT64_MAX);
	}
	db->o = *o;
	/* A quarter more than it may have: until that is cleared. */
	(void)snprintf(text, sizeof text, "PRAGMA max_page_count = %llu",
	    (unsigned long long)(o->size / PAGE_BYTES * 5 / 4 + 64));
	(void)sqlite3_exec(db->h, text, NULL, NULL, NULL);
}
