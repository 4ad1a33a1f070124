/* The key `dns`: how names are looked up. */

#include "base/alloc.h"
#include "base/network.h"
#include "conf/conf_priv.h"

static void
add_forward(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_dns *d = &p->c->dns;
	char address[NETWORK_SERVER_MAX];
	struct sv v;

	(void)arg;
	if (!conf_get_text(p, n, "a name server's address", &v))
		return;
	if (network_server_parse(v, 53, address) != RC_OK) {
		CONF_FAIL(p, n,
		    "\"%.60s\" is not a numeric address such as 192.0.2.1, "
		    "192.0.2.1:53, 2001:db8::1 or [2001:db8::1]:53",
		    v.p);
		return;
	}
	if (d->nforward == CONF_FORWARD_MAX) {
		CONF_FAIL(p, n, "at most %d name servers", CONF_FORWARD_MAX);
		return;
	}
	d->forward =
	    xreallocarray(d->forward, d->nforward + 1, sizeof *d->forward);
	d->forward[d->nforward++] = xstrdup(address);
}

static void
set_forward(struct conf_parser *p, yaml_node_t *n)
{
	conf_each_item(p, n, "name servers' addresses", add_forward, NULL);
}

static void
set_root_hints(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->dns.root_hints, &p->c->dns.hints_at);
}

static void
set_trust_anchor(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->dns.trust_anchor, &p->c->dns.anchor_at);
}

static void
set_validate(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->dns.validate);
}

static void
set_block_lists(struct conf_parser *p, yaml_node_t *n)
{
	conf_read_block_lists(p, n, &p->c->dns.block_lists, false);
}

static const struct conf_key keys[] = {
    {"block_lists", set_block_lists},
    {"check", conf_set_dns_check},
    {"forward", set_forward},
    {"receivers", conf_set_receivers},
    {"root_hints", set_root_hints},
    {"trust_anchor", set_trust_anchor},
    {"validate", set_validate},
    {NULL, NULL},
};

void
conf_set_dns(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, keys);
	if (p->c->dns.nforward > 0 && p->c->dns.root_hints != NULL)
		CONF_FAIL(p, n,
		    "forward and root_hints cannot be used together: with "
		    "forward, the root is not asked");
}
