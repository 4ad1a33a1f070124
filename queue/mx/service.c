#include "queue/mx/service.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "queue/mx/job.h"

#define JOBS_MAX      128
#define KNOWN_MAX     512 /* with those whose outcome is not noted yet */
#define STACK_BYTES   (256u << 10)
#define IDLE_MS	      5000 /* a thread is kept so long */
#define DRAIN_LOOK_MS 50

/* ---- what became of it ---- */

/* With the lock held; consumes m.  A queue that has ended, as it does for a
 * new smarthost, hears it from mx_service_set_queue when it is back. */
static void
tell_queue(struct mx_service *s, struct msg *m)
{
	if (peer_tell(s->queue, m) != RC_OK)
		mlog(LOG_INFO, "mx.answer",
		    "text=\"the queue has ended; the next one is told\"");
}

/*
 * Numbers of requests mean something to the queue that gave them only.  One
 * that was started anew hears of the job by its message: MX_LATE.
 */
static void
tell_outcome(const struct job *j, bool late)
{
	size_t i, n = j->reached ? j->m.nrcpt : 0;
	struct mx_verdict *v = xcalloc(n + 1, sizeof *v);
	struct mx_outcome o = {
	    .rc = RC_OK,
	    .job = j->number,
	    .reached = j->reached,
	    .why = sv_str(j->why.reply_text),
	    .verdict = v,
	    .nverdict = (uint32_t)n,
	};
	struct msg m;

	memcpy(o.delivery_id, j->delivery_id, sizeof o.delivery_id);
	for (i = 0; i < n; i++)
		v[i] = (struct mx_verdict){j->which[i], j->m.rcpt[i].code,
		    sv_str(j->m.rcpt[i].reply_text)};
	msg_init(&m, late ? MX_LATE : MSG_REPLY);
	if (!late)
		m.id = j->id;
	mx_outcome_put(&m, &o);
	free(v);
	tell_queue(j->s, &m);
}

static void
tell_open(const struct job *j)
{
	struct mx_open o = {
	    .job = j->number,
	    .which = j->which,
	    .nwhich = (uint32_t)j->m.nrcpt,
	};
	struct msg m;

	memcpy(o.delivery_id, j->delivery_id, sizeof o.delivery_id);
	msg_init(&m, MX_OPEN);
	mx_open_put(&m, &o);
	tell_queue(j->s, &m);
}

static void
finish_job(struct job *j)
{
	struct mx_service *s = j->s;

	mx_job_drop_inputs(j);
	pthread_mutex_lock(&s->lock);
	j->finished = true;
	if (!j->abandoned) /* else as if it had not been */
		tell_outcome(j, j->life != s->queue_life);
	pthread_mutex_unlock(&s->lock);
}

/* Jobs with an outcome that the queue has, or that it asks for again. */
static void
forget(struct mx_service *s,
    bool (*meant)(const struct job *j, const void *arg), const void *arg)
{
	struct job **at, *j;

	pthread_mutex_lock(&s->lock);
	for (at = &s->known; (j = *at) != NULL;) {
		if (!j->finished || !meant(j, arg)) {
			at = &j->next_known;
			continue;
		}
		*at = j->next_known;
		s->nknown--;
		mx_job_free(j);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool
has_number(const struct job *j, const void *arg)
{
	const uint64_t *number = arg;

	return j->number == *number;
}

/* The queue has waited for it no longer. */
static bool
is_same(const struct job *j, const void *arg)
{
	const struct job *fresh = arg;

	return memcmp(j->delivery_id, fresh->delivery_id,
		   sizeof j->delivery_id) == 0 &&
	       j->which[0] == fresh->which[0];
}

/* With the lock held: the next job, or NULL after a while without one. */
static struct job *
wait_for_job(struct mx_service *s)
{
	int64_t at = clk_mono() + IDLE_MS;
	struct timespec until = {at / 1000, at % 1000 * 1000000};
	struct job *j;
	int e = 0;

	s->idle++;
	while (s->todo == NULL && e != ETIMEDOUT)
		e = pthread_cond_timedwait(&s->more, &s->lock, &until);
	s->idle--;
	j = s->todo;
	if (j != NULL) {
		s->ntodo--;
		if ((s->todo = j->next) == NULL)
			s->todo_end = &s->todo;
	}
	return j;
}

static void *
work(void *arg)
{
	struct job *j = arg;
	struct mx_service *s = j->s;

	while (j != NULL) {
		mx_job_try(j);
		finish_job(j);
		pthread_mutex_lock(&s->lock);
		s->jobs--;
		j = wait_for_job(s);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* ---- the queue's line ---- */

/* With the lock held.  The number of a reply code: none, it was not even
 * tried. */
static void
reply_refused(struct mx_service *s, uint32_t id, int rc)
{
	const struct mx_outcome o = {.rc = rc};
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	mx_outcome_put(&m, &o);
	tell_queue(s, &m);
}

static void
refuse(struct mx_service *s, uint32_t id, int rc)
{
	pthread_mutex_lock(&s->lock);
	reply_refused(s, id, rc);
	pthread_mutex_unlock(&s->lock);
}

static int
start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t t;
	int e;

	must(pthread_attr_init(&attr) == 0);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	e = pthread_create(&t, &attr, work, j);
	(void)pthread_attr_destroy(&attr);
	return e == 0 ? RC_OK : RC_TEMP;
}

/* With the lock held.  An outcome that nobody has noted for so long is of a
 * request that the queue has given up. */
static void
forget_oldest(struct mx_service *s)
{
	struct job **at, **oldest = NULL, *j;

	for (at = &s->known; *at != NULL; at = &(*at)->next_known)
		if ((*at)->finished)
			oldest = at;
	if (oldest == NULL)
		return;
	j = *oldest;
	*oldest = j->next_known;
	s->nknown--;
	mx_job_free(j);
}

/* A thread for the job, or a place behind one that has nothing to do. */
static bool
take_up(struct mx_service *s, struct job *j)
{
	bool room, taken = false;

	pthread_mutex_lock(&s->lock);
	if (s->nknown >= KNOWN_MAX)
		forget_oldest(s);
	room = !s->leaving && s->jobs < JOBS_MAX && s->nknown < KNOWN_MAX;
	if (room) {
		s->jobs++;
		j->number = ++s->last_number;
		j->next_known = s->known;
		s->known = j;
		s->nknown++;
	}
	if (room && s->idle > s->ntodo) {
		*s->todo_end = j;
		s->todo_end = &j->next;
		s->ntodo++;
		pthread_cond_signal(&s->more);
		taken = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (!room || taken || start_thread(j) == RC_OK)
		return room;
	pthread_mutex_lock(&s->lock);
	s->jobs--;
	s->nknown--;
	s->known = j->next_known; /* only this thread adds */
	pthread_mutex_unlock(&s->lock);
	return false;
}

static void
on_job(struct mx_service *s, struct msg *m)
{
	struct job *j = mx_job_read(s, m);

	if (j == NULL) {
		mlog(LOG_ERROR, "mx.job", "text=\"a garbled job was refused\"");
		refuse(s, m->id, RC_SYNTAX);
		return;
	}
	forget(s, is_same, j);
	if (!take_up(s, j)) {
		mx_job_free(j);
		refuse(s, m->id, RC_TEMP);
	}
}

static void
on_queue_msg(struct line *l, struct msg *m, void *arg)
{
	struct mx_service *s = arg;
	struct mx_noted noted;

	(void)l;
	if (m->type == MX_JOB)
		on_job(s, m);
	else if (m->type == MX_NOTED && mx_noted_get(m, &noted) == RC_OK)
		forget(s, has_number, &noted.job);
}

struct mx_service *
mx_service_new(const struct mx_service_opts *o)
{
	struct mx_service *s = xcalloc(1, sizeof *s);
	pthread_condattr_t attr;

	s->o = *o;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&s->more, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	s->connections = connections_new(o->loop);
	s->todo_end = &s->todo;
	/* No queue takes a number of ours for one of another mx. */
	randombytes_buf(&s->last_number, sizeof s->last_number);
	s->queue = peer_new(o->loop, "queue", on_queue_msg, NULL, s);
	s->dns = peer_new(o->loop, "dns", NULL, NULL, s);
	return s;
}

void
mx_service_free(struct mx_service **sp)
{
	struct mx_service *s = *sp;

	if (s == NULL)
		return;
	ev_timer_del(&s->draining);
	connections_end(s->connections);
	/* Threads that still speak go with the process: their messages are the
	 * queue's as long as it was told nothing. */
	*sp = NULL;
}

void
mx_service_set_queue(struct mx_service *s, int fd)
{
	const struct job *j;
	struct msg m;

	/* Under the lock, so that each job's end comes before the list or
	 * after it. */
	pthread_mutex_lock(&s->lock);
	s->queue_life++;
	peer_connect(s->queue, fd);
	for (j = s->known; j != NULL; j = j->next_known)
		if (j->abandoned)
			continue;
		else if (j->finished)
			tell_outcome(j, true);
		else
			tell_open(j);
	msg_init(&m, MX_LISTED);
	tell_queue(s, &m);
	pthread_mutex_unlock(&s->lock);
}

static unsigned
open_jobs(struct mx_service *s)
{
	const struct job *j;
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	for (j = s->known; j != NULL; j = j->next_known)
		n += !j->abandoned;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void
on_drain(void *arg)
{
	struct mx_service *s = arg;
	unsigned open = open_jobs(s);

	s->draining = NULL;
	if (open > 0 && clk_mono() < s->drain_until) {
		s->draining =
		    ev_timer_add(s->o.loop, DRAIN_LOOK_MS, on_drain, s);
		return;
	}
	if (open > 0)
		mlog(LOG_WARN, "mx.drain", "left=%u", open);
	s->drained(s->drained_arg);
}

void
mx_service_drain(
    struct mx_service *s, int64_t ms, void (*fn)(void *arg), void *arg)
{
	bool again;

	pthread_mutex_lock(&s->lock);
	again = s->leaving;
	s->leaving = true;
	pthread_mutex_unlock(&s->lock);
	if (again)
		return;
	s->drained = fn;
	s->drained_arg = arg;
	s->drain_until = clk_mono() + ms;
	s->draining = ev_timer_add(s->o.loop, 0, on_drain, s);
}

void
mx_service_stop(
    struct mx_service *s, int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct job *j;

	pthread_mutex_lock(&s->lock);
	s->leaving = true;
	s->stopping = true;
	for (j = s->known; j != NULL; j = j->next_known) {
		if (j->finished || j->ending || j->abandoned)
			continue;
		j->abandoned = true;
		if (j->life == s->queue_life)
			reply_refused(s, j->id, RC_TEMP);
	}
	pthread_mutex_unlock(&s->lock);
	s->drained = fn;
	s->drained_arg = arg;
	s->drain_until = clk_mono() + ms;
	ev_timer_del(&s->draining);
	s->draining = ev_timer_add(s->o.loop, 0, on_drain, s);
}

void
mx_service_set_dns(struct mx_service *s, int fd)
{
	peer_connect(s->dns, fd);
}
