#include "history/reports.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "history/aside.h"
#include "history/db_priv.h"
#include "history/reports_priv.h"
#include "ipc/line.h"
#include "report/record.h"

#define NAME	  HISTORY_REPORTS_NAME
#define BUSY_MS	  3000
#define PAGE_ROOM 30000
#define DAY	  (24 * 3600)

#define SCHEMA                                                                \
	"CREATE TABLE IF NOT EXISTS report(id INTEGER PRIMARY KEY"            \
	" AUTOINCREMENT, key BLOB NOT NULL UNIQUE, received INTEGER"          \
	" NOT NULL, sender TEXT NOT NULL, verified INTEGER NOT NULL,"         \
	" record BLOB NOT NULL);"                                             \
	"CREATE INDEX IF NOT EXISTS sender ON report(verified, sender);"      \
	"CREATE TABLE IF NOT EXISTS policy(day INTEGER NOT NULL, domain TEXT" \
	" NOT NULL, published BLOB NOT NULL, accepted INTEGER NOT NULL,"      \
	" PRIMARY KEY(day, domain)) WITHOUT ROWID;"                           \
	"CREATE TABLE IF NOT EXISTS seen(day INTEGER NOT NULL, domain TEXT"   \
	" NOT NULL, row BLOB NOT NULL, n INTEGER NOT NULL,"                   \
	" PRIMARY KEY(day, domain, row)) WITHOUT ROWID;"                      \
	"CREATE TABLE IF NOT EXISTS wanted(day INTEGER NOT NULL, domain TEXT" \
	" NOT NULL, address TEXT NOT NULL,"                                   \
	" PRIMARY KEY(day, domain, address)) WITHOUT ROWID;"                  \
	"CREATE TABLE IF NOT EXISTS rest(address TEXT PRIMARY KEY,"           \
	" until INTEGER NOT NULL) WITHOUT ROWID;"

static const char *const sql[QUERIES] = {
    [R_ADD] = "INSERT INTO report(key, received, sender, verified, record)"
	      " VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    [R_COUNT_ALL] = "SELECT count(*) FROM report",
    [R_COUNT_STRANGERS] = "SELECT count(*) FROM report WHERE verified = 0",
    [R_COUNT_SENDER] = "SELECT count(*) FROM report WHERE verified = 1 AND"
		       " sender = ?",
    [R_DROP_OLDEST] = "DELETE FROM report WHERE id ="
		      " (SELECT min(id) FROM report)",
    [R_DROP_STRANGER] = "DELETE FROM report WHERE id ="
			" (SELECT min(id) FROM report WHERE verified = 0)",
    [R_DROP_SENDER] = "DELETE FROM report WHERE id = (SELECT min(id) FROM"
		      " report WHERE verified = 1 AND sender = ?)",
    [R_PRUNE] = "DELETE FROM report WHERE received < ?",
    [R_FIND] = "SELECT id, record FROM report WHERE id > ? AND"
	       " received >= ? ORDER BY id",
};

/* ---- open ---- */

static int
open_once(struct history_reports *h, struct err *err)
{
	int r = sqlite3_open_v2(NAME, &h->h,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	    history_db_vfs());

	if (r == SQLITE_OK) {
		(void)sqlite3_busy_timeout(h->h, BUSY_MS);
		/* What is damaged keeps its log. */
		(void)sqlite3_db_config(
		    h->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		r = sqlite3_exec(h->h,
		    "PRAGMA locking_mode = EXCLUSIVE;"
		    "PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = NORMAL;"
		    "PRAGMA temp_store = MEMORY;"
		    "PRAGMA trusted_schema = OFF;"
		    "PRAGMA cache_size = -256;"
		    "PRAGMA max_page_count = 65536;"
		    "PRAGMA journal_size_limit = 1048576;" SCHEMA,
		    NULL, NULL, NULL);
	}
	if (history_db_rc(r) == RC_OK) {
		(void)sqlite3_db_config(
		    h->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		(void)sqlite3_db_config(
		    h->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
		return RC_OK;
	}
	r = err_set(err, history_db_rc(r), "reports: %s",
	    h->h != NULL ? sqlite3_errmsg(h->h) : "no memory");
	(void)sqlite3_close(h->h);
	h->h = NULL;
	return r;
}

int
history_reports_open(struct history_reports **out, struct err *err)
{
	struct history_reports *h = xcalloc(1, sizeof *h);
	int r = open_once(h, err);

	if (r == RC_DAMAGED) {
		history_aside_put(NAME);
		mlog(LOG_ERROR, "reports.damaged",
		    "text=\"the reports cannot be read; they are kept as %s, "
		    "and new ones are kept from now on\"",
		    NAME ".damaged");
		r = open_once(h, err);
	}
	if (r != RC_OK) {
		free(h);
		return r;
	}
	*out = h;
	return RC_OK;
}

void
history_reports_close(struct history_reports **hp)
{
	struct history_reports *h = *hp;
	size_t i;

	if (h == NULL)
		return;
	for (i = 0; i < QUERIES; i++)
		(void)sqlite3_finalize(h->q[i]);
	(void)sqlite3_close(h->h);
	free(h);
	*hp = NULL;
}

static sqlite3_stmt *
ready(struct history_reports *h, enum reports_query q, int *r)
{
	return history_sql_ready(h->h, &h->q[q], sql[q], r);
}

/* Runs one with at most a text as its argument; a number into *out. */
static int
run(struct history_reports *h, enum reports_query q, struct sv text,
    int64_t *out)
{
	int r;
	sqlite3_stmt *st = ready(h, q, &r);

	if (st == NULL)
		return history_db_rc(r);
	if (sqlite3_bind_parameter_count(st) > 0)
		(void)sqlite3_bind_text(
		    st, 1, text.p, (int)text.n, SQLITE_STATIC);
	while ((r = sqlite3_step(st)) == SQLITE_ROW)
		if (out != NULL)
			*out = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return history_db_rc(r);
}

/* ---- writing ---- */

/* What there may be so many of; the oldest of them goes. */
static int
bound(struct history_reports *h, enum reports_query count,
    enum reports_query drop, struct sv sender, int64_t most)
{
	int64_t n = 0;
	int r = run(h, count, sender, &n);

	while (r == RC_OK && n-- > most)
		r = run(h, drop, sender, NULL);
	return r;
}

static int
make_room(struct history_reports *h, const struct report_record *r)
{
	int rc = r->verified ? bound(h, R_COUNT_SENDER, R_DROP_SENDER, r->from,
				   HISTORY_REPORTS_DOMAIN)
			     : bound(h, R_COUNT_STRANGERS, R_DROP_STRANGER,
				   SV(""), HISTORY_REPORTS_STRANGER);

	return rc == RC_OK ? bound(h, R_COUNT_ALL, R_DROP_OLDEST, SV(""),
				 HISTORY_REPORTS_MAX)
			   : rc;
}

/* Nobody can send in another's name what that one will send. */
static void
make_key(const struct report_record *r, struct buf *out)
{
	buf_addf(out, "%d\n%.*s\n", r->verified, SV_ARG(r->from));
	if (r->refused.n > 0)
		/* The same again and again is worth a word a day. */
		buf_addf(out, "%.*s\n%lld\n", SV_ARG(r->refused),
		    (long long)(r->received / DAY));
	report_key(r, out);
}

static int
insert(struct history_reports *h, const struct report_record *r, struct sv key,
    struct sv bytes)
{
	int rc;
	sqlite3_stmt *st = ready(h, R_ADD, &rc);

	if (st == NULL)
		return history_db_rc(rc);
	(void)sqlite3_bind_blob(st, 1, key.p, (int)key.n, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, r->received);
	(void)sqlite3_bind_text(st, 3, r->from.n > 0 ? r->from.p : "",
	    (int)r->from.n, SQLITE_STATIC);
	(void)sqlite3_bind_int(st, 4, r->verified);
	(void)sqlite3_bind_blob(st, 5, bytes.p, (int)bytes.n, SQLITE_STATIC);
	rc = sqlite3_step(st);
	(void)sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		return history_db_rc(rc);
	return sqlite3_changes(h->h) > 0 ? RC_OK : RC_EXISTS;
}

int
history_reports_add(struct history_reports *h, const struct report_record *r)
{
	struct buf key;
	struct msg m;
	int rc;

	buf_init(&key, 8 * REPORT_TEXT_MAX);
	make_key(r, &key);
	msg_init(&m, 0);
	report_record_put(&m, r);
	rc = buf_ok(&m.b) && buf_ok(&key)
		 ? insert(h, r, buf_sv(&key), buf_sv(&m.b))
		 : RC_TOOBIG;
	if (rc == RC_OK)
		rc = make_room(h, r);
	msg_fini(&m);
	buf_fini(&key);
	return rc;
}

int
history_reports_prune(struct history_reports *h, int64_t now)
{
	const int64_t before = now - (int64_t)HISTORY_REPORTS_DAYS * DAY;
	int r;
	sqlite3_stmt *st = ready(h, R_PRUNE, &r);

	history_aside_forget(NAME, before);
	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_int64(st, 1, before);
	r = sqlite3_step(st);
	(void)sqlite3_reset(st);
	return history_db_rc(r);
}

/* ---- reading ---- */

struct page {
	struct buf bytes; /* of all records */
	size_t *end;	  /* of each */
	size_t cap;
	uint32_t n;
	uint64_t last;
	bool more;
};

static int
read_page(
    struct history_reports *h, const struct reports_ask *ask, struct page *p)
{
	int r;
	sqlite3_stmt *st = ready(h, R_FIND, &r);

	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_int64(
	    st, 1, ask->behind < INT64_MAX ? (int64_t)ask->behind : INT64_MAX);
	(void)sqlite3_bind_int64(st, 2, ask->since);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		int n = sqlite3_column_bytes(st, 1);

		if (p->n > 0 && (p->bytes.n + (size_t)n > PAGE_ROOM ||
				    p->n >= REPORTS_PAGE_MAX)) {
			p->more = true;
			break;
		}
		p->last = (uint64_t)sqlite3_column_int64(st, 0);
		buf_add(&p->bytes, sqlite3_column_blob(st, 1), (size_t)n);
		p->end = xgrow(p->end, &p->cap, p->n + 1, sizeof *p->end);
		p->end[p->n++] = p->bytes.n;
	}
	(void)sqlite3_reset(st);
	return buf_ok(&p->bytes) ? history_db_rc(r) : RC_DAMAGED;
}

void
history_reports_answer(
    struct history_reports *h, struct msg *m, struct msg *reply)
{
	struct reports_answer a = {.rc = RC_TEMP};
	struct reports_ask ask;
	struct page p = {.n = 0};
	size_t at = 0;
	uint32_t i;

	buf_init(&p.bytes, MSG_MAX);
	if (reports_ask_get(m, &ask) == RC_OK && h != NULL)
		a.rc = read_page(h, &ask, &p);
	if (a.rc != RC_OK) {
		a.text = SV("the reports cannot be read now");
		p.n = 0;
	}
	a.more = p.more;
	a.last = p.last;
	a.n = p.n;
	a.record = xcalloc(p.n + 1, sizeof *a.record);
	for (i = 0; i < p.n; i++) {
		a.record[i] = sv_of(p.bytes.p + at, p.end[i] - at);
		at = p.end[i];
	}
	msg_init(reply, MSG_REPLY);
	reports_answer_put(reply, &a);
	free(a.record);
	free(p.end);
	buf_fini(&p.bytes);
}
