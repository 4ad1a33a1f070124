/* The keys of what is served by HTTP: `web`, and `mta_sts`, of all domains and
 * of one. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "conf/conf_priv.h"

#define DAY_MS	    (24 * 3600 * 1000ll)
#define MAX_AGE_MAX (365 * DAY_MS) /* [RFC 8461 3.2] has a day more */
#define MAX_AGE_MIN (DAY_MS / 24)
#define MX_MAX	    16

static void
set_hsts(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->web.hsts);
}

static const struct conf_key web_keys[] = {
    {"hsts", set_hsts},
    {NULL, NULL},
};

void
conf_set_web(struct conf_parser *p, yaml_node_t *n)
{
	if (!conf_is_bare(p, n, "hsts"))
		conf_set_map(p, n, web_keys);
}

/* ---- mta_sts ---- */

static void
set_mode(struct conf_parser *p, yaml_node_t *n)
{
	static const struct sv words[] = {[CONF_STS_OFF] = SV("off"),
	    [CONF_STS_NONE] = SV("none"),
	    [CONF_STS_TESTING] = SV("testing"),
	    [CONF_STS_ENFORCE] = SV("enforce")};
	struct sv v;
	size_t i;

	if (!conf_get_text(p, n, "testing, enforce, none or off", &v))
		return;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sv_ieq(v, words[i])) {
			p->sts->mode = (enum conf_sts)i;
			return;
		}
	CONF_FAIL(p, n,
	    "mta_sts: expected testing, enforce, none or off, not \"%.20s\"",
	    v.p);
}

/* YYYY-MM-DD, a day that there is. */
static bool
read_day(struct sv v, int64_t *secs)
{
	struct clk_tm t = {.hour = 0}, back;
	uint32_t f[3];
	size_t i;

	for (i = 0; i < 3; i++) {
		struct sv part = sv_split(&v, '-');

		if (part.n != (i == 0 ? 4 : 2) ||
		    sv_to_u32(part, 9999, &f[i]) != RC_OK)
			return false;
	}
	t.year = (int)f[0];
	t.month = (int)f[1];
	t.day = (int)f[2];
	*secs = clk_secs(&t);
	clk_civil(*secs, &back);
	return v.n == 0 && back.year == t.year && back.month == t.month &&
	       back.day == t.day;
}

static void
set_from(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;

	if (conf_get_text(p, n, "a day such as 2027-01-31", &v) &&
	    !read_day(v, &p->sts->enforce_s))
		CONF_FAIL(p, n,
		    "mta_sts.from: expected a day such as 2027-01-31, not "
		    "\"%.60s\"",
		    v.p);
}

static void
set_max_age(struct conf_parser *p, yaml_node_t *n)
{
	int64_t ms = 0;

	conf_set_age(p, n, "mta_sts.max_age", "0", &ms);
	if (ms != 0 && (ms < MAX_AGE_MIN || ms > MAX_AGE_MAX))
		CONF_FAIL(
		    p, n, "mta_sts.max_age: expected a time from 1h to 365d");
	p->sts->max_age_s = (uint32_t)(ms / 1000);
}

static void
add_mx(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_mta_sts *s = p->sts;
	struct sv v, name;

	(void)arg;
	if (!conf_get_text(p, n, "a mail host such as mx2.example.net", &v))
		return;
	/* [RFC 8461 4.1] a wildcard stands for one label. */
	name = sv_starts(v, SV("*.")) ? sv_skip(v, 2) : v;
	if (!conf_is_domain(name) || conf_ends_in_number(name)) {
		CONF_FAIL(p, n,
		    "mta_sts.mx: \"%.60s\" is not a mail host such as "
		    "mx2.example.net or *.example.net",
		    v.p);
		return;
	}
	if (s->nmx == MX_MAX) {
		CONF_FAIL(p, n, "mta_sts.mx: at most %d hosts", MX_MAX);
		return;
	}
	s->mx = xreallocarray(s->mx, s->nmx + 1, sizeof *s->mx);
	s->mx[s->nmx++] = conf_lower_dup(v);
}

static void
set_mx(struct conf_parser *p, yaml_node_t *n)
{
	conf_each_item(p, n, "mail hosts", add_mx, NULL);
}

static const struct conf_key sts_keys[] = {
    {"mode", set_mode},
    {"from", set_from},
    {"max_age", set_max_age},
    {"mx", set_mx},
    {NULL, NULL},
};

void
conf_read_mta_sts(
    struct conf_parser *p, yaml_node_t *n, struct conf_mta_sts *out)
{
	p->sts = out;
	out->has = true;
	if (n->type == YAML_SCALAR_NODE) {
		set_mode(p, n);
	} else {
		out->mode = CONF_STS_TESTING;
		conf_set_map(p, n, sts_keys);
		if (out->enforce_s != 0 && out->mode != CONF_STS_ENFORCE)
			CONF_FAIL(p, n,
			    "mta_sts.from is the day from which mode: enforce "
			    "holds; before it the mode is testing");
	}
	p->sts = NULL;
}

void
conf_set_mta_sts(struct conf_parser *p, yaml_node_t *n)
{
	conf_read_mta_sts(p, n, &p->c->mta_sts);
}

const struct conf_mta_sts *
conf_mta_sts(const struct conf *c, struct sv domain)
{
	const struct conf_mta_sts *s = NULL;
	size_t i;

	/* A policy that nobody can fetch is none. */
	if (c->nlisten[CONF_HTTPS] == 0)
		return NULL;
	for (i = 0; i < c->ndomain; i++)
		if (sv_ieq(domain, sv_str(c->domain[i].name)))
			s = c->domain[i].mta_sts.has ? &c->domain[i].mta_sts
						     : &c->mta_sts;
	return s != NULL && s->mode != CONF_STS_OFF ? s : NULL;
}
