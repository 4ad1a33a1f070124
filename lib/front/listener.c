#include "front/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "front/front_priv.h"

#define LAST_WORDS_MS	10000
#define SWEEP_MS	1000
#define DRAIN_SWEEP_MS	100
#define ACCEPT_PAUSE_MS 100
#define ACCEPTS_A_TURN	16
#define STACK_SIZE	(512 * 1024)

struct accept_arg {
	struct shard *shard;
	enum conf_service service;
	int fd;
	unsigned place; /* in shard->accepts */
};

struct listener *
listener_new(const struct listener_opts *o)
{
	struct listener *l = xcalloc(1, sizeof *l);
	unsigned i;

	l->o = *o;
	must(pthread_mutex_init(&l->lock, NULL) == 0);
	l->shard = xcalloc(o->threads, sizeof *l->shard);
	for (i = 0; i < o->threads; i++) {
		struct shard *s = &l->shard[i];

		s->l = l;
		s->loop = ev_loop_new();
		s->flow = xmalloc(FLOW_BYTES);
		/* One turn's cipher text: what is read, in records. */
		buf_init(&s->cipher, 2 * FLOW_BYTES);
	}
	return l;
}

void
listener_add(struct listener *l, enum conf_service service, int fd)
{
	must(l->nsock < sizeof l->sock / sizeof l->sock[0]);
	l->sock[l->nsock].service = service;
	l->sock[l->nsock++].fd = fd;
}

static const char *
find_place(struct conn *c)
{
	struct listener *l = c->shard->l;
	const char *why;

	if (!peers_enter(l, c->peer))
		return "peer-limit";
	why = strangers_enter(c);
	if (why != NULL)
		peers_leave(l, c->peer);
	return why;
}

static void
admit(struct shard *s, enum conf_service service, int fd, const char *peer)
{
	struct listener *l = s->l;
	struct conn *c = conn_new(s, service, fd, peer);
	const char *why = find_place(c);
	unsigned missed;
	bool may;

	if (why == NULL) {
		l->count++;
		conn_start(c);
		return;
	}
	pthread_mutex_lock(&l->lock);
	may = strangers_may_log(l, peer);
	pthread_mutex_unlock(&l->lock);
	if (may && log_peer_may(peer, &missed))
		mlog(LOG_WARN, "accept.full", "service=%s peer=%s reason=%s",
		    l->o.proto->name, peer, why);
	conn_refuse(c);
}

static void on_accept(struct ev *e, uint32_t events, void *arg);

static void
accept_again(void *arg)
{
	struct accept_arg *a = arg;

	if (!a->shard->draining)
		a->shard->accepts[a->place] = ev_add(a->shard->loop, a->fd,
		    EPOLLIN | EPOLLEXCLUSIVE, on_accept, a);
}

/* Out of descriptors or memory: the socket stays readable, so do not look at
 * it for a moment and let some sessions end. */
static void
accept_pause(struct accept_arg *a)
{
	mlog(LOG_ERROR, "accept.fail", "errno=%d", errno);
	ev_del(&a->shard->accepts[a->place]);
	(void)ev_timer_add(a->shard->loop, ACCEPT_PAUSE_MS, accept_again, a);
}

static void
on_accept(struct ev *e, uint32_t events, void *arg)
{
	struct accept_arg *a = arg;
	int i;

	(void)e;
	(void)events;
	for (i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t n = sizeof from;
		const int one = 1;
		char peer[46];
		int fd = accept4(a->fd, (struct sockaddr *)&from, &n,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno != EAGAIN && errno != ECONNABORTED &&
			    errno != EINTR)
				accept_pause(a);
			return;
		}
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		network_peer_name((struct sockaddr *)&from, peer);
		admit(a->shard, a->service, fd, peer);
	}
}

static void
stop_accepting(struct shard *s)
{
	unsigned i;

	for (i = 0; i < s->naccepts; i++)
		ev_del(&s->accepts[i]);
	s->naccepts = 0;
}

/* True: some have a deadline. */
static bool
sweep_conns(struct shard *s, int64_t now)
{
	struct conn *c, *next;
	bool late = s->draining && now >= s->drain_until;
	bool any = false;

	for (c = s->conns; c != NULL; c = next) {
		next = c->next;
		if (c->state == CONN_DEAD)
			continue;
		if (c->state == CONN_PUMP && late && c->deadline == 0)
			pump_end(c, now + LAST_WORDS_MS);
		else if ((c->state == CONN_FRONT || c->state == CONN_LATER) &&
			 (late || (c->deadline != 0 && c->deadline <= now)))
			late ? conn_bye(c, "the server restarts")
			     : conn_idle(c);
		else if (c->deadline != 0 && c->deadline <= now)
			conn_kill(c);
		any = any || c->deadline != 0;
	}
	return any;
}

static void
on_sweep(void *arg)
{
	struct shard *s = arg;
	bool any;

	s->sweep = NULL;
	any = sweep_conns(s, clk_mono());
	conn_reap(s);
	if (s->draining) {
		ev_timer_del(&s->sweep);
		s->sweep = ev_timer_add(s->loop, DRAIN_SWEEP_MS, on_sweep, s);
	} else if (any) {
		shard_sweep_soon(s);
	}
	if (s->draining && s->conns == NULL) {
		ev_stop(s->loop);
		if (--s->l->running == 0 && s->l->drained != NULL)
			s->l->drained(s->l->drained_arg);
	}
}

void
shard_sweep_soon(struct shard *s)
{
	if (s->sweep == NULL)
		s->sweep = ev_timer_add(s->loop, SWEEP_MS, on_sweep, s);
}

static void
shard_let_in(void *arg)
{
	struct shard *s = arg;
	unsigned i;

	if (s->draining)
		return;
	s->accepts = xcalloc(s->l->nsock, sizeof(struct ev *));
	for (i = 0; i < s->l->nsock; i++) {
		struct accept_arg *a = xcalloc(1, sizeof *a);

		*a = (struct accept_arg){
		    s, s->l->sock[i].service, s->l->sock[i].fd, i};
		s->accepts[s->naccepts++] = ev_add(
		    s->loop, a->fd, EPOLLIN | EPOLLEXCLUSIVE, on_accept, a);
	}
}

static void *
shard_main(void *arg)
{
	struct shard *s = arg;

	ev_run(s->loop);
	return NULL;
}

void
listener_let_in(struct listener *l)
{
	unsigned i;

	for (i = 0; i < l->o.threads; i++)
		ev_post(l->shard[i].loop, shard_let_in, &l->shard[i]);
}

struct alive {
	atomic_uint left; /* loops */
	void (*fn)(void *arg);
	void *arg;
};

static void
shard_alive(void *arg)
{
	struct alive *a = arg;

	if (--a->left > 0)
		return;
	a->fn(a->arg);
	free(a);
}

void
listener_alive(struct listener *l, void (*alive)(void *arg), void *arg)
{
	struct alive *a = xcalloc(1, sizeof *a);
	unsigned i;

	a->left = l->o.threads;
	a->fn = alive;
	a->arg = arg;
	for (i = 0; i < l->o.threads; i++)
		ev_post(l->shard[i].loop, shard_alive, a);
}

void
listener_start(struct listener *l)
{
	pthread_attr_t attr;
	unsigned i;

	must(pthread_attr_init(&attr) == 0);
	must(pthread_attr_setstacksize(&attr, STACK_SIZE) == 0);
	l->running = l->o.threads;
	for (i = 0; i < l->o.threads; i++)
		must(pthread_create(&l->shard[i].thread, &attr, shard_main,
			 &l->shard[i]) == 0);
	(void)pthread_attr_destroy(&attr);
}

static void
shard_drain(void *arg)
{
	struct shard *s = arg;

	stop_accepting(s);
	s->draining = true;
	ev_timer_del(&s->sweep);
	on_sweep(s);
}

void
listener_drain(
    struct listener *l, int64_t ms, void (*drained)(void *), void *arg)
{
	unsigned i;

	l->drained = drained;
	l->drained_arg = arg;
	for (i = 0; i < l->o.threads; i++) {
		l->shard[i].drain_until = clk_mono() + ms;
		ev_post(l->shard[i].loop, shard_drain, &l->shard[i]);
	}
}

unsigned
listener_count(struct listener *l)
{
	return l->count;
}

void
listener_set_limits(struct listener *l, uint32_t connections,
    uint32_t connections_per_peer, bool limit_loopback)
{
	pthread_mutex_lock(&l->lock);
	l->o.connections = connections;
	l->o.connections_per_peer = connections_per_peer;
	l->o.limit_loopback = limit_loopback;
	pthread_mutex_unlock(&l->lock);
}
