/* The key `relay`: the smarthosts. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "conf/conf_priv.h"

#define PORT_SUBMISSION	 587
#define PORT_SUBMISSIONS 465

static bool
is_host(struct sv v)
{
	size_t i;

	if (conf_is_domain(v))
		return true;
	for (i = 0; i < v.n; i++) /* an IPv6 address */
		if (!ascii_is_digit(v.p[i]) && v.p[i] != ':' &&
		    (ascii_lower(v.p[i]) < 'a' || ascii_lower(v.p[i]) > 'f'))
			return false;
	return v.n > 1 && v.n < 46;
}

static void
set_host(struct conf_parser *p, yaml_node_t *n, struct conf_relay *r)
{
	struct sv v;

	if (!conf_get_text(p, n, "a smarthost such as smtp.example.net", &v))
		return;
	if (!is_host(v)) {
		CONF_FAIL(p, n, "\"%.60s\" is not a host name or address", v.p);
		return;
	}
	free(r->host);
	r->host = sv_dup(v);
}

static void
set_text(struct conf_parser *p, yaml_node_t *n, const char *what, char **at)
{
	struct sv v;

	if (conf_get_text(p, n, what, &v)) {
		free(*at);
		*at = sv_dup(v);
	}
}

static void
set_tls(struct conf_parser *p, yaml_node_t *n, struct conf_relay *r)
{
	struct sv v;

	if (!conf_get_text(p, n, "verify, require or off", &v))
		return;
	if (sv_ieq(v, SV("verify")))
		r->tls = CONF_TLS_VERIFY;
	else if (sv_ieq(v, SV("require")))
		r->tls = CONF_TLS_REQUIRE;
	else if (sv_ieq(v, SV("off")))
		r->tls = CONF_TLS_OFF;
	else
		CONF_FAIL(p, n,
		    "expected verify (the name in the certificate is checked), "
		    "require (it is not) or off, not \"%.40s\"",
		    v.p);
}

static void
relay_pair(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	struct conf_relay *r = arg;
	struct sv name = conf_text_of(k);
	uint64_t port;

	if (sv_eq(name, SV("host")))
		set_host(p, v, r);
	else if (sv_eq(name, SV("port"))) {
		if (conf_get_number(p, v, 1, 65535, &port))
			r->port = (uint16_t)port;
	} else if (sv_eq(name, SV("user")))
		set_text(p, v, "a user name", &r->user);
	else if (sv_eq(name, SV("password_file")))
		conf_set_path(p, v, &r->password_file, &r->password_at);
	else if (sv_eq(name, SV("tls")))
		set_tls(p, v, r);
	else if (sv_eq(name, SV("fallback")))
		(void)conf_get_bool(p, v, &r->fallback);
	else
		CONF_FAIL(p, k,
		    "unknown key \"%.60s\"; known here: host, port, user, "
		    "password_file, tls, fallback",
		    name.p);
}

/* domain: NULL for all that have none of their own. */
static void
add_relay(struct conf_parser *p, yaml_node_t *n, const char *domain)
{
	struct conf *c = p->c;
	struct conf_relay *r;

	c->relay = xreallocarray(c->relay, c->nrelay + 1, sizeof *c->relay);
	r = &c->relay[c->nrelay++];
	*r = (struct conf_relay){
	    .domain = domain != NULL ? xstrdup(domain) : NULL,
	    .port = PORT_SUBMISSION};
	if (n->type == YAML_SCALAR_NODE)
		set_host(p, n, r);
	else
		conf_each_pair(
		    p, n, "a host, or a map with a host", relay_pair, r);
	r->implicit_tls = r->port == PORT_SUBMISSIONS;
	if (r->host == NULL)
		CONF_FAIL(p, n, "the relay has no host");
	if ((r->user == NULL) != (r->password_file == NULL))
		CONF_FAIL(
		    p, n, "user and password_file go together; one is missing");
	if (r->user != NULL && r->tls == CONF_TLS_OFF)
		CONF_FAIL(p, n, "a password is never sent without TLS");
}

static void
domain_pair(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	struct sv name = conf_text_of(k);
	char *lower, *q;

	(void)arg;
	if (sv_eq(name, SV("*"))) {
		add_relay(p, v, NULL);
		return;
	}
	if (!conf_is_domain(name) || sv_chr(name, '.') == name.n) {
		CONF_FAIL(p, k,
		    "\"%.60s\" is not a domain (\"*\" means all others)",
		    name.p);
		return;
	}
	lower = sv_dup(name);
	for (q = lower; *q != '\0'; q++)
		*q = ascii_lower(*q);
	add_relay(p, v, lower);
	free(lower);
}

static bool
has_host(struct conf_parser *p, yaml_node_t *n)
{
	yaml_node_pair_t *q;

	for (q = n->data.mapping.pairs.start; q < n->data.mapping.pairs.top;
	     q++) {
		yaml_node_t *k = conf_node(p, q->key);

		/* No domain is called so: they have a dot. */
		if (k->type == YAML_SCALAR_NODE &&
		    sv_eq(conf_text_of(k), SV("host")))
			return true;
	}
	return false;
}

void
conf_set_relay(struct conf_parser *p, yaml_node_t *n)
{
	if (n->type == YAML_SCALAR_NODE && sv_ieq(conf_text_of(n), SV("off")))
		p->c->outside = false;
	else if (n->type == YAML_MAPPING_NODE && !has_host(p, n))
		conf_each_pair(p, n, "a map of domains", domain_pair, NULL);
	else
		add_relay(p, n, NULL);
}

const struct conf_relay *
conf_relay_for(const struct conf *c, struct sv domain)
{
	const struct conf_relay *all = NULL;
	size_t i;

	for (i = 0; i < c->nrelay; i++) {
		const struct conf_relay *r = &c->relay[i];

		if (r->domain == NULL)
			all = r;
		else if (sv_ieq(domain, sv_str(r->domain)))
			return r;
	}
	return all;
}

bool
conf_has_relay(const struct conf *c, struct sv host)
{
	size_t i;

	for (i = 0; i < c->nrelay; i++)
		if (c->relay[i].host != NULL &&
		    sv_ieq(host, sv_str(c->relay[i].host)))
			return true;
	return false;
}

static bool
is_numeric(const char *host)
{
	struct in6_addr ip;

	return inet_pton(AF_INET, host, &ip) == 1 ||
	       inet_pton(AF_INET6, host, &ip) == 1;
}

/* Relays that are known by their addresses are found without names. */
const char *
conf_without_names(const struct conf *c)
{
	bool direct = true, some = false, others = false, checked = false;
	size_t i;

	for (i = 0; c->outside && i < c->nrelay; i++) {
		const struct conf_relay *r = &c->relay[i];

		if (is_numeric(r->host) && !r->fallback)
			others = true;
		else
			some = true;
		if (r->domain == NULL && !r->fallback)
			direct = false;
	}
	some = c->outside && (some || direct);
	for (i = 0; i < c->ndomain; i++)
		checked |= conf_inbound_dmarc(c, sv_str(c->domain[i].name)) !=
			   CONF_DMARC_OFF;
	if (some && checked)
		return others ? "some mail to other domains waits, and "
				"incoming mail is deferred for up to an hour"
			      : "mail to other domains waits, and incoming "
				"mail is deferred for up to an hour";
	if (some)
		return others ? "some mail to other domains waits"
			      : "mail to other domains waits";
	return checked ? "incoming mail is deferred for up to an hour"
		       : "no mail waits for that";
}
