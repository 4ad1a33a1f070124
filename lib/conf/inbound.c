/* The key `inbound`: what becomes of mail that nobody vouches for. */
#include "conf/conf_priv.h"

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
	CONF_FAIL(p, n, "dmarc is reject, junk, note or off");
}

static const struct conf_key keys[] = {
    {"dmarc", set_dmarc},
    {NULL, NULL},
};

void
conf_set_inbound(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, keys);
}
