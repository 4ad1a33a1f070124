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
add_messages(struct bodies *b, const struct msg *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bodies_add(b, m[i].body);
}

/* Its messages, and those that are gone but still in somebody's sight. */
static void
add_mailbox(struct bodies *b, struct mailbox *mb)
{
	add_messages(b, mb->t.base, mb->t.nbase);
	add_messages(b, mb->t.tail, mb->t.ntail);
	if (sabotaged(SABOTAGE_FORGET_PINNED))
		return;
	for (const struct version *v = mb->oldest; v != NULL; v = v->newer)
		add_messages(b, v->ghost, v->nghost);
}

void
bodies_live(struct store *st, struct bodies *b)
{
	for (size_t i = 0; i < st->nmailbox; i++)
		add_mailbox(b, st->by_id[i]);
	for (struct mailbox *mb = st->dead; mb != NULL; mb = mb->next_dead)
		add_mailbox(b, mb);
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

void
graves_add(struct store *st, uint32_t mailbox, const struct msg *m, size_t n,
    int64_t at, uint64_t seq)
{
	st->grave =
	    xgrow(st->grave, &st->grave_cap, st->ngrave + n, sizeof *st->grave);
	for (size_t i = 0; i < n; i++) {
		struct grave *g = &st->grave[st->ngrave++];

		*g = (struct grave){.m = m[i],
		    .at = at,
		    .mailbox = mailbox,
		    .number = ++st->last_grave};
		g->m.modseq = seq;
	}
}

void
graves_remove(struct store *st, uint32_t mailbox, const struct rangeset *uids)
{
	struct bodies b = {NULL, 0, 0};
	size_t k = 0;

	for (size_t i = 0; i < st->ngrave; i++)
		if (st->grave[i].mailbox == mailbox &&
		    rangeset_has(uids, st->grave[i].m.uid))
			bodies_add(&b, st->grave[i].m.body);
	bodies_sort(&b);
	for (size_t i = 0; i < b.n && b.v[i] <= st->lost_seq; i++)
		bodies_add(&st->purged, b.v[i]);
	for (size_t i = 0; i < st->ngrave; i++)
		if (!bodies_has(&b, st->grave[i].m.body))
			st->grave[k++] = st->grave[i];
	st->ngrave = k;
	free(b.v);
}

void
graves_expire(struct store *st, int64_t retention_ms)
{
	int64_t before = clk_now() - retention_ms;
	size_t k = 0;

	for (size_t i = 0; i < st->ngrave; i++)
		if (retention_ms > 0 && st->grave[i].at > before)
			st->grave[k++] = st->grave[i];
	st->ngrave = k;
	for (size_t i = k = 0; i < st->ngone; i++) {
		size_t g = 0;

		while (g < st->ngrave &&
		       st->grave[g].mailbox != st->gone[i].mailbox)
			g++;
		if (g < st->ngrave)
			st->gone[k++] = st->gone[i];
		else
			free(st->gone[i].name);
	}
	st->ngone = k;
}

void
graves_fini(struct store *st)
{
	for (size_t i = 0; i < st->ngone; i++)
		free(st->gone[i].name);
	free(st->gone);
	free(st->grave);
	st->gone = NULL;
	st->grave = NULL;
	st->ngone = st->gone_cap = st->ngrave = st->grave_cap = 0;
	st->last_grave = 0;
}

void
gone_name_set(struct store *st, uint32_t mailbox, struct sv name)
{
	st->gone =
	    xgrow(st->gone, &st->gone_cap, st->ngone + 1, sizeof *st->gone);
	st->gone[st->ngone++] = (struct gone_name){mailbox, sv_dup(name)};
}

const char *
grave_mailbox(struct store *st, const struct grave *g)
{
	const struct mailbox *mb = mailbox_by_id(st, g->mailbox);

	if (mb != NULL)
		return mb->name;
	for (size_t i = 0; i < st->ngone; i++)
		if (st->gone[i].mailbox == g->mailbox)
			return st->gone[i].name;
	return NULL;
}

/* ---- for good ---- */

static bool
known(const struct store *st, const struct store_grave *g)
{
	for (size_t i = 0; i < st->ngrave; i++)
		if (st->grave[i].mailbox == g->mailbox &&
		    st->grave[i].m.uid == g->uid)
			return true;
	return false;
}

static struct change *
purged_from(struct commit_set *cs, uint32_t mailbox)
{
	struct change *c;

	for (size_t k = 0; k < cs->n; k++)
		if (cs->change[k].mailbox == mailbox)
			return &cs->change[k];
	c = commit_change(cs, CHANGE_PURGED);
	c->mailbox = mailbox;
	return c;
}

int
store_purge(struct store *st, const struct store_grave *g, size_t n,
    size_t *gone, uint64_t *need, struct err *err)
{
	struct commit_set cs;
	int r;

	*gone = 0;
	/* So that the purge begins a segment: the bytes may stand in the one
	 * that is in use.  Who comes between leaves them for the next time. */
	if (!st->opts.readonly && journal_flush(st->j, UINT64_MAX) != RC_OK)
		return err_set(err, RC_TEMP, "the disk refuses to write");
	commit_init(&cs);
	store_lock(st);
	r = store_check_writable(st, err);
	for (size_t i = 0; i < n && r == RC_OK; i++) {
		struct change *c;

		if (!known(st, &g[i]))
			continue;
		c = purged_from(&cs, g[i].mailbox);
		if (!rangeset_has(&c->uids, g[i].uid))
			++*gone;
		rangeset_add(&c->uids, g[i].uid, g[i].uid);
	}
	if (r == RC_OK && cs.n > 0)
		journal_roll(st->j);
	if (r == RC_OK)
		commit_run(st, &cs, NULL, need);
	store_unlock(st);
	commit_fini(&cs);
	return r;
}
