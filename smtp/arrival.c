/*
 * Port 25: what becomes of a message that has arrived.  Its recipients may be
 * at several domains of ours, whose owner wants different things of forged
 * mail, and there is one answer: it is refused, or has to come again, only if
 * that is right for all of them.  Else it is accepted, and goes into Junk where
 * it would have been refused.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/network.h"
#include "smtp/smtp_priv.h"

/* ---- the recipients ---- */

uint32_t
smtp_arrival_home(struct smtp_transaction *t, struct sv domain)
{
	size_t i;

	for (i = 0; i < t->nhome; i++)
		if (sv_ieq(domain, sv_str(t->home[i].domain)))
			return (uint32_t)i;
	t->home = xgrow(t->home, &t->home_cap, t->nhome + 1, sizeof *t->home);
	t->home[t->nhome] = (struct smtp_home){.domain = sv_dup(domain)};
	return (uint32_t)t->nhome++;
}

void
smtp_arrival_add(struct smtp_transaction *t, size_t account, struct sv domain)
{
	struct smtp_way way = {(uint32_t)account, smtp_arrival_home(t, domain)};
	size_t i;

	for (i = 0; i < t->nway; i++)
		if (t->way[i].account == way.account &&
		    t->way[i].home == way.home)
			return;
	t->way = xgrow(t->way, &t->way_cap, t->nway + 1, sizeof *t->way);
	t->way[t->nway++] = way;
}

void
smtp_arrival_reset(struct smtp_transaction *t)
{
	size_t i;

	for (i = 0; i < t->nhome; i++)
		free(t->home[i].domain);
	t->nhome = t->nway = 0;
}

/* ---- the beginning ---- */

static bool
is_wanted(struct smtp_session *s)
{
	const struct smtp_server_opts *o = s->c->o;
	bool wanted = false;
	size_t i;

	for (i = 0; i < s->t.nhome; i++) {
		struct smtp_home *h = &s->t.home[i];

		h->policy = o->ops->inbound != NULL
				? o->ops->inbound(o->ctx, sv_str(h->domain))
				: s->c->limits.inbound;
		wanted = wanted || h->policy != SMTP_INBOUND_OFF;
	}
	return wanted;
}

/* Mail from this machine itself has no address that could speak for it. */
struct smtp_judge *
smtp_arrival_begin(struct smtp_session *s)
{
	const struct smtp_server_opts *o = s->c->o;
	struct check_envelope e = {
	    .helo = buf_sv(&s->helo),
	    .sender = buf_sv(&s->t.sender),
	    .receiver = sv_str(o->hostname),
	    .now = clk_now() / 1000,
	    .explain = true,
	    .keys = s->c->keys,
	};
	bool judged = is_wanted(s) &&
		      (!s->c->loopback || s->c->limits.loopback) &&
		      network_address(s->c->peer, &e.peer);

	return smtp_judge_new(o->ops, o->ctx, judged ? &e : NULL, o->hostname,
	    s->c->limits.lookup_timeout);
}

/* ---- the end ---- */

static bool
comes_again(struct smtp_session *s)
{
	return s->c->may_defer != NULL &&
	       s->c->may_defer(s->c->arg, buf_sv(&s->t.sender),
		   smtp_judge_author(s->t.judge));
}

/* What does not expire is not remembered. */
static bool
is_known_by(const struct smtp_session *s, struct buf *signatures)
{
	buf_init(signatures, 65536);
	if (s->t.judge != NULL && s->c->deferred != NULL)
		smtp_judge_expiring(s->t.judge, signatures);
	return signatures->n > 0;
}

static void
recall_first_try(struct smtp_session *s)
{
	struct buf signatures;
	int64_t ms = 0;

	if (is_known_by(s, &signatures))
		ms = s->c->waited(s->c->arg, buf_sv(&signatures));
	if (ms > 0)
		smtp_judge_waited(s->t.judge, ms);
	buf_fini(&signatures);
}

void
smtp_arrival_deferred(struct smtp_session *s)
{
	struct buf signatures;

	if (is_known_by(s, &signatures))
		s->c->deferred(s->c->arg, buf_sv(&signatures));
	buf_fini(&signatures);
}

/* It is accepted: what becomes of it where it would not have been. */
static void
accept_at(struct smtp_session *s, struct smtp_home *h)
{
	switch (h->action) {
	case SMTP_JUDGE_KEEP:
	case SMTP_JUDGE_JUNK:
		return;
	case SMTP_JUDGE_DEFER:
		h->action = smtp_judge_at_last(s->t.judge);
		h->override = VERDICT_UNKNOWN;
		return;
	case SMTP_JUDGE_WAIT:
	case SMTP_JUDGE_REFUSE:
		h->action = SMTP_JUDGE_JUNK;
		h->override = VERDICT_OTHERS;
		return;
	}
}

/* Two addresses of one person: the milder way. */
static void
set_account(struct smtp_transaction *t, size_t account)
{
	struct smtp_account *a = &t->account[account];
	bool first = true;
	size_t i;

	for (i = 0; i < t->nway; i++) {
		const struct smtp_home *h = &t->home[t->way[i].home];

		if (t->way[i].account != account ||
		    (!first && (!a->junk || h->action == SMTP_JUDGE_JUNK)))
			continue;
		a->junk = h->action == SMTP_JUDGE_JUNK;
		a->override = (uint8_t)h->override;
		first = false;
	}
}

/* What is forwarded: by the domain to which it was sent. */
static void
set_forward(const struct smtp_transaction *t, struct smtp_forward *f)
{
	const struct smtp_home *h = &t->home[f->home];

	f->junk = h->action == SMTP_JUDGE_JUNK;
	f->override = (uint8_t)h->override;
	f->onward = smtp_judge_onward(t->judge, f->junk, h->override);
}

/* The one that is noted in the header, which all recipients share: that which
 * names somebody, else the first. */
static void
note_override(const struct smtp_transaction *t, struct smtp_arrival *out)
{
	struct verdict *v = &out->verdict;
	size_t i;

	out->judged = smtp_judge_verdict(t->judge, v);
	for (i = 0; out->judged && i < t->nhome; i++) {
		const struct smtp_home *h = &t->home[i];

		if (v->other[0] != '\0' ||
		    (h->other[0] == '\0' && v->override != VERDICT_AS_ASKED))
			continue;
		v->override = h->override;
		sv_copy(sv_first(sv_str(h->other), sizeof v->other - 1),
		    v->other, sizeof v->other);
	}
}

/* Who looks after mail here is who a listed server has to write to
 * [RFC 5321 4.5.1, RFC 2142 5]. */
static bool
is_for_the_desk(const struct smtp_transaction *t)
{
	struct sv rest = buf_sv(&t->rcpts);

	while (rest.n > 0) {
		struct sv address = sv_split(&rest, ' ');
		struct sv local = sv_first(address, sv_rchr(address, '@'));

		if (sv_ieq(local, SV("postmaster")) ||
		    sv_ieq(local, SV("abuse")))
			return true;
	}
	return false;
}

/* Which of the accounts have written to the author.  As one of us nobody is
 * believed for that without proof. */
static void
find_known(struct smtp_session *s, const struct verdict *v)
{
	const struct smtp_server_opts *o = s->c->o;
	struct smtp_transaction *t = &s->t;
	bool yes = true;
	size_t i;

	if (!v->verified && o->ops->is_own != NULL &&
	    o->ops->is_own(o->ctx, sv_str(v->domain)))
		return;
	/* Mostly none has, and that is remembered for all of them. */
	if (smtp_judge_knows(t->judge, "", &yes) != RC_OK || !yes)
		return;
	for (i = 0; i < t->naccount; i++) {
		if (smtp_judge_knows(t->judge, t->account[i].name, &yes) !=
		    RC_OK)
			return;
		if (yes)
			t->account[i].known = (uint8_t)verdict_known_of(v);
	}
}

void
smtp_arrival_end(struct smtp_session *s, struct smtp_arrival *out)
{
	struct smtp_transaction *t = &s->t;
	size_t i, accepted = 0;

	*out = (struct smtp_arrival){.action = SMTP_JUDGE_KEEP};
	recall_first_try(s);
	smtp_judge_end(t->judge);
	for (i = 0; i < t->nhome; i++) {
		struct smtp_home *h = &t->home[i];
		struct smtp_judge_outcome o;

		smtp_judge_action(t->judge, h->policy, sv_str(h->domain), &o);
		if (o.listed && is_for_the_desk(t))
			o.action = SMTP_JUDGE_JUNK;
		h->action = o.action;
		h->override = o.override;
		h->other = o.other;
		accepted += o.action < SMTP_JUDGE_DEFER;
		/* A refusal is for good: what may still change counts. */
		if (i == 0 || o.action < out->action) {
			out->action = o.action;
			out->why = o;
		}
	}
	if (accepted == 0 && t->nhome > 0 &&
	    (out->action != SMTP_JUDGE_DEFER || comes_again(s)))
		return;
	if (smtp_grey_waits(s, &out->why)) {
		out->action = SMTP_JUDGE_DEFER;
		out->grey = true;
		return;
	}
	out->action = SMTP_JUDGE_KEEP;
	for (i = 0; i < t->nhome; i++)
		accept_at(s, &t->home[i]);
	for (i = 0; i < t->naccount; i++) {
		set_account(t, i);
		out->junk = out->junk || t->account[i].junk;
	}
	for (i = 0; i < t->nforward; i++) {
		set_forward(t, &t->forward[i]);
		out->junk = out->junk || t->forward[i].junk;
	}
	note_override(t, out);
	if (!out->judged)
		return;
	find_known(s, &out->verdict);
	if (s->c->o->ops->standing != NULL)
		s->c->o->ops->standing(s->c->o->ctx, &out->verdict);
}

void
smtp_arrival_junk(struct smtp_session *s, struct smtp_arrival *out)
{
	struct smtp_transaction *t = &s->t;
	size_t i;

	out->junk = true;
	for (i = 0; i < t->naccount; i++)
		t->account[i].junk = true;
	for (i = 0; i < t->nforward; i++) {
		struct smtp_forward *f = &t->forward[i];

		f->junk = true;
		f->onward = smtp_judge_onward(
		    t->judge, true, (enum verdict_override)f->override);
	}
}
