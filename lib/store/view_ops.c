#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "journal/sabotage.h"
#include "store/store_priv.h"

/*
 * Collects UIDs in rising order.  Where two are neighbours in the table, the
 * numbers between them belong to nobody and never will: one range takes both,
 * so that "1:*" stays one range whatever was expunged before.
 */
struct picker {
	struct rangeset *out;
	size_t last; /* index in the table, plus one; 0: none yet */
	uint32_t lo, hi;
};

static void
pick_end(struct picker *p)
{
	if (p->last > 0)
		rangeset_add(p->out, p->lo, p->hi);
	p->last = 0;
}

static void
pick(struct picker *p, size_t index, uint32_t uid)
{
	if (p->last != index || p->last == 0) {
		pick_end(p);
		p->lo = uid;
	}
	p->hi = uid;
	p->last = index + 1;
}

/* A walk over messages of a view, by sequence number. */
struct walk {
	struct view *v;
	const struct rangeset *set;
	size_t range;
	uint32_t seqno; /* the next one, 0: at the range's start */
	size_t hint;
	/* the message */
	struct msg *m;
	size_t index; /* in the table; not for ghosts */
	bool ghost;
};

static bool
walk_next(struct walk *w)
{
	struct mailbox *mb = w->v->mb;
	uint32_t seqno;

	for (;; w->range++, w->seqno = 0) {
		if (w->range == w->set->n)
			return false;
		if (w->seqno == 0)
			w->seqno = w->set->r[w->range].lo;
		if (w->seqno >= 1 && w->seqno <= w->v->count &&
		    w->seqno <= w->set->r[w->range].hi)
			break;
	}
	seqno = w->seqno++;
	w->ghost = false;
	if (w->v->ver == mb->newest) {
		w->index = seqno - 1;
		w->m = table_at(&mb->t, w->index);
		return true;
	}
	w->m = version_msg(mb, w->v->ver, version_uid(mb, w->v->ver, seqno - 1),
	    w->hint, &w->ghost);
	must(w->m != NULL);
	if (!w->ghost) {
		w->index = table_from(&mb->t, w->m->uid);
		w->hint = w->index + 1;
	}
	return true;
}

int
view_check_change(struct view *v, struct err *err)
{
	int r = store_check_writable(v->st, err);

	if (r != RC_OK)
		return r;
	if (v->gone)
		return err_set(err, RC_NOTFOUND, "the mailbox is gone");
	if (v->readonly)
		return err_set(err, RC_DENIED, "the mailbox is open read-only");
	return RC_OK;
}

/* ---- STORE ---- */

static bool
would_change(const struct msg *m, const struct change *c)
{
	switch ((enum store_op)c->op) {
	case STORE_OP_SET:
		return m->system != c->system || m->keywords != c->keywords;
	case STORE_OP_ADD:
		return (c->system & ~m->system) != 0 ||
		       (c->keywords & ~m->keywords) != 0;
	case STORE_OP_REMOVE:
		return (c->system & m->system) != 0 ||
		       (c->keywords & m->keywords) != 0;
	}
	return false;
}

/*
 * The test of UNCHANGEDSINCE [RFC 7162 3.1.3].  A keyword that the message
 * does not have is not one of its metadata items: adding it passes even with 0,
 * which makes $MDNSent a test-and-set; a system flag is always there.  A
 * message of which only other flags have changed passes, too [RFC 7162 3.1.12].
 */
static bool
unchanged(const struct view *v, const struct msg *m, const struct change *c,
    const uint64_t *since)
{
	if (since == NULL || m->modseq <= *since)
		return true;
	if (c->op == STORE_OP_SET)
		return false;
	if (*since == 0)
		return c->op == STORE_OP_ADD && c->system == 0 &&
		       c->keywords != 0 && (m->keywords & c->keywords) == 0;
	return flags_untouched(v, m, c, *since);
}

static void
store_pick(struct view *v, const struct rangeset *seqnos, struct change *c,
    const uint64_t *unchanged_since, struct rangeset *changed_out,
    struct rangeset *failed_out)
{
	struct walk w = {.v = v, .set = seqnos};
	struct picker p = {.out = &c->uids};

	while (walk_next(&w)) {
		if (w.ghost)
			continue;
		if (!unchanged(v, w.m, c, unchanged_since)) {
			rangeset_add(failed_out, w.m->uid, w.m->uid);
			continue;
		}
		rangeset_add(changed_out, w.seqno - 1, w.seqno - 1);
		if (would_change(w.m, c))
			pick(&p, w.index, w.m->uid);
	}
	pick_end(&p);
}

int
view_store(struct view *v, const struct rangeset *seqnos, enum store_op op,
    const struct store_flags *flags, const uint64_t *unchanged_since,
    struct rangeset *changed_out, struct rangeset *failed_out, uint64_t *need,
    struct err *err)
{
	struct store *st = v->st;
	struct slot_plan plan = {.n = 0};
	struct commit_set cs;
	uint64_t keywords = 0;
	struct change *c;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = view_check_change(v, err);
	if (r == RC_OK)
		r = keyword_bits(st, v->mb, flags,
		    op == STORE_OP_REMOVE ? NULL : &cs, &plan, &keywords, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, v->mb->modseq);
	c = commit_change(&cs, CHANGE_FLAGS);
	c->mailbox = v->mb->id;
	c->op = (uint8_t)op;
	c->system = (uint8_t)(flags->system & SYSTEM_FLAGS);
	c->keywords = keywords;
	store_pick(v, seqnos, c, unchanged_since, changed_out, failed_out);
	if (c->uids.n == 0)
		goto out;
	slot_plan_put(&plan, c);
	commit_run(st, &cs, v, need);
out:
	store_unlock(st);
	commit_fini(&cs);
	return r;
}

/* ---- EXPUNGE ---- */

static int
expunge(struct view *v, const struct rangeset *uids, bool marked_only,
    uint64_t *need, struct err *err)
{
	struct rangeset all = RANGESET_EMPTY;
	struct commit_set cs;
	struct change *c;
	struct walk w;
	struct picker p;
	int r;

	commit_init(&cs);
	store_lock(v->st);
	r = view_check_change(v, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, v->mb->modseq);
	if (marked_only && v->mb->deleted == 0)
		goto out;
	if (v->count > 0)
		rangeset_add(&all, 1, v->count);
	c = commit_change(&cs, CHANGE_EXPUNGED);
	c->mailbox = v->mb->id;
	w = (struct walk){.v = v, .set = &all};
	p = (struct picker){.out = &c->uids};
	while (walk_next(&w))
		if (!w.ghost &&
		    (uids == NULL || rangeset_has(uids, w.m->uid)) &&
		    (!marked_only || (w.m->system & STORE_DELETED)))
			pick(&p, w.index, w.m->uid);
	pick_end(&p);
	if (c->uids.n > 0)
		commit_run(v->st, &cs, v, need);
out:
	store_unlock(v->st);
	commit_fini(&cs);
	rangeset_fini(&all);
	return r;
}

int
view_expunge(struct view *v, const struct rangeset *uids, uint64_t *need,
    struct err *err)
{
	return expunge(v, uids, true, need, err);
}

int
view_remove(struct view *v, const struct rangeset *uids, uint64_t *need,
    struct err *err)
{
	return expunge(v, uids, false, need, err);
}

/* ---- COPY and MOVE ---- */

struct copying {
	struct view *v;
	struct mailbox *to;
	bool move;
	struct rangeset *src, *dst;
	struct change *c;
	struct slot_plan plan;
};

static int
copy_collect(struct copying *x, const struct rangeset *seqnos)
{
	struct walk w = {.v = x->v, .set = seqnos};
	struct picker p = {.out = &x->c->source_uids};
	uint64_t last_bits = 0, last_out = 0;
	uint32_t now = (uint32_t)(clk_now() / 1000);
	size_t cap = 0;

	while (walk_next(&w)) {
		struct msg *m;

		/* What somebody else has expunged is still seen by this view
		 * and can be copied, but it cannot move: it is gone. */
		if (w.ghost && x->move)
			continue;
		/* A purge is for good, even if a session still shows it. */
		if ((w.ghost || x->v->mb->in_restore) &&
		    bodies_has(&x->v->st->purged, w.m->body))
			continue;
		/* Somebody else has moved it out already. */
		if (x->move && x->v->mb->in_restore &&
		    !restore_has(x->v, w.m->uid))
			continue;
		if (x->c->nmsg >= CHANGE_MESSAGES_MAX ||
		    x->c->nmsg >= UINT32_MAX - x->to->uidnext)
			return RC_TOOBIG;
		x->c->msg =
		    xgrow(x->c->msg, &cap, x->c->nmsg + 1, sizeof *x->c->msg);
		m = &x->c->msg[x->c->nmsg++];
		*m = *w.m;
		rangeset_add(x->src, m->uid, m->uid);
		if (x->move)
			pick(&p, w.index, m->uid);
		m->uid = x->to->uidnext + (uint32_t)(x->c->nmsg - 1);
		m->save_date = now;
		if (m->keywords == 0)
			continue;
		/* Better without a keyword than not at all [RFC 3501 6.4.7]. */
		if (m->keywords != last_bits)
			last_out = keyword_translate(
			    x->v->mb, m->keywords, x->to, &x->plan);
		last_bits = m->keywords;
		m->keywords = last_out;
	}
	pick_end(&p);
	return RC_OK;
}

static uint64_t
added_size(const struct change *c)
{
	uint64_t size = 0;

	for (size_t i = 0; i < c->nmsg; i++)
		size += c->msg[i].size;
	return size;
}

/* For the tests of the tests: what must be one record becomes two commits. */
static void
copy_sabotage(struct copying *x, uint64_t *need)
{
	struct commit_set first;
	struct change *c;

	commit_init(&first);
	if (sabotaged(SABOTAGE_MOVE_FIRST) && x->move) {
		c = commit_change(&first, CHANGE_EXPUNGED);
		c->mailbox = x->c->source;
		c->uids = x->c->source_uids;
		x->c->source_uids = RANGESET_EMPTY;
	} else if (sabotaged(SABOTAGE_SPLIT_COPY) && x->c->nmsg > 1) {
		c = commit_change(&first, CHANGE_ADDED);
		c->mailbox = x->c->mailbox;
		c->nmsg = x->c->nmsg / 2;
		c->msg = xcalloc(c->nmsg, sizeof *c->msg);
		memcpy(c->msg, x->c->msg, c->nmsg * sizeof *c->msg);
		x->c->nmsg -= c->nmsg;
		memmove(x->c->msg, x->c->msg + c->nmsg,
		    x->c->nmsg * sizeof *c->msg);
	}
	commit_run(x->v->st, &first, x->v, need);
	if (first.n > 0)
		(void)!journal_flush(x->v->st->j, *need);
	commit_fini(&first);
}

static int
copy_check(struct view *v, bool move, struct err *err)
{
	int r = store_check_writable(v->st, err);

	if (r == RC_OK && v->gone)
		r = err_set(err, RC_NOTFOUND, "the mailbox is gone");
	/* Out of Restore/ one may move: it is how things come back. */
	if (r == RC_OK && move && !v->mb->in_restore)
		r = view_check_change(v, err);
	/* A MOVE takes no more room than a flag, and is how most programs
	 * delete. */
	if (r == RC_OK && !move)
		r = store_check_space(v->st, err);
	return r;
}

int
view_copy(struct view *v, const struct rangeset *seqnos, const char *mailbox,
    bool move, uint32_t *uidvalidity_out, struct rangeset *src_out,
    struct rangeset *dst_out, uint64_t *need, struct err *err)
{
	struct store *st = v->st;
	struct copying x = {
	    .v = v, .move = move, .src = src_out, .dst = dst_out};
	struct rangeset taken = RANGESET_EMPTY;
	struct commit_set cs;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = copy_check(v, move, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, st->names_seq);
	raise_need(need, v->mb->modseq);
	x.to = mailbox_by_name(st, mailbox);
	if (x.to == NULL || !x.to->selectable) {
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
		goto out;
	}
	x.c = commit_change(&cs, CHANGE_ADDED);
	x.c->mailbox = x.to->id;
	r = copy_collect(&x, seqnos);
	if (r != RC_OK) {
		err_set(err, r, "over a million messages");
		rangeset_reset(src_out);
		goto out;
	}
	*uidvalidity_out = x.to->uidvalidity;
	if (x.c->nmsg == 0)
		goto out;
	rangeset_add(dst_out, x.c->msg[0].uid, x.c->msg[x.c->nmsg - 1].uid);
	if (!move || v->mb->in_restore)
		r = quota_check(st, added_size(x.c), 0, err);
	if (r != RC_OK) {
		rangeset_reset(src_out);
		rangeset_reset(dst_out);
		goto out;
	}
	slot_plan_put(&x.plan, x.c);
	if (move && v->mb->in_restore) {
		taken = x.c->source_uids;
		x.c->source_uids = RANGESET_EMPTY;
	} else if (move) {
		x.c->source = v->mb->id;
	}
	if (sabotaged(SABOTAGE_MOVE_FIRST) || sabotaged(SABOTAGE_SPLIT_COPY))
		copy_sabotage(&x, need);
	commit_run(st, &cs, v, need);
	restore_take(v, &taken, *need);
out:
	store_unlock(st);
	rangeset_fini(&taken);
	commit_fini(&cs);
	return r;
}
