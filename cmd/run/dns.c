/* The name service's process: sockets out to name servers, lines; no files. */
#include "cmd/run/name_service.h"
#include "cmd/run/process.h"
#include "dns/server.h"

#define PORTS_MAX 16

struct state {
	struct child child;
	struct conf *conf; /* that we began with */
	struct dns_server *server;
};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)role;
	(void)account;
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
