/* The key `history`: what is kept of what happened to each message. */
#include "conf/conf_priv.h"

#define SIZE_LEAST (1u << 20)
#define SIZE_MOST  (64ull << 30)

static void
set_keep(struct conf_parser *p, yaml_node_t *n)
{
	if (sv_ieq(conf_text_of(n), SV("off")))
		p->c->history.keep_ms = 0;
	else
		conf_set_age(
		    p, n, "history.keep", "off", &p->c->history.keep_ms);
}

static void
set_size(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_number(p, n, SIZE_LEAST, SIZE_MOST, &p->c->history.size);
}

static void
set_subjects(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->history.subjects);
}

static const struct conf_key keys[] = {
    {"keep", set_keep},
    {"size", set_size},
    {"subjects", set_subjects},
    {NULL, NULL},
};

void
conf_set_history(struct conf_parser *p, yaml_node_t *n)
{
	if (!conf_is_bare(p, n, "keep"))
		conf_set_map(p, n, keys);
}
