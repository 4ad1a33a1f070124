#include "history/feedback.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "history/db_priv.h"
#include "history/reports_priv.h"
#include "ipc/line.h"

#define DAY	  (24 * 3600)
#define DUE_BYTES 50000 /* of all rows of a report */
#define ROW_BYTES 100	/* that a row has besides its own */

/* Prepares one, with its arguments: 'i' a number, 't' a text, 'b' bytes. */
static sqlite3_stmt *
prepare(
    struct history_reports *h, int *r, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st = NULL;
	va_list ap;
	int i;

	*r = sqlite3_prepare_v2(h->h, sql, -1, &st, NULL);
	va_start(ap, types);
	for (i = 0; *r == SQLITE_OK && types[i] != '\0'; i++) {
		struct sv s = SV("");

		if (types[i] == 'i') {
			*r = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
			continue;
		}
		s = va_arg(ap, struct sv);
		if (s.p == NULL)
			s = SV("");
		*r = types[i] == 't' ? sqlite3_bind_text(st, i + 1, s.p,
					   (int)s.n, SQLITE_TRANSIENT)
				     : sqlite3_bind_blob(st, i + 1, s.p,
					   (int)s.n, SQLITE_TRANSIENT);
	}
	va_end(ap);
	if (*r == SQLITE_OK)
		return st;
	(void)sqlite3_finalize(st);
	return NULL;
}

/* Runs it to its end; the last row's number into *out. */
static int
finish(sqlite3_stmt *st, int r, int64_t *out)
{
	if (st == NULL)
		return history_db_rc(r);
	while ((r = sqlite3_step(st)) == SQLITE_ROW)
		if (out != NULL)
			*out = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return history_db_rc(r);
}

/* ---- in ---- */

static int64_t
day_of(int64_t when)
{
	return when / DAY;
}

/* Is the domain there, or is there room for it? */
static int
has_room(struct history_reports *h, int64_t day, struct sv domain, bool *yes)
{
	sqlite3_stmt *st;
	int64_t n = 0, known = 0;
	int r;

	st = prepare(h, &r,
	    "SELECT count(*) FROM policy WHERE day = ? AND domain = ?", "it",
	    day, domain);
	r = finish(st, r, &known);
	if (r != RC_OK)
		return r;
	st = prepare(
	    h, &r, "SELECT count(*) FROM policy WHERE day = ?", "i", day);
	r = finish(st, r, &n);
	*yes = known > 0 || n < FEEDBACK_DOMAINS_MAX;
	return r;
}

static int
add_policy(struct history_reports *h, int64_t day,
    const struct feedback_policy *p, bool accepted)
{
	sqlite3_stmt *st;
	struct msg m;
	int r;

	msg_init(&m, 0);
	feedback_policy_put(&m, p);
	/* Of several configurations the last [RFC 9990 3.1]. */
	st = prepare(h, &r,
	    "INSERT INTO policy(day, domain, published, accepted)"
	    " VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
	    " published = excluded.published,"
	    " accepted = accepted + excluded.accepted",
	    "itbi", day, p->domain, buf_sv(&m.b), (int64_t)accepted);
	r = finish(st, r, NULL);
	msg_fini(&m);
	return r;
}

static int
add_row(struct history_reports *h, int64_t day, struct sv domain,
    const struct feedback_row *row)
{
	struct feedback_row key = *row;
	sqlite3_stmt *st;
	int64_t n = 0;
	struct msg m;
	int r;

	key.count = 0;
	msg_init(&m, 0);
	feedback_row_put(&m, &key);
	st = prepare(h, &r,
	    "UPDATE seen SET n = n + 1 WHERE day = ? AND domain = ? AND"
	    " row = ?",
	    "itb", day, domain, buf_sv(&m.b));
	r = finish(st, r, NULL);
	if (r != RC_OK || sqlite3_changes(h->h) > 0)
		goto out;
	st = prepare(h, &r,
	    "SELECT count(*) FROM seen WHERE day = ? AND domain = ?", "it", day,
	    domain);
	r = finish(st, r, &n);
	if (r != RC_OK || n >= FEEDBACK_ROWS_MAX)
		goto out;
	st = prepare(h, &r,
	    "INSERT INTO seen(day, domain, row, n) VALUES(?, ?, ?, 1)", "itb",
	    day, domain, buf_sv(&m.b));
	r = finish(st, r, NULL);
out:
	msg_fini(&m);
	return r;
}

int
history_feedback_seen(struct history_reports *h, const struct feedback_seen *s)
{
	int64_t day = day_of(s->when);
	bool room = false;
	int r = has_room(h, day, s->policy.domain, &room);

	if (r != RC_OK || !room)
		return r;
	r = add_policy(h, day, &s->policy, s->accepted);
	return r == RC_OK ? add_row(h, day, s->policy.domain, &s->row) : r;
}

int
history_feedback_wanted(
    struct history_reports *h, const struct feedback_wanted *w)
{
	int64_t day = day_of(w->when);
	sqlite3_stmt *st;
	bool room = false;
	int64_t n = 0;
	int r = has_room(h, day, w->domain, &room);

	if (r == RC_OK && room) {
		st = prepare(h, &r,
		    "SELECT count(*) FROM wanted WHERE day = ? AND domain = ?",
		    "it", day, w->domain);
		r = finish(st, r, &n);
	}
	if (r != RC_OK || !room || n >= FEEDBACK_TO_MAX)
		return r;
	st = prepare(h, &r,
	    "INSERT INTO wanted(day, domain, address) VALUES(?, ?, ?)"
	    " ON CONFLICT DO NOTHING",
	    "itt", day, w->domain, w->address);
	return finish(st, r, NULL);
}

/* ---- out ---- */

/* What makes up a report until it is written. */
struct due {
	struct feedback_due f;
	struct msg policy;
	struct msg row[FEEDBACK_ROWS_MAX];
	struct feedback_row rows[FEEDBACK_ROWS_MAX];
	struct sv to[FEEDBACK_TO_MAX];
	struct arena arena;
};

static struct sv
column(sqlite3_stmt *st, int at)
{
	return sv_of(
	    sqlite3_column_blob(st, at), (size_t)sqlite3_column_bytes(st, at));
}

static int
read_addresses(struct history_reports *h, int64_t day, struct sv domain,
    int64_t now, struct due *d)
{
	sqlite3_stmt *st;
	int r;

	st = prepare(h, &r,
	    "SELECT address FROM wanted WHERE day = ? AND domain = ? AND"
	    " address NOT IN (SELECT address FROM rest WHERE until > ?)",
	    "iti", day, domain, now);
	if (st == NULL)
		return history_db_rc(r);
	while ((r = sqlite3_step(st)) == SQLITE_ROW)
		if (d->f.nto < FEEDBACK_TO_MAX)
			d->to[d->f.nto++] = arena_dup(&d->arena, column(st, 0));
	(void)sqlite3_finalize(st);
	return history_db_rc(r);
}

/* The most frequent first: if not all fit, those are there. */
static int
read_rows(
    struct history_reports *h, int64_t day, struct sv domain, struct due *d)
{
	sqlite3_stmt *st;
	size_t bytes = 0;
	int r;

	st = prepare(h, &r,
	    "SELECT row, n FROM seen WHERE day = ? AND domain = ?"
	    " ORDER BY n DESC",
	    "it", day, domain);
	if (st == NULL)
		return history_db_rc(r);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		struct msg *m = &d->row[d->f.nrow];
		struct sv row = column(st, 0);

		if (d->f.nrow == FEEDBACK_ROWS_MAX ||
		    bytes + row.n + ROW_BYTES > DUE_BYTES)
			continue;
		msg_init(m, 0);
		buf_addsv(&m->b, row);
		if (feedback_row_get(m, &d->rows[d->f.nrow]) != RC_OK) {
			msg_fini(m);
			continue;
		}
		d->rows[d->f.nrow++].count =
		    (uint64_t)sqlite3_column_int64(st, 1);
		bytes += row.n + ROW_BYTES;
	}
	(void)sqlite3_finalize(st);
	return history_db_rc(r);
}

static void
due_init(struct due *d)
{
	arena_init(&d->arena);
	msg_init(&d->policy, 0);
	d->f.to = d->to;
	d->f.row = d->rows;
}

static void
due_fini(struct due *d)
{
	uint32_t i;

	for (i = 0; i < d->f.nrow; i++) {
		feedback_row_fini(&d->rows[i]);
		msg_fini(&d->row[i]);
	}
	d->f.nrow = d->f.nto = 0;
	msg_fini(&d->policy);
	arena_reset(&d->arena);
}

/* The next domain, whatever it has; RC_NOTFOUND: there is none; RC_SYNTAX: what
 * is written of it is not understood, another version may have done so. */
static int
read_policy(struct history_reports *h, int64_t now, int64_t *day,
    struct sv *domain, struct due *d)
{
	sqlite3_stmt *st;
	int r;

	st = prepare(h, &r,
	    "SELECT day, published, domain FROM policy WHERE day < ?"
	    " ORDER BY day, accepted DESC, domain LIMIT 1",
	    "i", day_of(now));
	if (st == NULL)
		return history_db_rc(r);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW) {
		*day = sqlite3_column_int64(st, 0);
		buf_addsv(&d->policy.b, column(st, 1));
		*domain = arena_dup(&d->arena, column(st, 2));
	}
	(void)sqlite3_finalize(st);
	if (r != SQLITE_ROW)
		return r == SQLITE_DONE ? RC_NOTFOUND : history_db_rc(r);
	return feedback_policy_get(&d->policy, &d->f.policy) == RC_OK
		   ? RC_OK
		   : RC_SYNTAX;
}

/* How much of it was taken in. */
static int
read_accepted(
    struct history_reports *h, int64_t day, struct sv domain, int64_t *n)
{
	sqlite3_stmt *st;
	int r;

	st = prepare(h, &r,
	    "SELECT accepted FROM policy WHERE day = ? AND domain = ?", "it",
	    day, domain);
	return finish(st, r, n);
}

/* RC_MORE: that one gets none; the next, please. */
static int
skip(struct history_reports *h, int64_t day, struct sv domain)
{
	const struct feedback_done none = {day * DAY, domain};
	int r = history_feedback_done(h, &none);

	return r == RC_OK ? RC_MORE : r;
}

/* The same. */
static int
find(struct history_reports *h, int64_t now, struct due *d)
{
	int64_t day = 0, accepted = 0;
	struct sv domain = SV("");
	int r = read_policy(h, now, &day, &domain, d);

	if (r == RC_SYNTAX) /* it would be the next one for ever */
		return skip(h, day, domain);
	if (r != RC_OK)
		return r;
	d->f.begin = day * DAY;
	d->f.end = day * DAY + DAY - 1;
	r = read_accepted(h, day, d->f.policy.domain, &accepted);
	if (r == RC_OK)
		r = read_addresses(h, day, d->f.policy.domain, now, d);
	if (r == RC_OK)
		r = read_rows(h, day, d->f.policy.domain, d);
	if (r != RC_OK)
		return r;
	if (accepted > 0 && d->f.nto > 0 && d->f.nrow > 0 &&
	    day >= day_of(now) - FEEDBACK_DAYS)
		return RC_OK;
	return skip(h, day, d->f.policy.domain);
}

void
history_feedback_next(struct history_reports *h, int64_t now, struct msg *reply)
{
	struct due *d = xcalloc(1, sizeof *d);
	unsigned tries;
	int r = h != NULL ? RC_MORE : RC_TEMP;

	due_init(d);
	for (tries = 0; r == RC_MORE && tries < FEEDBACK_DOMAINS_MAX; tries++) {
		due_fini(d);
		memset(d, 0, sizeof *d);
		due_init(d);
		r = find(h, now, d);
	}
	msg_init(reply, MSG_REPLY);
	if (r != RC_OK) {
		due_fini(d);
		d->f = (struct feedback_due){.rc = r == RC_MORE ? RC_TEMP : r};
	}
	feedback_due_put(reply, &d->f);
	if (r == RC_OK)
		due_fini(d);
	free(d);
}

int
history_feedback_done(struct history_reports *h, const struct feedback_done *d)
{
	static const char *const drop[] = {
	    "DELETE FROM seen WHERE day = ? AND domain = ?",
	    "DELETE FROM wanted WHERE day = ? AND domain = ?",
	    "DELETE FROM policy WHERE day = ? AND domain = ?"};
	sqlite3_stmt *st;
	int r = RC_OK;
	size_t i;

	for (i = 0; r == RC_OK && i < 3; i++) {
		st = prepare(h, &r, drop[i], "it", day_of(d->begin), d->domain);
		r = finish(st, r, NULL);
	}
	return r;
}

int
history_feedback_rest(struct history_reports *h, const struct feedback_rest *r)
{
	sqlite3_stmt *st;
	int rc;

	st = prepare(h, &rc, "DELETE FROM rest WHERE until < ?", "i",
	    r->until - 365 * (int64_t)DAY);
	rc = finish(st, rc, NULL);
	if (rc != RC_OK)
		return rc;
	st = prepare(h, &rc,
	    "INSERT INTO rest(address, until) VALUES(?, ?) ON CONFLICT DO"
	    " UPDATE SET until = excluded.until",
	    "ti", r->address, r->until);
	return finish(st, rc, NULL);
}
