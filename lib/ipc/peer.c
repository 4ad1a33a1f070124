#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/line.h"

#define KEPT_MAX 1024 /* requests that wait for a line */

struct request {
	uint32_t id;
	int64_t deadline;
	int rc; /* RC_MORE while it is open */
	peer_reply_fn *fn;
	void *arg;
	struct msg *kept; /* not sent yet: there is no line */
	struct request *next;
};

struct peer {
	struct ev_loop *loop;
	const char *name;
	line_msg_fn *on_msg;
	ev_fn *on_up;
	void *arg;
	struct ev_timer *sweep;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t up;
	struct line *line;
	uint32_t next_id;
	struct request *open;
	unsigned nkept;	  /* of them: wait for a line */
	int64_t sweep_at; /* the timer runs, or is about to; 0: it does not */
	bool posted;	  /* sooner is on its way and names us */
	bool freed;	  /* by the owner; sooner does the rest */
};

static void
kept_free(struct request *r)
{
	if (r->kept == NULL)
		return;
	msg_fini(r->kept);
	free(r->kept);
	r->kept = NULL;
}

enum which {
	OF_ID,
	LATE, /* past their deadline */
	SENT,
	ALL
};

static bool
is_meant(const struct request *r, enum which which, uint32_t id, int64_t now)
{
	switch (which) {
	case OF_ID:
		return r->id == id && r->kept == NULL;
	case LATE:
		return r->deadline <= now;
	case SENT:
		return r->kept == NULL;
	case ALL:
		break;
	}
	return true;
}

/* Takes the requests that are meant out of the list. */
static struct request *
take_requests(struct peer *p, enum which which, uint32_t id)
{
	struct request *taken = NULL, *r, **at = &p->open;
	int64_t now = clk_mono();

	pthread_mutex_lock(&p->lock);
	while ((r = *at) != NULL) {
		if (is_meant(r, which, id, now)) {
			*at = r->next;
			p->nkept -= r->kept != NULL;
			kept_free(r);
			r->next = taken;
			taken = r;
		} else {
			at = &r->next;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return taken;
}

static void
finish(struct request *r, int rc, struct msg *reply)
{
	struct request *next;

	for (; r != NULL; r = next) {
		next = r->next;
		r->fn(rc, reply, r->arg);
		free(r);
	}
}

/* With the lock held: the earliest deadline; 0: nothing is open. */
static int64_t
next_deadline(const struct peer *p)
{
	const struct request *r;
	int64_t at = 0;

	for (r = p->open; r != NULL; r = r->next)
		if (at == 0 || r->deadline < at)
			at = r->deadline;
	return at;
}

/*
 * One timer, for the earliest deadline.  It is left alone when its request is
 * answered, so that a busy peer does not start one for each, and is started
 * again only for what is open when it is over: an idle server sleeps.
 */
static void
peer_sweep(void *arg)
{
	struct peer *p = arg;
	int64_t at, left;

	p->sweep = NULL;
	finish(take_requests(p, LATE, 0), RC_TIMEOUT, NULL);
	pthread_mutex_lock(&p->lock);
	at = p->sweep_at = next_deadline(p);
	pthread_mutex_unlock(&p->lock);
	left = at - clk_mono();
	if (at != 0)
		p->sweep =
		    ev_timer_add(p->loop, left > 0 ? left : 0, peer_sweep, p);
}

static void
peer_destroy(struct peer *p)
{
	(void)pthread_cond_destroy(&p->up);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* In the loop's thread, some time after sweep_by. */
static void
sooner(void *arg)
{
	struct peer *p = arg;

	pthread_mutex_lock(&p->lock);
	p->posted = false;
	pthread_mutex_unlock(&p->lock);
	if (p->freed) {
		peer_destroy(p);
		return;
	}
	ev_timer_del(&p->sweep);
	peer_sweep(p);
}

/* With the lock held, from any thread. */
static void
sweep_by(struct peer *p, int64_t deadline)
{
	if (p->sweep_at != 0 && p->sweep_at <= deadline)
		return;
	p->sweep_at = deadline;
	if (p->posted)
		return;
	p->posted = true;
	ev_post(p->loop, sooner, p);
}

static void
peer_msg(struct line *l, struct msg *m, void *arg)
{
	struct peer *p = arg;

	if (m->type == MSG_REPLY)
		finish(take_requests(p, OF_ID, m->id), RC_OK, m);
	else if (p->on_msg != NULL)
		p->on_msg(l, m, p->arg);
}

static void
peer_eof(struct line *l, void *arg)
{
	struct peer *p = arg;

	pthread_mutex_lock(&p->lock);
	if (p->line == l)
		p->line = NULL;
	pthread_mutex_unlock(&p->lock);
	mlog(LOG_DEBUG, "line.down", "peer=%s", p->name);
	line_free(&l);
	finish(take_requests(p, SENT, 0), RC_TEMP, NULL);
}

struct peer *
peer_new(struct ev_loop *loop, const char *name, line_msg_fn *on_msg,
    ev_fn *on_up, void *arg)
{
	struct peer *p = xcalloc(1, sizeof *p);
	pthread_condattr_t attr;

	p->loop = loop;
	p->name = name;
	p->on_msg = on_msg;
	p->on_up = on_up;
	p->arg = arg;
	p->next_id = 1;
	must(pthread_mutex_init(&p->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&p->up, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	return p;
}

void
peer_free(struct peer **pp)
{
	struct peer *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	ev_timer_del(&p->sweep);
	line_free(&p->line);
	finish(take_requests(p, ALL, 0), RC_TEMP, NULL);
	p->freed = true;
	if (!p->posted)
		peer_destroy(p);
}

/* With the lock held: what waited for a line goes over it; returns those that
 * it does not take. */
static struct request *
send_kept(struct peer *p)
{
	struct request *failed = NULL, *r, **at = &p->open;

	while ((r = *at) != NULL) {
		bool kept = r->kept != NULL;
		int rc = kept ? line_send(p->line, r->kept) : RC_OK;

		if (kept)
			kept_free(r);
		if (rc == RC_OK) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = failed;
		failed = r;
	}
	p->nkept = 0;
	return failed;
}

void
peer_connect(struct peer *p, int fd)
{
	struct line *old, *fresh;
	struct request *failed;

	fresh = line_new(p->loop, fd, peer_msg, peer_eof, p);
	pthread_mutex_lock(&p->lock);
	old = p->line;
	p->line = NULL;
	pthread_mutex_unlock(&p->lock);
	if (old != NULL) {
		line_free(&old);
		finish(take_requests(p, SENT, 0), RC_TEMP, NULL);
	}
	pthread_mutex_lock(&p->lock);
	p->line = fresh;
	failed = send_kept(p);
	pthread_cond_broadcast(&p->up);
	pthread_mutex_unlock(&p->lock);
	finish(failed, RC_TEMP, NULL);
	if (p->on_up != NULL)
		p->on_up(p->arg);
}

bool
peer_up(struct peer *p)
{
	bool up;

	pthread_mutex_lock(&p->lock);
	up = p->line != NULL;
	pthread_mutex_unlock(&p->lock);
	return up;
}

int
peer_wait_up(struct peer *p, int64_t timeout_ms)
{
	int64_t at = clk_mono() + timeout_ms;
	struct timespec until = {at / 1000, at % 1000 * 1000000};
	int r = 0;

	pthread_mutex_lock(&p->lock);
	while (p->line == NULL && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&p->up, &p->lock, &until);
	r = p->line != NULL ? RC_OK : RC_TIMEOUT;
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* A request that could not be sent: its answer comes from the loop, too. */
static void
fail_later(void *arg)
{
	finish(arg, RC_TEMP, NULL);
}

/* With the lock held: sends m, or keeps it until there is a line. */
static int
send_or_keep(struct peer *p, struct request *r, struct msg *m, bool patient)
{
	if (p->line != NULL)
		return line_send(p->line, m);
	if (!patient || p->nkept >= KEPT_MAX)
		return RC_TEMP;
	r->kept = xcalloc(1, sizeof *r->kept);
	*r->kept = *m;
	msg_init(m, 0);
	p->nkept++;
	return RC_OK;
}

static void
ask(struct peer *p, struct msg *m, int64_t timeout_ms, bool patient,
    struct request *r)
{
	int rc;

	r->deadline = m->deadline = clk_mono() + timeout_ms;
	/* The lock is held while sending, so that the line stays and the
	 * request is in the list before its answer can come. */
	pthread_mutex_lock(&p->lock);
	if (++p->next_id == 0)
		p->next_id = 1;
	r->id = m->id = p->next_id;
	r->next = p->open;
	p->open = r;
	rc = send_or_keep(p, r, m, patient);
	if (rc == RC_OK) {
		sweep_by(p, r->deadline);
	} else {
		p->open = r->next;
		r->next = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	msg_fini(m);
	if (rc != RC_OK)
		ev_post(p->loop, fail_later, r);
}

static struct request *
request_new(peer_reply_fn *fn, void *arg)
{
	struct request *r = xcalloc(1, sizeof *r);

	r->fn = fn;
	r->arg = arg;
	return r;
}

void
peer_ask(struct peer *p, struct msg *m, int64_t timeout_ms, peer_reply_fn *fn,
    void *arg)
{
	ask(p, m, timeout_ms, false, request_new(fn, arg));
}

void
peer_ask_later(struct peer *p, struct msg *m, int64_t timeout_ms,
    peer_reply_fn *fn, void *arg)
{
	ask(p, m, timeout_ms, true, request_new(fn, arg));
}

struct call {
	pthread_mutex_t lock;
	pthread_cond_t done;
	int rc; /* RC_MORE while it is open */
	struct msg *reply;
};

static void
call_reply(int rc, struct msg *reply, void *arg)
{
	struct call *c = arg;

	pthread_mutex_lock(&c->lock);
	if (rc == RC_OK) {
		/* The message itself moves; the line frees an empty one. */
		*c->reply = *reply;
		msg_init(reply, 0);
	}
	c->rc = rc;
	pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&c->lock);
}

static int
call(struct peer *p, struct msg *m, int64_t timeout_ms, bool patient,
    struct msg *reply)
{
	struct call c = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
	    RC_MORE, reply};

	msg_init(reply, 0);
	ask(p, m, timeout_ms, patient, request_new(call_reply, &c));
	pthread_mutex_lock(&c.lock);
	while (c.rc == RC_MORE)
		pthread_cond_wait(&c.done, &c.lock);
	pthread_mutex_unlock(&c.lock);
	return c.rc;
}

int
peer_call(struct peer *p, struct msg *m, int64_t timeout_ms, struct msg *reply)
{
	return call(p, m, timeout_ms, false, reply);
}

int
peer_call_later(
    struct peer *p, struct msg *m, int64_t timeout_ms, struct msg *reply)
{
	return call(p, m, timeout_ms, true, reply);
}

int
peer_tell(struct peer *p, struct msg *m)
{
	int rc = RC_TEMP;

	pthread_mutex_lock(&p->lock);
	if (p->line != NULL)
		rc = line_send(p->line, m);
	pthread_mutex_unlock(&p->lock);
	msg_fini(m);
	return rc;
}
