/* SQLite: the statements, and what is around each of them. */
#include <stdio.h>

#include "history/db_priv.h"

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
    [Q_SAMPLE] = "INSERT INTO count(day, what, n) VALUES(?, ?, ?)"
		 " ON CONFLICT DO UPDATE SET n = excluded.n",
    [Q_DAYS] = "SELECT day, what, n FROM count WHERE day > ?"
	       " ORDER BY day, what LIMIT ?",
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
    [Q_TIME] = "SELECT time FROM clock WHERE id = 0",
    [Q_SET_TIME] = "INSERT OR REPLACE INTO clock(id, time) VALUES(0, ?)",
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

sqlite3_stmt *
history_sql_ready(sqlite3 *h, sqlite3_stmt **st, const char *text, int *r)
{
	*r = SQLITE_OK;
	if (*st == NULL)
		*r = sqlite3_prepare_v3(
		    h, text, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
	else
		(void)sqlite3_reset(*st);
	return *r == SQLITE_OK ? *st : NULL;
}

sqlite3_stmt *
history_db_ready(struct history_db *db, enum statement q, int *r)
{
	return history_sql_ready(db->h, &db->q[q], sql[q], r);
}

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
