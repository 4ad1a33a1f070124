#include "base/ev.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/heap.h"
#include "base/io.h"
#include "base/rc.h"

#define EVENTS_PER_TICK 64

struct ev {
	struct ev_loop *loop;
	int fd;
	bool dead;
	ev_io_fn *fn;
	void *arg;
	struct ev *next_dead;
};

struct ev_timer {
	struct ev_loop *loop;
	struct heap_node node; /* by clk_mono */
	ev_fn *fn;
	void *arg;
};

struct post {
	ev_fn *fn;
	void *arg;
	struct post *next;
};

struct ev_loop {
	int epoll;
	int wakeup;
	struct ev *wakeup_ev;
	bool stop;
	bool posted; /* by its own thread: it need not be woken up */
	struct ev *dead;
	struct heap timers;
	pthread_mutex_t lock;
	struct post *posts, **posts_end;
};

/* The loop that this thread is in. */
static _Thread_local struct ev_loop *running_here;

static void
run_posts(struct ev *e, uint32_t events, void *arg)
{
	struct ev_loop *l = arg;
	struct post *p, *next;
	uint64_t n;

	(void)events;
	if (e != NULL && read(l->wakeup, &n, sizeof n) < 0 && errno != EAGAIN)
		must(errno == EINTR);
	pthread_mutex_lock(&l->lock);
	p = l->posts;
	l->posts = NULL;
	l->posts_end = &l->posts;
	pthread_mutex_unlock(&l->lock);
	for (; p != NULL; p = next) {
		next = p->next;
		p->fn(p->arg);
		free(p);
	}
}

struct ev_loop *
ev_loop_new(void)
{
	struct ev_loop *l = xcalloc(1, sizeof *l);

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(l->epoll >= 0 && l->wakeup >= 0);
	must(pthread_mutex_init(&l->lock, NULL) == 0);
	l->posts_end = &l->posts;
	l->wakeup_ev = ev_add(l, l->wakeup, EPOLLIN, run_posts, l);
	return l;
}

static void
reap(struct ev_loop *l)
{
	struct ev *e;

	while ((e = l->dead) != NULL) {
		l->dead = e->next_dead;
		free(e);
	}
}

static struct ev_timer *
first_timer(const struct ev_loop *l)
{
	struct heap_node *n = heap_least(&l->timers);

	return n != NULL ? HEAP_OWNER(n, struct ev_timer, node) : NULL;
}

void
ev_loop_free(struct ev_loop **lp)
{
	struct ev_loop *l = *lp;
	struct ev_timer *t;

	if (l == NULL)
		return;
	run_posts(NULL, 0, l);
	while ((t = first_timer(l)) != NULL)
		ev_timer_del(&t);
	heap_fini(&l->timers);
	ev_del(&l->wakeup_ev);
	reap(l);
	io_close(&l->wakeup);
	io_close(&l->epoll);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
	*lp = NULL;
}

static int
run_timers(struct ev_loop *l)
{
	struct ev_timer *t;
	int64_t left;

	while ((t = first_timer(l)) != NULL && t->node.key <= clk_mono()) {
		ev_fn *fn = t->fn;
		void *arg = t->arg;

		ev_timer_del(&t);
		fn(arg);
	}
	if (t == NULL)
		return -1;
	left = t->node.key - clk_mono();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

void
ev_run(struct ev_loop *l)
{
	l->stop = false;
	running_here = l;
	while (!l->stop) {
		struct epoll_event ev[EVENTS_PER_TICK];
		int timeout = run_timers(l);
		int i, n;

		if (l->stop)
			break;
		if (l->posted)
			timeout = 0;
		n = epoll_wait(l->epoll, ev, EVENTS_PER_TICK, timeout);
		must(n >= 0 || errno == EINTR);
		for (i = 0; i < n; i++) {
			struct ev *e = ev[i].data.ptr;

			if (!e->dead)
				e->fn(e, ev[i].events, e->arg);
		}
		/* What was posted in this turn; what that posts has the next
		 * one, so that descriptors are not forgotten over it. */
		if (l->posted) {
			l->posted = false;
			run_posts(NULL, 0, l);
		}
		reap(l);
	}
	running_here = NULL;
}

void
ev_stop(struct ev_loop *l)
{
	l->stop = true;
}

struct ev *
ev_add(struct ev_loop *l, int fd, uint32_t events, ev_io_fn *fn, void *arg)
{
	struct ev *e = xcalloc(1, sizeof *e);
	struct epoll_event ev = {.events = events, .data.ptr = e};

	e->loop = l;
	e->fd = fd;
	e->fn = fn;
	e->arg = arg;
	must(epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == 0);
	return e;
}

void
ev_set(struct ev *e, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = e};

	must(epoll_ctl(e->loop->epoll, EPOLL_CTL_MOD, e->fd, &ev) == 0);
}

void
ev_del(struct ev **ep)
{
	struct ev *e = *ep;

	if (e == NULL)
		return;
	(void)epoll_ctl(e->loop->epoll, EPOLL_CTL_DEL, e->fd, NULL);
	e->dead = true;
	e->next_dead = e->loop->dead;
	e->loop->dead = e;
	*ep = NULL;
}

struct ev_timer *
ev_timer_add(struct ev_loop *l, int64_t ms, ev_fn *fn, void *arg)
{
	struct ev_timer *t = xcalloc(1, sizeof *t);

	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	heap_add(&l->timers, &t->node, clk_mono() + ms);
	return t;
}

void
ev_timer_del(struct ev_timer **tp)
{
	struct ev_timer *t = *tp;

	if (t == NULL)
		return;
	heap_remove(&t->loop->timers, &t->node);
	free(t);
	*tp = NULL;
}

void
ev_post(struct ev_loop *l, ev_fn *fn, void *arg)
{
	struct post *p = xcalloc(1, sizeof *p);
	uint64_t one = 1;

	p->fn = fn;
	p->arg = arg;
	pthread_mutex_lock(&l->lock);
	*l->posts_end = p;
	l->posts_end = &p->next;
	pthread_mutex_unlock(&l->lock);
	if (running_here == l) {
		l->posted = true;
		return;
	}
	must(write(l->wakeup, &one, sizeof one) > 0 || errno == EAGAIN);
}
