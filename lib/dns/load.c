/* What the server is told, out of files: before the walls. */
#include "base/io.h"
#include "dns/server_priv.h"

static int
read_text(const char *key, const char *path, struct buf *out, struct err *err)
{
	struct err why;
	int r = io_read_file(path, out, &why);

	if (r != RC_OK)
		return err_set(err, r, "%s: %s", key, why.text);
	return RC_OK;
}

static int
load_hints(struct dns_server_opts *o, const char *path, struct err *err)
{
	struct buf text;
	struct err why;
	int r;

	buf_init(&text, DNS_TEXT_MAX);
	r = read_text("dns.root_hints", path, &text, err);
	if (r == RC_OK) {
		r = dns_servers_hints(buf_sv(&text), &o->hints, &why);
		if (r != RC_OK)
			(void)err_set(
			    err, r, "dns.root_hints: %s: %s", path, why.text);
	}
	buf_fini(&text);
	return r;
}

/* Are all its lines such as libunbound may be given, and is there one? */
static int
load_anchors(struct dns_server_opts *o, const char *path, struct err *err)
{
	struct sv text;
	struct buf line;
	struct err why = {.text = "it contains no key"};
	unsigned n = 0;
	int r = read_text("dns.trust_anchor", path, &o->anchors, err);

	if (r != RC_OK)
		return r;
	text = buf_sv(&o->anchors);
	buf_init(&line, 8192);
	while ((r = dns_anchor_next(&text, &line, &why)) == RC_OK)
		n++;
	buf_fini(&line);
	if (r != RC_NOTFOUND || n == 0)
		return err_set(
		    err, RC_SYNTAX, "dns.trust_anchor: %s: %s", path, why.text);
	return RC_OK;
}

static int
load_forward(
    struct dns_server_opts *o, char *const *forward, size_t n, struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (dns_servers_add(&o->forward, sv_str(forward[i])) != RC_OK)
			return err_set(err, RC_SYNTAX,
			    "dns.forward: \"%.60s\" is not an address",
			    forward[i]);
	return RC_OK;
}

int
dns_server_opts_load(struct dns_server_opts *o, const char *hints,
    const char *anchors, char *const *forward, size_t nforward, struct err *err)
{
	struct buf text;
	struct err none;
	int r = RC_OK;

	*o = (struct dns_server_opts){
	    .validate = true, .limits = DNS_SERVER_LIMITS};
	buf_init(&o->anchors, DNS_TEXT_MAX);
	if (hints != NULL)
		r = load_hints(o, hints, err);
	if (r == RC_OK && anchors != NULL)
		r = load_anchors(o, anchors, err);
	if (r == RC_OK)
		r = load_forward(o, forward, nforward, err);
	if (r != RC_OK) {
		dns_server_opts_fini(o);
		return r;
	}
	/* Without the file there are no such servers. */
	buf_init(&text, DNS_TEXT_MAX);
	if (io_read_file("/etc/resolv.conf", &text, &none) == RC_OK)
		dns_servers_resolv_conf(buf_sv(&text), &o->system);
	buf_fini(&text);
	return RC_OK;
}

void
dns_server_opts_fini(struct dns_server_opts *o)
{
	buf_fini(&o->anchors);
}

size_t
dns_server_opts_ports(
    const struct dns_server_opts *o, uint16_t *ports, size_t max)
{
	size_t i, j, n = 0;

	if (max > 0)
		ports[n++] = 53;
	for (i = 0; i < o->forward.n; i++) {
		uint16_t port = dns_server_port(o->forward.address[i]);

		for (j = 0; j < n && ports[j] != port; j++)
			;
		if (j == n && n < max)
			ports[n++] = port;
	}
	return n;
}

struct resolver_opts
dns_server_opts_way(const struct dns_server_opts *o, const struct dns_rung *g)
{
	struct resolver_opts ro = {.root = &o->hints};

	if (g->path == DNS_PATH_FORWARD)
		ro.forward = &o->forward;
	else if (g->path == DNS_PATH_SYSTEM)
		ro.forward = &o->system;
	if (g->validate)
		ro.anchors = o->anchors.n > 0 ? buf_sv(&o->anchors)
					      : sv_str(dns_root_anchors);
	return ro;
}
