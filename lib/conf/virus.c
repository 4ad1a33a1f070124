/* The key `virus`: who is asked about what is in a message. */
#include "conf/conf_priv.h"

static void
set_clamd(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->virus.clamd, &p->c->virus.clamd_at);
}

static const struct conf_key keys[] = {
    {"clamd", set_clamd},
    {NULL, NULL},
};

void
conf_set_virus(struct conf_parser *p, yaml_node_t *n)
{
	if (!conf_is_bare(p, n, "clamd"))
		conf_set_map(p, n, keys);
}
