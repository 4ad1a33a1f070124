/* The key `inbound`: what becomes of mail that nobody vouches for. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "conf/conf_priv.h"

#define TRUST_MAX 100

static void
set_dmarc(struct conf_parser *p, yaml_node_t *n)
{
	static const struct sv words[] = {[CONF_DMARC_REJECT] = SV("reject"),
	    [CONF_DMARC_JUNK] = SV("junk"),
	    [CONF_DMARC_NOTE] = SV("note"),
	    [CONF_DMARC_OFF] = SV("off")};
	struct sv v;
	size_t i;

	if (!conf_get_text(p, n, "reject, junk, note or off", &v))
		return;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sv_ieq(v, words[i])) {
			p->c->inbound.dmarc = (enum conf_dmarc)i;
			return;
		}
	CONF_FAIL(p, n,
	    "inbound.dmarc: expected reject, junk, note or off, not \"%.20s\"",
	    v.p);
}

static void
add_trusted(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_inbound *in = arg;
	struct sv v;
	char *name, *c;

	if (!conf_get_text(p, n, "a domain", &v))
		return;
	if (!conf_is_domain(v)) {
		CONF_FAIL(p, n, "\"%.60s\" is not a domain", v.p);
		return;
	}
	if (in->ntrust_arc == TRUST_MAX) {
		CONF_FAIL(p, n, "at most %d domains", TRUST_MAX);
		return;
	}
	name = xstrdup(v.p);
	for (c = name; *c != '\0'; c++)
		*c = (char)ascii_lower(*c);
	in->trust_arc = xreallocarray(
	    in->trust_arc, in->ntrust_arc + 1, sizeof *in->trust_arc);
	in->trust_arc[in->ntrust_arc++] = name;
}

static void
set_trust_arc(struct conf_parser *p, yaml_node_t *n)
{
	conf_each_item(p, n, "domains", add_trusted, &p->c->inbound);
}

static const struct conf_key keys[] = {
    {"dmarc", set_dmarc},
    {"trust_arc", set_trust_arc},
    {NULL, NULL},
};

void
conf_set_inbound(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, keys);
}
