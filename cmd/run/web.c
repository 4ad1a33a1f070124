/* The listener of HTTP: sockets in, TLS, challenges; no files, no connection
 * out, no way to the mail. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/run/process.h"
#include "front/listener.h"
#include "net/tls.h"
#include "web/front.h"
#include "web/service.h"

struct state {
	struct child child;
	struct listener *listener;
	struct web_site *site;
	struct web_service *service;
	struct peer *auth;
};

/* The wiring lets only those come who get certificates. */
static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_AUTH)
		peer_connect(st->auth, fd);
	else
		web_service_add(st->service, fd);
}

static void
on_conf(struct child *c)
{
	struct state *st = c->arg;
	const struct conf_limits *lim = &c->conf_now->limits;

	web_site_set_conf(st->site, c->conf_now);
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

/* Not while there is no certificate for clients. */
static bool
has_https(const struct child *c)
{
	unsigned i;

	for (i = 0; i < c->nsock; i++)
		if (c->sock[i].service == CONF_HTTPS)
			return true;
	return false;
}

int
run_web(int control_fd)
{
	static const struct sandbox_profile walls = {
	    .name = "web", .accepts = true, .threads = SANDBOX_THREADS_FEW};
	struct state st = {0};
	struct child *c = &st.child;
	struct listener_opts o = {.proto = &web_front};
	unsigned i;
	int roots;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	o.threads = child_cores();
	o.tls = child_tls(c);
	o.hostname = c->conf_now->hostname;
	o.connections = c->conf_now->limits.connections;
	o.connections_per_peer = c->conf_now->limits.connections_per_peer;
	o.limit_loopback = c->conf_now->limits.loopback;
	/* Read when a profile is signed, which is seldom; without it none
	 * is. */
	roots = open(TLS_CA_BUNDLE, O_RDONLY | O_CLOEXEC);
	if (roots < 0)
		mlog(LOG_WARN, "web.roots", "file=%s errno=%d", TLS_CA_BUNDLE,
		    errno);
	child_enter(c, &walls);
	/* The host name must outlive a swap of the configuration; it is one of
	 * the keys that make new listeners. */
	(void)conf_ref(c->conf_now);
	st.auth = peer_new(c->loop, "auth", NULL, NULL, &st);
	o.arg = st.site =
	    web_site_new(c->conf_now, sni_new(o.tls), st.auth, roots);
	if (!has_https(c))
		web_site_without_https(st.site);
	st.service = web_service_new(c->loop, st.site);
	st.listener = listener_new(&o);
	for (i = 0; i < c->nsock; i++)
		listener_add(st.listener, c->sock[i].service, c->sock[i].fd);
	listener_start(st.listener);
	child_no_more_threads(c);
	return child_serve(c);
}
