#include "account/expunged.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "mime/mime.h"

#define LINES_MAX (64u << 20)
#define ID_CHARS  24u

struct found {
	struct store_tombstone tombstone;
	char *folder; /* NULL: it is gone */
};

struct search {
	struct store *st;
	const struct expunged_query *q;
	struct buf *lines;
	struct buf from, subject; /* folded */
	struct buf summary, folded;
	struct expunged_sum *sum;
	struct found *f;
	size_t n, cap;
	/* Of a page: */
	int64_t until;
	size_t at, first, end; /* in the order of the store */
	size_t *line;	       /* where each begins */
	size_t nline, line_cap;
};

/* ---- which ---- */

/* Blanks as in what it is looked for in. */
static void
fold_needle(struct sv text, struct buf *out)
{
	struct buf narrow;

	buf_init(&narrow, text.n + 1);
	mime_narrow(text, true, &narrow);
	fold_utf8(buf_sv(&narrow), out);
	buf_fini(&narrow);
}

static bool
contains(struct search *s, struct sv text, const struct buf *what)
{
	if (what->n == 0)
		return true;
	buf_reset(&s->folded);
	fold_utf8(text, &s->folded);
	return s->folded.n > 0 &&
	       memmem(s->folded.p, s->folded.n, what->p, what->n) != NULL;
}

static void
id_print(const struct store_expunged *e, struct buf *out)
{
	buf_addf(out, "%u.%u", e->mailbox, e->msg.uid);
}

static bool
is_one_of(const struct store_expunged *e, struct sv ids)
{
	struct buf id;
	bool is = false;

	buf_init(&id, ID_CHARS);
	id_print(e, &id);
	while (!is && ids.n > 0)
		is = sv_eq(buf_sv(&id), sv_split(&ids, ' '));
	buf_fini(&id);
	return is;
}

static bool
is_meant(struct search *s, const struct store_expunged *e)
{
	const struct expunged_query *q = s->q;

	if (e->at < q->since)
		return false;
	if (q->folder.n > 0 &&
	    (e->name == NULL || !sv_eq(sv_str(e->name), q->folder)))
		return false;
	return q->id.n == 0 || is_one_of(e, q->id);
}

/* A field of the line: nothing in it ends it or orders a terminal about. */
static void
put_field(struct buf *out, struct sv text)
{
	buf_addc(out, '\t');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		/* C1 controls are two bytes in UTF-8. */
		bool c1 = c == 0xc2 && i + 1 < text.n &&
			  (unsigned char)text.p[i + 1] < 0xa0;

		buf_addc(out, c < 0x20 || c == 0x7f || c1 ? ' ' : (char)c);
		i += c1;
	}
}

static void
put_line(struct search *s, const struct store_expunged *e,
    const struct mime_summary *sum)
{
	id_print(e, s->lines);
	buf_addf(s->lines, "\t%lld\t%u", (long long)e->at, e->msg.size);
	put_field(s->lines, sv_str(e->name != NULL ? e->name : ""));
	put_field(s->lines, sum->from);
	put_field(s->lines, sum->subject);
	buf_addc(s->lines, '\n');
}

static void
take(struct search *s, const struct store_expunged *e,
    const struct mime_summary *sum)
{
	s->f = xgrow(s->f, &s->cap, s->n + 1, sizeof *s->f);
	s->f[s->n++] = (struct found){{e->mailbox, e->msg.uid},
	    e->name != NULL ? xstrdup(e->name) : NULL};
	s->sum->messages++;
	s->sum->bytes += e->msg.size;
	put_line(s, e, sum);
}

typedef void taken_fn(struct search *s, const struct store_expunged *e,
    const struct mime_summary *sum);

static void
look_into(struct search *s, const struct store_expunged *e, taken_fn *fn)
{
	struct mime_summary sum = {.subject = {NULL, 0}};
	bool good;

	buf_reset(&s->summary);
	/* What cannot be read has no sender, but can still be purged. */
	good = store_summary(s->st, e->msg.body, &s->summary) == RC_OK &&
	       mime_summary_decode(buf_sv(&s->summary), &sum) == RC_OK;
	if (contains(s, sum.from, &s->from) &&
	    contains(s, sum.subject, &s->subject))
		fn(s, e, &sum);
	if (good)
		mime_summary_fini(&sum);
}

static bool
consider(void *arg, const struct store_expunged *e)
{
	struct search *s = arg;

	if (is_meant(s, e))
		look_into(s, e, take);
	return buf_ok(s->lines);
}

/* ---- what is done ---- */

/* In the order of their folders, so that each folder is one commit. */
static int
by_folder(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int d = strcmp(x->folder, y->folder);

	if (d != 0)
		return d;
	if (x->tombstone.mailbox != y->tombstone.mailbox)
		return x->tombstone.mailbox < y->tombstone.mailbox ? -1 : 1;
	return x->tombstone.uid < y->tombstone.uid
		   ? -1
		   : x->tombstone.uid > y->tombstone.uid;
}

static int
undelete(struct search *s, uint64_t *need, struct err *err)
{
	struct store_tombstone *g = xcalloc(s->n + 1, sizeof *g);
	size_t end, back, restored = 0;
	int r = RC_OK;

	for (size_t i = 0; i < s->n; i++) {
		if (s->q->to.n > 0 || s->f[i].folder == NULL) {
			free(s->f[i].folder);
			s->f[i].folder = s->q->to.n > 0
					     ? sv_dup(s->q->to)
					     : xstrdup(EXPUNGED_FALLBACK);
		}
	}
	if (s->n > 0)
		qsort(s->f, s->n, sizeof *s->f, by_folder);
	for (size_t i = 0; i < s->n && r == RC_OK; i = end) {
		size_t k = 0;

		for (end = i; end < s->n &&
			      strcmp(s->f[end].folder, s->f[i].folder) == 0;
		     end++)
			g[k++] = s->f[end].tombstone;
		r = store_undelete(
		    s->st, g, k, s->f[i].folder, &back, need, err);
		restored += back;
	}
	s->sum->messages = restored;
	free(g);
	return r;
}

static int
purge(struct search *s, uint64_t *need, struct err *err)
{
	struct store_tombstone *g = xcalloc(s->n + 1, sizeof *g);
	size_t gone;
	int r;

	for (size_t i = 0; i < s->n; i++)
		g[i] = s->f[i].tombstone;
	r = store_purge(s->st, g, s->n, &gone, need, err);
	s->sum->messages = gone;
	free(g);
	return r;
}

static int
act(struct search *s, struct err *err)
{
	uint64_t need = 0;
	int r = RC_OK;

	if (!buf_ok(s->lines))
		return err_set(err, RC_TOOBIG,
		    "too many messages at once; select fewer with --since");
	if (s->q->action == EXPUNGED_UNDELETE)
		r = undelete(s, &need, err);
	else if (s->q->action == EXPUNGED_PURGE)
		r = purge(s, &need, err);
	if (r == RC_OK && store_flush(s->st, need) != RC_OK)
		r = err_set(err, RC_IO, "the disk refuses to write");
	return r;
}

static void
begin(struct search *s)
{
	s->lines->max = LINES_MAX;
	buf_init(&s->from, LINES_MAX);
	buf_init(&s->subject, LINES_MAX);
	buf_init(&s->summary, LINES_MAX);
	buf_init(&s->folded, LINES_MAX);
	fold_needle(s->q->from, &s->from);
	fold_needle(s->q->subject, &s->subject);
}

static void
end(struct search *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->f[i].folder);
	free(s->f);
	free(s->line);
	buf_fini(&s->from);
	buf_fini(&s->subject);
	buf_fini(&s->summary);
	buf_fini(&s->folded);
}

int
expunged_run(struct store *st, const struct expunged_query *q,
    struct buf *lines, struct expunged_sum *sum, struct err *err)
{
	struct search s = {.st = st, .q = q, .lines = lines, .sum = sum};
	uint64_t need = 0;
	int r;

	*sum = (struct expunged_sum){0, 0};
	begin(&s);
	store_expunged_each(st, consider, &s, &need);
	r = store_flush(st, need);
	r = r == RC_OK ? act(&s, err)
		       : err_set(err, r, "the disk refuses to write");
	end(&s);
	return r;
}

/* ---- pages ---- */

static bool
is_on_page(struct search *s, const struct store_expunged *e)
{
	return is_meant(s, e) && (s->until == 0 || e->at < s->until);
}

static bool
count_one(void *arg, const struct store_expunged *e)
{
	struct search *s = arg;

	s->nline += is_on_page(s, e);
	return true;
}

static bool
read_one(void *arg, const struct store_expunged *e)
{
	struct search *s = arg;

	if (is_on_page(s, e)) {
		if (s->at >= s->first && s->at < s->end)
			look_into(s, e, put_line);
		s->at++;
	}
	return s->at < s->end && buf_ok(s->lines);
}

static void
note_line(struct search *s, const struct store_expunged *e,
    const struct mime_summary *sum)
{
	s->line = xgrow(s->line, &s->line_cap, s->nline + 1, sizeof *s->line);
	s->line[s->nline++] = s->lines->n;
	put_line(s, e, sum);
}

static bool
search_one(void *arg, const struct store_expunged *e)
{
	struct search *s = arg;

	if (is_on_page(s, e))
		look_into(s, e, note_line);
	return buf_ok(s->lines);
}

static void
set_window(struct search *s, const struct expunged_window *w)
{
	s->end = w->skip < s->nline ? s->nline - w->skip : 0;
	s->first = s->end > w->most ? s->end - w->most : 0;
}

/* Of all that fit. */
static void
cut_lines(struct search *s)
{
	size_t begin = s->first < s->nline ? s->line[s->first] : s->lines->n;

	if (s->end < s->nline)
		buf_truncate(s->lines, s->line[s->end]);
	buf_consume(s->lines, begin < s->lines->n ? begin : s->lines->n);
}

int
expunged_page(struct store *st, const struct expunged_query *q,
    const struct expunged_window *w, struct buf *lines, uint64_t *total,
    struct err *err)
{
	const struct expunged_query any = {.since = q->since,
	    .from = q->from,
	    .subject = q->subject,
	    .folder = q->folder};
	struct search s = {
	    .st = st, .q = &any, .lines = lines, .until = w->until};
	uint64_t need = 0;
	int r;

	begin(&s);
	if (s.from.n == 0 && s.subject.n == 0) {
		store_expunged_each(st, count_one, &s, &need);
		set_window(&s, w);
		store_expunged_each(st, read_one, &s, &need);
	} else {
		store_expunged_each(st, search_one, &s, &need);
		set_window(&s, w);
		cut_lines(&s);
	}
	*total = s.nline;
	r = store_flush(st, need);
	if (r != RC_OK)
		r = err_set(err, r, "the disk refuses to write");
	else if (!buf_ok(lines))
		r = err_set(err, RC_TOOBIG, "too many messages at once");
	end(&s);
	return r;
}

int
expunged_reclaim(struct store *st, bool (*pause)(void *arg, uint64_t bytes),
    void *arg, uint64_t *freed, struct err *err)
{
	const struct store_compact c = {.share = 0, .pause = pause, .arg = arg};
	struct journal_compacted done;
	int r = store_roll(st);

	*freed = 0;
	while (r == RC_OK && (r = store_compact(st, &c, &done)) == RC_OK)
		*freed +=
		    done.before > done.after ? done.before - done.after : 0;
	if (r == RC_NOTFOUND)
		return RC_OK;
	return err_set(err, r,
	    "the messages are gone, but their disk space is not free yet (%s); "
	    "see the log",
	    rc_name(r));
}
