/* Of the key `dns`: what `hearthmail dns` looks at beyond the records. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/network.h"
#include "conf/conf_priv.h"

static const char *const receivers[] = {
    "gmail.com", "outlook.com", "yahoo.com"};

static void
add_receiver(struct conf_dns *d, struct sv domain)
{
	d->receiver =
	    xreallocarray(d->receiver, d->nreceiver + 1, sizeof *d->receiver);
	d->receiver[d->nreceiver++] = conf_lower_dup(domain);
}

static void
clear_receivers(struct conf_dns *d)
{
	while (d->nreceiver > 0)
		free(d->receiver[--d->nreceiver]);
}

static void
read_receiver(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_dns *d = &p->c->dns;
	struct sv v;

	(void)arg;
	if (!conf_get_text(p, n, "a domain", &v))
		return;
	if (!conf_is_domain(v))
		CONF_FAIL(p, n, "\"%.60s\" is not a domain", v.p);
	else if (d->nreceiver == CONF_RECEIVERS_MAX)
		CONF_FAIL(p, n, "at most %d domains", CONF_RECEIVERS_MAX);
	else
		add_receiver(d, v);
}

void
conf_set_receivers(struct conf_parser *p, yaml_node_t *n)
{
	clear_receivers(&p->c->dns);
	conf_each_item(p, n, "domains", read_receiver, NULL);
}

void
conf_set_dns_check(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->dns.check);
}

void
conf_default_watch(struct conf *c)
{
	size_t i;

	c->dns.check = true;
	conf_default_block_lists(c);
	for (i = 0; i < sizeof receivers / sizeof receivers[0]; i++)
		add_receiver(&c->dns, sv_str(receivers[i]));
}
