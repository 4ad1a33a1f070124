/*
 * Tries of mail for other houses: what mx is given, and what it answers.
 *
 * mx lives on when the queue's process does not: what it has in flight then
 * must not be sent again by the next one.  So a queue asks nothing of mx before
 * it has heard what that has in hand (MX_OPEN, MX_LATE, MX_LISTED), and adopts
 * those tries as if they were its own.  mx keeps an outcome until it hears that
 * it is on the disk (MX_NOTED).
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/latency.h"
#include "base/log.h"
#include "base/tally.h"
#include "ipc/msg_mx.h"
#include "queue/spool/service_priv.h"

#define MX_TIMEOUT_MS	(4LL * 3600 * 1000) /* it has its own, all shorter */
#define LIST_MS		5000 /* a list that takes longer does not come */
#define AWAY_MS		1000
#define SIGN_STUMBLES	10
#define REST_AT_ONCE_MS 1000

/* What was said of one recipient. */
struct verdict {
	uint32_t code;
	struct sv reply_text;
};

/* ---- acknowledgements ---- */

static void
acknowledge_later(struct queue_service *q, uint64_t job)
{
	q->to_acknowledge = xgrow(q->to_acknowledge, &q->to_acknowledge_cap,
	    q->nto_acknowledge + 1, sizeof *q->to_acknowledge);
	q->to_acknowledge[q->nto_acknowledge++] = job;
	queue_commit(q);
}

void
queue_remote_flushed(struct queue_service *q)
{
	struct msg m;
	size_t i;

	for (i = 0; i < q->nto_acknowledge; i++) {
		const struct mx_noted noted = {q->to_acknowledge[i]};

		msg_init(&m, MX_NOTED);
		mx_noted_put(&m, &noted);
		/* If it is lost, the outcome comes once more and finds nobody
		 * who waits for it. */
		(void)!peer_tell(q->mx, &m);
	}
	q->nto_acknowledge = 0;
}

/* ---- what came of it ---- */

/* [RFC 6647 5] */
bool
queue_is_greylisting(struct sv reply_text)
{
	return sv_ifind(reply_text, SV("greylist")) < reply_text.n ||
	       sv_ifind(reply_text, SV("graylist")) < reply_text.n ||
	       sv_ifind(reply_text, SV("grey list")) < reply_text.n ||
	       sv_ifind(reply_text, SV("grey-list")) < reply_text.n;
}

static bool
is_greylisting(uint32_t code, struct sv reply_text)
{
	return (code == 450 || code == 451 || code == 421) &&
	       queue_is_greylisting(reply_text);
}

static void
log_remote(
    const struct attempt *a, uint32_t rcpt, uint32_t code, struct sv reply_text)
{
	char to[LOG_Q_MAX], words[LOG_Q_MAX];

	mlog(code / 100 == 2 ? LOG_INFO : LOG_WARN, "queue.attempt",
	    "item=%llu to=%s code=%u text=%s", (unsigned long long)a->it->seq,
	    log_q(to, sv_str(a->it->rcpt[rcpt].address)), code,
	    log_q(words, reply_text));
}

static void
note_tried(const struct attempt *a, int64_t next, struct sv reply_text)
{
	const struct queue_news news = {.kind = HISTORY_TRIED,
	    .count = HISTORY_C_NONE,
	    .number = (uint64_t)next,
	    .text = reply_text};

	queue_note_attempt(a, &news);
}

static void
not_reached(struct attempt *a, struct sv reply_text)
{
	struct queue_service *q = a->q;
	struct sched_unit *u = a->u;
	struct spool_item *it;
	int64_t delay =
	    sched_delay(u->dest->failures + 1, randombytes_random());
	int64_t next = clk_now() + delay;
	char place[LOG_Q_MAX];
	size_t i;

	sched_unreached(q->remote, u, clk_mono() + delay, reply_text);
	spool_place(
	    q->spool, u->dest->name, next, u->dest->failures, reply_text);
	for (i = 0; i < a->n; i++) {
		log_remote(a, a->rcpt[i], 0, reply_text);
		spool_tried(q->spool, a->it, a->rcpt[i], next, reply_text);
	}
	note_tried(a, next, reply_text);
	mlog(LOG_INFO, "queue.place",
	    "place=%s failures=%u waiting=%zu ms=%lld",
	    log_q(place, sv_str(u->dest->name)), u->dest->failures,
	    u->dest->nunits, (long long)delay);
	queue_hold_unit(q, a->it, u);
	it = a->it;
	attempt_free(a);
	queue_age(q, it);
	queue_commit(q);
}

/* The try failed without a word on the recipients, and not because of the
 * place. */
static void
failed(struct attempt *a, int64_t delay, struct sv reply_text)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		log_remote(a, a->rcpt[i], 0, reply_text);
		spool_tried(a->q->spool, a->it, a->rcpt[i], clk_now() + delay,
		    reply_text);
	}
	note_tried(a, clk_now() + delay, reply_text);
	a->u->attempts++;
	attempt_settle(a, delay);
}

/* As if nothing had been; soon again. */
static void
not_tried(struct attempt *a)
{
	struct queue_service *q = a->q;

	sched_untried(q->remote, a->u, clk_mono() + AWAY_MS);
	queue_hold_unit(q, a->it, a->u);
	attempt_free(a);
	queue_commit(q);
}

/* mx is gone.  If it was this message that killed it, it must not do so at
 * once again and again. */
static void
lost(struct attempt *a)
{
	failed(a, sched_local_delay(a->u->attempts + 1),
	    SV("the delivering process has ended"));
}

/* What the host said of each recipient. */
struct verdicts {
	size_t bounced[JOB_RECIPIENTS];
	struct sv why[JOB_RECIPIENTS];
	size_t nbounced;
	int64_t delay; /* of those that wait; 0: there are others to be tried */
	bool taken;    /* for some of them */
	bool fresh[JOB_RECIPIENTS]; /* it is the first word on them */
};

/* They were too many at once for the host [RFC 5321 4.5.3.1.10]. */
static bool
is_too_many(const struct verdict *v)
{
	struct sv status = sv_first(v->reply_text, 24);

	return v->code == 452 &&
	       (sv_find(status, SV("5.3 ")) < status.n ||
		   sv_ifind(v->reply_text, SV("too many recipients")) <
		       v->reply_text.n);
}

static int64_t
remote_delay(
    const struct attempt *a, const struct verdict *verdict, bool some_taken)
{
	unsigned tries = sched_tries(a->u);
	uint32_t chance = randombytes_random();

	/* It takes some of them each time: that comes to an end. */
	if (some_taken && is_too_many(verdict))
		return REST_AT_ONCE_MS;
	if (is_greylisting(verdict->code, verdict->reply_text))
		return sched_greylist_delay(tries, chance);
	return sched_delay(tries, chance);
}

static void
one_verdict(struct attempt *a, uint32_t rcpt, const struct verdict *verdict,
    struct verdicts *v)
{
	struct queue_service *q = a->q;

	/* Who has an outcome keeps it: no report of what was delivered. */
	if (a->it->rcpt[rcpt].outcome != SPOOL_WAITS)
		return;
	log_remote(a, rcpt, verdict->code, verdict->reply_text);
	if (verdict->code / 100 == 2) {
		tally_add(TALLY_SENT, 1);
		spool_settle(q->spool, a->it, rcpt, SPOOL_DELIVERED,
		    verdict->reply_text);
	} else if (verdict->code / 100 == 5) {
		v->why[v->nbounced] = verdict->reply_text;
		v->bounced[v->nbounced++] = rcpt;
	} else {
		int64_t delay = remote_delay(a, verdict, v->taken);

		if (delay > v->delay)
			v->delay = delay;
		spool_tried(q->spool, a->it, rcpt, clk_now() + delay,
		    verdict->reply_text);
	}
}

static bool
same_words(const struct verdict *a, const struct verdict *b)
{
	return a->code == b->code && sv_eq(a->reply_text, b->reply_text);
}

/* One step for all of whom the same was said.  Those that were refused are
 * returned, which is a step of its own. */
static void
note_verdicts(
    const struct attempt *a, const struct verdict *verdict, struct verdicts *v)
{
	size_t i, k, n, rcpt[JOB_RECIPIENTS];

	for (i = 0; i < a->n; i++) {
		bool sent = verdict[i].code / 100 == 2;
		struct queue_news news = {
		    .kind = sent ? HISTORY_SENT : HISTORY_TRIED,
		    .count = sent ? HISTORY_C_SENT : HISTORY_C_NONE,
		    .code = verdict[i].code,
		    .text = verdict[i].reply_text};

		if (!v->fresh[i] || verdict[i].code / 100 == 5)
			continue;
		if (sent)
			latency_add(LATENCY_SEND, clk_now() - a->it->arrived);
		else
			news.number = (uint64_t)(clk_now() + v->delay);
		for (k = i, n = 0; k < a->n; k++)
			if (v->fresh[k] &&
			    same_words(&verdict[i], &verdict[k])) {
				rcpt[n++] = a->rcpt[k];
				v->fresh[k] = false;
			}
		queue_note(a->q, a->it, rcpt, n, &news);
	}
}

/* verdict: as many as a has recipients, in their order. */
static void
reached(struct attempt *a, const struct verdict *verdict)
{
	struct queue_service *q = a->q;
	struct verdicts *v = xcalloc(1, sizeof *v);
	bool was_away = a->u->dest->failures > 0;
	int64_t kept = 0;
	size_t i;

	sched_reached(q->remote, a->u);
	a->spoken = true;
	if (was_away)
		spool_place(q->spool, a->u->dest->name, 0, 0, SV(""));
	for (i = 0; i < a->n; i++)
		v->taken = v->taken || verdict[i].code / 100 == 2;
	for (i = 0; i < a->n; i++)
		v->fresh[i] = a->it->rcpt[a->rcpt[i]].outcome == SPOOL_WAITS;
	for (i = 0; i < a->n; i++)
		one_verdict(a, a->rcpt[i], &verdict[i], v);
	note_verdicts(a, verdict, v);
	if (v->nbounced > 0)
		kept = queue_bounce(
		    q, a->it, v->bounced, v->why, v->nbounced, QUEUE_REFUSED);
	attempt_settle(a, kept > v->delay ? kept : v->delay);
	free(v);
}

/* Those of the attempt, in its order. */
static void
pick_verdicts(
    const struct attempt *a, const struct mx_outcome *o, struct verdict *out)
{
	size_t i, k;

	for (i = 0; i < a->n; i++) {
		out[i] = (struct verdict){451, SV("no answer")};
		for (k = 0; k < o->nverdict; k++)
			if (o->verdict[k].which == a->rcpt[i])
				out[i] = (struct verdict){
				    o->verdict[k].code, o->verdict[k].text};
	}
}

static void
on_mx_reply(int rc, struct msg *reply, void *arg)
{
	struct attempt *a = arg;
	struct queue_service *q = a->q;
	struct verdict verdict[JOB_RECIPIENTS];
	struct mx_outcome o = {.rc = rc};

	if (rc == RC_OK && mx_outcome_get(reply, &o) != RC_OK)
		o.rc = RC_SYNTAX;
	if (q->stopping || (o.rc == RC_TEMP && reply != NULL)) {
		/* There is no room, or it leaves: its successor has it. */
		not_tried(a);
	} else if (o.rc != RC_OK) {
		lost(a);
	} else {
		acknowledge_later(q, o.job);
		pick_verdicts(a, &o, verdict);
		if (o.reached)
			reached(a, verdict);
		else
			not_reached(a, o.why);
	}
	mx_outcome_fini(&o);
}

/* ---- what mx has in hand of an earlier queue ---- */

static struct attempt *
adopted_of(struct queue_service *q, uint64_t job, const struct sched_unit *u)
{
	struct attempt *a;

	for (a = q->adopted; a != NULL; a = a->next)
		if (a->job == job && (u == NULL || a->u == u))
			return a;
	return NULL;
}

static void
on_adopted_late(void *arg)
{
	struct attempt *a = arg;

	a->end = NULL;
	failed(a, sched_delay(a->u->attempts + 1, randombytes_random()),
	    SV("the delivering process has not answered"));
}

/* Its unit is in flight; after a new configuration the recipients of one job
 * may be in several, and those of several in one. */
static void
adopt(
    struct queue_service *q, uint64_t job, struct spool_item *it, uint32_t rcpt)
{
	struct sched_unit *u = it->rcpt[rcpt].unit;
	struct attempt *a = adopted_of(q, job, u);
	size_t i;

	if (a == NULL) {
		a = xcalloc(1, sizeof *a);
		a->q = q;
		a->it = it;
		a->u = u;
		a->job = job;
		a->end = ev_timer_add(q->o.loop, q->try_ms, on_adopted_late, a);
		a->next = q->adopted;
		q->adopted = a;
		q->remote_in_flight++;
		if (u->state != SCHED_IN_FLIGHT)
			sched_adopt(q->remote, u);
	}
	for (i = 0; i < a->n; i++)
		if (a->rcpt[i] == rcpt)
			return;
	if (a->n < JOB_RECIPIENTS)
		a->rcpt[a->n++] = rcpt;
}

static bool
is_adopted(const struct queue_service *q, const struct sched_unit *u)
{
	const struct attempt *a;

	for (a = q->adopted; a != NULL && a->u != u; a = a->next)
		;
	return a != NULL;
}

/* Nobody is in two jobs: what one of them says would end the other's. */
static bool
is_of_another(const struct queue_service *q, uint64_t job,
    const struct spool_item *it, uint32_t rcpt)
{
	const struct attempt *a;
	size_t i;

	for (a = q->adopted; a != NULL; a = a->next)
		for (i = 0; a->it == it && a->job != job && i < a->n; i++)
			if (a->rcpt[i] == rcpt)
				return true;
	return false;
}

/*
 * mx speaks to strangers and may not be itself any more: what it says can only
 * be of mail that waits, and only before its list has ended.  A try of our own
 * is nobody else's.
 */
static bool
is_adoptable(const struct queue_service *q, uint64_t job,
    const struct spool_item *it, uint32_t rcpt)
{
	const struct spool_recipient *to;

	if (q->mx_listed || it == NULL || rcpt >= it->nrcpt)
		return false;
	to = &it->rcpt[rcpt];
	return !to->local && to->outcome == SPOOL_WAITS && to->unit != NULL &&
	       (to->unit->state != SCHED_IN_FLIGHT ||
		   is_adopted(q, to->unit)) &&
	       !is_of_another(q, job, it, rcpt);
}

static void
on_open(struct queue_service *q, struct msg *m)
{
	struct spool_item *it;
	struct mx_open o;
	uint32_t i;

	if (mx_open_get(m, &o) != RC_OK)
		return;
	it = spool_find_delivery(q->spool, o.delivery_id);
	for (i = 0; i < o.nwhich; i++)
		if (is_adoptable(q, o.job, it, o.which[i]))
			adopt(q, o.job, it, o.which[i]);
	if (it != NULL)
		mlog(LOG_INFO, "queue.adopt",
		    "item=%llu text=\"it is on its way already\"",
		    (unsigned long long)it->seq);
	mx_open_fini(&o);
}

static void
on_late(struct queue_service *q, struct msg *m)
{
	struct verdict verdict[JOB_RECIPIENTS];
	struct spool_item *it;
	struct mx_outcome o;
	struct attempt *a;
	uint32_t i;

	if (mx_outcome_get(m, &o) != RC_OK)
		return;
	it = spool_find_delivery(q->spool, o.delivery_id);
	if (adopted_of(q, o.job, NULL) == NULL)
		for (i = 0; i < o.nverdict; i++)
			if (is_adoptable(q, o.job, it, o.verdict[i].which))
				adopt(q, o.job, it, o.verdict[i].which);
	acknowledge_later(q, o.job);
	while ((a = adopted_of(q, o.job, NULL)) != NULL) {
		pick_verdicts(a, &o, verdict);
		/* The place may have been another: it is not to blame. */
		if (o.reached)
			reached(a, verdict);
		else
			failed(a,
			    sched_delay(
				a->u->attempts + 1, randombytes_random()),
			    o.why);
	}
	mx_outcome_fini(&o);
}

static void
on_listed(struct queue_service *q)
{
	ev_timer_del(&q->listing);
	q->mx_listed = true;
	queue_commit(q);
}

static void
on_no_list(void *arg)
{
	struct queue_service *q = arg;

	q->listing = NULL;
	mlog(LOG_ERROR, "queue.list",
	    "text=\"mx does not say what it has in hand\"");
	on_listed(q);
}

void
queue_on_mx(struct line *l, struct msg *m, void *arg)
{
	struct queue_service *q = arg;

	(void)l;
	if (m->type == MX_OPEN)
		on_open(q, m);
	else if (m->type == MX_LATE)
		on_late(q, m);
	else if (m->type == MX_LISTED)
		on_listed(q);
}

void
queue_on_mx_up(void *arg)
{
	struct queue_service *q = arg;

	/* Another mx knows nothing of what the one before it had. */
	q->nto_acknowledge = 0;
	while (q->adopted != NULL)
		lost(q->adopted);
	q->mx_listed = false;
	ev_timer_del(&q->listing);
	q->listing = ev_timer_add(q->o.loop, LIST_MS, on_no_list, q);
}

void
queue_remote_init(struct queue_service *q)
{
	q->try_ms = MX_TIMEOUT_MS;
}

bool
queue_remote_up(struct queue_service *q)
{
	return q->mx_listed && peer_up(q->mx);
}

void
queue_remote_stop(struct queue_service *q)
{
	ev_timer_del(&q->listing);
	while (q->adopted != NULL)
		attempt_free(q->adopted);
	free(q->to_acknowledge);
	q->to_acknowledge = NULL;
}

/* ---- the try ---- */

static struct mx_relay
relay_of(struct queue_service *q, const struct conf_relay *r)
{
	const char *password;

	if (r == NULL)
		return (struct mx_relay){.host = SV("")};
	password = r->user != NULL ? q->o.password(q->o.arg, r) : NULL;
	return (struct mx_relay){
	    .host = sv_str(r->host),
	    .port = r->port,
	    .tls = (uint8_t)r->tls,
	    .implicit_tls = r->implicit_tls,
	    .fallback = r->fallback,
	    .user = sv_str(r->user != NULL ? r->user : ""),
	    .password = sv_str(password != NULL ? password : ""),
	};
}

/* Hands the attempt's recipients to mx, from that sender. */
static void
ask_mx(struct attempt *a, struct mx_job *job)
{
	struct queue_service *q = a->q;
	struct spool_item *it = a->it;
	struct mx_recipient to[JOB_RECIPIENTS];
	struct conf *c = queue_conf(q);
	struct msg m;
	size_t i;

	memcpy(job->delivery_id, it->delivery_id, sizeof job->delivery_id);
	job->relay = relay_of(q, conf_relay_for(c, job->domain));
	for (i = 0; i < a->n; i++)
		to[i] = (struct mx_recipient){
		    a->rcpt[i], sv_str(it->rcpt[a->rcpt[i]].address)};
	job->recipient = to;
	job->nrecipient = (uint32_t)a->n;
	msg_init(&m, MX_JOB);
	mx_job_put(&m, job);
	conf_free(&c);
	peer_ask(q->mx, &m, q->try_ms, on_mx_reply, a);
}

/* Under which sender it leaves. */
static void
write_sender(struct attempt *a, struct buf *out)
{
	const char *via = a->it->rcpt[a->rcpt[0]].via;
	struct conf *c;

	if (via == NULL) {
		buf_adds(out, a->it->sender);
		return;
	}
	c = queue_conf(a->q);
	queue_forward_sender(a->q, c, a->it, via, out);
	conf_free(&c);
}

static void
send_job(struct attempt *a, struct sv front)
{
	struct spool_item *it = a->it;
	struct sv first = sv_str(it->rcpt[a->rcpt[0]].address);
	struct err err = {.text = ""};
	struct buf sender;
	struct mx_job job = {
	    .domain = sv_skip(first, sv_rchr(first, '@') + 1),
	    .size = it->size + front.n,
	    .flags = it->flags,
	};

	if (spool_body(a->q->spool, it, front, &job.fd, &err) != RC_OK) {
		attempt_bodiless(a, &err);
		return;
	}
	buf_init(&sender, 2 * SPOOL_ADDRESS_MAX);
	write_sender(a, &sender);
	job.sender = buf_sv(&sender);
	ask_mx(a, &job);
	buf_fini(&sender);
}

/* It is not auth that fails, but what is to be signed. */
static bool
is_beyond_signing(const struct attempt *a, int rc)
{
	return (rc == RC_DAMAGED || rc == RC_SYNTAX || rc == RC_TOOBIG) &&
	       a->u->stumbles + 1 >= SIGN_STUMBLES;
}

static void
give_up(struct attempt *a, struct sv why)
{
	struct sv reply_text[JOB_RECIPIENTS];
	size_t rcpt[JOB_RECIPIENTS], i;

	for (i = 0; i < a->n; i++) {
		rcpt[i] = a->rcpt[i];
		reply_text[i] = why;
	}
	attempt_settle(a,
	    queue_bounce(a->q, a->it, rcpt, reply_text, a->n, QUEUE_REFUSED));
}

static void
on_signed(struct attempt *a, int rc, struct sv fields)
{
	struct err err;

	if (a->q->stopping || (rc == RC_OK && !queue_remote_up(a->q))) {
		not_tried(a);
	} else if (rc == RC_OK) {
		send_job(a, fields);
	} else if ((a->it->flags & SPOOL_REPORT) == 0) {
		(void)err_set(&err, rc, "the message cannot be sealed now");
		attempt_bodiless(a, &err);
	} else if (is_beyond_signing(a, rc)) {
		give_up(a, SV("5.3.0 the report cannot be signed"));
	} else {
		(void)err_set(&err, rc, "the report cannot be signed now");
		attempt_bodiless(a, &err);
	}
}

/* What has come from elsewhere; our own people's is signed.  When auth does
 * not answer for long it goes without. */
static bool
is_to_be_sealed(const struct attempt *a)
{
	return a->it->rcpt[a->rcpt[0]].via != NULL &&
	       (a->it->owner == NULL || (a->it->flags & SPOOL_RULES) != 0) &&
	       a->u->stumbles < SIGN_STUMBLES;
}

void
queue_try_remote(struct queue_service *q, struct sched_unit *u)
{
	struct attempt *a = attempt_new(q, u);

	if ((a->it->flags & SPOOL_REPORT) != 0)
		queue_sign(a, on_signed);
	else if (is_to_be_sealed(a))
		queue_seal(a, on_signed);
	else
		send_job(a, SV(""));
}
