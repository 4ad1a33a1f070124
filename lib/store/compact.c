#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/sabotage.h"
#include "store/store_priv.h"

/* ---- graves ---- */

void
graves_add(struct store *st, uint32_t mailbox, const struct msg *m, size_t n,
    int64_t at)
{
	st->grave =
	    xgrow(st->grave, &st->grave_cap, st->ngrave + n, sizeof *st->grave);
	for (size_t i = 0; i < n; i++)
		st->grave[st->ngrave++] =
		    (struct grave){.m = m[i], .at = at, .mailbox = mailbox};
}

void
graves_remove(struct store *st, uint32_t mailbox, const struct rangeset *uids)
{
	size_t k = 0;

	for (size_t i = 0; i < st->ngrave; i++)
		if (st->grave[i].mailbox != mailbox ||
		    !rangeset_has(uids, st->grave[i].m.uid))
			st->grave[k++] = st->grave[i];
	st->ngrave = k;
}

/* Under the lock: whose time is over. */
static void
graves_expire(struct store *st)
{
	int64_t before = clk_now() - st->opts.retention_ms;
	size_t k = 0;

	for (size_t i = 0; i < st->ngrave; i++)
		if (st->opts.retention_ms > 0 && st->grave[i].at > before)
			st->grave[k++] = st->grave[i];
	st->ngrave = k;
}

static struct grave *
grave_find(struct store *st, const struct store_grave *g)
{
	for (size_t i = 0; i < st->ngrave; i++)
		if (st->grave[i].mailbox == g->mailbox &&
		    st->grave[i].m.uid == g->uid)
			return &st->grave[i];
	return NULL;
}

/* ---- bytes that are wanted ---- */

struct bodies {
	uint64_t *v;
	size_t n, cap;
};

static void
bodies_add(struct bodies *b, const struct msg *m, size_t n)
{
	if (n == 0)
		return;
	b->v = xgrow(b->v, &b->cap, b->n + n, sizeof *b->v);
	for (size_t i = 0; i < n; i++)
		b->v[b->n++] = m[i].body;
}

/* Its messages, and those that are gone but still in somebody's sight. */
static void
bodies_of(struct bodies *b, struct mailbox *mb)
{
	bodies_add(b, mb->t.base, mb->t.nbase);
	bodies_add(b, mb->t.tail, mb->t.ntail);
	if (sabotaged(SABOTAGE_FORGET_PINNED))
		return;
	for (const struct version *v = mb->oldest; v != NULL; v = v->newer)
		bodies_add(b, v->ghost, v->nghost);
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool
bodies_has(const struct bodies *b, uint64_t seq)
{
	return b->n > 0 &&
	       bsearch(&seq, b->v, b->n, sizeof *b->v, by_number) != NULL;
}

static void
bodies_sort(struct bodies *b)
{
	if (b->n > 0)
		qsort(b->v, b->n, sizeof *b->v, by_number);
}

/* Under the lock. */
static void
bodies_live(struct store *st, struct bodies *b)
{
	for (size_t i = 0; i < st->nmailbox; i++)
		bodies_of(b, st->by_id[i]);
	for (struct mailbox *mb = st->dead; mb != NULL; mb = mb->next_dead)
		bodies_of(b, mb);
}

/* ---- compaction ---- */

struct compacting {
	const struct store_compact *c;
	struct bodies wanted;
	uint64_t raised;
};

static bool
keep(void *arg, uint64_t seq)
{
	const struct compacting *x = arg;

	/* What a loss has left without a mailbox is for fsck to bring back. */
	return seq <= x->raised || bodies_has(&x->wanted, seq);
}

static void
rest(void *arg, uint64_t bytes)
{
	const struct compacting *x = arg;

	if (x->c->pause != NULL)
		x->c->pause(x->c->arg, bytes);
}

int
store_compact(struct store *st, const struct store_compact *c,
    struct journal_compacted *out)
{
	struct compacting x = {.c = c};
	struct journal_compaction jc = {.keep = keep,
	    .pause = rest,
	    .arg = &x,
	    .share = c->share,
	    .min_bytes = c->min_bytes,
	    .all = c->all};
	struct buf snapshot;
	int r;

	memset(out, 0, sizeof *out);
	buf_init(&snapshot, SIZE_MAX / 4);
	store_lock(st);
	r = store_check_writable(st, NULL);
	if (r == RC_OK && st->compacting)
		r = RC_TEMP;
	if (r == RC_OK) {
		st->compacting = true;
		graves_expire(st);
		bodies_live(st, &x.wanted);
		for (size_t i = 0; i < st->ngrave; i++)
			bodies_add(&x.wanted, &st->grave[i].m, 1);
		x.raised = st->raised_seq;
		snapshot_encode(st, &snapshot);
		jc.snapshot_seq = journal_next(st->j) - 1;
	}
	store_unlock(st);
	if (r != RC_OK)
		goto out;
	bodies_sort(&x.wanted);
	jc.snapshot = buf_sv(&snapshot);
	r = journal_compact(st->j, &jc, out);
	if (r == RC_OK)
		mlog(LOG_INFO, "store.compacted",
		    "segments=%llu before=%llu after=%llu messages=%llu",
		    (unsigned long long)out->segments,
		    (unsigned long long)out->before,
		    (unsigned long long)out->after,
		    (unsigned long long)out->dropped);
	store_lock(st);
	st->compacting = false;
	store_unlock(st);
out:
	free(x.wanted.v);
	buf_fini(&snapshot);
	return r;
}

/* ---- looking at what was expunged ---- */

void
store_expunged_each(struct store *st,
    bool (*fn)(void *arg, const struct store_expunged *e), void *arg,
    uint64_t *need)
{
	struct bodies live = {NULL, 0, 0};
	struct grave *g;
	size_t n;

	store_lock(st);
	bodies_live(st, &live);
	n = st->ngrave;
	g = xcalloc(n + 1, sizeof *g);
	if (n > 0)
		memcpy(g, st->grave, n * sizeof *g);
	raise_need(need, journal_next(st->j) - 1);
	store_unlock(st);
	bodies_sort(&live);
	for (size_t i = 0; i < n; i++) {
		const struct msg *m = &g[i].m;
		struct store_expunged e = {.mailbox = g[i].mailbox,
		    .at = g[i].at,
		    .msg = {.uid = m->uid,
			.system = m->system,
			.modseq = m->modseq,
			.body = m->body,
			.size = m->size,
			.internal_date = m->internal_date,
			.zone = m->zone,
			.save_date = m->save_date,
			.expunged = true}};
		struct mailbox *mb;
		char *name = NULL;
		bool more;

		if (bodies_has(&live, m->body))
			continue;
		store_lock(st);
		mb = mailbox_by_id(st, g[i].mailbox);
		if (mb != NULL)
			name = xstrdup(mb->name);
		store_unlock(st);
		e.name = name;
		more = fn(arg, &e);
		free(name);
		if (!more)
			break;
	}
	free(g);
	free(live.v);
}

/* ---- for good ---- */

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
		struct change *c = NULL;

		if (grave_find(st, &g[i]) == NULL)
			continue;
		for (size_t k = 0; k < cs.n && c == NULL; k++)
			if (cs.change[k].mailbox == g[i].mailbox)
				c = &cs.change[k];
		if (c == NULL) {
			c = commit_change(&cs, CHANGE_PURGED);
			c->mailbox = g[i].mailbox;
		}
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

/* ---- back ---- */

/* Under the lock: the mailbox to put them into, made if need be. */
static int
destination(struct store *st, const char *name, struct mailbox **out,
    uint64_t *need, struct err *err)
{
	struct mailbox *mb = mailbox_by_name(st, name);
	struct commit_set cs;
	int r = RC_OK;

	if (mb == NULL || !mb->selectable) {
		commit_init(&cs);
		r = mailbox_plan_levels(
		    st, &cs, sv_str(name), STORE_USE_NONE, err);
		if (r == RC_OK)
			commit_run(st, &cs, NULL, need);
		commit_fini(&cs);
		mb = mailbox_by_name(st, name);
	}
	if (r == RC_OK && mb == NULL)
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
	*out = mb;
	return r;
}

int
store_undelete(struct store *st, const struct store_grave *g, size_t n,
    const char *mailbox, size_t *back, uint64_t *need, struct err *err)
{
	uint32_t now = (uint32_t)(clk_now() / 1000);
	struct slot_plan plan = {.n = 0};
	struct mailbox *to = NULL;
	struct commit_set cs;
	struct change *c;
	size_t cap = 0;
	int r;

	*back = 0;
	commit_init(&cs);
	store_lock(st);
	r = store_check_writable(st, err);
	if (r == RC_OK)
		r = destination(st, mailbox, &to, need, err);
	if (r != RC_OK)
		goto out;
	c = commit_change(&cs, CHANGE_ADDED);
	c->mailbox = to->id;
	for (size_t i = 0; i < n && c->nmsg < UINT32_MAX - to->uidnext; i++) {
		struct grave *from = grave_find(st, &g[i]);
		struct mailbox *mb;
		struct msg *m;

		if (from == NULL)
			continue;
		c->msg = xgrow(c->msg, &cap, c->nmsg + 1, sizeof *c->msg);
		m = &c->msg[c->nmsg];
		*m = from->m;
		m->uid = to->uidnext + (uint32_t)c->nmsg++;
		m->save_date = now;
		m->system = (uint8_t)(m->system & ~STORE_DELETED);
		/* A keyword's bit is a matter of its mailbox. */
		mb = mailbox_by_id(st, from->mailbox);
		if (m->keywords != 0 &&
		    (mb == NULL || keyword_translate(mb, m->keywords, to, &plan,
				       &m->keywords) != RC_OK))
			m->keywords = 0;
	}
	*back = c->nmsg;
	if (c->nmsg == 0)
		goto out;
	slot_plan_put(&plan, c);
	commit_run(st, &cs, NULL, need);
out:
	store_unlock(st);
	commit_fini(&cs);
	return r;
}
