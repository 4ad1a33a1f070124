/* The keys below `log`. */
#include "conf/conf_priv.h"

static void
set_format(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;

	if (!conf_get_text(p, n, "text or json", &v))
		return;
	if (sv_eq(v, SV("json")))
		p->c->log_json = true;
	else if (!sv_eq(v, SV("text")))
		CONF_FAIL(p, n, "expected text or json, not \"%.40s\"", v.p);
}

static const struct conf_key log_keys[] = {
    {"format", set_format},
    {NULL, NULL},
};

void
conf_set_log(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, log_keys);
}
