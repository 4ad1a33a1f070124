#include "smtp/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/network.h"
#include "smtp/defer.h"
#include "smtp/session.h"

#define SOCKETS_MAX  32
#define STACK_SIZE   (160 * 1024)
#define RATE_SLOTS   4096
#define CROWDED_PCT  80
#define NETWORK_PART 10 /* one network has at most 1/10 of the slots */

struct slot {
	struct smtp_conn conn;
	struct smtp_server *server;
	struct network_key network, host;
	bool open; /* its descriptor is; under the server's lock */
	struct slot *prev, *next;
};

/* Messages of a network in this hour; direct-mapped, which may only forget. */
struct rate {
	uint64_t key;
	int64_t since;
	uint32_t n;
};

struct smtp_server {
	struct smtp_server_opts o;
	struct smtp_budget budget;
	struct {
		int fd;
		bool implicit_tls;
	} sock[SOCKETS_MAX];
	unsigned nsock;
	int wake; /* an eventfd: ends the accepting thread */
	pthread_attr_t attr;
	pthread_t accepting;
	bool started;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct dkim_keys *keys;

	pthread_mutex_t lock; /* of what follows */
	struct slot *slots;
	unsigned n;
	uint64_t next_id;
	struct rate rate[RATE_SLOTS];
	struct smtp_deferrals deferrals;
	unsigned kicks;
	bool draining;
	_Atomic int64_t drain_until; /* clk_mono */
	void (*drained)(void *);
	void *drained_arg;
};

static uint64_t
keyed(const struct smtp_server *s, struct sv what)
{
	uint64_t key;

	(void)crypto_shorthash((unsigned char *)&key,
	    (const unsigned char *)what.p, what.n, s->key);
	return key;
}

/* Called by a session for each MAIL, and for what is forwarded. */
static bool
may_take(void *arg, unsigned n)
{
	struct slot *slot = arg;
	struct smtp_server *s = slot->server;
	int64_t now = clk_mono();
	uint64_t key;
	struct rate *r;
	bool ok;

	key = keyed(s, sv_of(slot->network.b, sizeof slot->network.b));
	pthread_mutex_lock(&s->lock);
	if (slot->conn.loopback && !s->o.limits.loopback) {
		pthread_mutex_unlock(&s->lock);
		return true;
	}
	r = &s->rate[key % RATE_SLOTS];
	if (r->key != key || now - r->since > 60 * 60 * 1000)
		*r = (struct rate){key, now, 0};
	/* One alias may lead to more addresses than there are messages. */
	ok = r->n < s->o.limits.messages_per_hour;
	r->n += ok ? n : 0;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

/* Called by a session for a message that cannot be judged. */
static bool
may_defer(void *arg, struct sv sender, struct sv author)
{
	struct slot *slot = arg;
	struct smtp_server *s = slot->server;
	struct buf who;
	uint64_t key;
	bool yes;

	buf_init(&who, 4096);
	/* Not the network: large senders try again from another one. */
	buf_addsv(&who, sender);
	buf_addc(&who, ' ');
	buf_addsv(&who, author);
	key = keyed(s, buf_sv(&who));
	buf_fini(&who);
	pthread_mutex_lock(&s->lock);
	yes = smtp_defer(&s->deferrals, key, clk_mono());
	pthread_mutex_unlock(&s->lock);
	return yes;
}

static void
deferred(void *arg, struct sv signatures)
{
	struct slot *slot = arg;
	struct smtp_server *s = slot->server;
	uint64_t key = keyed(s, signatures);

	pthread_mutex_lock(&s->lock);
	smtp_defer_message(&s->deferrals, key, clk_mono());
	pthread_mutex_unlock(&s->lock);
}

static int64_t
waited(void *arg, struct sv signatures)
{
	struct slot *slot = arg;
	struct smtp_server *s = slot->server;
	uint64_t key = keyed(s, signatures);
	int64_t ms;

	pthread_mutex_lock(&s->lock);
	ms = smtp_defer_waited(&s->deferrals, key, clk_mono());
	pthread_mutex_unlock(&s->lock);
	return ms;
}

/* ---- slots, with the lock held ---- */

static unsigned
kicks(void *arg)
{
	struct slot *slot = arg;
	unsigned n;

	pthread_mutex_lock(&slot->server->lock);
	n = slot->server->kicks;
	pthread_mutex_unlock(&slot->server->lock);
	return n;
}

/* A network gets a small share of the server, an address a smaller one. */
static const char *
why_not(struct smtp_server *s, const char *peer,
    const struct network_key *network, const struct network_key *host)
{
	unsigned of_network = 0, of_peer = 0;
	struct slot *q;

	/* This one is counted already. */
	if (s->n > s->o.limits.connections)
		return "full";
	if (network_is_loopback(peer) && !s->o.limits.loopback)
		return NULL;
	for (q = s->slots; q != NULL; q = q->next) {
		of_network += network_same(&q->network, network);
		of_peer += network_same(&q->host, host);
	}
	if (of_peer >= s->o.limits.connections_per_peer)
		return "peer-limit";
	if (of_network >= s->o.limits.connections / NETWORK_PART)
		return "network-limit";
	return NULL;
}

/* Above 80 %, who has moved least of late makes room. */
static void
make_room(struct smtp_server *s)
{
	struct slot *q, *slowest = NULL;
	unsigned missed;

	/* The one that knocks is counted already. */
	if ((s->n - 1) * 100 < s->o.limits.connections * CROWDED_PCT)
		return;
	for (q = s->slots; q != NULL; q = q->next)
		if (q->open && !q->conn.leave &&
		    (slowest == NULL ||
			q->conn.progress < slowest->conn.progress))
			slowest = q;
	if (slowest == NULL)
		return;
	if (log_peer_may(slowest->conn.peer, &missed))
		mlog(LOG_WARN, "smtp.crowded", "connections=%u leaves=%s", s->n,
		    slowest->conn.peer);
	atomic_store(&slowest->conn.leave, true);
	/* Wakes it from its read; the 421 can still be written. */
	(void)shutdown(slowest->conn.fd, SHUT_RD);
}

static void
slot_end(struct slot *q)
{
	struct smtp_server *s = q->server;
	void (*drained)(void *) = NULL;
	void *arg = NULL;

	pthread_mutex_lock(&s->lock);
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		s->slots = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	s->n--;
	if (s->draining && s->n == 0) {
		drained = s->drained;
		arg = s->drained_arg;
	}
	pthread_mutex_unlock(&s->lock);
	free(q);
	if (drained != NULL)
		drained(arg); /* s may be gone behind this */
}

/* From now on nobody may touch the descriptor: its number will be another's. */
static void
slot_closing(void *arg)
{
	struct slot *q = arg;

	pthread_mutex_lock(&q->server->lock);
	q->open = false;
	pthread_mutex_unlock(&q->server->lock);
}

static void *
slot_main(void *arg)
{
	struct slot *q = arg;

	smtp_session_run(&q->conn);
	slot_end(q);
	return NULL;
}

/* ---- accepting ---- */

static void
refuse_at_the_door(struct smtp_server *s, int fd, bool implicit_tls)
{
	char line[300];
	int n;

	if (!implicit_tls) {
		n = snprintf(line, sizeof line,
		    "421 4.7.0 %s too many connections, try again later\r\n",
		    s->o.hostname);
		(void)send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	io_close(&fd);
}

/* Gives the place back that accept_one has taken. */
static void
place_free(struct smtp_server *s)
{
	void (*drained)(void *) = NULL;
	void *arg = NULL;

	pthread_mutex_lock(&s->lock);
	s->n--;
	if (s->draining && s->n == 0) {
		drained = s->drained;
		arg = s->drained_arg;
	}
	pthread_mutex_unlock(&s->lock);
	if (drained != NULL)
		drained(arg); /* s may be gone behind this */
}

static struct slot *
slot_new(struct smtp_server *s, int fd, const char *peer, bool implicit_tls)
{
	struct slot *q = xcalloc(1, sizeof *q);

	q->server = s;
	network_key(peer, true, &q->network);
	network_key(peer, false, &q->host);
	q->conn.o = &s->o;
	q->conn.budget = &s->budget;
	q->conn.keys = s->keys;
	(void)snprintf(q->conn.peer, sizeof q->conn.peer, "%s", peer);
	q->conn.loopback = network_is_loopback(peer);
	q->conn.implicit_tls = implicit_tls;
	q->conn.fd = fd;
	q->conn.progress = clk_mono();
	q->conn.may_take = may_take;
	q->conn.may_defer = may_defer;
	q->conn.deferred = deferred;
	q->conn.waited = waited;
	q->conn.kicks = kicks;
	q->conn.closing = slot_closing;
	q->open = true;
	q->conn.arg = q;
	return q;
}

static void
admit(struct smtp_server *s, int fd, const char *peer, bool implicit_tls)
{
	struct slot *q = slot_new(s, fd, peer, implicit_tls);
	const char *why;
	unsigned missed;
	pthread_t th;

	pthread_mutex_lock(&s->lock);
	make_room(s);
	why = why_not(s, peer, &q->network, &q->host);
	if (why == NULL) {
		q->conn.limits = s->o.limits;
		q->conn.id = ++s->next_id;
		q->next = s->slots;
		if (s->slots != NULL)
			s->slots->prev = q;
		s->slots = q;
	}
	pthread_mutex_unlock(&s->lock);
	if (why != NULL) {
		if (log_peer_may(peer, &missed))
			mlog(LOG_INFO, "smtp.refuse", "peer=%s reason=%s", peer,
			    why);
		refuse_at_the_door(s, fd, implicit_tls);
		free(q);
		place_free(s);
	} else if (pthread_create(&th, &s->attr, slot_main, q) != 0) {
		mlog(LOG_ERROR, "smtp.thread", "peer=%s", peer);
		slot_closing(q);
		refuse_at_the_door(s, fd, implicit_tls);
		slot_end(q);
	}
}

/* A connection of a server that drains is left for its successor, who has the
 * same sockets; one that is taken holds the server until it is served. */
static int
take_connection(
    struct smtp_server *s, int listener, struct sockaddr *a, socklen_t *n)
{
	int fd = -1;

	errno = EAGAIN;
	pthread_mutex_lock(&s->lock);
	if (!s->draining) {
		fd = accept4(listener, a, n, SOCK_CLOEXEC);
		s->n += fd >= 0;
	}
	pthread_mutex_unlock(&s->lock);
	return fd;
}

static void
accept_one(struct smtp_server *s, int listener, bool implicit_tls)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} a;
	socklen_t n = sizeof a;
	char peer[NETWORK_PEER_MAX];
	int fd = take_connection(s, listener, &a.any, &n);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED) {
			const struct timespec pause = {0, 50 * 1000 * 1000};

			/* Out of descriptors: let some sessions end. */
			mlog(LOG_ERROR, "accept.fail", "errno=%d", errno);
			(void)nanosleep(&pause, NULL);
		}
		return;
	}
	network_peer_name(&a.any, peer);
	admit(s, fd, peer, implicit_tls);
}

/* Draining: ends those who are still there when the time is up. */
static void
end_in_time(struct smtp_server *s)
{
	const struct timespec pause = {0, 200 * 1000 * 1000};
	struct slot *q;

	while (clk_mono() < s->drain_until && smtp_server_count(s) > 0)
		(void)nanosleep(&pause, NULL);
	pthread_mutex_lock(&s->lock);
	for (q = s->slots; q != NULL; q = q->next) {
		atomic_store(&q->conn.leave, true);
		if (q->open)
			(void)shutdown(q->conn.fd, SHUT_RD);
	}
	pthread_mutex_unlock(&s->lock);
}

static void *
accept_main(void *arg)
{
	struct smtp_server *s = arg;
	struct pollfd p[SOCKETS_MAX + 1];
	unsigned i;

	for (i = 0; i < s->nsock; i++)
		p[i] = (struct pollfd){.fd = s->sock[i].fd, .events = POLLIN};
	p[s->nsock] = (struct pollfd){.fd = s->wake, .events = POLLIN};
	for (;;) {
		if (poll(p, s->nsock + 1, -1) < 0)
			continue;
		if (p[s->nsock].revents != 0) {
			end_in_time(s);
			return NULL;
		}
		for (i = 0; i < s->nsock; i++)
			if (p[i].revents != 0)
				accept_one(
				    s, s->sock[i].fd, s->sock[i].implicit_tls);
	}
}

/* ---- life ---- */

struct smtp_server *
smtp_server_new(const struct smtp_server_opts *o)
{
	struct smtp_server *s = xcalloc(1, sizeof *s);

	s->o = *o;
	s->budget.memory.max = o->limits.memory;
	s->budget.files.max = o->limits.files;
	must(pthread_mutex_init(&s->budget.lock, NULL) == 0);
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	s->wake = eventfd(0, EFD_CLOEXEC);
	must(s->wake >= 0);
	must(pthread_attr_init(&s->attr) == 0);
	must(pthread_attr_setstacksize(&s->attr, STACK_SIZE) == 0);
	must(pthread_attr_setdetachstate(&s->attr, PTHREAD_CREATE_DETACHED) ==
	     0);
	randombytes_buf(s->key, sizeof s->key);
	s->keys = dkim_keys_new();
	return s;
}

void
smtp_server_add(struct smtp_server *s, int fd, bool implicit_tls)
{
	must(s->nsock < SOCKETS_MAX);
	s->sock[s->nsock].fd = fd;
	s->sock[s->nsock++].implicit_tls = implicit_tls;
}

void
smtp_server_start(struct smtp_server *s)
{
	if (s->draining)
		return; /* it was never to be */
	must(pthread_create(&s->accepting, NULL, accept_main, s) == 0);
	s->started = true;
}

void
smtp_server_drain(
    struct smtp_server *s, int64_t ms, void (*drained)(void *), void *arg)
{
	const uint64_t one = 1;
	bool none;

	pthread_mutex_lock(&s->lock);
	s->drained = drained;
	s->drained_arg = arg;
	none = !s->draining && s->n == 0;
	s->draining = true;
	s->drain_until = clk_mono() + ms;
	pthread_mutex_unlock(&s->lock);
	if (write(s->wake, &one, sizeof one) < 0)
		mlog(LOG_ERROR, "smtp.drain", "errno=%d", errno);
	if (none)
		drained(arg);
}

void
smtp_server_free(struct smtp_server **sp)
{
	struct smtp_server *s = *sp;
	unsigned i;

	if (s == NULL)
		return;
	must(s->slots == NULL);
	if (s->started)
		(void)pthread_join(s->accepting, NULL);
	for (i = 0; i < s->nsock; i++)
		io_close(&s->sock[i].fd);
	io_close(&s->wake);
	(void)pthread_attr_destroy(&s->attr);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->budget.lock);
	dkim_keys_free(&s->keys);
	free(s);
	*sp = NULL;
}

void
smtp_server_set_limits(struct smtp_server *s, const struct smtp_limits *l)
{
	pthread_mutex_lock(&s->lock);
	s->o.limits = *l;
	pthread_mutex_unlock(&s->lock);
}

void
smtp_server_kick(
    struct smtp_server *s, const char *account, uint64_t credential)
{
	struct slot *q;

	pthread_mutex_lock(&s->lock);
	s->kicks++;
	for (q = s->slots; q != NULL; q = q->next) {
		if (!atomic_load(&q->conn.authed) ||
		    q->conn.login.credential != credential ||
		    strcmp(q->conn.login.account, account) != 0)
			continue;
		atomic_store(&q->conn.leave, true);
		if (q->open)
			(void)shutdown(q->conn.fd, SHUT_RD);
	}
	pthread_mutex_unlock(&s->lock);
}

unsigned
smtp_server_count(struct smtp_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}
