#include "history/db_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

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

static const char *const sql[STATEMENTS] = {
    [Q_BEGIN] = "BEGIN",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_FIND_QUEUED] = "SELECT id FROM story WHERE delivery = ? AND state = 2",
    [Q_NEW_STORY] = "INSERT INTO story(delivery, time, state, steps)"
		    " VALUES(?, ?, ?, ?)",
    [Q_SET_STATE] = "UPDATE story SET state = ?2 WHERE id = ?1",
    [Q_LAST_LATER] = "SELECT max(n) FROM later WHERE story = ?",
    [Q_LATER] = "INSERT INTO later(story, n, steps) VALUES(?, ?, ?)",
    [Q_RECENT] = "SELECT id, delivery, state FROM story ORDER BY id DESC"
		 " LIMIT ?",
    [Q_COUNT] = "INSERT INTO count(day, what, n) VALUES(?, ?, ?)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n",
    [Q_COUNTS] = "SELECT what, sum(n) FROM count WHERE day > ? GROUP BY what",
    [Q_FORGET_COUNTS] = "DELETE FROM count WHERE day < ?",
    [Q_SCAN] = "SELECT id, delivery, steps FROM story WHERE id < ?"
	       " ORDER BY id DESC",
    [Q_SCAN_LATER] = "SELECT story, steps FROM later WHERE story < ?"
		     " ORDER BY story DESC",
    [Q_READ] = "SELECT delivery, steps FROM story WHERE id = ?",
    [Q_READ_LATER] = "SELECT n, steps FROM later WHERE story = ? AND n >= ?"
		     " ORDER BY n",
    [Q_OLDEST] = "SELECT id, time FROM story ORDER BY id LIMIT ?",
    [Q_REFUSED] = "SELECT id FROM story WHERE state = 0 AND time < ?"
		  " ORDER BY id LIMIT ?",
    [Q_DROP_LATER] = "DELETE FROM later WHERE story = ?",
    [Q_DROP_STORY] = "DELETE FROM story WHERE id = ?",
    [Q_PAGES] = "PRAGMA page_count",
    [Q_FREE_PAGES] = "PRAGMA freelist_count",
    [Q_VACUUM] = "PRAGMA incremental_vacuum(256)",
    [Q_NEWEST] = "SELECT max(id) FROM story",
    [Q_SOME] = "SELECT id, 0, steps FROM story WHERE id > ? AND id <= ?",
    [Q_REWRITE] = "UPDATE story SET steps = ?3 WHERE id = ?1",
    [Q_SOME_LATER] = "SELECT story, n, steps FROM later WHERE story > ?"
		     " AND story <= ?",
    [Q_REWRITE_LATER] =
	"UPDATE later SET steps = ?3 WHERE story = ?1 AND n = ?2",
};

/* ---- SQLite ---- */

int
history_db_rc(int r)
{
	switch (r & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return RC_TEMP;
	case SQLITE_FULL:
		return RC_NOSPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* not our tables */
		return RC_DAMAGED;
	default:
		return RC_IO;
	}
}

/* The folder is the root, or as good as that: paths stay as they are, and
 * nothing needs to be known of what is above. */
static int
full_path(sqlite3_vfs *v, const char *name, int room, char *out)
{
	(void)v;
	return snprintf(out, (size_t)room, "%s", name) < room ? SQLITE_OK
							      : SQLITE_CANTOPEN;
}

const char *
history_db_vfs(void)
{
	static sqlite3_vfs vfs;

	if (vfs.zName != NULL)
		return vfs.zName;
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	must(sqlite3_initialize() == SQLITE_OK);
	vfs = *sqlite3_vfs_find(NULL);
	vfs.zName = "history";
	vfs.pNext = NULL;
	vfs.xFullPathname = full_path;
	must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
	return vfs.zName;
}

/* A statement, ready for its arguments; NULL: it cannot be prepared, and *r
 * says why. */
sqlite3_stmt *
history_db_ready(struct history_db *db, enum statement q, int *r)
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
int
history_db_run(
    struct history_db *db, enum statement q, int64_t a, int64_t b, int64_t *out)
{
	int r, n;
	sqlite3_stmt *st = history_db_ready(db, q, &r);

	if (st == NULL)
		return history_db_rc(r);
	n = sqlite3_bind_parameter_count(st);
	if (n > 0)
		(void)sqlite3_bind_int64(st, 1, a);
	if (n > 1)
		(void)sqlite3_bind_int64(st, 2, b);
	while ((r = sqlite3_step(st)) == SQLITE_ROW)
		if (out != NULL)
			*out = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return history_db_rc(r);
}

/* Valid until the next row. */
struct sv
history_db_blob(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);
	int n = sqlite3_column_bytes(st, at);

	return p != NULL && n > 0 ? sv_of(p, (size_t)n) : SV("");
}

int
history_db_begin(struct history_db *db)
{
	int r = RC_OK;

	if (!db->begun)
		r = history_db_run(db, Q_BEGIN, 0, 0, NULL);
	db->begun = db->begun || r == RC_OK;
	return r;
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
	if (history_db_rc(r) != RC_OK)
		return err_set(
		    err, history_db_rc(r), "history: %s", sqlite3_errmsg(h));
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

	if (history_db_rc(r) != RC_OK)
		return err_set(
		    err, history_db_rc(r), "history: %s", sqlite3_errmsg(h));
	(void)sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* The end of the process waits for no disk: the next one reads on. */
	(void)sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
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

	if (db->o.subjects && !o->subjects)
		db->hidden = 0;
	db->o = *o;
	/* A quarter more than it may have: until that is cleared. */
	(void)snprintf(text, sizeof text, "PRAGMA max_page_count = %llu",
	    (unsigned long long)(o->size / PAGE_BYTES * 5 / 4 + 64));
	(void)sqlite3_exec(db->h, text, NULL, NULL, NULL);
}
