/*
 * Who has to hear of a change: the other views, and for how long the log of
 * flags that they catch up from is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store_priv.h"

void
views_dirty(struct mailbox *mb, const struct view *by, uint64_t seq)
{
	for (struct view *v = mb->views; v != NULL; v = v->next) {
		if (v == by || v->dirty != 0)
			continue;
		v->dirty = seq;
		if (v->notify != NULL && !v->closing && !v->notified)
			v->st->ndirty++;
	}
}

/* Forgets the k oldest. */
static void
flag_log_cut(struct mailbox *mb, size_t k)
{
	if (k == 0)
		return;
	mb->flog_floor = mb->flog[k - 1].seq;
	for (size_t i = 0; i < k; i++)
		rangeset_fini(&mb->flog[i].uids);
	mb->nflog -= k;
	memmove(mb->flog, mb->flog + k, mb->nflog * sizeof *mb->flog);
}

void
flag_log_add(struct mailbox *mb, uint64_t seq, const struct view *by,
    const struct change *c)
{
	bool set = c->op == STORE_OP_SET;
	struct flag_log *f;

	/* Nobody looks: no log. */
	if (mb->views == NULL) {
		flag_log_cut(mb, mb->nflog);
		mb->flog_floor = seq;
		return;
	}
	if (mb->nflog == FLAG_LOG_MAX)
		flag_log_cut(mb, FLAG_LOG_MAX / 2);
	mb->flog =
	    xgrow(mb->flog, &mb->flog_cap, mb->nflog + 1, sizeof *mb->flog);
	f = &mb->flog[mb->nflog++];
	*f = (struct flag_log){.seq = seq,
	    .by = by,
	    .keywords = set ? UINT64_MAX : c->keywords,
	    .system = set ? UINT8_MAX : c->system};
	rangeset_copy(&f->uids, &c->uids);
}

bool
flags_untouched(const struct view *v, const struct msg *m,
    const struct change *c, uint64_t since)
{
	const struct mailbox *mb = v->mb;
	bool last = false;

	/* It was there by then, and the log goes back so far. */
	if (since < v->opened || m->uid >= v->opened_uidnext ||
	    since < mb->flog_floor)
		return false;
	for (size_t i = mb->nflog, n = 0; i-- > 0; n++) {
		const struct flag_log *f = &mb->flog[i];

		if (f->seq <= since)
			break;
		if (n == FLAG_LOG_KEPT)
			return false;
		if (!rangeset_has(&f->uids, m->uid))
			continue;
		if ((f->system & c->system) != 0 ||
		    (f->keywords & c->keywords) != 0)
			return false;
		last = last || f->seq == m->modseq;
	}
	return last;
}

void
flag_log_trim(struct mailbox *mb)
{
	uint64_t known = UINT64_MAX;
	size_t k = 0;

	for (struct view *v = mb->views; v != NULL; v = v->next)
		if (v->flags_seen < known)
			known = v->flags_seen;
	while (k < mb->nflog && mb->flog[k].seq <= known)
		k++;
	if (k > FLAG_LOG_KEPT)
		flag_log_cut(mb, k - FLAG_LOG_KEPT);
}

struct telling {
	struct view **v;
	size_t n, cap;
};

static void
collect(struct mailbox *mb, uint64_t flushed, struct telling *t)
{
	for (struct view *v = mb->views; v != NULL; v = v->next) {
		if (v->dirty == 0 || v->notified || v->notify == NULL ||
		    v->closing || v->dirty > flushed)
			continue;
		t->v = xgrow(t->v, &t->cap, t->n + 1, sizeof *t->v);
		t->v[t->n++] = v;
		v->notified = true;
		v->notifying++;
		v->st->ndirty--;
	}
}

void
store_notify(struct store *st, uint64_t flushed)
{
	struct telling t = {NULL, 0, 0};

	store_lock(st);
	for (size_t i = 0; st->ndirty > 0 && i < st->nmailbox; i++)
		collect(st->by_id[i], flushed, &t);
	for (struct mailbox *mb = st->dead; mb != NULL; mb = mb->next_dead)
		collect(mb, flushed, &t);
	store_unlock(st);
	for (size_t i = 0; i < t.n; i++)
		t.v[i]->notify(t.v[i]->arg);
	if (t.n == 0)
		return;
	store_lock(st);
	for (size_t i = 0; i < t.n; i++)
		t.v[i]->notifying--;
	pthread_cond_broadcast(&st->notified);
	store_unlock(st);
	free(t.v);
}
