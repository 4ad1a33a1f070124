/* The key `junk`: what is done about mail that nobody wants. */
#include "conf/conf_priv.h"

#define THRESHOLD_LEAST 10
#define THRESHOLD_MOST	99

static void
set_share(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->junk.share);
}

static void
set_expire(struct conf_parser *p, yaml_node_t *n)
{
	if (sv_ieq(conf_text_of(n), SV("off")))
		p->c->junk.expire_ms = 0;
	else
		conf_set_age(p, n, "junk.expire", "off", &p->c->junk.expire_ms);
}

static void
set_threshold(struct conf_parser *p, yaml_node_t *n)
{
	uint64_t v;

	if (conf_get_number(p, n, THRESHOLD_LEAST, THRESHOLD_MOST, &v))
		p->c->junk.threshold = (uint32_t)v;
}

static const struct conf_key keys[] = {
    {"share", set_share},
    {"expire", set_expire},
    {"threshold", set_threshold},
    {NULL, NULL},
};

void
conf_set_junk(struct conf_parser *p, yaml_node_t *n)
{
	bool on;

	if (n->type == YAML_MAPPING_NODE)
		conf_set_map(p, n, keys);
	else if (conf_get_bool(p, n, &on))
		p->c->junk.on = on;
}
