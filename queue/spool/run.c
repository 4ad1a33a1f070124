/* What is due is tried, as far as there is room. */
#include "base/clk.h"
#include "queue/spool/service_priv.h"

#define LOCAL_IN_FLIGHT_MAX  8
#define REMOTE_IN_FLIGHT_MAX 64

static void
on_timer(void *arg)
{
	struct queue_service *q = arg;

	q->timer = NULL;
	queue_run(q);
}

static int64_t
run_one(struct queue_service *q, struct sched *s,
    bool (*up)(struct queue_service *q), const unsigned *in_flight,
    unsigned most, void (*try)(struct queue_service *q, struct sched_unit *u))
{
	struct sched_unit *u;

	/* A try may end at once, with a report: that is on the disk before
	 * anybody gets it. */
	while (*in_flight < most && up(q) && !spool_pending(q->spool) &&
	       (u = sched_take(s, clk_mono())) != NULL)
		try(q, u);
	/* Full, or nobody is there: that there is room comes as news. */
	return *in_flight < most && up(q) ? sched_wait(s, clk_mono()) : -1;
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
	local = run_one(q, q->local, is_keeper_up, &q->local_in_flight,
	    LOCAL_IN_FLIGHT_MAX, queue_try_local);
	remote = run_one(q, q->remote, queue_remote_up, &q->remote_in_flight,
	    REMOTE_IN_FLIGHT_MAX, queue_try_remote);
	if (local < 0 || (remote >= 0 && remote < local))
		local = remote;
	ev_timer_del(&q->timer);
	if (local >= 0)
		q->timer = ev_timer_add(q->o.loop, local + 1, on_timer, q);
}
