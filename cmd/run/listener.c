/* The listeners of IMAP, POP3 and ManageSieve: sockets in, TLS, auth's line; no
 * files, no connection out, no way to the keeper. */
#include "cmd/run/listener.h"

#include <unistd.h>

#include "imap/front/front.h"
#include "managesieve/front/front.h"
#include "pop3/front/front.h"
#include "sieve/sieve.h"

#define AUTH_NAME "auth"

struct state {
	struct listening l; /* must be first */
	struct peer *auth;
};

/* ---- what all listeners share ---- */

void
listening_conf(struct child *c)
{
	struct listening *l = c->arg;
	const struct conf_limits *lim = &c->conf_now->limits;

	listener_set_limits(l->listener, lim->connections,
	    lim->connections_per_peer, lim->loopback);
}

void
listening_drain(struct child *c, int64_t ms)
{
	struct listening *l = c->arg;

	listener_drain(l->listener, ms, child_stop_soon, c);
}

unsigned
listening_status(struct child *c, struct buf *text)
{
	struct listening *l = c->arg;

	(void)text;
	return l->listener != NULL ? listener_count(l->listener) : 0;
}

void
listening_let_in(struct child *c)
{
	struct listening *l = c->arg;

	listener_let_in(l->listener);
}

static void
all_alive(void *arg)
{
	child_alive(arg);
}

void
listening_alive(struct child *c)
{
	struct listening *l = c->arg;

	listener_alive(l->listener, all_alive, c);
}

void
listening_options(struct child *c, struct listener_opts *o)
{
	o->threads = child_cores();
	o->tls = child_tls(c);
	o->hostname = c->conf_now->hostname;
	if (c->role != ROLE_WEB)
		(void)child_domain_tls(c, o->tls, false);
	o->connections = c->conf_now->limits.connections;
	o->connections_per_peer = c->conf_now->limits.connections_per_peer;
	o->limit_loopback = c->conf_now->limits.loopback;
	/* The host name must outlive a swap of the configuration; it is one of
	 * the keys that make new listeners. */
	(void)conf_ref(c->conf_now);
}

int
listening_serve(struct listening *l, const struct listener_opts *o)
{
	struct child *c = &l->child;
	unsigned i;

	l->listener = listener_new(o);
	for (i = 0; i < c->nsock; i++)
		listener_add(l->listener, c->sock[i].service, c->sock[i].fd);
	listener_start(l->listener);
	child_no_more_threads(c);
	return child_serve(c);
}

/* ---- IMAP, POP3 and ManageSieve ---- */

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_AUTH)
		peer_connect(st->auth, fd);
	else
		(void)close(fd);
}

static const struct child_ops ops = {.status = listening_status,
    .let_in = listening_let_in,
    .alive = listening_alive,
    .line = on_line,
    .conf = listening_conf,
    .drain = listening_drain};

static int
run_listener(int control_fd, const struct front_proto *proto)
{
	const struct sandbox_profile walls = {.name = proto->name,
	    .accepts = true,
	    .pairs = true,
	    .threads = SANDBOX_THREADS_FEW};
	struct state st = {0};
	struct child *c = &st.l.child;
	struct listener_opts o = {.proto = proto};

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	listening_options(c, &o);
	child_enter(c, &walls);
	st.auth = o.auth = peer_new(c->loop, AUTH_NAME, NULL, NULL, &st);
	return listening_serve(&st.l, &o);
}

int
run_imap(int control_fd)
{
	return run_listener(control_fd, &imap_front);
}

int
run_pop3(int control_fd)
{
	return run_listener(control_fd, &pop3_front_proto);
}

int
run_sieve(int control_fd)
{
	/* What capabilities name depends on a library that is looked for here,
	 * before there are walls. */
	(void)sieve_extensions();
	return run_listener(control_fd, &msv_front);
}
