#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store_priv.h"

/* ---- telling others ---- */

/* It has been told of everything, or closes. */
static void
settle(struct view *v)
{
	if (v->dirty != 0 && v->notify != NULL && !v->notified)
		v->st->ndirty--;
	v->dirty = 0;
	v->notified = false;
}

/* ---- opening ---- */

int
view_open(struct store *st, const char *mailbox, bool readonly,
    void (*notify)(void *arg), void *arg, struct view **out, uint64_t *need)
{
	struct mailbox *mb;
	struct view *v;
	int r = RC_OK;

	store_lock(st);
	raise_need(need, st->names_seq);
	mb = mailbox_by_name(st, mailbox);
	if (mb == NULL)
		mb = restore_open(st, mailbox, need);
	if (mb == NULL)
		r = RC_NOTFOUND;
	else if (!mb->selectable)
		r = RC_DENIED;
	if (r != RC_OK)
		goto out;
	v = xcalloc(1, sizeof *v);
	v->st = st;
	v->mb = mb;
	v->ver = version_join(mb);
	v->readonly = readonly || st->opts.readonly || mb->in_restore;
	v->notify = notify;
	v->arg = arg;
	v->count = (uint32_t)table_count(&mb->t);
	v->opened = v->flags_seen = mb->modseq;
	v->opened_uidnext = mb->uidnext;
	if (mb->views == NULL && mb->nflog == 0)
		mb->flog_floor = mb->modseq;
	v->keywords_seen = mb->keyword_news;
	v->next = mb->views;
	mb->views = v;
	raise_need(need, mb->modseq);
	*out = v;
out:
	store_unlock(st);
	return r;
}

void
view_close(struct view **vp)
{
	struct view *v = *vp, **p;
	struct mailbox *mb;
	struct store *st;

	if (v == NULL)
		return;
	*vp = NULL;
	st = v->st;
	mb = v->mb;
	store_lock(st);
	settle(v);
	v->closing = true; /* the function itself may be called right now */
	while (v->notifying > 0)
		pthread_cond_wait(&st->notified, &st->mu);
	for (p = &mb->views; *p != v; p = &(*p)->next)
		;
	*p = v->next;
	for (size_t i = 0; i < mb->nflog; i++)
		if (mb->flog[i].by == v)
			mb->flog[i].by = NULL;
	version_leave(mb, v->ver);
	flag_log_trim(mb);
	if (mb->dead && mb->views == NULL)
		mailbox_free_dead(st, mb);
	store_unlock(st);
	free(v);
}

/* ---- looking ---- */

bool
view_gone(struct view *v)
{
	bool gone;

	store_lock(v->st);
	gone = v->gone;
	store_unlock(v->st);
	return gone;
}

uint32_t
view_count(const struct view *v)
{
	return v->count;
}

uint32_t
view_uid(const struct view *v, uint32_t seqno)
{
	uint32_t uid = 0;

	store_lock(v->st);
	if (!v->gone && seqno >= 1 && seqno <= v->count)
		uid = version_uid(v->mb, v->ver, seqno - 1);
	store_unlock(v->st);
	return uid;
}

uint32_t
view_seqno(const struct view *v, uint32_t uid)
{
	uint32_t seqno = 0;
	size_t i;

	store_lock(v->st);
	if (!v->gone) {
		i = version_from(v->mb, v->ver, v->count, uid);
		if (i < v->count && version_uid(v->mb, v->ver, i) == uid)
			seqno = (uint32_t)i + 1;
	}
	store_unlock(v->st);
	return seqno;
}

uint32_t
view_seqno_from(const struct view *v, uint32_t uid)
{
	size_t i = v->count;

	store_lock(v->st);
	if (!v->gone)
		i = version_from(v->mb, v->ver, v->count, uid);
	store_unlock(v->st);
	return (uint32_t)i + 1;
}

/* Index of the first message that is not \Seen, remembered so that the next
 * look begins there. */
static size_t
first_unseen(struct mailbox *mb)
{
	size_t n = table_count(&mb->t), i = mb->seen_below;

	if (mb->unseen == 0)
		i = n;
	while (i < n && (table_at(&mb->t, i)->system & STORE_SEEN))
		i++;
	mb->seen_below = i;
	return i;
}

void
view_info(struct view *v, struct view_info *out, uint64_t *need)
{
	struct mailbox *mb = v->mb;
	size_t i;

	memset(out, 0, sizeof *out);
	store_lock(v->st);
	raise_need(need, mb->modseq);
	if (!v->gone) {
		out->uidvalidity = mb->uidvalidity;
		out->uidnext = mb->uidnext;
		out->unseen = mb->unseen;
		out->highest_modseq = v->flags_seen;
		out->expunge_waits = v->ver != mb->newest;
		if (out->expunge_waits && v->ver->removed <= v->flags_seen)
			out->highest_modseq = v->ver->removed - 1;
		out->epoch = journal_epoch(v->st->j);
		out->id = mb->id;
		out->keywords_full = keywords_full(mb);
		i = first_unseen(mb);
		if (i < table_count(&mb->t)) {
			uint32_t uid = table_at(&mb->t, i)->uid;

			i = version_from(mb, v->ver, v->count, uid);
			if (i < v->count)
				out->first_unseen = (uint32_t)i + 1;
		}
	}
	store_unlock(v->st);
}

bool
view_keyword_news(struct view *v)
{
	bool news;

	store_lock(v->st);
	news = !v->gone && v->keywords_seen != v->mb->keyword_news;
	if (news)
		v->keywords_seen = v->mb->keyword_news;
	store_unlock(v->st);
	return news;
}

size_t
view_keywords(struct view *v, const char *name[64])
{
	size_t n = 0;

	store_lock(v->st);
	for (; !v->gone && n < v->mb->nkeyword; n++)
		name[n] =
		    v->mb->keyword[n] != NULL ? v->mb->keyword[n]->name : "";
	store_unlock(v->st);
	return n;
}

uint32_t
view_msgs(struct view *v, uint32_t seqno, uint32_t n, struct store_msg *out,
    uint64_t *need)
{
	struct mailbox *mb = v->mb;
	size_t hint = seqno - 1;
	uint32_t k = 0;

	store_lock(v->st);
	raise_need(need, mb->modseq);
	for (; !v->gone && seqno >= 1 && k < n && seqno + k <= v->count; k++) {
		bool ghost;
		const struct msg *m;

		if (v->ver == mb->newest) {
			msg_fill(
			    table_at(&mb->t, seqno - 1 + k), false, &out[k]);
			continue;
		}
		m = version_msg(mb, v->ver,
		    version_uid(mb, v->ver, seqno - 1 + k), hint, &ghost);
		must(m != NULL);
		msg_fill(m, ghost, &out[k]);
		if (!ghost)
			hint = table_from(&mb->t, m->uid) + 1;
	}
	store_unlock(v->st);
	return k;
}

/* ---- catching up ---- */

static int
descending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x > *y ? -1 : *x < *y;
}

/* The ghosts between the view's version and the newest that it shows. */
static void
sync_expunged(struct view *v, struct view_changes *out)
{
	struct mailbox *mb = v->mb;
	size_t cap = 0;

	for (const struct version *w = v->ver; w != mb->newest; w = w->newer)
		for (size_t g = 0; g < w->nghost; g++) {
			uint32_t uid = w->ghost[g].uid;
			size_t i = version_from(mb, v->ver, v->count, uid);

			if (i == v->count || version_uid(mb, v->ver, i) != uid)
				continue;
			out->expunged_seqno = xgrow(out->expunged_seqno, &cap,
			    out->nexpunged + 1, sizeof *out->expunged_seqno);
			out->expunged_seqno[out->nexpunged++] = (uint32_t)i + 1;
		}
	if (out->nexpunged > 0)
		qsort(out->expunged_seqno, out->nexpunged,
		    sizeof *out->expunged_seqno, descending);
	for (size_t i = out->nexpunged; i-- > 0;) {
		uint32_t uid =
		    version_uid(mb, v->ver, out->expunged_seqno[i] - 1);

		rangeset_add(&out->expunged, uid, uid);
	}
	version_join(mb);
	version_leave(mb, v->ver);
	v->ver = mb->newest;
}

/* UIDs lo to hi, as sequence numbers of what was shown before. */
static void
report(struct view *v, uint32_t shown, struct range r, struct rangeset *out)
{
	size_t a = version_from(v->mb, v->ver, shown, r.lo);
	size_t b = r.hi == UINT32_MAX
		       ? shown
		       : version_from(v->mb, v->ver, shown, r.hi + 1);

	if (a < b)
		rangeset_add(out, (uint32_t)a + 1, (uint32_t)b);
}

static void
sync_flags(struct view *v, uint32_t shown, struct rangeset *out)
{
	struct mailbox *mb = v->mb;

	if (mb->modseq == v->flags_seen)
		return;
	if (v->flags_seen < mb->flog_floor) {
		/* The log does not reach back so far. */
		for (uint32_t i = 0; i < shown; i++) {
			uint32_t uid = version_uid(mb, v->ver, i);
			const struct msg *m = table_find(&mb->t, uid);

			if (m != NULL && m->modseq > v->flags_seen)
				rangeset_add(out, i + 1, i + 1);
		}
	} else {
		for (size_t i = 0; i < mb->nflog; i++) {
			const struct flag_log *f = &mb->flog[i];

			if (f->seq <= v->flags_seen || f->by == v)
				continue;
			for (size_t k = 0; k < f->uids.n; k++)
				report(v, shown, f->uids.r[k], out);
		}
	}
	v->flags_seen = mb->modseq;
	flag_log_trim(mb);
}

void
view_sync(struct view *v, bool with_expunges, struct view_changes *out,
    uint64_t *need)
{
	struct mailbox *mb = v->mb;
	uint32_t shown, now;

	memset(out, 0, sizeof *out);
	store_lock(v->st);
	raise_need(need, mb->modseq);
	if (v->gone) {
		out->gone = true;
		settle(v);
		goto out;
	}
	if (with_expunges && v->ver != mb->newest)
		sync_expunged(v, out);
	shown = v->count - out->nexpunged;
	sync_flags(v, shown, &out->flags);
	now = (uint32_t)version_count(mb, v->ver);
	out->exists_changed = now != shown;
	out->exists = now;
	out->keywords_changed = mb->keyword_news != v->keywords_seen;
	v->count = now;
	v->keywords_seen = mb->keyword_news;
	settle(v);
out:
	store_unlock(v->st);
}

void
view_changes_fini(struct view_changes *c)
{
	rangeset_fini(&c->flags);
	free(c->expunged_seqno);
	rangeset_fini(&c->expunged);
	memset(c, 0, sizeof *c);
}
