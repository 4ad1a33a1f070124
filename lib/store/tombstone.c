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
	for (size_t i = 0; i < st->rules.noutgoing; i++)
		bodies_add(b, st->rules.outgoing[i].body);
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

/* ---- tombstones ---- */

static void
invalidate(struct store *st)
{
	st->shown_at = 0;
}

void
tombstones_invalidate(struct store *st, const struct msg *m, size_t n)
{
	/* What has just come is younger than any tombstone's. */
	for (size_t i = 0; i < n && st->ntombstone > 0; i++)
		if (m[i].body <= st->shown_body) {
			invalidate(st);
			return;
		}
}

/* Keeps those for which it is so. */
static void
sift(struct store *st,
    bool (*keep)(const struct tombstone *g, size_t i, void *arg), void *arg)
{
	size_t k = 0;

	for (size_t i = 0; i < st->ntombstone; i++) {
		if (keep(&st->tombstone[i], i, arg))
			st->tombstone[k++] = st->tombstone[i];
		else
			st->nmoved -= st->tombstone[i].moved;
	}
	st->ntombstone = k;
	invalidate(st);
}

/* The older half of those that were only moved. */
static bool
not_an_old_move(const struct tombstone *g, size_t i, void *arg)
{
	size_t *left = arg;

	(void)i;
	if (!g->moved || *left == 0)
		return true;
	--*left;
	return false;
}

static bool
not_among_the_first(const struct tombstone *g, size_t i, void *arg)
{
	(void)g;
	return i >= *(size_t *)arg;
}

void
tombstones_add(
    struct store *st, const struct msg *m, size_t n, const struct departure *b)
{
	size_t left;

	st->tombstone = xgrow(st->tombstone, &st->tombstone_cap,
	    st->ntombstone + n, sizeof *st->tombstone);
	for (size_t i = 0; i < n; i++) {
		struct tombstone *g = &st->tombstone[st->ntombstone++];

		*g = (struct tombstone){.m = m[i],
		    .at = b->at,
		    .mailbox = b->mailbox,
		    .number = ++st->last_tombstone,
		    .moved = b->moved};
		g->m.modseq = b->seq;
		if (st->shown_body < g->m.body)
			st->shown_body = g->m.body;
	}
	st->nmoved += b->moved ? n : 0;
	invalidate(st);
	left = st->nmoved - MOVED_MAX / 2;
	if (st->nmoved > MOVED_MAX)
		sift(st, not_an_old_move, &left);
	left = st->ntombstone - TOMBSTONES_MAX / 4 * 3;
	if (st->ntombstone > TOMBSTONES_MAX)
		sift(st, not_among_the_first, &left);
}

static bool
not_of_these(const struct tombstone *g, size_t i, void *arg)
{
	(void)i;
	return !bodies_has(arg, g->m.body);
}

void
tombstones_remove(
    struct store *st, uint32_t mailbox, const struct rangeset *uids)
{
	struct bodies b = {NULL, 0, 0};

	for (size_t i = 0; i < st->ntombstone; i++)
		if (st->tombstone[i].mailbox == mailbox &&
		    rangeset_has(uids, st->tombstone[i].m.uid))
			bodies_add(&b, st->tombstone[i].m.body);
	bodies_sort(&b);
	for (size_t i = 0; i < b.n; i++)
		bodies_add(&st->purged, b.v[i]);
	bodies_sort(&st->purged);
	sift(st, not_of_these, &b);
	free(b.v);
}

int64_t
tombstones_cut(struct store *st)
{
	int64_t cut = time_believed(st) - st->opts.retention_ms;

	if (st->opts.retention_ms == 0)
		return INT64_MAX;
	return cut > st->tombstone_cut ? cut : st->tombstone_cut;
}

static bool
younger(const struct tombstone *g, size_t i, void *arg)
{
	(void)i;
	return g->at > *(int64_t *)arg;
}

void
tombstones_expire(struct store *st, int64_t cut)
{
	struct bodies mailboxes = {NULL, 0, 0};
	size_t k = 0;

	sift(st, younger, &cut);
	for (size_t i = 0; i < st->ntombstone; i++)
		if (mailboxes.n == 0 ||
		    mailboxes.v[mailboxes.n - 1] != st->tombstone[i].mailbox)
			bodies_add(&mailboxes, st->tombstone[i].mailbox);
	bodies_sort(&mailboxes);
	for (size_t i = 0; i < st->ndeleted_name; i++)
		if (bodies_has(&mailboxes, st->deleted_name[i].mailbox))
			st->deleted_name[k++] = st->deleted_name[i];
		else
			free(st->deleted_name[i].name);
	st->ndeleted_name = k;
	free(mailboxes.v);
}

void
tombstones_fini(struct store *st)
{
	for (size_t i = 0; i < st->ndeleted_name; i++)
		free(st->deleted_name[i].name);
	free(st->deleted_name);
	free(st->tombstone);
	free(st->shown);
	st->shown = NULL;
	st->shown_body = 0;
	st->nmoved = 0;
	invalidate(st);
	st->deleted_name = NULL;
	st->tombstone = NULL;
	st->ndeleted_name = st->deleted_name_cap = st->ntombstone =
	    st->tombstone_cap = 0;
	st->last_tombstone = 0;
}

static size_t
deleted_name_place(const struct store *st, uint32_t mailbox)
{
	size_t lo = 0, hi = st->ndeleted_name;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (st->deleted_name[mid].mailbox < mailbox)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
deleted_name_set(struct store *st, uint32_t mailbox, struct sv name)
{
	size_t i = deleted_name_place(st, mailbox);

	if (i < st->ndeleted_name && st->deleted_name[i].mailbox == mailbox) {
		free(st->deleted_name[i].name);
		st->deleted_name[i].name = sv_dup(name);
		return;
	}
	if (st->ndeleted_name >=
	    DELETED_NAMES_MAX) { /* the one that was made first */
		free(st->deleted_name[0].name);
		memmove(st->deleted_name, st->deleted_name + 1,
		    --st->ndeleted_name * sizeof *st->deleted_name);
		i -= i > 0;
	}
	st->deleted_name = xgrow(st->deleted_name, &st->deleted_name_cap,
	    st->ndeleted_name + 1, sizeof *st->deleted_name);
	memmove(st->deleted_name + i + 1, st->deleted_name + i,
	    (st->ndeleted_name - i) * sizeof *st->deleted_name);
	st->deleted_name[i] = (struct deleted_name){mailbox, sv_dup(name)};
	st->ndeleted_name++;
}

const char *
tombstone_mailbox(struct store *st, const struct tombstone *g)
{
	const struct mailbox *mb = mailbox_by_id(st, g->mailbox);
	size_t i = deleted_name_place(st, g->mailbox);

	if (mb != NULL)
		return mb->name;
	return i < st->ndeleted_name &&
		       st->deleted_name[i].mailbox == g->mailbox
		   ? st->deleted_name[i].name
		   : NULL;
}

int
store_departed(struct store *st, uint32_t mailbox, uint32_t uid,
    struct store_msg *out, uint64_t *need)
{
	size_t i, end;
	int r = RC_NOTFOUND;

	store_lock(st);
	i = st->ntombstone;
	end = i > STORE_DEPARTED_MOST ? i - STORE_DEPARTED_MOST : 0;
	while (r != RC_OK && i > end) {
		const struct tombstone *g = &st->tombstone[--i];

		if (g->mailbox == mailbox && g->m.uid == uid) {
			msg_fill(&g->m, true, out);
			raise_need(need, g->m.modseq);
			r = RC_OK;
		}
	}
	store_unlock(st);
	return r;
}

/* ---- those that are named ---- */

static int
by_name(const void *a, const void *b)
{
	const struct tombstone_ref *x = a, *y = b;

	if (x->mailbox != y->mailbox)
		return x->mailbox < y->mailbox ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

struct tombstone_ref *
tombstones_index(const struct store *st)
{
	struct tombstone_ref *ref = xcalloc(st->ntombstone + 1, sizeof *ref);

	for (size_t i = 0; i < st->ntombstone; i++)
		ref[i] = (struct tombstone_ref){
		    st->tombstone[i].mailbox, st->tombstone[i].m.uid, i};
	if (st->ntombstone > 0)
		qsort(ref, st->ntombstone, sizeof *ref, by_name);
	return ref;
}

struct tombstone *
tombstone_find(struct store *st, const struct tombstone_ref *ref,
    const struct store_tombstone *g)
{
	const struct tombstone_ref key = {g->mailbox, g->uid, 0}, *found;

	found = st->ntombstone > 0
		    ? bsearch(&key, ref, st->ntombstone, sizeof *ref, by_name)
		    : NULL;
	return found != NULL ? &st->tombstone[found->tombstone] : NULL;
}
