/* The key `reports`: whether we report, too. */
#include "conf/conf_priv.h"

static void
set_send(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->reports.send);
}

static const struct conf_key keys[] = {
    {"send", set_send},
    {NULL, NULL},
};

void
conf_set_reports(struct conf_parser *p, yaml_node_t *n)
{
	if (!conf_is_bare(p, n, "send"))
		conf_set_map(p, n, keys);
}
