/* The key `tls.acme`: certificates by themselves. */
#include <stdlib.h>

#include "conf/conf_priv.h"

static void
set_on(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->acme.on);
}

static bool
is_url(struct sv v)
{
	size_t i;

	if (v.n < 9 || v.n > 500 || !sv_starts(v, SV("https://")))
		return false;
	for (i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~' || v.p[i] == '"' ||
		    v.p[i] == '\\' || v.p[i] == '@')
			return false;
	return true;
}

static void
set_directory(struct conf_parser *p, yaml_node_t *n)
{
	static const char expected[] =
	    "the https address of an authority's directory";
	struct sv v;

	if (!conf_get_text(p, n, expected, &v))
		return;
	if (sv_ieq(v, SV("letsencrypt")))
		v = SV(CONF_ACME_DIRECTORY);
	if (!is_url(v)) {
		CONF_FAIL(p, n, "expected %s, not \"%.60s\"", expected, v.p);
		return;
	}
	free(p->c->acme.directory);
	p->c->acme.directory = sv_dup(v);
}

static void
set_email(struct conf_parser *p, yaml_node_t *n)
{
	const struct sv bad = SV("\"\\<>?&,;%");
	struct buf address;
	struct sv v;
	size_t i;
	bool ok;

	if (!conf_get_text(p, n, "an address", &v))
		return;
	buf_init(&address, CONF_ADDRESS_MAX);
	ok = conf_address_normalise(v, &address) && v.n < 250;
	/* It becomes a part of an address of its own, mailto:. */
	for (i = 0; i < v.n; i++)
		ok = ok && v.p[i] > ' ' && v.p[i] <= '~' &&
		     sv_chr(bad, v.p[i]) == bad.n;
	buf_fini(&address);
	if (!ok) {
		CONF_FAIL(p, n, "\"%.60s\" is not an address", v.p);
		return;
	}
	free(p->c->acme.email);
	p->c->acme.email = sv_dup(v);
}

static void
set_eab_id(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;

	if (!conf_get_text(p, n, "the id of the account there", &v))
		return;
	free(p->c->acme.eab_id);
	p->c->acme.eab_id = sv_dup(v);
}

static void
set_eab_file(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->acme.eab_secret_file, &p->c->acme.eab_at);
}

static const struct conf_key eab_keys[] = {
    {"id", set_eab_id},
    {"secret_file", set_eab_file},
    {NULL, NULL},
};

static void
set_eab(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, eab_keys);
	if ((p->c->acme.eab_id == NULL) != (p->c->acme.eab_secret_file == NULL))
		CONF_FAIL(
		    p, n, "id and secret_file go together; one is missing");
}

static void
set_ca(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->acme.ca, &p->c->acme.ca_at);
}

static void
set_key(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;

	if (!conf_get_text(p, n, "keep or new", &v))
		return;
	if (!sv_ieq(v, SV("keep")) && !sv_ieq(v, SV("new")))
		CONF_FAIL(p, n, "expected keep or new, not \"%.60s\"", v.p);
	else
		p->c->acme.new_key = sv_ieq(v, SV("new"));
}

static void
set_check(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->acme.check);
}

static const struct conf_key keys[] = {
    {"on", set_on},
    {"directory", set_directory},
    {"email", set_email},
    {"eab", set_eab},
    {"ca", set_ca},
    {"key", set_key},
    {"check", set_check},
    {NULL, NULL},
};

/* `on`, `off`, or a map, which means on. */
void
conf_set_acme(struct conf_parser *p, yaml_node_t *n)
{
	p->c->acme.at = conf_place_of(n);
	if (n->type == YAML_SCALAR_NODE) {
		set_on(p, n);
		return;
	}
	p->c->acme.on = true;
	conf_set_map(p, n, keys);
}
