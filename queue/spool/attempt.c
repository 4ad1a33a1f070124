#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "queue/spool/service_priv.h"

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
		a->q->local_in_flight--;
	else
		a->q->remote_in_flight--;
	free(a);
}

/* Somebody of the unit was never tried: it is their turn now. */
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

/* Another try of the unit is in flight: see remote.c. */
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
		if (a->spoken && unit_has_untried(it, u))
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

/* ---- the try ---- */

static bool
is_open(const struct attempt *a, size_t rcpt)
{
	const struct spool_recipient *to = &a->it->rcpt[rcpt];

	return to->unit == a->u && to->outcome == SPOOL_WAITS && !to->held;
}

/* The same alias has led to both, or none: they get it from the same sender. */
static bool
same_way(const struct spool_recipient *a, const struct spool_recipient *b)
{
	return a->via == NULL || b->via == NULL ? a->via == b->via
						: strcmp(a->via, b->via) == 0;
}

/* Those that were tried least, so that in a long list nobody is for ever
 * behind others that are not taken. */
static void
choose_recipients(struct attempt *a)
{
	const struct spool_recipient *to = a->it->rcpt;
	unsigned least = UINT_MAX;
	size_t i;

	for (i = 0; i < a->it->nrcpt; i++)
		if (is_open(a, i) && a->it->rcpt[i].attempts < least)
			least = a->it->rcpt[i].attempts;
	for (i = 0; i < a->it->nrcpt && a->n < JOB_RECIPIENTS; i++)
		if (is_open(a, i) && to[i].attempts == least &&
		    (a->n == 0 || same_way(&to[i], &to[a->rcpt[0]])))
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
		q->local_in_flight++;
	else
		q->remote_in_flight++;
	return a;
}

void
attempt_bodiless(struct attempt *a, const struct err *err)
{
	int64_t delay = sched_local_delay(a->u->stumbles + 1);
	size_t i;

	/* So often, and it counts as unreadable: see queue_age.  A full disk
	 * says nothing of that. */
	if (err->code != RC_NOSPACE || a->u->stumbles + 1 < SCHED_TRIES_MIN)
		a->u->stumbles++;

	mlog(LOG_ERROR, "queue.body", "item=%llu text=\"%s\"",
	    (unsigned long long)a->it->seq, err->text);
	/* No fault of the other side: it does not bring the end nearer. */
	for (i = 0; i < a->n; i++)
		spool_stumbled(a->q->spool, a->it, a->rcpt[i],
		    clk_now() + delay, sv_str(err->text));
	queue_note_attempt(a, &(struct queue_news){.kind = HISTORY_TRIED,
				  .count = HISTORY_C_NONE,
				  .number = (uint64_t)(clk_now() + delay),
				  .text = sv_str(err->text)});
	attempt_settle(a, delay);
}
