/* The key `dkim`: how often keys are changed. */
#include "conf/conf_priv.h"

#define DAY_S	 86400
#define DAYS_MIN 30
#define DAYS_MAX 3650

static void
set_rotate(struct conf_parser *p, yaml_node_t *n)
{
	static const char expected[] =
	    "a number of days from 30d to 3650d, or off";
	uint64_t days;
	struct sv v;

	if (!conf_get_text(p, n, expected, &v))
		return;
	if (sv_ieq(v, SV("off")) || sv_ieq(v, SV("no")) || sv_eq(v, SV("0"))) {
		p->c->dkim.rotate_s = 0;
		return;
	}
	if (v.n < 2 || v.p[v.n - 1] != 'd' ||
	    sv_to_u64(sv_first(v, v.n - 1), DAYS_MAX, &days) != RC_OK ||
	    days < DAYS_MIN) {
		CONF_FAIL(p, n, "expected %s", expected);
		return;
	}
	p->c->dkim.rotate_s = (int64_t)days * DAY_S;
}

static const struct conf_key keys[] = {
    {"rotate", set_rotate},
    {NULL, NULL},
};

void
conf_set_dkim(struct conf_parser *p, yaml_node_t *n)
{
	if (!conf_is_bare(p, n, "rotate"))
		conf_set_map(p, n, keys);
}
