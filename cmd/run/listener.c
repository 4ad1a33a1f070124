/* The listeners of IMAP and POP3: sockets in, TLS, auth's line; no files, no
 * connection out, no way to the keeper. */
#include "cmd/run/listener.h"

#include <unistd.h>

#include "cmd/run/process.h"
#include "front/listener.h"
#include "imap/front/front.h"
#include "pop3/front/front.h"

#define AUTH_NAME "auth"

struct state {
	struct child child;
	struct listener *listener;
	struct peer *auth;
};

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

static void
on_conf(struct child *c)
{
	struct state *st = c->arg;
	const struct conf_limits *lim = &c->conf_now->limits;

	listener_set_limits(st->listener, lim->connections,
	    lim->connections_per_peer, lim->loopback);
}

static void
on_drain(struct child *c, int64_t ms)
{
	struct state *st = c->arg;

	listener_drain(st->listener, ms, child_stop_soon, c);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	struct state *st = c->arg;

	(void)text;
	return st->listener != NULL ? listener_count(st->listener) : 0;
}

static void
on_let_in(struct child *c)
{
	struct state *st = c->arg;

	listener_let_in(st->listener);
}

static void
all_alive(void *arg)
{
	child_alive(arg);
}

static void
on_alive(struct child *c)
{
	struct state *st = c->arg;

	listener_alive(st->listener, all_alive, c);
}

static const struct child_ops ops = {.status = on_status,
    .let_in = on_let_in,
    .alive = on_alive,
    .line = on_line,
    .conf = on_conf,
    .drain = on_drain};

int
run_listener(int control_fd, const struct front_proto *proto)
{
	const struct sandbox_profile walls = {.name = proto->name,
	    .accepts = true,
	    .pairs = true,
	    .threads = SANDBOX_THREADS_FEW};
	struct state st = {0};
	struct child *c = &st.child;
	struct listener_opts o = {.proto = proto, .threads = child_cores()};
	unsigned i;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	o.tls = child_tls(c);
	o.hostname = c->conf_now->hostname;
	o.connections = c->conf_now->limits.connections;
	o.connections_per_peer = c->conf_now->limits.connections_per_peer;
	o.limit_loopback = c->conf_now->limits.loopback;
	child_enter(c, &walls);
	/* The host name must outlive a swap of the configuration; it is one of
	 * the keys that make new listeners. */
	(void)conf_ref(c->conf_now);
	st.auth = o.auth = peer_new(c->loop, AUTH_NAME, NULL, NULL, &st);
	st.listener = listener_new(&o);
	for (i = 0; i < c->nsock; i++)
		listener_add(st.listener, c->sock[i].service, c->sock[i].fd);
	listener_start(st.listener);
	child_no_more_threads(c);
	return child_serve(c);
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
