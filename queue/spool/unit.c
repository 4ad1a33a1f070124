/*
 * Units: what of an item goes to one place, in the schedule until each of its
 * recipients has an outcome.
 */
#include "base/ascii.h"
#include "base/clk.h"
#include "queue/spool/service_priv.h"

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

struct conf *
queue_conf(struct queue_service *q)
{
	return q->o.conf(q->o.arg);
}

const char *
queue_domain(const struct conf *c)
{
	return c->ndomain > 0 ? c->domain[0].name : c->hostname;
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
	/* An attempt points at it, and ends it with its outcome. */
	if (u->state == SCHED_IN_FLIGHT)
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
