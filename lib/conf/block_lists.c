/* Lists of addresses from which others do not want mail: of the keys `dns` and
 * `inbound`. */
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
	/* Who has these has hardly ever mail for people.  Not the others of
	 * that list: home servers are among them. */
	const char *certain;
} known[] = {
    {"zen.spamhaus.org", "127.0.0.2-127.0.0.4 127.0.0.9-127.0.0.11 127.0.0.30",
	"zen.spamhaus.org 127.0.0.2-127.0.0.4 127.0.0.9"},
    {"bl.spamcop.net", "127.0.0.2", NULL},
    {"psbl.surriel.com", "127.0.0.2", NULL},
};

#define KNOWN sizeof known / sizeof known[0]

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
	uint32_t first, last;
	struct sv from = sv_split(&word, '-');

	if (b->ncode == CONF_CODES_MAX || !get_code(from, &first))
		return false;
	last = first;
	if (word.p != NULL && !get_code(word, &last))
		return false;
	if (first >> 24 != 127 || last >> 24 != 127 || last < first)
		return false;
	b->code[b->ncode][0] = first;
	b->code[b->ncode++][1] = last;
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
add_list(struct conf_block_lists *l, struct sv text, bool refuse)
{
	struct conf_block_list b = {.refuse = refuse};
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
	l->list = xreallocarray(l->list, l->n + 1, sizeof *l->list);
	l->list[l->n++] = b;
	return true;
}

/* Those that refuse, or those that do not. */
static void
clear_lists(struct conf_block_lists *l, bool refuse)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		if (l->list[i].refuse == refuse)
			free(l->list[i].zone);
		else
			l->list[n++] = l->list[i];
	l->n = n;
}

struct reading {
	struct conf_block_lists *l;
	bool refuse;
};

static void
read_list(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct reading *r = arg;
	struct sv v;

	if (!conf_get_text(p, n, "a block list", &v))
		return;
	if (r->l->n == CONF_BLOCK_LISTS_MAX)
		CONF_FAIL(p, n, "at most %d lists", CONF_BLOCK_LISTS_MAX);
	else if (!add_list(r->l, v, r->refuse))
		CONF_FAIL(p, n,
		    "\"%.80s\" is not a block list, such as zen.spamhaus.org "
		    "or "
		    "\"bl.example.org 127.0.0.2 127.0.0.4-127.0.0.7\"",
		    v.p);
}

void
conf_read_block_lists(struct conf_parser *p, yaml_node_t *n,
    struct conf_block_lists *l, bool refuse)
{
	struct reading r = {l, refuse};

	clear_lists(l, refuse);
	conf_each_item(p, n, "block lists", read_list, &r);
}

void
conf_default_block_lists(struct conf *c)
{
	struct conf_block_lists *in = &c->inbound.block_lists;
	size_t i;

	for (i = 0; i < KNOWN; i++) {
		struct sv zone = sv_str(known[i].zone);

		must(add_list(&c->dns.block_lists, zone, false));
		must(add_list(in, zone, false));
	}
	for (i = 0; i < KNOWN; i++)
		if (known[i].certain != NULL)
			must(add_list(in, sv_str(known[i].certain), true));
}
