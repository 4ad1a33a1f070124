/*
 * Viruses: a connection to ClamAV's daemon comes from the supervisor.  They are
 * all alike: each is for who has waited longest, and is closed if nobody does.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "smtp/backend_priv.h"

/* While its base is loaded anew clamd answers nobody, on a slow machine for a
 * minute and more; senders wait for ten [RFC 5321 4.5.3.2.6]. */
#define SCAN_MS	   180000
#define CONNECT_MS 10000
/* Messages at a time: clamd has ten threads by default. */
#define SCANS_MAX 8

struct scan_wait {
	int fd;
	bool there;
	struct scan_wait *next;
};

void
smtp_scans_init(struct smtp_scans *s)
{
	pthread_condattr_t attr;

	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&s->change, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	s->end = &s->waiting;
	s->unscanned = xcalloc(1, sizeof *s->unscanned);
	randombytes_buf(s->key, sizeof s->key);
}

void
smtp_scans_take(struct smtp_scans *s, int fd)
{
	struct scan_wait *w;

	pthread_mutex_lock(&s->lock);
	w = s->waiting;
	if (w != NULL) {
		s->waiting = w->next;
		if (s->waiting == NULL)
			s->end = &s->waiting;
		w->fd = fd;
		w->there = true;
		fd = -1;
		pthread_cond_broadcast(&s->change);
	}
	pthread_mutex_unlock(&s->lock);
	io_close(&fd);
}

/* With the lock held; false: until is over. */
static bool
wait_until_changed(struct smtp_scans *s, int64_t until)
{
	struct timespec t = {until / 1000, until % 1000 * 1000000};

	return pthread_cond_timedwait(&s->change, &s->lock, &t) == 0;
}

/* A place among those that are scanned. */
static bool
enter(struct smtp_scans *s, int64_t until)
{
	bool in, time = true;

	pthread_mutex_lock(&s->lock);
	while (s->n >= SCANS_MAX && time)
		time = wait_until_changed(s, until);
	in = s->n < SCANS_MAX;
	s->n += in;
	pthread_mutex_unlock(&s->lock);
	return in;
}

static void
leave(struct smtp_scans *s)
{
	pthread_mutex_lock(&s->lock);
	s->n--;
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
}

/* With the lock held: nobody waits for it any more. */
static void
give_up(struct smtp_scans *s, struct scan_wait *w)
{
	struct scan_wait **at = &s->waiting;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (s->end == &w->next)
		s->end = at;
}

/* -1: there is none. */
static int
connection(struct smtp_backend *h, int64_t last)
{
	struct smtp_scans *s = &h->scans;
	struct scan_wait *w = xcalloc(1, sizeof *w);
	int64_t until = clk_mono() + CONNECT_MS;
	bool time = true;
	int fd = -1;

	/* Behind the ceiling nobody waits, whatever for. */
	if (until > last)
		until = last;
	w->fd = -1;
	pthread_mutex_lock(&s->lock);
	*s->end = w;
	s->end = &w->next;
	h->ask_clamd(h->arg);
	while (!w->there && time)
		time = wait_until_changed(s, until);
	if (w->there)
		fd = w->fd;
	else
		give_up(s, w);
	pthread_mutex_unlock(&s->lock);
	free(w);
	return fd;
}

/* ---- what comes in vain ---- */

/* Empty while all could be looked at, so that nothing is hashed for nothing.
 * *rests: this has been too much for the daemon a moment ago. */
static struct smtp_unscanned_id
known_id(struct smtp_scans *s, const struct smtp_scanned *m, bool *rests)
{
	struct smtp_unscanned_id id = {.content = 0};
	bool any;

	pthread_mutex_lock(&s->lock);
	any = smtp_unscanned_any(s->unscanned, clk_mono());
	pthread_mutex_unlock(&s->lock);
	*rests = false;
	if (!any)
		return id;
	id = smtp_unscanned_id(s->key, m);
	pthread_mutex_lock(&s->lock);
	*rests = smtp_unscanned_rests(s->unscanned, id.content, clk_mono());
	pthread_mutex_unlock(&s->lock);
	return id;
}

/* slow: it took all the time there was. */
static void
note_result(struct smtp_scans *s, struct smtp_unscanned_id id, bool slow,
    struct clamd_answer *out)
{
	pthread_mutex_lock(&s->lock);
	if (out->says != CLAMD_FAILED)
		smtp_unscanned_done(s->unscanned, id.content);
	else if (smtp_unscanned_failed(s->unscanned, id, clk_mono(), slow))
		out->says = CLAMD_NEVER;
	pthread_mutex_unlock(&s->lock);
}

int
smtp_backend_scan(
    void *ctx, const struct smtp_scanned *m, struct clamd_answer *out)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	bool wanted = c->virus.clamd != NULL && h->ask_clamd != NULL;
	bool slow = false, rests;
	int64_t until = clk_mono() + SCAN_MS;
	struct smtp_unscanned_id id;
	int sock;

	conf_free(&c);
	if (!wanted)
		return RC_NOTFOUND;
	*out = (struct clamd_answer){
	    .says = CLAMD_FAILED, .name = "clamd cannot be reached"};
	id = known_id(&h->scans, m, &rests);
	if (rests) {
		*out = (struct clamd_answer){.says = CLAMD_FAILED,
		    .name = "this content took it too long before"};
	} else if (enter(&h->scans, until)) {
		sock = connection(h, until);
		if (sock >= 0) {
			clamd_scan(sock, m->fd, m->size, until, out);
			slow = clk_mono() >= until;
		}
		io_close(&sock);
		leave(&h->scans);
	}
	if (out->says == CLAMD_FAILED) {
		mlog(LOG_WARN, "virus.fail", "text=\"%s\"", out->name);
		if (id.content == 0)
			id = smtp_unscanned_id(h->scans.key, m);
	}
	/* It was not tried. */
	if (id.content != 0 && !rests)
		note_result(&h->scans, id, slow, out);
	return RC_OK;
}
