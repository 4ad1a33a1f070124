#include "net/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

/*
 * All transitions happen under the pool's lock.  An event of epoll names its
 * task by a slot and that slot's generation, never by pointer: a wake can
 * leave a second event behind for a task that has ended meanwhile.
 */
enum {
	TASK_PARKED,
	TASK_RUNNING,
	TASK_RUNNING_WOKEN
};

#define STACK_SIZE    (256 * 1024)
#define IDLE_SPARE_MS 2000
#define STOP_GRACE_MS 3000
#define STOP_EVENT    UINT64_MAX

struct slot {
	struct pool_task *task; /* NULL: free */
	uint32_t generation;
};

struct pool {
	int epoll;
	int stop_event;
	unsigned max_threads;
	pthread_attr_t attr;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned threads;
	unsigned waiting; /* threads in epoll_wait */
	bool ending;
	struct slot *slot;
	size_t nslot, slot_cap;
	unsigned ntasks;
	void (*watch)(void *arg); /* see pool_watch */
	void *watch_arg;
};

static void start_thread(struct pool *p);

/* With the lock held: arms the task's descriptor for one event. */
static void
arm(struct pool *p, struct pool_task *t, int op, uint32_t more)
{
	struct epoll_event ev = {
	    .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT | more};

	ev.data.u64 = (uint64_t)p->slot[t->slot].generation << 32 | t->slot;
	if (epoll_ctl(p->epoll, op, t->fd, &ev) != 0)
		mlog(LOG_ERROR, "pool.arm", "errno=%d", errno);
}

static void
task_end(struct pool *p, struct pool_task *t)
{
	(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, t->fd, NULL);
	pthread_mutex_lock(&p->lock);
	p->slot[t->slot].task = NULL;
	p->slot[t->slot].generation++;
	pthread_mutex_unlock(&p->lock);
	t->end(t);
	/* Only now: pool_stop waits until end() has done its work. */
	pthread_mutex_lock(&p->lock);
	p->ntasks--;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* With the lock held: the task of an event, now running here; NULL if there is
 * nothing to do. */
static struct pool_task *
task_claim(struct pool *p, uint64_t id)
{
	struct slot *s = &p->slot[id & UINT32_MAX];
	struct pool_task *t = s->task;

	if (t == NULL || s->generation != (uint32_t)(id >> 32))
		return NULL;
	if (t->state != TASK_PARKED) {
		t->state = TASK_RUNNING_WOKEN;
		return NULL;
	}
	t->state = TASK_RUNNING;
	if (p->watch != NULL)
		p->watch(p->watch_arg);
	p->watch = NULL;
	return t;
}

/* Parks the task again; false if it was woken while it ran. */
static bool
task_park(struct pool *p, struct pool_task *t)
{
	bool parked;

	pthread_mutex_lock(&p->lock);
	parked = t->state == TASK_RUNNING;
	t->state = parked ? TASK_PARKED : TASK_RUNNING;
	if (parked)
		arm(p, t, EPOLL_CTL_MOD, 0);
	pthread_mutex_unlock(&p->lock);
	return parked;
}

static void
task_run(struct pool *p, struct pool_task *t)
{
	do {
		if (t->run(t) == POOL_DONE) {
			task_end(p, t);
			return;
		}
	} while (!task_park(p, t));
}

/*
 * With the lock held, after epoll_wait.  The last waiting thread that gets
 * work starts another one, so that there is always one to notice; a thread
 * that saw nothing happen leaves if it is not the only one waiting.
 */
static bool
worker_should_leave(struct pool *p, int events)
{
	p->waiting--;
	if ((p->ending && p->ntasks == 0) || (events == 0 && p->waiting > 0)) {
		p->threads--;
		pthread_cond_broadcast(&p->changed);
		return true;
	}
	if (events > 0 && p->waiting == 0 && p->threads < p->max_threads)
		start_thread(p);
	return false;
}

static void *
worker(void *arg)
{
	struct pool *p = arg;
	bool alone = false;

	for (;;) {
		struct pool_task *t = NULL;
		struct epoll_event ev;
		/* One always waits, and need not look whether it is alone. */
		int n =
		    epoll_wait(p->epoll, &ev, 1, alone ? -1 : IDLE_SPARE_MS);

		pthread_mutex_lock(&p->lock);
		if (worker_should_leave(p, n)) {
			pthread_mutex_unlock(&p->lock);
			return NULL;
		}
		if (n > 0 && ev.data.u64 != STOP_EVENT)
			t = task_claim(p, ev.data.u64);
		pthread_mutex_unlock(&p->lock);
		if (t != NULL)
			task_run(p, t);
		pthread_mutex_lock(&p->lock);
		alone = p->waiting++ == 0 && n == 0;
		pthread_mutex_unlock(&p->lock);
	}
}

/* With the lock held. */
static void
start_thread(struct pool *p)
{
	pthread_t th;

	if (pthread_create(&th, &p->attr, worker, p) == 0) {
		p->threads++;
		p->waiting++;
	} else if (p->threads == 0) {
		mlog(LOG_ERROR, "pool.thread", "errno=%d", errno);
	}
}

struct pool *
pool_new(unsigned max_threads)
{
	pthread_condattr_t monotonic;
	struct pool *p = xcalloc(1, sizeof *p);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = STOP_EVENT};

	p->max_threads = max_threads;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(p->epoll >= 0 && p->stop_event >= 0);
	must(epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->stop_event, &ev) == 0);
	must(pthread_attr_init(&p->attr) == 0);
	must(pthread_attr_setstacksize(&p->attr, STACK_SIZE) == 0);
	must(pthread_attr_setdetachstate(&p->attr, PTHREAD_CREATE_DETACHED) ==
	     0);
	must(pthread_mutex_init(&p->lock, NULL) == 0);
	must(pthread_condattr_init(&monotonic) == 0);
	must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&p->changed, &monotonic) == 0);
	(void)pthread_condattr_destroy(&monotonic);
	pthread_mutex_lock(&p->lock);
	start_thread(p);
	pthread_mutex_unlock(&p->lock);
	return p;
}

/* With the lock held. */
static uint32_t
free_slot(struct pool *p)
{
	size_t i;

	for (i = 0; i < p->nslot; i++)
		if (p->slot[i].task == NULL)
			return (uint32_t)i;
	p->slot = xgrow(p->slot, &p->slot_cap, p->nslot + 1, sizeof *p->slot);
	p->slot[p->nslot] = (struct slot){NULL, 0};
	return (uint32_t)p->nslot++;
}

void
pool_add(struct pool *p, struct pool_task *t)
{
	pthread_mutex_lock(&p->lock);
	t->pool = p;
	t->state = TASK_PARKED;
	t->slot = free_slot(p);
	p->slot[t->slot].task = t;
	p->ntasks++;
	if (p->ending)
		atomic_store(&t->stopping, true);
	arm(p, t, EPOLL_CTL_ADD, EPOLLOUT);
	pthread_mutex_unlock(&p->lock);
}

/* With the lock held. */
static void
wake(struct pool *p, struct pool_task *t)
{
	if (t->state == TASK_PARKED)
		arm(p, t, EPOLL_CTL_MOD, EPOLLOUT);
	else
		t->state = TASK_RUNNING_WOKEN;
}

void
pool_wake(struct pool_task *t)
{
	pthread_mutex_lock(&t->pool->lock);
	wake(t->pool, t);
	pthread_mutex_unlock(&t->pool->lock);
}

void
pool_tick(struct pool *p)
{
	int64_t now = clk_mono();
	size_t i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->nslot; i++) {
		struct pool_task *t = p->slot[i].task;
		int64_t d = t != NULL ? atomic_load(&t->deadline) : 0;

		if (d != 0 && d <= now)
			wake(p, t);
		if (t != NULL && t->stop_at != 0 &&
		    now - t->stop_at > STOP_GRACE_MS)
			(void)shutdown(t->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&p->lock);
}

void
pool_watch(struct pool *p, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&p->lock);
	p->watch = fn;
	p->watch_arg = arg;
	pthread_mutex_unlock(&p->lock);
}

void
pool_stop_some(
    struct pool *p, bool (*match)(struct pool_task *, void *), void *arg)
{
	size_t i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->nslot; i++) {
		struct pool_task *t = p->slot[i].task;

		if (t == NULL || (match != NULL && !match(t, arg)))
			continue;
		atomic_store(&t->stopping, true);
		t->stop_at = clk_mono();
		wake(p, t);
	}
	pthread_mutex_unlock(&p->lock);
}

bool
pool_has(struct pool *p, bool (*match)(struct pool_task *, void *), void *arg)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->nslot && !found; i++)
		found = p->slot[i].task != NULL && match(p->slot[i].task, arg);
	pthread_mutex_unlock(&p->lock);
	return found;
}

unsigned
pool_count(struct pool *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->ntasks;
	pthread_mutex_unlock(&p->lock);
	return n;
}

bool
pool_stop(struct pool *p, int64_t timeout_ms)
{
	const int64_t end = clk_mono() + timeout_ms;
	struct timespec until;
	uint64_t one = 1;
	bool over = false;

	pool_stop_some(p, NULL, NULL);
	until = (struct timespec){end / 1000, end % 1000 * 1000000};
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	while (!over && p->ntasks > 0)
		over = pthread_cond_timedwait(&p->changed, &p->lock, &until) ==
		       ETIMEDOUT;
	if (write(p->stop_event, &one, sizeof one) < 0)
		over = true;
	while (!over && p->threads > 0)
		over = pthread_cond_timedwait(&p->changed, &p->lock, &until) ==
		       ETIMEDOUT;
	pthread_mutex_unlock(&p->lock);
	if (over)
		return false;
	(void)pthread_attr_destroy(&p->attr);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	io_close(&p->stop_event);
	io_close(&p->epoll);
	free(p->slot);
	free(p);
	return true;
}
