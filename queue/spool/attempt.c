#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/tally.h"
#include "ipc/proto.h"
#include "mail/path.h"
#include "queue/spool/internal.h"

#define KEEPER_TIMEOUT_MS 40000
#define LOCAL_FLYING_MAX  8
#define REMOTE_FLYING_MAX 64

/* ---- units ---- */

bool
queue_unit_is_local(const struct spool_item *it, const struct sched_unit *u)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].unit == u)
			return it->rcpt[i].local;
	return false;
}

struct sched *
queue_sched_of(struct queue_service *q, const struct spool_item *it,
    const struct sched_unit *u)
{
	return queue_unit_is_local(it, u) ? q->local : q->remote;
}

void
queue_each_unit(struct spool_item *it,
    void (*fn)(struct sched_unit *u, struct spool_item *it, void *arg),
    void *arg)
{
	struct sched_unit *u, *next;

	for (u = it->units; u != NULL; u = next) {
		next = u->next_of_item;
		fn(u, it, arg);
	}
}

/* A smarthost is another place for another user, or with other demands: one
 * may work where the other does not. */
static void
relay_name(const struct conf_relay *r, struct buf *out)
{
	static const char *const tls[] = {[CONF_TLS_VERIFY] = "",
	    [CONF_TLS_REQUIRE] = " (tls require)",
	    [CONF_TLS_OFF] = " (tls off)"};

	buf_addf(out, "relay %s:%u", r->host, r->port);
	if (r->user != NULL)
		buf_addf(out, " as %s", r->user);
	buf_adds(out, tls[r->tls]);
}

/* Where mail for that address goes: its domain, or the smarthost. */
static void
destination(const struct conf *c, struct sv address, struct buf *out)
{
	struct sv domain = sv_skip(address, sv_rchr(address, '@') + 1);
	const struct conf_relay *r = conf_relay_for(c, domain);
	size_t i;

	buf_reset(out);
	if (r != NULL && !r->fallback) {
		relay_name(r, out);
		return;
	}
	for (i = 0; i < domain.n; i++)
		buf_addc(out, ascii_lower(domain.p[i]));
}

static struct sched_unit *
unit_for(struct queue_service *q, struct spool_item *it,
    struct spool_recipient *to, struct sv name, bool replayed)
{
	struct sched *s = to->local ? q->local : q->remote;
	struct sched_dest *d = sched_dest(s, name);
	int64_t now = clk_mono(), due = now;
	unsigned tries = to->attempts;
	struct sched_unit *u;

	for (u = it->units; u != NULL; u = u->next_of_item)
		if (u->dest == d)
			return u;
	if (replayed && d->failures > tries)
		tries = d->failures; /* it waited behind others */
	if (to->next_try > clk_now())
		due = now + (to->next_try - clk_now());
	/* After a clock that stepped nothing waits for years. */
	if (due > now + sched_delay(100, 999))
		due = now + sched_delay(100, 0);
	u = sched_add(s, d, it, due, tries);
	u->next_of_item = it->units;
	it->units = u;
	return u;
}

void
queue_hold_unit(
    struct queue_service *q, struct spool_item *it, struct sched_unit *u)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].unit == u &&
		    it->rcpt[i].outcome == SPOOL_WAITS && !it->rcpt[i].held)
			return;
	sched_hold(queue_sched_of(q, it, u), u);
}

void
queue_schedule(struct queue_service *q, struct spool_item *it, bool replayed)
{
	struct conf *c = queue_conf(q);
	struct sched_unit *u;
	struct buf name;
	size_t i;

	buf_init(&name, 2 * SPOOL_ADDRESS_MAX);
	for (i = 0; i < it->nrcpt; i++) {
		struct spool_recipient *to = &it->rcpt[i];

		if (to->outcome != SPOOL_WAITS)
			continue;
		if (to->local) {
			buf_reset(&name);
			buf_adds(&name, to->address);
		} else {
			destination(c, sv_str(to->address), &name);
		}
		to->unit = unit_for(q, it, to, buf_sv(&name), replayed);
	}
	for (u = it->units; u != NULL; u = u->next_of_item)
		queue_hold_unit(q, it, u);
	buf_fini(&name);
	conf_free(&c);
}

void
queue_unit_done(
    struct queue_service *q, struct spool_item *it, struct sched_unit *u)
{
	struct sched *s = queue_sched_of(q, it, u);
	struct sched_unit **at = &it->units;
	size_t i;

	must(u->item == it);
	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].unit == u)
			it->rcpt[i].unit = NULL;
	while (*at != u)
		at = &(*at)->next_of_item;
	*at = u->next_of_item;
	sched_remove(s, &u);
}

bool
queue_unit_has_waiting(const struct spool_item *it, const struct sched_unit *u)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].unit == u && it->rcpt[i].outcome == SPOOL_WAITS)
			return true;
	return false;
}

void
queue_drop_unit(
    struct queue_service *q, struct spool_item *it, struct sched_unit *u)
{
	/* An attempt points at it, and ends it when it lands. */
	if (u->state == SCHED_FLYING)
		return;
	if (queue_unit_has_waiting(it, u))
		queue_hold_unit(q, it, u);
	else
		queue_unit_done(q, it, u);
}

void
queue_drop_if_done(struct queue_service *q, struct spool_item *it)
{
	if (it->units == NULL)
		(void)spool_drop_if_done(q->spool, it);
}

/* ---- what came of it ---- */

void
attempt_free(struct attempt *a)
{
	struct attempt **at = &a->q->adopted;

	while (*at != NULL && *at != a)
		at = &(*at)->next;
	if (*at == a)
		*at = a->next;
	ev_timer_del(&a->end);
	if (a->it->rcpt[a->rcpt[0]].local)
		a->q->local_flying--;
	else
		a->q->remote_flying--;
	free(a);
}

/* Somebody of the unit was never tried: his turn is now. */
static bool
unit_has_untried(const struct spool_item *it, const struct sched_unit *u)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].unit == u &&
		    it->rcpt[i].outcome == SPOOL_WAITS && !it->rcpt[i].held &&
		    it->rcpt[i].attempts == 0)
			return true;
	return false;
}

/* Another try of the unit is in the air: see remote.c. */
static bool
is_shared(const struct attempt *a)
{
	const struct attempt *b;

	for (b = a->q->adopted; b != NULL; b = b->next)
		if (b != a && b->u == a->u)
			return true;
	return false;
}

void
attempt_settle(struct attempt *a, int64_t delay)
{
	struct queue_service *q = a->q;
	struct spool_item *it = a->it;
	struct sched_unit *u = a->u;

	if (is_shared(a)) {
		attempt_free(a);
	} else if (queue_unit_has_waiting(it, u)) {
		if (a->spoken && a->n == JOB_RECIPIENTS &&
		    unit_has_untried(it, u))
			delay = 0;
		sched_later(queue_sched_of(q, it, u), u, clk_mono() + delay);
		queue_hold_unit(q, it, u);
		attempt_free(a);
		queue_age(q, it);
	} else {
		queue_unit_done(q, it, u);
		attempt_free(a);
		queue_drop_if_done(q, it);
	}
	queue_commit(q);
}

static void
on_delivered(int rc, struct msg *reply, void *arg)
{
	struct attempt *a = arg;
	struct queue_service *q = a->q;
	struct spool_recipient *to = &a->it->rcpt[a->rcpt[0]];
	char text[ERR_TEXT_MAX] = "no answer";
	int64_t delay = 0;
	int said = rc;

	if (rc == RC_OK) {
		said = (int)msg_get_u32(reply);
		msg_get_str(reply, text, sizeof text);
	}
	mlog(said == RC_OK ? LOG_INFO : LOG_WARN, "queue.attempt",
	    "item=%llu account=%s rc=%s text=\"%s\"",
	    (unsigned long long)a->it->seq, to->address, rc_name(said), text);
	if (said == RC_NOTFOUND || said == RC_PERM || said == RC_SYNTAX)
		mlog(LOG_ERROR, "queue.stuck",
		    "item=%llu account=%s text=\"it waits for an account that "
		    "is not in the configuration any more; put it back to get "
		    "the mail\"",
		    (unsigned long long)a->it->seq, to->address);
	sched_reached(q->local, a->u);
	if (said == RC_OK) {
		spool_settle(
		    q->spool, a->it, a->rcpt[0], SPOOL_DELIVERED, SV(""));
	} else {
		delay = sched_local_delay(sched_tries(a->u));
		spool_tried(q->spool, a->it, a->rcpt[0], clk_now() + delay,
		    sv_str(text));
	}
	attempt_settle(a, delay);
}

/* ---- the try ---- */

static bool
is_open(const struct attempt *a, size_t rcpt)
{
	const struct spool_recipient *to = &a->it->rcpt[rcpt];

	return to->unit == a->u && to->outcome == SPOOL_WAITS && !to->held;
}

/* Those that were tried least, so that in a long list nobody is for ever
 * behind others that are not taken. */
static void
choose_recipients(struct attempt *a)
{
	unsigned least = UINT_MAX;
	size_t i;

	for (i = 0; i < a->it->nrcpt; i++)
		if (is_open(a, i) && a->it->rcpt[i].attempts < least)
			least = a->it->rcpt[i].attempts;
	for (i = 0; i < a->it->nrcpt && a->n < JOB_RECIPIENTS; i++)
		if (is_open(a, i) && a->it->rcpt[i].attempts == least)
			a->rcpt[a->n++] = (uint32_t)i;
}

struct attempt *
attempt_new(struct queue_service *q, struct sched_unit *u)
{
	struct attempt *a = xcalloc(1, sizeof *a);

	a->q = q;
	a->it = u->item;
	a->u = u;
	choose_recipients(a);
	must(a->n > 0);
	if (a->it->rcpt[a->rcpt[0]].local)
		q->local_flying++;
	else
		q->remote_flying++;
	return a;
}

void
attempt_bodiless(struct attempt *a, const struct err *err)
{
	int64_t delay = sched_local_delay(++a->u->stumbles);
	size_t i;

	mlog(LOG_ERROR, "queue.body", "item=%llu text=\"%s\"",
	    (unsigned long long)a->it->seq, err->text);
	/* No fault of the other side: it does not bring the end nearer. */
	for (i = 0; i < a->n; i++)
		spool_stumbled(a->q->spool, a->it, a->rcpt[i],
		    clk_now() + delay, sv_str(err->text));
	attempt_settle(a, delay);
}

static void
try_local(struct queue_service *q, struct sched_unit *u)
{
	struct attempt *a = attempt_new(q, u);
	struct spool_item *it = a->it;
	struct err err = {.text = ""};
	struct buf front;
	struct msg m;
	int fd, r;

	buf_init(&front, 2 * SPOOL_ADDRESS_MAX);
	if ((it->flags & SPOOL_BARE) != 0) {
		buf_adds(&front, "Return-Path: <");
		mail_address_write(sv_str(it->sender), &front);
		buf_adds(&front, ">\r\n");
	}
	r = spool_body(q->spool, it, buf_sv(&front), &fd, &err);
	if (r == RC_OK) {
		msg_init(&m, DELIVER);
		msg_put_str(&m, it->rcpt[a->rcpt[0]].address);
		msg_put_sv(&m, sv_of(it->delivery_id, sizeof it->delivery_id));
		msg_put_u64(&m, it->size + front.n);
		msg_put_u8(&m, 0);
		msg_put_fd(&m, fd);
		peer_ask(q->keeper, &m, KEEPER_TIMEOUT_MS, on_delivered, a);
	} else {
		attempt_bodiless(a, &err);
	}
	buf_fini(&front);
}

static void
on_timer(void *arg)
{
	struct queue_service *q = arg;

	q->timer = NULL;
	queue_run(q);
}

static int64_t
run_one(struct queue_service *q, struct sched *s,
    bool (*up)(struct queue_service *q), const unsigned *flying, unsigned most,
    void (*try)(struct queue_service *q, struct sched_unit *u))
{
	struct sched_unit *u;

	/* A try may end at once, with a report: that is on the disk before
	 * anybody gets it. */
	while (*flying < most && up(q) && !spool_pending(q->spool) &&
	       (u = sched_take(s, clk_mono())) != NULL)
		try(q, u);
	/* Full, or nobody is there: that there is room comes as news. */
	return *flying < most && up(q) ? sched_wait(s, clk_mono()) : -1;
}

static bool
is_keeper_up(struct queue_service *q)
{
	return peer_up(q->keeper);
}

void
queue_run(struct queue_service *q)
{
	int64_t local, remote;

	if (q->stopping)
		return;
	/* Nothing leaves before it is on the disk. */
	if (spool_pending(q->spool)) {
		queue_commit(q);
		return;
	}
	local = run_one(q, q->local, is_keeper_up, &q->local_flying,
	    LOCAL_FLYING_MAX, try_local);
	remote = run_one(q, q->remote, queue_remote_up, &q->remote_flying,
	    REMOTE_FLYING_MAX, queue_try_remote);
	if (local < 0 || (remote >= 0 && remote < local))
		local = remote;
	ev_timer_del(&q->timer);
	if (local >= 0)
		q->timer = ev_timer_add(q->o.loop, local + 1, on_timer, q);
}
