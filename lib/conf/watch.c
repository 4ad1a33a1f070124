/* Of the key `dns`: what `hearthmail dns` looks at beyond the records. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/network.h"
#include "conf/conf_priv.h"

/*
 * Lists that many hosts ask, that a small server may ask for nothing, and that
 * need no registration; with the codes that they document.
 */
static const struct known {
	const char *zone, *codes;
} known[] = {
    {"zen.spamhaus.org", "127.0.0.2-127.0.0.4 127.0.0.9-127.0.0.11 127.0.0.30"},
    {"bl.spamcop.net", "127.0.0.2"},
    {"psbl.surriel.com", "127.0.0.2"},
};

#define KNOWN sizeof known / sizeof known[0]

static const char *const receivers[] = {
    "gmail.com", "outlook.com", "yahoo.com"};

static bool
get_code(struct sv text, uint32_t *out)
{
	struct in6_addr a;
	char address[NETWORK_PEER_MAX];

	if (text.n == 0 || text.n >= sizeof address)
		return false;
	sv_copy(text, address, sizeof address);
	if (!network_address(address, &a) || !IN6_IS_ADDR_V4MAPPED(&a))
		return false;
	*out = (uint32_t)a.s6_addr[12] << 24 | (uint32_t)a.s6_addr[13] << 16 |
	       (uint32_t)a.s6_addr[14] << 8 | a.s6_addr[15];
	return true;
}

/* "127.0.0.2", "127.0.0.4-127.0.0.7"; all begin with 127 [RFC 5782 2.1]. */
static bool
add_codes(struct conf_block_list *b, struct sv word)
{
	struct conf_codes c;
	struct sv first = sv_split(&word, '-');

	if (b->ncode == CONF_CODES_MAX || !get_code(first, &c.first))
		return false;
	c.last = c.first;
	if (word.p != NULL && !get_code(word, &c.last))
		return false;
	if (c.first >> 24 != 127 || c.last >> 24 != 127 || c.last < c.first)
		return false;
	b->code[b->ncode++] = c;
	return true;
}

static bool
set_codes(struct conf_block_list *b, struct sv text)
{
	while (text.n > 0) {
		struct sv word = sv_split(&text, ' ');

		if (word.n > 0 && !add_codes(b, word))
			return false;
	}
	return b->ncode > 0;
}

static struct sv
known_codes(const char *zone)
{
	size_t i;

	for (i = 0; i < KNOWN; i++)
		if (strcmp(known[i].zone, zone) == 0)
			return sv_str(known[i].codes);
	return SV("127.0.0.2"); /* [RFC 5782 2.1] */
}

/* "ZONE", "ZONE CODE CODE-CODE"; false: it is wrong. */
static bool
add_list(struct conf_dns *d, struct sv text)
{
	struct conf_block_list b = {.zone = NULL};
	struct sv zone;

	text = sv_trim(text);
	zone = sv_split(&text, ' ');
	if (!conf_is_domain(zone))
		return false;
	b.zone = conf_lower_dup(zone);
	if (!set_codes(&b, sv_trim(text).n > 0 ? text : known_codes(b.zone))) {
		free(b.zone);
		return false;
	}
	d->block_list = xreallocarray(
	    d->block_list, d->nblock_list + 1, sizeof *d->block_list);
	d->block_list[d->nblock_list++] = b;
	return true;
}

static void
clear_lists(struct conf_dns *d)
{
	while (d->nblock_list > 0)
		free(d->block_list[--d->nblock_list].zone);
}

static void
read_list(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_dns *d = &p->c->dns;
	struct sv v;

	(void)arg;
	if (!conf_get_text(p, n, "a block list", &v))
		return;
	if (d->nblock_list == CONF_BLOCK_LISTS_MAX)
		CONF_FAIL(p, n, "at most %d lists", CONF_BLOCK_LISTS_MAX);
	else if (!add_list(d, v))
		CONF_FAIL(p, n,
		    "\"%.80s\" is not a block list, such as zen.spamhaus.org "
		    "or "
		    "\"bl.example.org 127.0.0.2 127.0.0.4-127.0.0.7\"",
		    v.p);
}

void
conf_set_block_lists(struct conf_parser *p, yaml_node_t *n)
{
	clear_lists(&p->c->dns);
	conf_each_item(p, n, "block lists", read_list, NULL);
}

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
	for (i = 0; i < KNOWN; i++)
		must(add_list(&c->dns, sv_str(known[i].zone)));
	for (i = 0; i < sizeof receivers / sizeof receivers[0]; i++)
		add_receiver(&c->dns, sv_str(receivers[i]));
}
