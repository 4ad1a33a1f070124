#include "account/maintenance.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "account/expunged.h"
#include "ipc/line.h"

#define SHARE	     30 /* per cent of a segment */
#define LEAST_MS     (3600 * 1000ll)
#define LEAST_BYTES  (64u << 10)
#define REST_EACH_MS 8
#define SOON_MS	     1000

const struct maintenance_pace maintenance_pace = {.first_ms = 20 * 1000,
    .every_ms = 600 * 1000,
    .look_ms = 30 * 1000,
    .worth_bytes = 16ull << 20,
    .bytes_a_ms = 8192,
    .clock = "clock"};

struct job {
	struct maintenance *g;
	struct msg m, reply;
	struct job *next;
};

struct maintenance {
	struct ev_loop *loop;
	struct store *store;
	struct maintenance_pace pace;
	maintenance_reply_fn *reply;
	void *arg;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	bool started, stop;
	_Atomic int64_t retention_ms;
	/* The thread's. */
	int64_t clock_saved; /* clk_mono; 0: not yet */
	bool distrusts;	     /* the wall clock, as it has said */
	int64_t shrunk_ms;   /* what is left of that, 0: all */
	struct job *jobs;    /* to be done, then to be answered */
	unsigned open;	     /* in the loop's thread: not answered yet */
	unsigned posted;     /* on their way to the loop */
	bool freed;	     /* the last of those gives it back */
	uint64_t owed;	     /* bytes since the last rest */
};

/* ---- resting ---- */

/* For so many milliseconds, or until there is something to do. */
static void
rest(struct maintenance *g, uint64_t ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&g->mu);
	while (!g->stop && g->jobs == NULL &&
	       pthread_cond_timedwait(&g->wake, &g->mu, &until) == 0)
		;
	pthread_mutex_unlock(&g->mu);
}

static bool
is_stopped(struct maintenance *g)
{
	bool stop;

	pthread_mutex_lock(&g->mu);
	stop = g->stop;
	pthread_mutex_unlock(&g->mu);
	return stop;
}

/* Requests come first, but do not undo what is done. */
static bool
throttle(void *arg, uint64_t bytes)
{
	struct maintenance *g = arg;

	g->owed += bytes;
	if (g->owed < g->pace.bytes_a_ms * REST_EACH_MS)
		return true;
	rest(g, g->owed / g->pace.bytes_a_ms);
	g->owed = 0;
	return !is_stopped(g);
}

/* At full speed, but not beyond the end. */
static bool
go_on(void *arg, uint64_t bytes)
{
	(void)bytes;
	return !is_stopped(arg);
}

/* ---- expunged mail ---- */

static void
answer(struct job *j, int rc, const char *text, const struct expunged_sum *sum,
    uint64_t freed)
{
	const struct expunged_done done = {
	    .rc = rc,
	    .text = sv_str(text),
	    .messages = sum->messages,
	    .bytes = sum->bytes,
	    .freed = freed,
	};

	msg_init(&j->reply, MSG_REPLY);
	j->reply.id = j->m.id;
	expunged_done_put(&j->reply, &done);
}

static void
do_job(struct maintenance *g, struct job *j)
{
	struct expunged_sum sum = {0, 0};
	struct expunged_ask ask;
	struct err err = {.text = ""};
	uint64_t freed = 0;
	struct buf lines;
	int r;

	if (expunged_ask_get(&j->m, &ask) != RC_OK) {
		answer(j, RC_SYNTAX, "not a request", &sum, freed);
		return;
	}
	buf_init(&lines, 0);
	if (ask.fd < 0)
		r = err_set(&err, RC_SYNTAX, "not a request");
	else
		r = expunged_run(g->store, &ask.q, &lines, &sum, &err);
	if (r == RC_OK && ask.q.action == EXPUNGED_PURGE)
		r = expunged_reclaim(g->store, go_on, g, &freed, &err);
	if (r == RC_OK && io_write_all(ask.fd, lines.p, lines.n) != RC_OK)
		r = err_set(&err, RC_IO, "the answer cannot be written");
	answer(j, r, err.text, &sum, freed);
	expunged_ask_fini(&ask);
	buf_fini(&lines);
}

static void
dispose(struct maintenance *g)
{
	pthread_cond_destroy(&g->wake);
	pthread_mutex_destroy(&g->mu);
	free(g);
}

static void
on_done(void *arg)
{
	struct job *j = arg;
	struct maintenance *g = j->g;

	g->open--;
	pthread_mutex_lock(&g->mu);
	g->posted--;
	pthread_mutex_unlock(&g->mu);
	if (!g->freed)
		g->reply(g->arg, j->reply.id, &j->reply);
	else if (g->posted == 0)
		dispose(g);
	msg_fini(&j->reply);
	msg_fini(&j->m);
	free(j);
}

/* ---- the thread ---- */

static bool
next(struct maintenance *g, struct job **out)
{
	bool go_on;

	pthread_mutex_lock(&g->mu);
	go_on = !g->stop;
	*out = go_on ? g->jobs : NULL;
	if (*out != NULL)
		g->jobs = (*out)->next;
	pthread_mutex_unlock(&g->mu);
	return go_on;
}

/* Gets how many bytes came free. */
static int
compact(struct maintenance *g, const struct store_compact *c, uint64_t *freed)
{
	struct journal_compacted done;
	int r = store_compact(g->store, c, &done);

	*freed = done.before > done.after ? done.before - done.after : 0;
	/* A full disk is told of where it turns mail away. */
	if (r != RC_OK && r != RC_NOTFOUND && r != RC_TEMP && r != RC_NOSPACE)
		mlog(LOG_WARN, "store.compact", "rc=%s", rc_name(r));
	return r;
}

/* Soon again, if that was worth it. */
static int64_t
now_and_then(struct maintenance *g)
{
	const struct store_compact c = {.share = SHARE,
	    .min_bytes = g->pace.worth_bytes,
	    .pause = throttle,
	    .arg = g};
	uint64_t freed;

	return compact(g, &c, &freed) == RC_OK &&
		       freed >= g->pace.worth_bytes / 2
		   ? SOON_MS
		   : g->pace.every_ms;
}

static void
say_shrunk(int64_t retention_ms)
{
	mlog(LOG_WARN, "store.retention_shrunk",
	    "hours=%lld text=\"the disk is nearly full: mail expunged before "
	    "that cannot be brought back; free some space\"",
	    (long long)(retention_ms / LEAST_MS));
}

/*
 * The disk is nearly full.  What is no longer wanted goes at once, as far as
 * that frees more than it takes; if the disk is still full at the next look,
 * expunged mail is kept for half as long, and so on: better that than to
 * refuse mail.
 */
static void
give_room(struct maintenance *g)
{
	const struct store_compact c = {.share = 1,
	    .min_bytes = LEAST_BYTES,
	    .pause = go_on,
	    .arg = g,
	    .retention_ms = g->shrunk_ms};
	uint64_t freed, all = 0;

	if (!store_is_pressed(g->store)) {
		g->shrunk_ms = 0;
		return;
	}
	while (store_is_pressed(g->store) && compact(g, &c, &freed) == RC_OK &&
	       freed > 0)
		all += freed;
	if (all > 0 && g->shrunk_ms > 0)
		say_shrunk(g->shrunk_ms);
	if (g->shrunk_ms == 0)
		g->shrunk_ms = g->retention_ms / 2;
	else if (g->shrunk_ms / 2 >= LEAST_MS)
		g->shrunk_ms /= 2;
}

/* ---- the time by which things are old ---- */

#define CLOCK_MAX 200
#define CLOCK_MS  (10 * 60 * 1000)

/* What an earlier process believed. */
static void
load_clock(struct maintenance *g)
{
	struct believed c = {.time = 0};
	struct err err;
	struct buf b;

	if (g->pace.clock == NULL)
		return;
	buf_init(&b, CLOCK_MAX);
	if (io_read_file(g->pace.clock, &b, &err) == RC_OK &&
	    believed_parse(buf_sv(&b), clk_mono(), &c) != RC_OK)
		mlog(LOG_WARN, "store.clock",
		    "text=\"the file clock cannot be read; the time is "
		    "believed\"");
	store_clock_set(g->store, &c);
	buf_fini(&b);
}

static void
save_clock(struct maintenance *g)
{
	struct believed c;
	struct err err;
	struct buf b;

	if (g->pace.clock == NULL)
		return;
	store_clock_get(g->store, &c);
	if ((c.ahead != 0) != g->distrusts)
		mlog(c.anew || g->distrusts ? LOG_INFO : LOG_WARN,
		    "store.clock", "text=\"%s\"",
		    c.ahead == 0 ? "the clock is believed again"
		    : c.anew	 ? "the machine was started anew, and nobody "
				   "knows how long nothing has happened here: "
				   "for some hours nothing is purged for its "
				   "age"
				 : "the clock has leapt ahead: until it has "
				   "stayed there for hours nothing is purged "
				   "for its age");
	else if (g->clock_saved != 0 && c.mono - g->clock_saved < CLOCK_MS)
		return;
	g->distrusts = c.ahead != 0;
	g->clock_saved = c.mono;
	buf_init(&b, CLOCK_MAX);
	believed_print(&c, &b);
	if (io_replace_file(g->pace.clock, buf_sv(&b), 0600, &err) != RC_OK)
		mlog(LOG_DEBUG, "store.clock", "text=\"not written\"");
	buf_fini(&b);
}

static void *
maintenance_main(void *arg)
{
	struct maintenance *g = arg;
	int64_t due = clk_mono() + g->pace.first_ms, look = due;
	struct job *j;

	while (next(g, &j)) {
		int64_t now = clk_mono();

		if (j != NULL) {
			do_job(g, j);
			pthread_mutex_lock(&g->mu);
			g->posted++;
			pthread_mutex_unlock(&g->mu);
			ev_post(g->loop, on_done, j);
		} else if (now >= due) {
			due = now + now_and_then(g);
		} else if (now >= look) {
			save_clock(g);
			give_room(g);
			look = now + g->pace.look_ms;
		} else {
			rest(g, (uint64_t)((due < look ? due : look) - now));
		}
	}
	return NULL;
}

/* ---- for the loop's thread ---- */

void
maintenance_set_retention(struct maintenance *g, int64_t ms)
{
	g->retention_ms = ms;
}

struct maintenance *
maintenance_new(struct ev_loop *loop, struct store *store,
    const struct maintenance_pace *pace, maintenance_reply_fn *reply, void *arg)
{
	struct maintenance *g = xcalloc(1, sizeof *g);
	pthread_condattr_t attr;

	g->loop = loop;
	g->store = store;
	g->pace = *pace;
	g->reply = reply;
	g->arg = arg;
	pthread_mutex_init(&g->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->wake, &attr);
	pthread_condattr_destroy(&attr);
	return g;
}

void
maintenance_start(struct maintenance *g)
{
	int e;

	load_clock(g);
	e = pthread_create(&g->thread, NULL, maintenance_main, g);

	g->started = e == 0;
	if (e != 0)
		mlog(LOG_WARN, "store.compact", "text=\"no thread for it: %s\"",
		    strerror(e));
}

void
maintenance_ask(struct maintenance *g, struct msg *m)
{
	struct job *j = xcalloc(1, sizeof *j), **end;

	j->g = g;
	j->m = *m;
	msg_init(m, 0);
	g->open++;
	pthread_mutex_lock(&g->mu);
	for (end = &g->jobs; *end != NULL; end = &(*end)->next)
		;
	*end = j;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->mu);
}

bool
maintenance_busy(struct maintenance *g)
{
	return g->open > 0;
}

void
maintenance_free(struct maintenance **gp)
{
	struct maintenance *g = *gp;
	struct job *j;

	if (g == NULL)
		return;
	*gp = NULL;
	pthread_mutex_lock(&g->mu);
	g->stop = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->mu);
	if (g->started)
		(void)pthread_join(g->thread, NULL);
	while ((j = g->jobs) != NULL) {
		g->jobs = j->next;
		msg_fini(&j->m);
		free(j);
	}
	if (g->posted > 0)
		g->freed = true;
	else
		dispose(g);
}
