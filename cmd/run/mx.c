/* Delivery to other mail hosts: sockets out, TLS, lines; no files. */
#include "base/io.h"
#include "base/log.h"
#include "cmd/run/process.h"
#include "queue/mx/service.h"

#define SMTP_PORT 25
#define PORTS_MAX 32
#define DRAIN_MS  60000
#define CA_MAX	  (8u << 20)

struct state {
	struct child child;
	struct conf *conf; /* that we began with */
	struct mx_service *mx;
	struct history *history;
};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_DNS)
		mx_service_set_dns(st->mx, fd);
	else if (role == ROLE_QUEUE)
		mx_service_set_queue(st->mx, fd);
	else if (role == ROLE_HISTORY)
		history_connect(st->history, fd);
	else
		io_close(&fd);
}

static void
leave(struct child *c)
{
	struct state *st = c->arg;

	mx_service_drain(st->mx, DRAIN_MS, child_stop_soon, c);
}

static bool
wants_authorities(const struct conf *c)
{
	size_t i;

	for (i = 0; i < c->nrelay; i++)
		if (c->relay[i].tls == CONF_TLS_VERIFY)
			return true;
	return false;
}

static bool
has_source(const struct conf *c)
{
	return c->outbound.source4 != NULL || c->outbound.source6 != NULL;
}

/* Which ports may be reached, and whose certificates count, is settled before
 * the walls are up: for more, a process is started in our place.  What is in
 * flight ends before that: else it would be sent twice. */
static void
on_conf(struct child *c)
{
	struct state *st = c->arg;
	size_t i, j;

	if ((wants_authorities(c->conf_now) && !wants_authorities(st->conf)) ||
	    (has_source(c->conf_now) && !has_source(st->conf))) {
		leave(c);
		return;
	}
	for (i = 0; i < c->conf_now->nrelay; i++) {
		for (j = 0; j < st->conf->nrelay; j++)
			if (st->conf->relay[j].port ==
			    c->conf_now->relay[i].port)
				break;
		if (j == st->conf->nrelay) {
			leave(c);
			return;
		}
	}
}

/* The server stops: what a host is about to take must not come once more. */
static void
on_drain(struct child *c, int64_t ms)
{
	struct state *st = c->arg;

	mx_service_stop(st->mx, ms, child_stop_soon, c);
}

static const struct child_ops ops = {
    .line = on_line, .conf = on_conf, .drain = on_drain};

static struct conf *
conf_now(void *arg)
{
	return child_conf(arg);
}

/* Whose signatures count on a smarthost's certificate: a megabyte that nobody
 * else needs, since the world's mail hosts are not verified. */
static struct tls_client *
tls_setup(struct child *c)
{
	struct tls_client *tls = NULL;
	struct err err = {.text = ""};
	struct buf ca;

	tls_library_setup();
	buf_init(&ca, CA_MAX);
	if (wants_authorities(c->conf_now) &&
	    io_read_file(TLS_CA_BUNDLE, &ca, &err) != RC_OK) {
		mlog(LOG_WARN, "mx.ca",
		    "text=\"%s; smarthosts cannot be verified: install "
		    "ca-certificates\"",
		    err.text);
		buf_reset(&ca);
	}
	if (tls_client_new(buf_sv(&ca), &tls, &err) != RC_OK)
		child_die(c, "tls.unusable", &err);
	buf_fini(&ca);
	return tls;
}

int
run_mx(int control_fd)
{
	struct state st = {.mx = NULL};
	struct child *c = &st.child;
	struct mx_service_opts o = {
	    .conf = conf_now, .arg = c, .port = SMTP_PORT};
	uint16_t ports[PORTS_MAX] = {SMTP_PORT};
	struct sandbox_profile walls = {.name = "mx",
	    .connects = true,
	    .threads = SANDBOX_THREADS_MANY,
	    .ports = ports,
	    .nports = 1};
	size_t i;
	int code;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	st.conf = child_conf(c);
	walls.binds = has_source(st.conf);
	for (i = 0; i < st.conf->nrelay && walls.nports < PORTS_MAX; i++)
		ports[walls.nports++] = st.conf->relay[i].port;
	o.tls = tls_setup(c);
	child_enter(c, &walls);
	o.loop = c->loop;
	o.history = st.history = history_new(c->loop);
	st.mx = mx_service_new(&o);
	code = child_serve(c);
	history_flush(st.history);
	mx_service_free(&st.mx);
	conf_free(&st.conf);
	return code;
}
