/* The name service's process: sockets out to name servers, lines; no files. */
#include <limits.h>
#include <stdlib.h>

#include "base/sv.h"
#include "cmd/run/name_service.h"
#include "cmd/run/process.h"
#include "dns/server.h"
#include "msgauth/key.h"

#define PORTS_MAX 16

/* Questions of auth in an hour, and for each domain: two keys, once an hour,
 * and when the owner wants to know. */
#define AUTH_ASKS      120
#define AUTH_ASKS_MORE 4

struct state {
	struct child child;
	struct conf *conf; /* that we began with */
	struct dns_server *server;
};

/* Of auth: a key record of a domain of ours, by the names that we make. */
static bool
is_key_name(const char *name, void *arg)
{
	static const struct sv middle = {"._domainkey.", 12};
	struct child *c = arg;
	struct sv n = sv_str(name);
	size_t at = sv_find(n, middle);

	return at < n.n && dkim_selector_is_made(sv_first(n, at)) &&
	       conf_domain_is_local(c->conf_now, sv_skip(n, at + middle.n));
}

/* Tests ask all the time. */
static unsigned
asks_per_hour(const struct conf *conf)
{
	return getenv("HEARTHMAIL_TEST_TICK") != NULL
		   ? UINT_MAX
		   : AUTH_ASKS + AUTH_ASKS_MORE * (unsigned)conf->ndomain;
}

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;
	const struct dns_server_few few = {.may = is_key_name,
	    .arg = c,
	    .per_hour = asks_per_hour(c->conf_now)};

	(void)account;
	if (role == ROLE_AUTH)
		dns_server_add_few(st->server, fd, &few);
	else
		dns_server_add_client(st->server, fd);
}

/* Hints and anchors are files, out of reach now: the process that is started in
 * our place reads them. */
static void
on_conf(struct child *c)
{
	struct state *st = c->arg;

	if (!conf_dns_same(st->conf, c->conf_now))
		child_stop(c, 0);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	struct state *st = c->arg;

	dns_server_status(st->server, text);
	return 0;
}

/* By the configuration of now: a reload does not end this process. */
static const char *
delayed(void *arg)
{
	struct child *c = arg;

	return conf_without_names(c->conf_now);
}

static const struct child_ops ops = {
    .status = on_status, .line = on_line, .conf = on_conf};

int
run_dns(int control_fd)
{
	struct state st = {.server = NULL};
	struct child *c = &st.child;
	struct dns_server_opts o;
	uint16_t ports[PORTS_MAX];
	struct sandbox_profile walls = {
	    .name = "dns", .connects = true, .datagrams = true, .ports = ports};
	struct err err = {0};
	int code;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	st.conf = child_conf(c);
	if (name_service_load(st.conf, &o, &err) != RC_OK)
		child_die(c, "dns.setup", &err);
	o.delayed = delayed;
	o.arg = c;
	walls.nports = dns_server_opts_ports(&o, ports, PORTS_MAX);
	if (dns_server_new(c->loop, &o, &st.server, &err) != RC_OK)
		child_die(c, "dns.setup", &err);
	child_enter(c, &walls);
	dns_server_start(st.server);
	code = child_serve(c);
	dns_server_free(&st.server);
	conf_free(&st.conf);
	return code;
}
