#include "web/self/self_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/form.h"

#define EACH_PAGE 20
#define LINES_MAX (64u << 20)
#define DAY_MS	  (24 * 3600 * 1000LL)
#define IDS_MAX	  200 /* of one form */
#define TEXT_MAX  120 /* bytes of a sender or a subject that are shown */
#define LABEL_MAX 60

/* ---- which ---- */

struct search {
	struct buf from, subject, day;
	int64_t since, until; /* of the day; 0: all of them */
	uint64_t skip;
	bool day_wrong;
};

/* "2026-11-30", in local time. */
static bool
read_day(struct sv text, int64_t *since, int64_t *until)
{
	struct sv y = sv_split(&text, '-'), m = sv_split(&text, '-');
	uint64_t year, month, day;
	struct tm t = {.tm_isdst = -1};
	time_t at;

	if (sv_to_u64(y, 9999, &year) != RC_OK || year < 1970 ||
	    sv_to_u64(m, 12, &month) != RC_OK || month == 0 ||
	    sv_to_u64(text, 31, &day) != RC_OK || day == 0)
		return false;
	t.tm_year = (int)year - 1900;
	t.tm_mon = (int)month - 1;
	t.tm_mday = (int)day;
	at = mktime(&t);
	*since = (int64_t)at * 1000;
	t = (struct tm){.tm_year = (int)year - 1900,
	    .tm_mon = (int)month - 1,
	    .tm_mday = (int)day + 1,
	    .tm_isdst = -1};
	*until = (int64_t)mktime(&t) * 1000;
	return at > 0;
}

static void
read_search(const struct self *s, struct search *q)
{
	*q = (struct search){.skip = self_number(s, "skip")};
	buf_init(&q->from, 256);
	buf_init(&q->subject, 256);
	buf_init(&q->day, 32);
	self_get(s, "from", &q->from);
	self_get(s, "subject", &q->subject);
	self_get(s, "day", &q->day);
	if (q->day.n > 0)
		q->day_wrong = !read_day(buf_sv(&q->day), &q->since, &q->until);
}

static void
end_search(struct search *q)
{
	buf_fini(&q->from);
	buf_fini(&q->subject);
	buf_fini(&q->day);
}

static void
put_query(const struct search *q, uint64_t skip, struct buf *out)
{
	char number[24];

	if (q->from.n > 0)
		page_query_add(out, "from", buf_sv(&q->from));
	if (q->subject.n > 0)
		page_query_add(out, "subject", buf_sv(&q->subject));
	if (q->day.n > 0)
		page_query_add(out, "day", buf_sv(&q->day));
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)skip);
	page_query_add(out, "skip", sv_str(number));
}

/* ---- what was found ---- */

struct row {
	struct sv id, folder, from, subject;
	int64_t at;
	uint64_t bytes;
};

struct rows {
	struct row *r;
	size_t n, cap;
};

/* As account/expunged.h has it. */
static bool
read_row(struct sv line, struct row *out)
{
	struct sv at, bytes;
	uint64_t n = 0;

	out->id = sv_split(&line, '\t');
	at = sv_split(&line, '\t');
	bytes = sv_split(&line, '\t');
	out->folder = sv_split(&line, '\t');
	out->from = sv_split(&line, '\t');
	out->subject = line;
	if (sv_to_u64(at, INT64_MAX, &n) != RC_OK ||
	    sv_to_u64(bytes, UINT64_MAX, &out->bytes) != RC_OK)
		return false;
	out->at = (int64_t)n;
	return true;
}

static int
newest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? 1 : -1;
	return x->id.p < y->id.p ? 1 : -1;
}

static void
read_rows(struct sv lines, struct rows *all)
{
	struct row r;

	while (lines.n > 0) {
		if (!read_row(sv_split(&lines, '\n'), &r))
			continue;
		all->r = xgrow(all->r, &all->cap, all->n + 1, sizeof *all->r);
		all->r[all->n++] = r;
	}
	if (all->n > 0)
		qsort(all->r, all->n, sizeof *all->r, newest_first);
}

/* ---- the page ---- */

static void
put_search(struct self *s, const struct search *q)
{
	page_form_get(&s->page, "/restore");
	page_field(&s->page, &(struct page_field){.name = "from",
				 .label = W_SENDER,
				 .value = buf_sv(&q->from),
				 .optional = true});
	page_field(&s->page, &(struct page_field){.name = "subject",
				 .label = W_SUBJECT,
				 .value = buf_sv(&q->subject),
				 .optional = true});
	page_field(&s->page, &(struct page_field){.name = "day",
				 .type = "date",
				 .label = W_DAY,
				 .error = q->day_wrong ? W_DAY_WRONG : W_NONE,
				 .value = buf_sv(&q->day),
				 .optional = true});
	page_button(&s->page, W_SEARCH, PAGE_BUTTON_PLAIN);
	page_form_end(&s->page);
}

static bool
same_day(int64_t a, int64_t b)
{
	time_t x = (time_t)(a / 1000), y = (time_t)(b / 1000);
	struct tm s, t;

	return localtime_r(&x, &s) != NULL && localtime_r(&y, &t) != NULL &&
	       s.tm_year == t.tm_year && s.tm_yday == t.tm_yday;
}

static void
put_row(struct self *s, const struct row *r)
{
	struct sv label = r->subject.n > 0 ? r->subject : r->from;

	page_row(&s->page);
	page_cell_open(&s->page);
	page_check(&s->page, "id", r->id, self_clip(label, LABEL_MAX));
	page_cell_end(&s->page);
	page_cell(&s->page, self_clip(r->from, TEXT_MAX));
	if (r->subject.n > 0)
		page_cell(&s->page, self_clip(r->subject, TEXT_MAX));
	else
		page_cell_say(&s->page, W_NO_SUBJECT);
	if (r->folder.n > 0)
		page_cell(&s->page, self_clip(r->folder, TEXT_MAX));
	else
		page_cell_say(&s->page, W_FOLDER_GONE);
	page_cell_say(&s->page, W_PLAIN, page_size(r->bytes));
	page_cell_open(&s->page);
	page_button_of(&s->page, W_BRING_BACK, PAGE_BUTTON_PLAIN, "one", r->id);
	page_cell_end(&s->page);
	page_row_end(&s->page);
}

/* A table for each day, all in one form. */
static void
put_rows(struct self *s, const struct row *r, size_t n)
{
	static const enum page_word heads[] = {
	    W_CHOOSE, W_SENDER, W_SUBJECT, W_FOLDER, W_SIZE, W_NONE};
	size_t i;

	for (i = 0; i < n; i++) {
		if (i == 0 || !same_day(r[i - 1].at, r[i].at)) {
			if (i > 0)
				page_table_end(&s->page);
			page_say(
			    &s->page, "h2", W_DELETED_ON, page_day(r[i].at));
			page_table(&s->page, W_DELETED, heads, 6);
		}
		put_row(s, &r[i]);
	}
	if (n > 0)
		page_table_end(&s->page);
}

static void
put_turn(struct self *s, const struct search *q, uint64_t all)
{
	uint64_t skip = q->skip < all ? q->skip : all;
	struct buf newer, older;

	buf_init(&newer, PAGE_BODY_MAX);
	buf_init(&older, PAGE_BODY_MAX);
	if (skip > 0)
		put_query(q, skip > EACH_PAGE ? skip - EACH_PAGE : 0, &newer);
	if (all > EACH_PAGE && skip < all - EACH_PAGE)
		put_query(q, skip + EACH_PAGE, &older);
	page_turn(&s->page, "/restore", buf_sv(&newer), buf_sv(&older));
	buf_fini(&newer);
	buf_fini(&older);
}

static void
put_found(struct self *s, const struct search *q, const struct rows *rows,
    uint64_t all)
{
	page_say(&s->page, "p", W_DELETED_COUNT, page_count(all));
	if (rows->n > 0) {
		page_form(&s->page, "/restore");
		put_rows(s, rows->r, rows->n);
		page_button(&s->page, W_BRING_BACK_CHOSEN, PAGE_BUTTON_MAIN);
		page_form_end(&s->page);
	}
	put_turn(s, q, all);
}

static void
put_all(struct self *s, const struct search *q)
{
	const struct self_deleted which = {.since = q->since,
	    .until = q->until,
	    .from = buf_sv(&q->from),
	    .subject = buf_sv(&q->subject),
	    .skip = (size_t)q->skip,
	    .most = EACH_PAGE};
	struct rows rows = {.n = 0};
	uint64_t all = 0;
	struct buf lines;

	buf_init(&lines, LINES_MAX);
	if (s->v->calls->expunged(s->v->arg, &which, &lines, &all) != RC_OK) {
		page_notice(&s->page, PAGE_BAD, W_TRY_LATER);
	} else {
		read_rows(buf_sv(&lines), &rows);
		put_found(s, q, &rows, all);
	}
	free(rows.r);
	buf_fini(&lines);
}

void
self_restore(struct self *s)
{
	uint64_t back = self_number(s, "restored");
	uint64_t days = (uint64_t)(s->v->conf->retention_ms / DAY_MS);
	struct search q;

	read_search(s, &q);
	self_begin(s, W_RESTORE, "/restore");
	if (back > 0)
		page_notice(
		    &s->page, PAGE_NEWS, W_DONE_RESTORED, page_count(back));
	else if (self_has(s, "restored"))
		page_notice(&s->page, PAGE_WARN, W_NOTHING_RESTORED);
	if (s->v->conf->retention_ms == 0)
		page_say(&s->page, "p", W_RESTORE_OFF);
	else
		page_say(&s->page, "p", W_RESTORE_ABOUT, page_count(days));
	put_search(s, &q);
	if (!q.day_wrong)
		put_all(s, &q);
	self_end(s);
	end_search(&q);
}

/* ---- back ---- */

/* What a box says is an id: digits and a dot. */
static bool
is_id(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '.')
			return false;
	return s.n > 0 && s.n < 24;
}

/* With blanks between them. */
static void
read_ids(const struct self *s, struct buf *ids)
{
	struct sv rest = s->sent;
	char name[FORM_NAME_MAX];
	struct buf value;
	unsigned n = 0;
	bool one;
	int r;

	buf_init(&value, 64);
	self_get(s, "one", &value);
	one = is_id(buf_sv(&value));
	if (one)
		buf_addsv(ids, buf_sv(&value));
	do {
		buf_reset(&value);
		r = form_next(&rest, name, &value);
		if (one || r != RC_OK || !sv_eq(sv_str(name), SV("id")) ||
		    !is_id(buf_sv(&value)) || n++ >= IDS_MAX)
			continue;
		buf_adds(ids, ids->n > 0 ? " " : "");
		buf_addsv(ids, buf_sv(&value));
	} while (r != RC_EOF);
	buf_fini(&value);
}

void
self_restore_do(struct self *s)
{
	char number[24];
	struct buf ids;
	uint64_t n = 0;
	int r = RC_OK;

	buf_init(&ids, PAGE_FORM_MAX);
	read_ids(s, &ids);
	/* None chosen is none, not all. */
	if (ids.n > 0)
		r = s->v->calls->undelete(s->v->arg, buf_sv(&ids), &n);
	if (r != RC_OK) {
		self_sorry(s, 503, W_TRY_LATER);
	} else {
		(void)snprintf(
		    number, sizeof number, "%llu", (unsigned long long)n);
		self_go(s, "/restore", "restored", sv_str(number));
	}
	buf_fini(&ids);
}
