/*
 * The tree Restore/: what was expunged and can still be looked at, brought
 * back, or listed as it was at some time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "store/store_priv.h"

/* ---- looking at them ---- */

static void
expunged_fill(
    struct store *st, const struct tombstone *g, struct store_expunged *e)
{
	const char *name = tombstone_mailbox(st, g);

	*e = (struct store_expunged){.mailbox = g->mailbox,
	    .at = g->at,
	    .name = name != NULL ? xstrdup(name) : NULL};
	msg_fill(&g->m, true, &e->msg);
}

void
store_expunged_each(struct store *st,
    bool (*fn)(void *arg, const struct store_expunged *e), void *arg,
    uint64_t *need)
{
	struct store_expunged *e;
	const bool *shown;
	bool more = true;
	size_t n = 0;

	store_lock(st);
	shown = tombstones_shown(st);
	e = xcalloc(st->ntombstone + 1, sizeof *e);
	for (size_t i = 0; i < st->ntombstone; i++)
		if (shown[i])
			expunged_fill(st, &st->tombstone[i], &e[n++]);
	raise_need(need, journal_next(st->j) - 1);
	store_unlock(st);
	for (size_t i = 0; i < n; i++) {
		more = more && fn(arg, &e[i]);
		free((char *)(uintptr_t)e[i].name);
	}
	free(e);
}

/* ---- the days ---- */

#define DAY_S	   (24 * 3600)
#define DAY_CHARS  10u /* 2026-11-24 */
#define ID_OF_DAY  0xff000000u
#define ID_AS_OF   0xfe000000u
#define UNDER_TREE STORE_RESTORE "/"
#define AS_OF	   UNDER_TREE "@"

static int64_t
day_of(const struct tombstone *g)
{
	return g->at / 1000 / DAY_S;
}

static void
day_name(int64_t day, struct buf *out)
{
	struct clk_tm t;

	clk_civil(day * DAY_S, &t);
	buf_addf(out, UNDER_TREE "%04d-%02d-%02d", t.year, t.month, t.day);
}

static bool
tree_is_shown(struct store *st)
{
	return st->opts.restore_tree != STORE_RESTORE_HIDDEN &&
	       mailbox_named(st, SV(STORE_RESTORE)) == NULL;
}

bool
restore_reserves(struct store *st, struct sv name)
{
	return tree_is_shown(st) && (sv_eq(name, SV(STORE_RESTORE)) ||
					sv_starts(name, SV(UNDER_TREE)));
}

bool
store_restore_reserves(struct store *st, struct sv name)
{
	bool is;

	store_lock(st);
	is = restore_reserves(st, name);
	store_unlock(st);
	return is;
}

bool
store_restore_apart(struct store *st)
{
	bool is;

	store_lock(st);
	is = tree_is_shown(st) && st->opts.restore_tree == STORE_RESTORE_APART;
	store_unlock(st);
	return is;
}

/* It lives as long as the one view that it is made for. */
static struct mailbox *
restore_new(struct store *st, const char *name, uint32_t id)
{
	struct mailbox *inbox = mailbox_named(st, SV("INBOX"));
	struct mailbox *mb = xcalloc(1, sizeof *mb);

	mb->id = id;
	mb->name = xstrdup(name);
	mb->uidvalidity = inbox != NULL ? inbox->uidvalidity : 1;
	mb->uidnext = 1;
	mb->selectable = true;
	mb->in_restore = true;
	mb->dead = true;
	/* It has no history of its own: what has left it is not known. */
	mb->vanished_floor = UINT64_MAX;
	mb->modseq = 1;
	mb->next_dead = st->dead;
	st->dead = mb;
	return mb;
}

/* A keyword's bit is a matter of its mailbox. */
static uint64_t
restore_keywords(struct mailbox *from, uint64_t bits, struct mailbox *to)
{
	uint64_t out = 0;

	for (uint32_t i = 0; from != NULL && i < from->nkeyword; i++) {
		uint32_t k = 0;

		if (!(bits >> i & 1) || from->keyword[i] == NULL)
			continue;
		while (k < to->nkeyword && to->keyword[k] != from->keyword[i])
			k++;
		if (k == KEYWORDS_MAX)
			continue;
		if (k == to->nkeyword)
			to->keyword[to->nkeyword++] = from->keyword[i];
		out |= 1ull << k;
	}
	return out;
}

static void
restore_add(struct store *st, struct mailbox *mb, const struct msg *m,
    uint32_t from, uint32_t uid)
{
	struct msg copy = *m;

	copy.uid = uid;
	copy.system = (uint8_t)(m->system & ~STORE_DELETED);
	if (m->keywords != 0)
		copy.keywords =
		    restore_keywords(mailbox_by_id(st, from), m->keywords, mb);
	table_append(&mb->t, &copy, 1);
	if (!(copy.system & STORE_SEEN))
		mb->unseen++;
	mb->size += copy.size;
	mb->uidnext = uid + 1;
	if (mb->modseq < copy.modseq)
		mb->modseq = copy.modseq;
}

/*
 * One day.  UIDNEXT and the mod-sequence are of all that left a mailbox on it,
 * whether it is shown or back somewhere, so that they never fall: what has gone
 * from the end is still below them, and what comes is not.
 */
static struct mailbox *
open_day(struct store *st, const char *name)
{
	struct mailbox *mb = NULL;
	int64_t last = -1;
	uint32_t uidnext = 1;
	uint64_t modseq = 1;
	const bool *shown;
	struct buf b;

	if (!tree_is_shown(st) ||
	    strlen(name) != strlen(UNDER_TREE) + DAY_CHARS)
		return NULL;
	shown = tombstones_shown(st);
	buf_init(&b, NAME_BYTES_MAX);
	for (size_t i = 0; i < st->ntombstone; i++) {
		const struct tombstone *g = &st->tombstone[i];

		if (day_of(g) != last) {
			last = day_of(g);
			buf_reset(&b);
			day_name(last, &b);
		}
		if (strcmp(b.p, name) != 0)
			continue;
		uidnext = g->number + 1;
		if (modseq < g->m.modseq)
			modseq = g->m.modseq;
		if (!shown[i])
			continue;
		if (mb == NULL)
			mb = restore_new(st, name, ID_OF_DAY | (uint32_t)last);
		/* A clock that steps back mixes days, but not their order. */
		restore_add(st, mb, &g->m, g->mailbox, g->number);
	}
	if (mb != NULL) {
		mb->uidnext = uidnext;
		mb->modseq = modseq;
	}
	buf_fini(&b);
	return mb;
}

/* ---- as it was at some time ---- */

struct then {
	struct msg m;
	uint32_t mailbox;
};

static int
by_place(const void *a, const void *b)
{
	const struct then *x = a, *y = b;

	if (x->mailbox != y->mailbox)
		return x->mailbox < y->mailbox ? -1 : 1;
	return x->m.uid < y->m.uid ? -1 : x->m.uid > y->m.uid;
}

/* Everything that was in a mailbox at `at`; to be freed. */
static struct then *
collect_then(struct store *st, int64_t at, size_t *n_out)
{
	const int64_t cut = tombstones_cut(st);
	struct then *t = NULL;
	size_t n = 0, cap = 0;

	for (size_t b = 0; b < st->nmailbox; b++) {
		struct mailbox *mb = st->by_id[b];

		for (size_t i = 0; i < table_count(&mb->t); i++) {
			const struct msg *m = table_at(&mb->t, i);

			if ((int64_t)m->save_date > at)
				continue;
			t = xgrow(t, &cap, n + 1, sizeof *t);
			t[n++] = (struct then){*m, mb->id};
		}
	}
	for (size_t i = 0; i < st->ntombstone; i++) {
		const struct tombstone *g = &st->tombstone[i];

		if ((int64_t)g->m.save_date > at || g->at / 1000 <= at ||
		    g->at <= cut)
			continue;
		t = xgrow(t, &cap, n + 1, sizeof *t);
		t[n++] = (struct then){g->m, g->mailbox};
	}
	if (n > 0)
		qsort(t, n, sizeof *t, by_place);
	*n_out = n;
	return t;
}

static const char *
then_name(struct store *st, const struct then *t)
{
	const struct tombstone g = {.mailbox = t->mailbox};

	return tombstone_mailbox(st, &g);
}

static bool
parse_as_of(const char *name, int64_t *at, const char **rest)
{
	struct sv s = sv_str(name), digits;
	uint64_t v;

	if (!sv_starts(s, SV(AS_OF)))
		return false;
	s = sv_skip(s, strlen(AS_OF));
	digits = sv_first(s, sv_chr(s, '/'));
	if (sv_to_u64(digits, UINT32_MAX, &v) != RC_OK || digits.n == s.n)
		return false;
	*at = (int64_t)v;
	*rest = sv_skip(s, digits.n + 1).p;
	return true;
}

static struct mailbox *
open_as_of(struct store *st, const char *name)
{
	struct mailbox *mb = NULL;
	const char *wanted;
	struct then *t;
	uint32_t uid = 0;
	int64_t at;
	size_t n;

	if (!parse_as_of(name, &at, &wanted))
		return NULL;
	t = collect_then(st, at, &n);
	for (size_t i = 0; i < n; i++) {
		const char *is = then_name(st, &t[i]);

		if (is == NULL || strcmp(is, wanted) != 0)
			continue;
		if (mb == NULL)
			mb = restore_new(st, name, ID_AS_OF);
		restore_add(st, mb, &t[i].m, t[i].mailbox, ++uid);
	}
	free(t);
	return mb;
}

struct mailbox *
restore_open(struct store *st, const char *name, uint64_t *need)
{
	struct mailbox *mb = open_as_of(st, name);

	if (mb == NULL)
		mb = open_day(st, name);
	/* Whatever happens anywhere may have changed what is in it. */
	if (mb != NULL)
		raise_need(need, journal_next(st->j) - 1);
	return mb;
}

bool
restore_has(const struct view *v, uint32_t uid)
{
	struct store *st = v->st;
	const bool *shown = tombstones_shown(st);
	size_t lo = 0, hi = st->ntombstone;

	if (v->mb->id == ID_AS_OF)
		return true;
	while (lo < hi) { /* a day's UIDs are tombstones' numbers */
		size_t mid = lo + (hi - lo) / 2;

		if (st->tombstone[mid].number < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < st->ntombstone && st->tombstone[lo].number == uid &&
	       shown[lo];
}

void
restore_take(struct view *v, const struct rangeset *uids, uint64_t seq)
{
	struct mailbox *mb = v->mb;
	struct msg *gone = NULL;
	size_t n;

	if (uids->n == 0)
		return;
	version_before_remove(mb, seq);
	n = table_remove(&mb->t, uids, &gone);
	for (size_t i = 0; i < n; i++) {
		mb->size -= gone[i].size;
		if (!(gone[i].system & STORE_SEEN))
			mb->unseen--;
	}
	version_removed(mb, &gone, n);
	if (mb->modseq < seq)
		mb->modseq = seq;
}

void
store_set_restore(
    struct store *st, int64_t retention_ms, enum store_restore_tree tree)
{
	store_lock(st);
	st->opts.retention_ms = retention_ms;
	st->opts.restore_tree = tree;
	store_unlock(st);
}

bool
view_in_restore(const struct view *v)
{
	return v->mb->in_restore;
}

/* ---- listing ---- */

static struct store_mailbox *
find_listed(struct store_mailbox_list *l, const char *name)
{
	size_t k = 0;

	while (k < l->n && strcmp(l->m[k].name, name) != 0)
		k++;
	return k < l->n ? &l->m[k] : NULL;
}

static struct store_mailbox *
list_append(struct store_mailbox_list *l, size_t *cap, const char *name)
{
	struct store_mailbox *m;

	l->m = xgrow(l->m, cap, l->n + 1, sizeof *l->m);
	m = &l->m[l->n++];
	*m = (struct store_mailbox){.name = xstrdup(name),
	    .exists = true,
	    .selectable = true,
	    .in_restore = true};
	return m;
}

/* One that was only a subscription, or a new one. */
static struct store_mailbox *
list_restore(struct store_mailbox_list *l, size_t *cap, const char *name)
{
	struct store_mailbox *m = find_listed(l, name);

	if (m == NULL)
		return list_append(l, cap, name);
	m->exists = m->selectable = m->in_restore = true;
	return m;
}

void
restore_list(struct store *st, struct store_mailbox_list *l, size_t *cap)
{
	struct store_mailbox *m;
	int64_t last = -1;
	const bool *shown;
	struct buf b;

	if (!tree_is_shown(st) || st->ntombstone == 0)
		return;
	shown = tombstones_shown(st);
	buf_init(&b, NAME_BYTES_MAX);
	for (size_t i = 0; i < st->ntombstone; i++) {
		if (!shown[i] || day_of(&st->tombstone[i]) == last)
			continue;
		last = day_of(&st->tombstone[i]);
		buf_reset(&b);
		day_name(last, &b);
		(void)list_restore(l, cap, b.p);
	}
	if (last >= 0) {
		m = list_restore(l, cap, STORE_RESTORE);
		m->selectable = false;
		m->has_children = true;
	}
	for (size_t i = 0; i < l->n; i++) {
		m = &l->m[i];
		m->apart = m->in_restore &&
			   st->opts.restore_tree == STORE_RESTORE_APART;
		m->subscribed = m->subscribed || (m->in_restore && !m->apart);
	}
	buf_fini(&b);
}

bool
restore_is_listed(struct store *st, struct sv name)
{
	struct store_mailbox_list l = {NULL, 0};
	size_t cap = 0;
	bool is = false;

	restore_list(st, &l, &cap);
	for (size_t i = 0; i < l.n; i++)
		is = is || sv_eq(sv_str(l.m[i].name), name);
	store_mailbox_list_fini(&l);
	return is;
}

static int
by_text(const void *a, const void *b)
{
	const struct store_mailbox *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
store_mailbox_list_at(struct store *st, int64_t at,
    struct store_mailbox_list *out, uint64_t *need)
{
	size_t cap = 0, n, k = 0;
	struct then *t;
	struct buf b;

	*out = (struct store_mailbox_list){NULL, 0};
	buf_init(&b, SIZE_MAX / 4);
	store_lock(st);
	raise_need(need, journal_next(st->j) - 1);
	t = collect_then(st, at, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = then_name(st, &t[i]);

		if (name == NULL || (i > 0 && t[i].mailbox == t[i - 1].mailbox))
			continue;
		buf_reset(&b);
		buf_addf(&b, AS_OF "%lld/%s", (long long)at, name);
		list_append(out, &cap, b.p)->subscribed = true;
	}
	store_unlock(st);
	free(t);
	buf_fini(&b);
	if (out->n > 0)
		qsort(out->m, out->n, sizeof *out->m, by_text);
	for (size_t i = 0; i < out->n; i++)
		if (k > 0 && strcmp(out->m[k - 1].name, out->m[i].name) == 0)
			free(out->m[i].name);
		else
			out->m[k++] = out->m[i];
	out->n = k;
}

/* ---- back ---- */

/* Under the lock: the mailbox to put them into, made if need be. */
static int
destination(struct store *st, const char *name, struct mailbox **out,
    uint64_t *need, struct err *err)
{
	struct mailbox *mb = mailbox_by_name(st, name);
	struct commit_set cs;
	struct buf b;
	int r = RC_OK;

	commit_init(&cs);
	buf_init(&b, NAME_BYTES_MAX);
	if (mb == NULL || !mb->selectable) {
		r = mailbox_name_check(name, &b, err);
		if (r == RC_OK && restore_reserves(st, buf_sv(&b)))
			r = err_set(err, RC_DENIED,
			    "folders below " STORE_RESTORE " can only be read");
		if (r == RC_OK)
			r = mailbox_plan_levels(
			    st, &cs, buf_sv(&b), STORE_USE_NONE, err);
		if (r == RC_OK)
			commit_run(st, &cs, NULL, need);
		mb = mailbox_by_name(st, name);
	}
	if (r == RC_OK && mb == NULL)
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
	commit_fini(&cs);
	buf_fini(&b);
	*out = mb;
	return r;
}

int
store_undelete(struct store *st, const struct store_tombstone *g, size_t n,
    const char *mailbox, size_t *back, uint64_t *need, struct err *err)
{
	uint32_t now = (uint32_t)(clk_now() / 1000);
	struct slot_plan plan = {.n = 0};
	struct tombstone_ref *ref = NULL;
	struct mailbox *to = NULL;
	const bool *shown;
	struct commit_set cs;
	struct change *c;
	uint64_t bytes = 0;
	size_t cap = 0;
	int r;

	*back = 0;
	commit_init(&cs);
	store_lock(st);
	r = store_check_writable(st, err);
	if (r == RC_OK)
		r = store_check_space(st, err);
	if (r == RC_OK)
		r = destination(st, mailbox, &to, need, err);
	if (r != RC_OK)
		goto out;
	ref = tombstones_index(st);
	shown = tombstones_shown(st);
	c = commit_change(&cs, CHANGE_ADDED);
	c->mailbox = to->id;
	for (size_t i = 0; i < n && c->nmsg < UINT32_MAX - to->uidnext; i++) {
		struct tombstone *from = tombstone_find(st, ref, &g[i]);
		struct mailbox *mb;
		struct msg *m;

		if (from == NULL || !shown[from - st->tombstone])
			continue;
		bytes += from->m.size;
		c->msg = xgrow(c->msg, &cap, c->nmsg + 1, sizeof *c->msg);
		m = &c->msg[c->nmsg];
		*m = from->m;
		m->uid = to->uidnext + (uint32_t)c->nmsg++;
		m->save_date = now;
		m->system = (uint8_t)(m->system & ~STORE_DELETED);
		/* A keyword's bit is a matter of its mailbox. */
		mb = mailbox_by_id(st, from->mailbox);
		m->keywords =
		    mb != NULL ? keyword_translate(mb, m->keywords, to, &plan)
			       : 0;
	}
	if (c->nmsg > 0)
		r = quota_check(st, bytes, 0, err);
	if (c->nmsg == 0 || r != RC_OK)
		goto out;
	*back = c->nmsg;
	slot_plan_put(&plan, c);
	commit_run(st, &cs, NULL, need);
out:
	store_unlock(st);
	commit_fini(&cs);
	free(ref);
	return r;
}
