/* A delivery by rules: several folders, what is remembered and what is to be
 * sent, in one batch. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "store/rules_priv.h"

#define SUMMARY_MAX (6u << 20)

/* One that is being made, under the lock. */
struct delivering {
	struct store *st;
	const struct store_delivery *d;
	struct commit_set cs;
	struct mailbox **mb;	/* of each place; NULL: left out */
	size_t *first;		/* the first place in that mailbox */
	uint32_t *nth;		/* how many were there before it */
	struct slot_plan *plan; /* of that one */
	struct msg *msg;
	uint64_t *seq; /* of each body that is written */
};

static bool
has_place(const struct delivering *x, size_t body)
{
	for (size_t i = 0; i < x->d->nplace; i++)
		if (x->mb[i] != NULL && x->d->place[i].body == body)
			return true;
	return false;
}

static bool
is_needed(const struct delivering *x, size_t body)
{
	for (size_t i = 0; i < x->d->nsend; i++)
		if (x->d->send[i].body == body)
			return true;
	return has_place(x, body);
}

/* Is it in that mailbox already, and what else? */
static void
look_before(struct delivering *x, size_t i)
{
	const struct store_place *p = x->d->place;
	struct mailbox *mb = x->mb[i];

	x->first[i] = i;
	for (size_t k = 0; k < i; k++) {
		if (x->mb[k] != mb)
			continue;
		if (x->first[i] == i)
			x->first[i] = k;
		x->nth[i]++;
		if (p[k].body == p[i].body)
			x->mb[i] = NULL;
	}
}

static int
find_places(struct delivering *x, struct err *err)
{
	for (size_t i = 0; i < x->d->nplace; i++) {
		struct mailbox *mb =
		    mailbox_by_name(x->st, x->d->place[i].mailbox);

		if (mb == NULL || !mb->selectable)
			return err_set(err, RC_NOTFOUND, "no such mailbox");
		if (mb->uidnext > UINT32_MAX - 1 - x->d->nplace)
			return err_set(err, RC_TOOBIG, "no UIDs are left");
		x->mb[i] = mb;
		look_before(x, i);
	}
	return RC_OK;
}

/* The keywords that one mailbox's plan has found new are in the set for the
 * others, too. */
static int
plan_flags(struct delivering *x, struct err *err)
{
	const uint32_t now = (uint32_t)(clk_now() / 1000);
	size_t last = 0;
	int r = RC_OK;

	for (size_t i = 0; i < x->d->nplace && r == RC_OK; i++) {
		const struct store_flags *f = &x->d->place[i].flags;
		struct slot_plan *p = &x->plan[x->first[i]];

		if (x->mb[i] == NULL)
			continue;
		p->leave_out = true;
		if (last != x->first[i]) {
			memcpy(p->fresh, x->plan[last].fresh, sizeof p->fresh);
			memcpy(p->fresh_id, x->plan[last].fresh_id,
			    sizeof p->fresh_id);
			p->nfresh = x->plan[last].nfresh;
		}
		last = x->first[i];
		r = keyword_bits(
		    x->st, x->mb[i], f, &x->cs, p, &x->msg[i].keywords, err);
		x->msg[i].system = (uint8_t)(f->system & SYSTEM_FLAGS);
		x->msg[i].internal_date = now;
		x->msg[i].save_date = now;
	}
	return r;
}

static void
plan_bodies(struct delivering *x, const struct buf *summary)
{
	const struct store_delivery *d = x->d;

	for (size_t i = 0; i < d->nbody; i++) {
		if (!is_needed(x, i))
			continue;
		x->seq[i] = journal_next(x->st->j) + x->cs.n;
		commit_message(
		    &x->cs, body_blob(d->body[i]), buf_sv(&summary[i]));
		if (d->verdict.n > 0 && has_place(x, i))
			commit_verdict(&x->cs, d->verdict);
	}
}

static void
put_delivery(struct change *c, const uint8_t id[16])
{
	c->has_delivery = true;
	memcpy(c->delivery, id, sizeof c->delivery);
}

static void
plan_places(struct delivering *x, struct store_added *out)
{
	const struct store_delivery *d = x->d;
	bool first = true;

	for (size_t i = 0; i < d->nplace; i++) {
		struct change *c;

		out[i] = (struct store_added){.uid = 0};
		if (x->mb[i] == NULL)
			continue;
		c = commit_change(&x->cs, CHANGE_ADDED);
		c->mailbox = x->mb[i]->id;
		c->msg = xcalloc(1, sizeof *c->msg);
		c->nmsg = 1;
		c->msg[0] = x->msg[i];
		c->msg[0].uid = x->mb[i]->uidnext + x->nth[i];
		c->msg[0].body = x->seq[d->place[i].body];
		c->msg[0].size =
		    (uint32_t)store_body_size(d->body[d->place[i].body]);
		slot_plan_put(&x->plan[x->first[i]], c);
		if (first)
			put_delivery(c, d->id);
		first = false;
		out[i].uid = c->msg[0].uid;
		out[i].uidvalidity = x->mb[i]->uidvalidity;
	}
	if (first)
		put_delivery(commit_change(&x->cs, CHANGE_MEMO), d->id);
}

static void
plan_rest(struct delivering *x)
{
	const struct store_delivery *d = x->d;
	struct change *c;

	for (size_t i = 0; i < d->nmemo; i++) {
		c = commit_change(&x->cs, CHANGE_MEMO);
		c->kind = d->memo[i].kind;
		c->until =
		    (uint64_t)(d->memo[i].until > 0 ? d->memo[i].until : 0);
		c->text = sv_of(d->memo[i].key, sizeof d->memo[i].key);
	}
	for (size_t i = 0; i < d->nsend; i++) {
		c = commit_change(&x->cs, CHANGE_OUTGOING);
		c->op = OUTGOING_WAITS;
		put_delivery(c, d->send[i].id);
		c->body = x->seq[d->send[i].body];
		c->until = store_body_size(d->body[d->send[i].body]);
		c->text = d->send[i].envelope;
	}
}

static int
deliver_locked(struct store *st, const struct store_delivery *d,
    const struct buf *summary, struct store_added *out, uint64_t *need,
    struct err *err)
{
	struct delivering x = {.st = st, .d = d};
	int r;

	commit_init(&x.cs);
	x.mb = xcalloc(d->nplace + 1, sizeof(*x.mb));
	x.first = xcalloc(d->nplace + 1, sizeof(*x.first));
	x.nth = xcalloc(d->nplace + 1, sizeof(*x.nth));
	x.plan = xcalloc(d->nplace + 1, sizeof(*x.plan));
	x.msg = xcalloc(d->nplace + 1, sizeof(*x.msg));
	x.seq = xcalloc(d->nbody + 1, sizeof(*x.seq));
	r = store_check_writable(st, err);
	if (r == RC_OK)
		r = store_check_space(st, err);
	if (r == RC_OK && d->nsend > 0 &&
	    st->rules.noutgoing + d->nsend > STORE_OUTGOING_MAX)
		r = err_set(err, RC_TEMP,
		    "too much that rules have sent waits for the queue");
	if (r == RC_OK)
		r = find_places(&x, err);
	if (r == RC_OK)
		r = plan_flags(&x, err);
	if (r == RC_OK) {
		plan_bodies(&x, summary);
		plan_places(&x, out);
		plan_rest(&x);
		commit_run(st, &x.cs, NULL, need);
	}
	free(x.seq);
	free(x.msg);
	free(x.plan);
	free(x.nth);
	free(x.first);
	free(x.mb);
	commit_fini(&x.cs);
	return r;
}

bool
store_delivered(struct store *st, const uint8_t id[16], struct store_added *out,
    uint64_t *need)
{
	const struct store_add a = {.delivery_id = id};
	bool done;

	store_lock(st);
	done = delivery_is_repeated(st, &a, out, need);
	store_unlock(st);
	return done;
}

int
store_deliver(struct store *st, const struct store_delivery *d,
    struct store_added *out, uint64_t *need, struct err *err)
{
	const struct store_add a = {.delivery_id = d->id};
	struct buf *summary = xcalloc(d->nbody + 1, sizeof *summary);
	bool done = store_delivered(st, d->id, out, need);
	int r = RC_OK;

	for (size_t i = 0; i < d->nbody; i++)
		buf_init(&summary[i], SUMMARY_MAX);
	/* Parsing and large bodies' flushes hold up nobody else. */
	for (size_t i = 0; i < d->nbody && r == RC_OK && !done; i++)
		r = body_ready(d->body[i], d->opaque[i], &summary[i], err);
	if (r == RC_OK && !done) {
		store_lock(st);
		if (!delivery_is_repeated(st, &a, out, need))
			r = deliver_locked(st, d, summary, out, need, err);
		store_unlock(st);
	}
	for (size_t i = 0; i < d->nbody; i++) {
		buf_fini(&summary[i]);
		store_body_free(&d->body[i]);
	}
	free(summary);
	return r;
}
