/* The key `outbound`: from where mail leaves. */
#include <arpa/inet.h>

#include "base/alloc.h"
#include "conf/conf_priv.h"

static void
set_ipv6(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->outbound.ipv6);
}

/* An address that others can see: none of the loopback, nor "all". */
static bool
is_usable(int family, const unsigned char ip[16])
{
	static const unsigned char zero[16];

	if (family == AF_INET)
		return ip[0] != 0 && ip[0] < 224;
	return memcmp(ip, zero, 15) != 0 && ip[0] != 0xff;
}

static void
add_source(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_outbound *o = arg;
	unsigned char ip[16];
	int family = AF_INET;
	struct sv v;
	char **at;

	if (!conf_get_text(p, n, "an address of this machine", &v))
		return;
	if (inet_pton(AF_INET, v.p, ip) != 1)
		family = AF_INET6;
	if ((family == AF_INET6 && inet_pton(AF_INET6, v.p, ip) != 1) ||
	    !is_usable(family, ip)) {
		CONF_FAIL(p, n,
		    "\"%.60s\" is not a numeric address of this machine such "
		    "as 192.0.2.1 or 2001:db8::1",
		    v.p);
		return;
	}
	at = family == AF_INET ? &o->source4 : &o->source6;
	if (*at != NULL) {
		CONF_FAIL(p, n, "at most one IPv4 and one IPv6 address");
		return;
	}
	*at = xstrdup(v.p);
	o->source_at = (struct conf_place){(unsigned)n->start_mark.line + 1,
	    (unsigned)n->start_mark.column + 1};
}

static void
set_source(struct conf_parser *p, yaml_node_t *n)
{
	conf_each_item(
	    p, n, "addresses of this machine", add_source, &p->c->outbound);
}

static const struct conf_key keys[] = {
    {"ipv6", set_ipv6},
    {"source", set_source},
    {NULL, NULL},
};

void
conf_set_outbound(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, keys);
	if (!p->c->outbound.ipv6 && p->c->outbound.source6 != NULL)
		CONF_FAIL(p, n,
		    "ipv6 is off, but source has the IPv6 address %s",
		    p->c->outbound.source6);
}
