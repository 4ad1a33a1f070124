#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "journal/sabotage.h"
#include "store/store_priv.h"

/* ---- bytes that are wanted ---- */

void
bodies_add(struct bodies *b, uint64_t body)
{
	b->v = xgrow(b->v, &b->cap, b->n + 1, sizeof *b->v);
	b->v[b->n++] = body;
}

static void
add_messages(
    struct bodies *b, const struct msg *m, size_t n, const struct bodies *but)
{
	for (size_t i = 0; i < n; i++)
		if (but == NULL || !bodies_has(but, m[i].body))
			bodies_add(b, m[i].body);
}

static void
add_table(struct bodies *b, const struct table *t, const struct bodies *but)
{
	add_messages(b, t->base, t->nbase, but);
	add_messages(b, t->tail, t->ntail, but);
}

/* Those that are gone but still in somebody's sight. */
static void
add_ghosts(struct bodies *b, const struct mailbox *mb, const struct bodies *but)
{
	if (sabotaged(SABOTAGE_FORGET_PINNED))
		return;
	for (const struct version *v = mb->oldest; v != NULL; v = v->newer)
		add_messages(b, v->ghost, v->nghost, but);
}

void
bodies_live(struct store *st, struct bodies *b)
{
	const struct bodies *but = &st->purged;

	for (size_t i = 0; i < st->nmailbox; i++) {
		add_table(b, &st->by_id[i]->t, NULL);
		add_ghosts(b, st->by_id[i], but);
	}
	for (struct mailbox *mb = st->dead; mb != NULL; mb = mb->next_dead) {
		add_table(b, &mb->t, but);
		add_ghosts(b, mb, but);
	}
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void
bodies_sort(struct bodies *b)
{
	if (b->n > 0)
		qsort(b->v, b->n, sizeof *b->v, by_number);
}

bool
bodies_has(const struct bodies *b, uint64_t body)
{
	return b->n > 0 &&
	       bsearch(&body, b->v, b->n, sizeof *b->v, by_number) != NULL;
}

/* ---- graves ---- */

static void
look_again(struct store *st)
{
	st->shown_at = 0;
}

void
graves_look_again(struct store *st, const struct msg *m, size_t n)
{
	/* What has just come is younger than any grave's. */
	for (size_t i = 0; i < n && st->ngrave > 0; i++)
		if (m[i].body <= st->shown_body) {
			look_again(st);
			return;
		}
}

/* Keeps those for which it is so. */
static void
sift(struct store *st, bool (*keep)(const struct grave *g, size_t i, void *arg),
    void *arg)
{
	size_t k = 0;

	for (size_t i = 0; i < st->ngrave; i++) {
		if (keep(&st->grave[i], i, arg))
			st->grave[k++] = st->grave[i];
		else
			st->nmoved -= st->grave[i].moved;
	}
	st->ngrave = k;
	look_again(st);
}

/* The older half of those that were only moved. */
static bool
not_an_old_move(const struct grave *g, size_t i, void *arg)
{
	size_t *left = arg;

	(void)i;
	if (!g->moved || *left == 0)
		return true;
	--*left;
	return false;
}

static bool
not_among_the_first(const struct grave *g, size_t i, void *arg)
{
	(void)g;
	return i >= *(size_t *)arg;
}

void
graves_add(
    struct store *st, const struct msg *m, size_t n, const struct burial *b)
{
	size_t left;

	st->grave =
	    xgrow(st->grave, &st->grave_cap, st->ngrave + n, sizeof *st->grave);
	for (size_t i = 0; i < n; i++) {
		struct grave *g = &st->grave[st->ngrave++];

		*g = (struct grave){.m = m[i],
		    .at = b->at,
		    .mailbox = b->mailbox,
		    .number = ++st->last_grave,
		    .moved = b->moved};
		g->m.modseq = b->seq;
		if (st->shown_body < g->m.body)
			st->shown_body = g->m.body;
	}
	st->nmoved += b->moved ? n : 0;
	look_again(st);
	left = st->nmoved - MOVED_MAX / 2;
	if (st->nmoved > MOVED_MAX)
		sift(st, not_an_old_move, &left);
	left = st->ngrave - GRAVES_MAX / 4 * 3;
	if (st->ngrave > GRAVES_MAX)
		sift(st, not_among_the_first, &left);
}

static bool
not_of_these(const struct grave *g, size_t i, void *arg)
{
	(void)i;
	return !bodies_has(arg, g->m.body);
}

void
graves_remove(struct store *st, uint32_t mailbox, const struct rangeset *uids)
{
	struct bodies b = {NULL, 0, 0};

	for (size_t i = 0; i < st->ngrave; i++)
		if (st->grave[i].mailbox == mailbox &&
		    rangeset_has(uids, st->grave[i].m.uid))
			bodies_add(&b, st->grave[i].m.body);
	bodies_sort(&b);
	for (size_t i = 0; i < b.n; i++)
		bodies_add(&st->purged, b.v[i]);
	bodies_sort(&st->purged);
	sift(st, not_of_these, &b);
	free(b.v);
}

int64_t
graves_cut(const struct store *st)
{
	int64_t cut = clk_now() - st->opts.retention_ms;

	if (st->opts.retention_ms == 0)
		return INT64_MAX;
	return cut > st->grave_cut ? cut : st->grave_cut;
}

static bool
younger(const struct grave *g, size_t i, void *arg)
{
	(void)i;
	return g->at > *(int64_t *)arg;
}

void
graves_expire(struct store *st, int64_t cut)
{
	struct bodies mailboxes = {NULL, 0, 0};
	size_t k = 0;

	sift(st, younger, &cut);
	for (size_t i = 0; i < st->ngrave; i++)
		if (mailboxes.n == 0 ||
		    mailboxes.v[mailboxes.n - 1] != st->grave[i].mailbox)
			bodies_add(&mailboxes, st->grave[i].mailbox);
	bodies_sort(&mailboxes);
	for (size_t i = 0; i < st->ngone; i++)
		if (bodies_has(&mailboxes, st->gone[i].mailbox))
			st->gone[k++] = st->gone[i];
		else
			free(st->gone[i].name);
	st->ngone = k;
	free(mailboxes.v);
}

void
graves_fini(struct store *st)
{
	for (size_t i = 0; i < st->ngone; i++)
		free(st->gone[i].name);
	free(st->gone);
	free(st->grave);
	free(st->shown);
	st->shown = NULL;
	st->shown_body = 0;
	st->nmoved = 0;
	look_again(st);
	st->gone = NULL;
	st->grave = NULL;
	st->ngone = st->gone_cap = st->ngrave = st->grave_cap = 0;
	st->last_grave = 0;
}

static size_t
gone_place(const struct store *st, uint32_t mailbox)
{
	size_t lo = 0, hi = st->ngone;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (st->gone[mid].mailbox < mailbox)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
gone_name_set(struct store *st, uint32_t mailbox, struct sv name)
{
	size_t i = gone_place(st, mailbox);

	if (i < st->ngone && st->gone[i].mailbox == mailbox) {
		free(st->gone[i].name);
		st->gone[i].name = sv_dup(name);
		return;
	}
	if (st->ngone >= GONE_MAX) { /* the one that was made first */
		free(st->gone[0].name);
		memmove(st->gone, st->gone + 1, --st->ngone * sizeof *st->gone);
		i -= i > 0;
	}
	st->gone =
	    xgrow(st->gone, &st->gone_cap, st->ngone + 1, sizeof *st->gone);
	memmove(
	    st->gone + i + 1, st->gone + i, (st->ngone - i) * sizeof *st->gone);
	st->gone[i] = (struct gone_name){mailbox, sv_dup(name)};
	st->ngone++;
}

const char *
grave_mailbox(struct store *st, const struct grave *g)
{
	const struct mailbox *mb = mailbox_by_id(st, g->mailbox);
	size_t i = gone_place(st, g->mailbox);

	if (mb != NULL)
		return mb->name;
	return i < st->ngone && st->gone[i].mailbox == g->mailbox
		   ? st->gone[i].name
		   : NULL;
}

/* ---- those that are named ---- */

static int
by_name(const void *a, const void *b)
{
	const struct grave_ref *x = a, *y = b;

	if (x->mailbox != y->mailbox)
		return x->mailbox < y->mailbox ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

struct grave_ref *
graves_index(const struct store *st)
{
	struct grave_ref *ref = xcalloc(st->ngrave + 1, sizeof *ref);

	for (size_t i = 0; i < st->ngrave; i++)
		ref[i] = (struct grave_ref){
		    st->grave[i].mailbox, st->grave[i].m.uid, i};
	if (st->ngrave > 0)
		qsort(ref, st->ngrave, sizeof *ref, by_name);
	return ref;
}

struct grave *
grave_find(
    struct store *st, const struct grave_ref *ref, const struct store_grave *g)
{
	const struct grave_ref key = {g->mailbox, g->uid, 0}, *found;

	found = st->ngrave > 0
		    ? bsearch(&key, ref, st->ngrave, sizeof *ref, by_name)
		    : NULL;
	return found != NULL ? &st->grave[found->grave] : NULL;
}
