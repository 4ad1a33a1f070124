/* The key `inbound`, of all domains and of one: what becomes of mail that
 * nobody vouches for. */

#include "base/alloc.h"
#include "base/ascii.h"
#include "conf/conf_priv.h"

#define NAMES_MAX 100

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
	p->inbound->has_dmarc = true;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sv_ieq(v, words[i])) {
			p->inbound->dmarc = (enum conf_dmarc)i;
			return;
		}
	CONF_FAIL(p, n,
	    "inbound.dmarc: expected reject, junk, note or off, not \"%.20s\"",
	    v.p);
}

struct names {
	const char *expected, *what;
	bool addresses; /* may be among them */
	char ***name;
	size_t *n;
};

static bool
is_name(struct sv v, bool address)
{
	size_t at = sv_rchr(v, '@');

	if (address && at > 0 && at < v.n)
		return conf_is_domain(sv_skip(v, at + 1));
	return conf_is_domain(v);
}

static void
add_name(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct names *a = arg;
	struct sv v;

	if (!conf_get_text(p, n, a->expected, &v))
		return;
	if (!is_name(v, a->addresses)) {
		CONF_FAIL(p, n, "\"%.60s\" is not %s", v.p, a->expected);
		return;
	}
	if (*a->n == NAMES_MAX) {
		CONF_FAIL(p, n, "at most %d %s", NAMES_MAX, a->what);
		return;
	}
	*a->name = xreallocarray(*a->name, *a->n + 1, sizeof **a->name);
	(*a->name)[(*a->n)++] = conf_lower_dup(v);
}

static void
set_trust_arc(struct conf_parser *p, yaml_node_t *n)
{
	struct conf_inbound *in = p->inbound;
	struct names a = {
	    "a domain", "domains", false, &in->trust_arc, &in->ntrust_arc};

	in->has_trust_arc = true;
	conf_each_item(p, n, "domains", add_name, &a);
}

static void
set_lists(struct conf_parser *p, yaml_node_t *n)
{
	struct conf_inbound *in = p->inbound;
	struct names a = {"a mailing list: its address, its List-Id or its "
			  "domain",
	    "mailing lists", true, &in->list, &in->nlist};

	in->has_lists = true;
	conf_each_item(p, n, "mailing lists", add_name, &a);
}

/* They are asked once for a message, whoever it is for. */
static bool
is_of_all(struct conf_parser *p, yaml_node_t *n, const char *what)
{
	if (p->inbound == &p->c->inbound)
		return true;
	CONF_FAIL(p, n,
	    "%s for all domains: write it below the key inbound at the top",
	    what);
	return false;
}

static void
set_block_lists(struct conf_parser *p, yaml_node_t *n)
{
	if (is_of_all(p, n, "block lists are"))
		conf_read_block_lists(p, n, &p->inbound->block_lists, false);
}

static void
set_refuse_lists(struct conf_parser *p, yaml_node_t *n)
{
	if (is_of_all(p, n, "block lists are"))
		conf_read_block_lists(p, n, &p->inbound->block_lists, true);
}

static void
set_greylist(struct conf_parser *p, yaml_node_t *n)
{
	if (is_of_all(p, n, "greylisting is"))
		(void)conf_get_bool(p, n, &p->inbound->greylist);
}

static const struct conf_key keys[] = {
    {"block_lists", set_block_lists},
    {"dmarc", set_dmarc},
    {"greylist", set_greylist},
    {"refuse_lists", set_refuse_lists},
    {"trust_arc", set_trust_arc},
    {"lists", set_lists},
    {NULL, NULL},
};

void
conf_read_inbound(
    struct conf_parser *p, yaml_node_t *n, struct conf_inbound *out)
{
	p->inbound = out;
	if (!conf_is_bare(p, n, "dmarc"))
		conf_set_map(p, n, keys);
	p->inbound = NULL;
}

void
conf_set_inbound(struct conf_parser *p, yaml_node_t *n)
{
	conf_read_inbound(p, n, &p->c->inbound);
}

/* ---- what it says ---- */

static const struct conf_inbound *
own(const struct conf *c, struct sv domain)
{
	size_t i;

	for (i = 0; i < c->ndomain; i++)
		if (sv_ieq(domain, sv_str(c->domain[i].name)))
			return &c->domain[i].inbound;
	return &c->inbound;
}

enum conf_dmarc
conf_inbound_dmarc(const struct conf *c, struct sv domain)
{
	const struct conf_inbound *in = own(c, domain);

	return in->has_dmarc ? in->dmarc : c->inbound.dmarc;
}

bool
conf_inbound_trusts(const struct conf *c, struct sv domain, struct sv sealer)
{
	const struct conf_inbound *in = own(c, domain);
	size_t i;

	if (!in->has_trust_arc)
		in = &c->inbound;
	for (i = 0; i < in->ntrust_arc; i++)
		if (sv_eq(sealer, sv_str(in->trust_arc[i])))
			return true;
	return false;
}

/* An entry with '@' is one list; one without is a List-Id, or the domain of all
 * lists with such addresses. */
bool
conf_inbound_names_list(
    const struct conf *c, struct sv domain, struct sv address, struct sv id)
{
	const struct conf_inbound *in = own(c, domain);
	struct sv at = sv_skip(address, sv_rchr(address, '@') + 1);
	size_t i;

	if (!in->has_lists)
		in = &c->inbound;
	for (i = 0; i < in->nlist; i++) {
		struct sv entry = sv_str(in->list[i]);

		if (sv_eq(entry, address) || sv_eq(entry, id) ||
		    sv_eq(entry, at))
			return true;
	}
	return false;
}
