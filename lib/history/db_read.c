/* Searches, and what was found. */
#include "history/db_priv.h"

#include <string.h>

#include "base/be.h"
#include "base/clk.h"
#include "history/record.h"
#include "history/search.h"

#define LOOK_EACH 64 /* rows between two looks at the clock */

/* ---- reading ---- */

struct scan {
	struct history_search *search;
	const struct trace_find *f;
	uint8_t id[16]; /* of the story at hand */
};

static bool
any_matches(struct scan *sc, struct sv steps)
{
	struct history_step s;

	memcpy(s.id, sc->id, sizeof s.id);
	while (history_record_get(&steps, &s))
		if (s.when >= sc->f->since &&
		    history_search_matches(sc->search, &s))
			return true;
	return false;
}

/* The later steps of a story, from a cursor that follows the stories down;
 * *r is what its last step gave. */
static bool
later_matches(struct scan *sc, sqlite3_stmt *later, int64_t story, int *r)
{
	bool found = false;

	while (*r == SQLITE_ROW && sqlite3_column_int64(later, 0) >= story) {
		if (!found && sqlite3_column_int64(later, 0) == story)
			found = any_matches(sc, history_db_blob(later, 1));
		*r = sqlite3_step(later);
	}
	return found;
}

/* Stories from `before` down, until there are enough or it is late. */
static int
scan_down(struct history_db *db, struct scan *sc, int64_t until,
    struct history_found *out)
{
	const int64_t before =
	    sc->f->before == 0 ? INT64_MAX : (int64_t)sc->f->before;
	const uint32_t most =
	    sc->f->most < HISTORY_FOUND_MAX ? sc->f->most : HISTORY_FOUND_MAX;
	int r, lr;
	sqlite3_stmt *st = history_db_ready(db, Q_SCAN, &r);
	sqlite3_stmt *later = history_db_ready(db, Q_SCAN_LATER, &lr);
	unsigned rows = 0;

	if (st == NULL || later == NULL)
		return history_db_rc(st == NULL ? r : lr);
	(void)sqlite3_bind_int64(st, 1, before);
	(void)sqlite3_bind_int64(later, 1, before);
	lr = sqlite3_step(later);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t story = sqlite3_column_int64(st, 0);
		struct sv id = history_db_blob(st, 1);
		bool fits;

		out->more = out->n >= most ||
			    (++rows % LOOK_EACH == 0 && clk_mono() > until);
		if (out->more)
			break;
		if (id.n == sizeof sc->id)
			memcpy(sc->id, id.p, sizeof sc->id);
		fits = any_matches(sc, history_db_blob(st, 2));
		fits = later_matches(sc, later, story, &lr) || fits;
		if (fits)
			out->story[out->n++] = (uint64_t)story;
		out->before = (uint64_t)story;
	}
	(void)sqlite3_reset(st);
	(void)sqlite3_reset(later);
	return history_db_rc(r);
}

int
history_db_find(struct history_db *db, const struct trace_find *f, int64_t ms,
    struct history_found *out)
{
	struct scan sc = {.f = f};
	int r = history_db_write_pending(db);

	out->n = 0;
	out->more = false;
	out->before = f->before;
	if (r != RC_OK)
		return r;
	sc.search = history_search_new(f->term, f->nterm);
	r = scan_down(db, &sc, clk_mono() + ms, out);
	history_search_free(&sc.search);
	return r;
}

/* Those that were written with the story, if they are wanted. */
static int
read_first(struct history_db *db, uint64_t story, uint32_t from,
    struct history_page *page)
{
	int r;
	sqlite3_stmt *st = history_db_ready(db, Q_READ, &r);
	bool found;

	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_int64(st, 1, (int64_t)story);
	r = sqlite3_step(st);
	found = r == SQLITE_ROW && sqlite3_column_bytes(st, 0) == 16;
	if (found) {
		memcpy(page->id, sqlite3_column_blob(st, 0), 16);
		if (from == 0)
			buf_addsv(page->out, history_db_blob(st, 1));
	}
	(void)sqlite3_reset(st);
	return found		  ? RC_OK
	       : r == SQLITE_DONE ? RC_NOTFOUND
				  : history_db_rc(r);
}

int
history_db_read(struct history_db *db, uint64_t story, uint32_t from,
    struct history_page *page)
{
	int r = history_db_write_pending(db);
	sqlite3_stmt *st;

	page->more = false;
	if (r == RC_OK)
		r = read_first(db, story, from, page);
	if (r != RC_OK)
		return r;
	st = history_db_ready(db, Q_READ_LATER, &r);
	if (st == NULL)
		return history_db_rc(r);
	(void)sqlite3_bind_int64(st, 1, (int64_t)story);
	(void)sqlite3_bind_int64(st, 2, from);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		page->next = (uint32_t)sqlite3_column_int64(st, 0);
		page->more = page->out->n > page->room;
		if (page->more)
			break;
		buf_addsv(page->out, history_db_blob(st, 1));
	}
	(void)sqlite3_reset(st);
	return history_db_rc(r);
}
