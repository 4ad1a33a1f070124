#include "dns/ubevent.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "base/rc.h"

/*
 * An event of libunbound: a descriptor, a time limit, or both.  As with
 * libevent, whose shape this interface has: one that is not UB_EV_PERSIST is
 * off once it has fired; one that is begins its time anew.
 */
struct event {
	struct ub_event super; /* must be first */
	struct ev_loop *loop;
	int fd; /* -1: only time */
	short bits;
	void (*fn)(int, short, void *);
	void *arg;
	struct ev *io;
	struct ev_timer *timer;
	int64_t limit; /* ms; -1: none */
};

struct base {
	struct ub_event_base super; /* must be first */
	struct ev_loop *loop;
};

static void on_time(void *arg);

static struct event *
event_of(struct ub_event *u)
{
	must(u->magic == UB_EVENT_MAGIC);
	return (struct event *)u;
}

static void
off(struct event *e)
{
	ev_del(&e->io);
	ev_timer_del(&e->timer);
}

static void
fire(struct event *e, short what)
{
	if ((e->bits & UB_EV_PERSIST) == 0) {
		off(e);
	} else if (e->limit >= 0) {
		ev_timer_del(&e->timer);
		e->timer = ev_timer_add(e->loop, e->limit, on_time, e);
	}
	/* It may free the event. */
	e->fn(e->fd, what, e->arg);
}

static void
on_time(void *arg)
{
	struct event *e = arg;

	e->timer = NULL;
	fire(e, UB_EV_TIMEOUT);
}

static void
on_io(struct ev *ev, uint32_t events, void *arg)
{
	struct event *e = arg;
	short what = 0;

	(void)ev;
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
		what |= UB_EV_READ;
	if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
		what |= UB_EV_WRITE;
	what &= e->bits;
	if (what != 0)
		fire(e, what);
}

static int64_t
ms_of(const struct timeval *tv)
{
	/* Rounded up: an event before its time is asked for again at once. */
	return (int64_t)tv->tv_sec * 1000 + (tv->tv_usec + 999) / 1000;
}

static int
event_add(struct ub_event *u, struct timeval *tv)
{
	struct event *e = event_of(u);
	uint32_t events = 0;

	off(e);
	if ((e->bits & UB_EV_READ) != 0)
		events |= EPOLLIN;
	if ((e->bits & UB_EV_WRITE) != 0)
		events |= EPOLLOUT;
	if (e->fd >= 0 && events != 0)
		e->io = ev_add(e->loop, e->fd, events, on_io, e);
	e->limit = tv != NULL ? ms_of(tv) : -1;
	if (e->limit >= 0)
		e->timer = ev_timer_add(e->loop, e->limit, on_time, e);
	return 0;
}

static int
event_del(struct ub_event *u)
{
	off(event_of(u));
	return 0;
}

static int
event_add_timer(struct ub_event *u, struct ub_event_base *b,
    void (*fn)(int, short, void *), void *arg, struct timeval *tv)
{
	struct event *e = event_of(u);

	(void)b;
	e->fn = fn;
	e->arg = arg;
	return event_add(u, tv);
}

static void
event_add_bits(struct ub_event *u, short bits)
{
	event_of(u)->bits |= bits;
}

static void
event_del_bits(struct ub_event *u, short bits)
{
	event_of(u)->bits &= (short)~bits;
}

static void
event_set_fd(struct ub_event *u, int fd)
{
	event_of(u)->fd = fd;
}

static void
event_free(struct ub_event *u)
{
	struct event *e = event_of(u);

	off(e);
	free(e);
}

/* What libunbound says it never calls with a base of ours. */
static int
no_add_signal(struct ub_event *u, struct timeval *tv)
{
	(void)u;
	(void)tv;
	return -1;
}

static int
no_del_signal(struct ub_event *u)
{
	(void)u;
	return -1;
}

static void
no_unregister(struct ub_event *u)
{
	(void)u;
}

static void
no_wouldblock(struct ub_event *u, int bit)
{
	(void)u;
	(void)bit;
}

static struct ub_event_vmt event_calls = {
    .add_bits = event_add_bits,
    .del_bits = event_del_bits,
    .set_fd = event_set_fd,
    .free = event_free,
    .add = event_add,
    .del = event_del,
    .add_timer = event_add_timer,
    .del_timer = event_del,
    .add_signal = no_add_signal,
    .del_signal = no_del_signal,
    .winsock_unregister_wsaevent = no_unregister,
    .winsock_tcp_wouldblock = no_wouldblock,
};

static struct ub_event *
event_new(struct ub_event_base *b, int fd, short bits,
    void (*fn)(int, short, void *), void *arg)
{
	struct event *e = xcalloc(1, sizeof *e);

	e->super.magic = UB_EVENT_MAGIC;
	e->super.vmt = &event_calls;
	e->loop = ((struct base *)b)->loop;
	e->fd = fd;
	e->bits = bits;
	e->fn = fn;
	e->arg = arg;
	e->limit = -1;
	return &e->super;
}

static struct ub_event *
no_signal(
    struct ub_event_base *b, int fd, void (*fn)(int, short, void *), void *arg)
{
	(void)b;
	(void)fd;
	(void)fn;
	(void)arg;
	return NULL;
}

static struct ub_event *
no_wsaevent(struct ub_event_base *b, void *event,
    void (*fn)(int, short, void *), void *arg)
{
	(void)b;
	(void)event;
	(void)fn;
	(void)arg;
	return NULL;
}

static void
base_free(struct ub_event_base *b)
{
	free(b);
}

static int
no_dispatch(struct ub_event_base *b)
{
	(void)b;
	return -1;
}

static int
no_exit(struct ub_event_base *b, struct timeval *tv)
{
	(void)b;
	(void)tv;
	return 0;
}

static struct ub_event_base_vmt base_calls = {
    .free = base_free,
    .dispatch = no_dispatch,
    .loopexit = no_exit,
    .new_event = event_new,
    .new_signal = no_signal,
    .winsock_register_wsaevent = no_wsaevent,
};

struct ub_event_base *
ubevent_base_new(struct ev_loop *loop)
{
	struct base *b = xcalloc(1, sizeof *b);

	b->super.magic = UB_EVENT_MAGIC;
	b->super.vmt = &base_calls;
	b->loop = loop;
	return &b->super;
}

void
ubevent_base_free(struct ub_event_base **b)
{
	free(*b);
	*b = NULL;
}
