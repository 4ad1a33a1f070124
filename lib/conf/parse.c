#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "conf/internal.h"

static void __attribute__((format(printf, 3, 0)))
add_error(struct conf_errors *errors, struct conf_place at, const char *fmt,
    va_list ap)
{
	struct conf_error *e;

	if (errors->n++ >= CONF_ERRORS_MAX)
		return;
	e = &errors->e[errors->n - 1];
	e->line = at.line;
	e->column = at.column;
	(void)vsnprintf(e->text, sizeof e->text, fmt, ap);
}

void
conf_error_add(
    struct conf_errors *errors, struct conf_place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(errors, at, fmt, ap);
	va_end(ap);
}

void
conf_fail_at(struct conf_errors *errors, size_t line, size_t column,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(errors, (struct conf_place){(unsigned)line, (unsigned)column},
	    fmt, ap);
	va_end(ap);
}

struct conf_place
conf_place_of(const yaml_node_t *n)
{
	return (struct conf_place){(unsigned)n->start_mark.line + 1,
	    (unsigned)n->start_mark.column + 1};
}

/* ---- nodes ---- */

yaml_node_t *
conf_node(struct conf_parser *p, int id)
{
	return yaml_document_get_node(&p->doc, id);
}

struct sv
conf_text_of(const yaml_node_t *n)
{
	return sv_of(n->data.scalar.value, n->data.scalar.length);
}

/* A scalar without NUL bytes, or an error that says what was expected. */
bool
conf_get_text(
    struct conf_parser *p, yaml_node_t *n, const char *expected, struct sv *out)
{
	if (n->type != YAML_SCALAR_NODE || conf_text_of(n).n == 0) {
		CONF_FAIL(p, n, "expected %s", expected);
		return false;
	}
	*out = conf_text_of(n);
	if (sv_chr(*out, '\0') < out->n) {
		CONF_FAIL(p, n, "a NUL byte cannot be part of %s", expected);
		return false;
	}
	return true;
}

/* The distance at which two keys are taken for a typing error; short ones have
 * to have more in common. */
#define NEAR 3

static bool
is_near(unsigned d, size_t a, size_t b)
{
	size_t shorter = a < b ? a : b, longer = a < b ? b : a;

	return d <= NEAR && d < shorter && 2 * d <= longer + 1;
}

static void
unknown_key(struct conf_parser *p, yaml_node_t *n, const struct conf_key *keys)
{
	const char *best = NULL;
	unsigned least = NEAR + 1;
	struct buf all;
	size_t i;

	buf_init(&all, 200);
	for (i = 0; keys[i].name != NULL; i++) {
		unsigned d = sv_distance(sv_str(keys[i].name), conf_text_of(n));

		if (d < least &&
		    is_near(d, strlen(keys[i].name), conf_text_of(n).n)) {
			least = d;
			best = keys[i].name;
		}
		buf_addf(&all, "%s%s", i > 0 ? ", " : "", keys[i].name);
	}
	if (best != NULL)
		CONF_FAIL(p, n, "unknown key \"%.*s\"; did you mean \"%s\"?",
		    (int)(conf_text_of(n).n < 60 ? conf_text_of(n).n : 60),
		    conf_text_of(n).p, best);
	else
		CONF_FAIL(p, n, "unknown key \"%.*s\"; known here: %s",
		    (int)(conf_text_of(n).n < 60 ? conf_text_of(n).n : 60),
		    conf_text_of(n).p, all.p);
	buf_fini(&all);
}

/* Is this key there before in the same map? */
static bool
is_repeated(struct conf_parser *p, yaml_node_t *map, yaml_node_pair_t *at)
{
	yaml_node_pair_t *q;

	for (q = map->data.mapping.pairs.start; q < at; q++) {
		yaml_node_t *k = conf_node(p, q->key);

		if (k->type == YAML_SCALAR_NODE &&
		    sv_eq(
			conf_text_of(k), conf_text_of(conf_node(p, at->key)))) {
			CONF_FAIL(p, conf_node(p, at->key),
			    "\"%.60s\" is listed twice; the first is on "
			    "line %zu",
			    conf_node(p, at->key)->data.scalar.value,
			    k->start_mark.line + 1);
			return true;
		}
	}
	return false;
}

/* Calls fn for each well-formed pair of a map. */
void
conf_each_pair(struct conf_parser *p, yaml_node_t *map, const char *expected,
    void (*fn)(
	struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg),
    void *arg)
{
	yaml_node_pair_t *q;

	if (map->type != YAML_MAPPING_NODE) {
		CONF_FAIL(p, map, "expected %s", expected);
		return;
	}
	for (q = map->data.mapping.pairs.start; q < map->data.mapping.pairs.top;
	     q++) {
		struct sv name;

		if (conf_get_text(p, conf_node(p, q->key), "a key", &name) &&
		    !is_repeated(p, map, q))
			fn(p, conf_node(p, q->key), conf_node(p, q->value),
			    arg);
	}
}

static void
set_key(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	const struct conf_key *keys = arg;

	for (; keys->name != NULL; keys++)
		if (sv_eq(conf_text_of(k), sv_str(keys->name))) {
			keys->set(p, v);
			return;
		}
	unknown_key(p, k, arg);
}

/* Calls fn for each element of a list; a single scalar counts as a list. */
void
conf_each_item(struct conf_parser *p, yaml_node_t *list, const char *expected,
    void (*fn)(struct conf_parser *p, yaml_node_t *n, void *arg), void *arg)
{
	yaml_node_item_t *q;

	if (list->type == YAML_SCALAR_NODE && conf_text_of(list).n > 0) {
		fn(p, list, arg);
		return;
	}
	if (list->type != YAML_SEQUENCE_NODE) {
		CONF_FAIL(p, list, "expected a list of %s", expected);
		return;
	}
	for (q = list->data.sequence.items.start;
	     q < list->data.sequence.items.top; q++)
		fn(p, conf_node(p, *q), arg);
}

bool
conf_get_bool(struct conf_parser *p, yaml_node_t *n, bool *out)
{
	static const char *const yes[] = {"on", "true", "yes"};
	static const char *const no[] = {"off", "false", "no"};
	struct sv v;
	size_t i;

	if (!conf_get_text(p, n, "on or off", &v))
		return false;
	for (i = 0; i < 3; i++)
		if (sv_ieq(v, sv_str(yes[i])) || sv_ieq(v, sv_str(no[i]))) {
			*out = sv_ieq(v, sv_str(yes[i]));
			return true;
		}
	CONF_FAIL(p, n, "expected on or off, not \"%.60s\"", v.p);
	return false;
}

bool
conf_number(struct sv s, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t unit = 1, v = 0;

	if (s.n > 1) {
		char u = ascii_upper(s.p[s.n - 1]);

		unit = u == 'K'	  ? 1 << 10
		       : u == 'M' ? 1 << 20
		       : u == 'G' ? 1 << 30
				  : 1;
		if (unit > 1)
			s.n--;
	}
	if (sv_to_u64(s, most / unit, &v) != RC_OK || v * unit < least)
		return false;
	*out = v * unit;
	return true;
}

bool
conf_get_number(struct conf_parser *p, yaml_node_t *n, uint64_t least,
    uint64_t most, uint64_t *out)
{
	struct sv s;

	if (!conf_get_text(p, n, "a number", &s))
		return false;
	if (!conf_number(s, least, most, out)) {
		CONF_FAIL(p, n,
		    "expected a number from %llu to %llu (K, M and G "
		    "behind it multiply)",
		    (unsigned long long)least, (unsigned long long)most);
		return false;
	}
	return true;
}

/* ---- names ---- */

/* A domain name in ASCII: letters, digits, hyphens, dots between. */
bool
conf_is_domain(struct sv d)
{
	size_t i, label = 0;

	if (d.n == 0 || d.n > 253)
		return false;
	for (i = 0; i < d.n; i++) {
		if (d.p[i] == '.') {
			if (label == 0 || d.p[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!ascii_is_alnum(d.p[i]) && (d.p[i] != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && d.p[d.n - 1] != '-';
}

/* An address, or the like: no top-level domain is a number. */
static bool
ends_in_number(struct sv d)
{
	size_t dot = sv_rchr(d, '.'), i;
	struct sv top = dot == d.n ? d : sv_skip(d, dot + 1);

	for (i = 0; i < top.n && ascii_is_digit(top.p[i]); i++)
		;
	return i == top.n;
}

static bool
is_account_name(struct sv s)
{
	size_t i;

	if (s.n == 0 || s.n >= CONF_NAME_MAX || s.p[0] == '.' || s.p[0] == '-')
		return false;
	for (i = 0; i < s.n; i++)
		if (!ascii_is_lower(s.p[i]) && !ascii_is_digit(s.p[i]) &&
		    sv_chr(SV("._-"), s.p[i]) == 3)
			return false;
	return true;
}

static char *
lower_dup(struct sv s)
{
	char *d = sv_dup(s), *q;

	for (q = d; *q != '\0'; q++)
		*q = ascii_lower(*q);
	return d;
}

static void
replace(char **at, struct sv s)
{
	free(*at);
	*at = sv_dup(s);
}

/* ---- one function per key ---- */

static void
set_hostname(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;

	if (!conf_get_text(
		p, n, "the server's name, as in mail.example.org", &v))
		return;
	if (!conf_is_domain(v) || sv_chr(v, '.') == v.n || ends_in_number(v)) {
		CONF_FAIL(p, n,
		    "expected a full name with a dot, as in "
		    "mail.example.org, not \"%.60s\"",
		    v.p);
		return;
	}
	free(p->c->hostname);
	p->c->hostname = lower_dup(v);
}

static struct conf_domain *
add_domain(struct conf_parser *p, yaml_node_t *n)
{
	struct conf *c = p->c;
	struct sv v;

	if (!conf_get_text(p, n, "a domain, as in example.org", &v))
		return NULL;
	if (!conf_is_domain(v) || ends_in_number(v)) {
		CONF_FAIL(p, n,
		    "\"%.60s\" is no domain name (international names "
		    "are written in their xn-- form)",
		    v.p);
		return NULL;
	}
	if (conf_domain_is_local(c, v)) {
		CONF_FAIL(p, n, "the domain %.60s is listed twice", v.p);
		return NULL;
	}
	c->domain = xreallocarray(c->domain, c->ndomain + 1, sizeof *c->domain);
	c->domain[c->ndomain] = (struct conf_domain){lower_dup(v), -1};
	return &c->domain[c->ndomain++];
}

static void
add_domain_item(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	(void)arg;
	(void)add_domain(p, n);
}

static void
add_domain_pair(
    struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	(void)arg;
	(void)add_domain(p, k);
	if (v->type != YAML_SCALAR_NODE || conf_text_of(v).n > 0)
		if (v->type != YAML_MAPPING_NODE ||
		    v->data.mapping.pairs.start != v->data.mapping.pairs.top)
			CONF_FAIL(
			    p, v, "a domain has no settings of its own here");
}

static void
set_domains(struct conf_parser *p, yaml_node_t *n)
{
	p->has_domains = true;
	if (n->type == YAML_MAPPING_NODE)
		conf_each_pair(p, n, "domains", add_domain_pair, NULL);
	else
		conf_each_item(p, n, "domains", add_domain_item, NULL);
}

static void
add_address(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_account *a = arg;
	struct buf b;
	struct sv v;

	if (!conf_get_text(p, n, "an address, as in anna@example.org", &v))
		return;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (!conf_address_normalise(v, &b)) {
		CONF_FAIL(p, n, "\"%.60s\" is no address", v.p);
	} else {
		a->address = xreallocarray(
		    a->address, a->naddress + 1, sizeof *a->address);
		a->address[a->naddress++] = buf_take(&b);
		p->address = xgrow(p->address, &p->address_cap, p->naddress + 1,
		    sizeof *p->address);
		p->address[p->naddress++] =
		    (struct conf_written){(uint32_t)(a - p->c->account), n};
	}
	buf_fini(&b);
}

static void
add_send_as(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_account *a = arg;
	struct buf b;
	struct sv v;

	if (!conf_get_text(p, n, "an address, @domain or \"*\"", &v))
		return;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (sv_eq(v, SV("*")) ||
	    (v.p[0] == '@' && conf_is_domain(sv_skip(v, 1))))
		buf_addsv(&b, v);
	else if (!conf_address_normalise(v, &b))
		CONF_FAIL(p, n,
		    "\"%.60s\" is no address, no @domain and not \"*\"", v.p);
	if (b.n > 0) {
		a->send_as = xreallocarray(
		    a->send_as, a->nsend_as + 1, sizeof *a->send_as);
		a->send_as[a->nsend_as++] = buf_take(&b);
	}
	buf_fini(&b);
}

static void
account_pair(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	static const struct conf_key known[] = {{"addresses", NULL},
	    {"send_as", NULL}, {"quota", NULL}, {NULL, NULL}};
	struct conf_account *a = arg;

	if (sv_eq(conf_text_of(k), SV("addresses")))
		conf_each_item(p, v, "addresses", add_address, arg);
	else if (sv_eq(conf_text_of(k), SV("send_as")))
		conf_each_item(p, v, "addresses", add_send_as, arg);
	else if (sv_eq(conf_text_of(k), SV("quota")))
		conf_set_quota_of(p, v, &a->quota);
	else
		unknown_key(p, k, known);
}

static void
add_account(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	struct conf *c = p->c;
	struct conf_account *a;

	(void)arg;
	if (!is_account_name(conf_text_of(k))) {
		CONF_FAIL(p, k,
		    "\"%.60s\" cannot be an account's name: letters "
		    "a-z, digits, '.', '_' and '-', at most 63",
		    conf_text_of(k).p);
		return;
	}
	c->account =
	    xreallocarray(c->account, c->naccount + 1, sizeof *c->account);
	a = &c->account[c->naccount++];
	p->account = xgrow(
	    p->account, &p->account_cap, p->naccount + 1, sizeof *p->account);
	p->account[p->naccount++] = k;
	*a = (struct conf_account){
	    .name = sv_dup(conf_text_of(k)), .quota = CONF_QUOTA_DEFAULT};
	if (v->type == YAML_SCALAR_NODE && conf_text_of(v).n == 0)
		return; /* "anna:" alone */
	conf_each_pair(
	    p, v, "a map with the account's addresses", account_pair, a);
}

static void
set_accounts(struct conf_parser *p, yaml_node_t *n)
{
	p->has_accounts = true;
	conf_each_pair(p, n, "a map of accounts", add_account, NULL);
}

static void
set_aliases(struct conf_parser *p, yaml_node_t *n)
{
	p->aliases = n;
}

static void
set_catch_all(struct conf_parser *p, yaml_node_t *n)
{
	p->catch_all = n;
}

static void
set_admin(struct conf_parser *p, yaml_node_t *n)
{
	p->admin = n;
}

void
conf_set_path(
    struct conf_parser *p, yaml_node_t *n, char **path, struct conf_place *at)
{
	struct sv v;

	if (!conf_get_text(p, n, "an absolute path", &v))
		return;
	if (v.p[0] != '/')
		CONF_FAIL(
		    p, n, "expected an absolute path, not \"%.60s\"", v.p);
	else
		replace(path, v);
	if (at != NULL)
		*at = conf_place_of(n);
}

static void
set_data(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->data, &p->c->data_at);
}

static void
set_certificate(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->tls_certificate, &p->c->certificate_at);
}

static void
set_tls_key(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->tls_key, &p->c->key_at);
}

static void
set_sandbox(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->sandbox);
}

static void
set_listen(struct conf_parser *p, yaml_node_t *n, enum conf_service s)
{
	size_t i;

	for (i = 0; i < p->c->nlisten[s]; i++)
		free(p->c->listen[s][i].host);
	p->c->nlisten[s] = 0;
	conf_each_item(p, n, "ports", conf_add_listen, &s);
}

#define LISTEN(fn, service)                                   \
	static void fn(struct conf_parser *p, yaml_node_t *n) \
	{                                                     \
		set_listen(p, n, service);                    \
	}
LISTEN(listen_smtp, CONF_SMTP)
LISTEN(listen_submission, CONF_SUBMISSION)
LISTEN(listen_submissions, CONF_SUBMISSIONS)
LISTEN(listen_imap, CONF_IMAP)
LISTEN(listen_imaps, CONF_IMAPS)
LISTEN(listen_pop3, CONF_POP3)
LISTEN(listen_pop3s, CONF_POP3S)

static void
set_u32(struct conf_parser *p, yaml_node_t *n, uint32_t least, uint32_t *at)
{
	uint64_t v;

	if (conf_get_number(p, n, least, 1000000, &v))
		*at = (uint32_t)v;
}

static void
limit_message_size(struct conf_parser *p, yaml_node_t *n)
{
	/* The store counts a message's size in 32 bits. */
	(void)conf_get_number(
	    p, n, 65536, 2047ULL << 20, &p->c->limits.message_size);
}

static void
limit_recipients(struct conf_parser *p, yaml_node_t *n)
{
	/* [RFC 5321 4.5.3.1.8] a server takes at least 100. */
	set_u32(p, n, 100, &p->c->limits.recipients);
}

static void
limit_connections(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 10, &p->c->limits.connections);
}

static void
limit_per_peer(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 1, &p->c->limits.connections_per_peer);
}

static void
limit_errors(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 1, &p->c->limits.errors);
}

static void
limit_messages_per_hour(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 1, &p->c->limits.messages_per_hour);
}

static void
limit_loopback(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->limits.loopback);
}

static const struct conf_key tls_keys[] = {
    {"certificate", set_certificate},
    {"key", set_tls_key},
    {NULL, NULL},
};

static const struct conf_key listen_keys[] = {
    {"smtp", listen_smtp},
    {"submission", listen_submission},
    {"submissions", listen_submissions},
    {"imap", listen_imap},
    {"imaps", listen_imaps},
    {"pop3", listen_pop3},
    {"pop3s", listen_pop3s},
    {NULL, NULL},
};

static const struct conf_key limit_keys[] = {
    {"message_size", limit_message_size},
    {"recipients", limit_recipients},
    {"connections", limit_connections},
    {"connections_per_peer", limit_per_peer},
    {"errors", limit_errors},
    {"messages_per_hour", limit_messages_per_hour},
    {"loopback", limit_loopback},
    {NULL, NULL},
};

void
conf_set_map(struct conf_parser *p, yaml_node_t *n, const struct conf_key *keys)
{
	union {
		const struct conf_key *in;
		void *out;
	} arg = {keys};

	conf_each_pair(p, n, "a map of settings", set_key, arg.out);
}

static void
set_tls(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, tls_keys);
	if ((p->c->tls_certificate == NULL) != (p->c->tls_key == NULL))
		CONF_FAIL(
		    p, n, "certificate and key go together; one is missing");
}

static void
set_listens(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, listen_keys);
	conf_check_listens(p);
}

static void
set_limits(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, limit_keys);
}

static const struct conf_key top_keys[] = {
    {"hostname", set_hostname},
    {"domains", set_domains},
    {"accounts", set_accounts},
    {"aliases", set_aliases},
    {"catch_all", set_catch_all},
    {"admin", set_admin},
    {"data", set_data},
    {"tls", set_tls},
    {"listen", set_listens},
    {"limits", set_limits},
    {"backup", conf_set_backup},
    {"dns", conf_set_dns},
    {"outbound", conf_set_outbound},
    {"relay", conf_set_relay},
    {"log", conf_set_log},
    {"quota", conf_set_quota},
    {"retention", conf_set_retention},
    {"restore_folder", conf_set_restore_folder},
    {"sandbox", set_sandbox},
    {NULL, NULL},
};

/* ---- what needs the whole file ---- */

static int
get_account(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;
	int i;

	if (!conf_get_text(p, n, "an account's name", &v))
		return -1;
	i = conf_account_by_name(p->c, v);
	if (i < 0)
		CONF_FAIL(p, n, "there is no account \"%.60s\"", v.p);
	return i;
}

static void
domain_catch_all(
    struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < p->c->ndomain; i++)
		if (sv_ieq(conf_text_of(k), sv_str(p->c->domain[i].name))) {
			p->c->domain[i].catch_all = get_account(p, v);
			return;
		}
	CONF_FAIL(p, k, "%.60s is not one of the domains", conf_text_of(k).p);
}

static void
resolve_catch_all(struct conf_parser *p)
{
	size_t i;
	int a;

	if (p->catch_all == NULL)
		return;
	if (p->catch_all->type == YAML_MAPPING_NODE) {
		conf_each_pair(p, p->catch_all, "", domain_catch_all, NULL);
		return;
	}
	a = get_account(p, p->catch_all);
	for (i = 0; i < p->c->ndomain; i++)
		p->c->domain[i].catch_all = a;
}

static void
add_target(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_alias *a = arg;
	struct sv v;

	if (!conf_get_text(p, n, "an account or an address", &v))
		return;
	a->target = xreallocarray(a->target, a->ntarget + 1, sizeof *a->target);
	a->target[a->ntarget++] = sv_dup(v);
}

/* An address of one of the domains. */
static bool
is_ours(const struct conf *c, const char *address)
{
	struct sv a = sv_str(address);

	return conf_domain_is_local(c, sv_skip(a, sv_rchr(a, '@') + 1));
}

static void
add_alias(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	struct conf *c = p->c;
	struct conf_alias *a;
	struct buf b;

	(void)arg;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (!conf_address_normalise(conf_text_of(k), &b)) {
		CONF_FAIL(p, k, "\"%.60s\" is no address", conf_text_of(k).p);
		buf_fini(&b);
		return;
	}
	if (!is_ours(c, b.p) && c->ndomain > 0)
		CONF_FAIL(p, k,
		    "the alias %.80s is in none of the domains: no mail for "
		    "it comes here",
		    b.p);
	p->alias =
	    xgrow(p->alias, &p->alias_cap, p->nalias + 1, sizeof *p->alias);
	p->alias[p->nalias++] = k;
	c->alias = xreallocarray(c->alias, c->nalias + 1, sizeof *c->alias);
	a = &c->alias[c->nalias++];
	*a = (struct conf_alias){.address = buf_take(&b)};
	conf_each_item(p, v, "accounts or addresses", add_target, a);
}

static void
alias_add_account(struct conf_alias *a, uint32_t account)
{
	size_t i, j;

	for (i = 0; i < a->naccount && a->account[i] < account; i++)
		;
	if (i < a->naccount && a->account[i] == account)
		return;
	a->account =
	    xreallocarray(a->account, a->naccount + 1, sizeof *a->account);
	for (j = a->naccount++; j > i; j--)
		a->account[j] = a->account[j - 1];
	a->account[i] = account;
}

#define ALIAS_DEPTH 8

/* The aliases that have led to a target. */
struct way {
	const char *alias;
	const struct way *from;
	int depth;
};

static bool
is_on_way(const struct way *w, const char *alias)
{
	while (w != NULL && strcmp(w->alias, alias) != 0)
		w = w->from;
	return w != NULL;
}

/* Follows one target; NULL, or what is wrong with it. */
static const char *
expand_target(struct conf *c, struct conf_alias *a, const char *target,
    const struct way *from)
{
	const char *wrong = "which is not an account, not an address of one "
			    "and not another alias";
	struct buf b;
	size_t i, j;
	int n;

	n = conf_account_by_login(c, sv_str(target));
	if (n >= 0) {
		alias_add_account(a, (uint32_t)n);
		return NULL;
	}
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (!conf_address_normalise(sv_str(target), &b))
		buf_reset(&b);
	for (i = 0; i < c->nalias && b.n > 0; i++) {
		struct way here = {c->alias[i].address, from, from->depth + 1};

		if (!sv_eq(buf_sv(&b), sv_str(c->alias[i].address)))
			continue;
		wrong = NULL;
		if (is_on_way(from, here.alias))
			wrong = "which leads back to it: they go in a circle";
		else if (here.depth > ALIAS_DEPTH)
			wrong = "which leads through too many other aliases";
		for (j = 0; j < c->alias[i].ntarget && wrong == NULL; j++)
			wrong =
			    expand_target(c, a, c->alias[i].target[j], &here);
	}
	buf_fini(&b);
	return wrong;
}

static void
resolve_aliases(struct conf_parser *p)
{
	struct conf *c = p->c;
	size_t i, j;

	if (p->aliases == NULL)
		return;
	conf_each_pair(
	    p, p->aliases, "a map from addresses to accounts", add_alias, NULL);
	for (i = 0; i < c->nalias; i++)
		for (j = 0; j < c->alias[i].ntarget; j++) {
			struct conf_alias *al = &c->alias[i];
			struct way here = {al->address, NULL, 0};
			const char *wrong =
			    expand_target(c, al, al->target[j], &here);

			if (wrong != NULL)
				CONF_FAIL(p, p->alias[i],
				    "the alias %.60s leads to \"%.60s\", %s",
				    al->address, al->target[j], wrong);
		}
}

static int
compare_address(const void *a, const void *b)
{
	const struct conf_address *x = a, *y = b;

	return strcmp(x->address, y->address);
}

/* An account without addresses gets NAME@ each domain. */
static void
give_default_addresses(struct conf *c)
{
	size_t i, j;

	for (i = 0; i < c->naccount; i++) {
		struct conf_account *a = &c->account[i];

		if (a->naddress > 0)
			continue;
		a->address = xcalloc(c->ndomain, sizeof *a->address);
		for (j = 0; j < c->ndomain; j++) {
			struct buf b;

			buf_init(&b, CONF_ADDRESS_MAX + 1);
			buf_addf(&b, "%s@%s", a->name, c->domain[j].name);
			a->address[a->naddress++] = buf_take(&b);
		}
	}
}

/* Where an account's address stands: it, or the account that has it by
 * default. */
static yaml_node_t *
node_of(const struct conf_parser *p, uint32_t account, const char *address)
{
	const struct conf_account *a = &p->c->account[account];
	size_t i, j;

	for (i = 0; i < p->naddress && p->address[i].account != account; i++)
		;
	for (j = 0; j < a->naddress && i + j < p->naddress; j++)
		if (a->address[j] == address &&
		    p->address[i + j].account == account)
			return p->address[i + j].node;
	return p->account[account];
}

static void
fail_twice(struct conf_parser *p, const struct conf_address *x,
    const struct conf_address *y)
{
	yaml_node_t *n = node_of(p, x->account, x->address);
	yaml_node_t *m = node_of(p, y->account, y->address);

	/* Sorting has no memory: the one that stands further down. */
	if (m->start_mark.index < n->start_mark.index) {
		const struct conf_address *z = x;

		x = y;
		y = z;
		m = n;
	}
	if (x->account == y->account)
		CONF_FAIL(p, m, "%.80s is listed twice", y->address);
	else
		CONF_FAIL(p, m,
		    "%.80s belongs to two accounts, %s and %s; use an alias "
		    "for that",
		    y->address, p->c->account[x->account].name,
		    p->c->account[y->account].name);
}

static void
index_addresses(struct conf_parser *p)
{
	struct conf *c = p->c;
	size_t i, j, cap = 0;

	for (i = 0; i < c->naccount; i++)
		for (j = 0; j < c->account[i].naddress; j++) {
			const char *a = c->account[i].address[j];

			if (!is_ours(c, a) && c->ndomain > 0)
				CONF_FAIL(p, node_of(p, (uint32_t)i, a),
				    "%.80s of the account %s is in "
				    "none of the domains",
				    a, c->account[i].name);
			c->by_address = xgrow(c->by_address, &cap,
			    c->nby_address + 1, sizeof *c->by_address);
			c->by_address[c->nby_address++] =
			    (struct conf_address){a, (uint32_t)i};
		}
	if (c->nby_address > 0)
		qsort(c->by_address, c->nby_address, sizeof *c->by_address,
		    compare_address);
	for (i = 1; i < c->nby_address; i++)
		if (strcmp(c->by_address[i - 1].address,
			c->by_address[i].address) == 0)
			fail_twice(p, &c->by_address[i - 1], &c->by_address[i]);
}

static void
check_whole(struct conf_parser *p, yaml_node_t *root)
{
	struct conf *c = p->c;
	int a;

	if (c->hostname == NULL)
		CONF_FAIL(p, root,
		    "hostname is missing: the name under which the "
		    "Internet finds this server");
	/* What is there but wrong has its error already. */
	if (c->ndomain == 0 && (!p->has_domains || p->errors->n == 0))
		CONF_FAIL(p, root, "domains is missing: whose mail is this?");
	if (c->naccount == 0 && (!p->has_accounts || p->errors->n == 0))
		CONF_FAIL(p, root, "accounts is missing: who gets the mail?");
	give_default_addresses(c);
	index_addresses(p);
	resolve_aliases(p);
	resolve_catch_all(p);
	a = p->admin != NULL ? get_account(p, p->admin) : 0;
	c->admin = a > 0 ? (uint32_t)a : 0;
}

static void
set_defaults(struct conf *c, const char *file)
{
	static const uint16_t ports[CONF_SERVICES] = {
	    25, 587, 465, 143, 993, 110, 995};
	int i;

	c->refs = 1;
	c->file = xstrdup(file);
	c->data = xstrdup("/var/lib/hearthmail");
	c->sandbox = true;
	c->restore_folder = CONF_RESTORE_NAMESPACE;
	c->retention_ms = 30ll * 24 * 3600 * 1000;
	c->outside = true;
	c->dns.validate = true;
	c->outbound.ipv6 = true;
	c->limits = (struct conf_limits){
	    .message_size = 50 << 20,
	    .recipients = 100,
	    .connections = 1000,
	    .connections_per_peer = 20,
	    .errors = 10,
	    .messages_per_hour = 600,
	};
	for (i = 0; i < CONF_SERVICES; i++) {
		c->listen[i] = xcalloc(1, sizeof *c->listen[i]);
		c->listen[i][0].port = ports[i];
		c->nlisten[i] = 1;
	}
}

/* libyaml's own complaints, and what its tree does not show: anchors. */
static bool
scan_tokens(struct sv yaml, struct conf_errors *errors)
{
	yaml_parser_t y;
	yaml_token_t t;
	bool end = false, ok = true;

	must(yaml_parser_initialize(&y) == 1);
	yaml_parser_set_input_string(&y, (const unsigned char *)yaml.p, yaml.n);
	while (!end && ok) {
		if (yaml_parser_scan(&y, &t) != 1)
			break; /* the loader says it better */
		if (t.type == YAML_ANCHOR_TOKEN || t.type == YAML_ALIAS_TOKEN) {
			conf_fail_at(errors, t.start_mark.line + 1,
			    t.start_mark.column + 1,
			    "anchors and aliases (& and *) are not used here; "
			    "put the text in quotes if it is meant so");
			ok = false;
		}
		end = t.type == YAML_STREAM_END_TOKEN;
		yaml_token_delete(&t);
	}
	yaml_parser_delete(&y);
	return ok;
}

/* Is a tab where only blanks may be: before the text of that line? */
static bool
is_tabbed(struct sv yaml, size_t line)
{
	struct sv l = {NULL, 0};
	size_t i;

	for (i = 0; i <= line; i++)
		l = sv_split(&yaml, '\n');
	for (i = 0; i < l.n && l.p[i] == ' '; i++)
		;
	return i < l.n && l.p[i] == '\t';
}

static bool
load_document(struct conf_parser *p, struct sv yaml)
{
	yaml_parser_t y;
	bool ok;

	must(yaml_parser_initialize(&y) == 1);
	yaml_parser_set_input_string(&y, (const unsigned char *)yaml.p, yaml.n);
	ok = yaml_parser_load(&y, &p->doc) == 1;
	if (!ok && is_tabbed(yaml, y.problem_mark.line))
		conf_fail_at(p->errors, y.problem_mark.line + 1,
		    y.problem_mark.column + 1,
		    "YAML: a tab; lines are indented with blanks, never with "
		    "tabs");
	else if (!ok)
		conf_fail_at(p->errors, y.problem_mark.line + 1,
		    y.problem_mark.column + 1, "YAML: %s%s%s",
		    y.problem != NULL ? y.problem : "unreadable",
		    y.context != NULL ? " " : "",
		    y.context != NULL ? y.context : "");
	yaml_parser_delete(&y);
	return ok;
}

int
conf_parse(struct sv yaml, const char *file, struct conf **out,
    struct conf_errors *errors)
{
	struct conf_parser p = {.errors = errors};
	yaml_node_t *root;

	errors->n = 0;
	if (!scan_tokens(yaml, errors) || !load_document(&p, yaml))
		return RC_SYNTAX;
	p.c = xcalloc(1, sizeof *p.c);
	set_defaults(p.c, file);
	root = yaml_document_get_root_node(&p.doc);
	if (root == NULL) {
		conf_fail_at(errors, 1, 1,
		    "the file is empty: at least hostname, "
		    "domains and accounts are needed");
	} else {
		conf_set_map(&p, root, top_keys);
		check_whole(&p, root);
	}
	yaml_document_delete(&p.doc);
	free(p.account);
	free(p.address);
	free(p.alias);
	if (errors->n > 0) {
		conf_free(&p.c);
		return RC_SYNTAX;
	}
	*out = p.c;
	return RC_OK;
}

int
conf_load(const char *file, struct buf *text_out, struct conf **out,
    struct conf_errors *errors)
{
	struct err err;
	int r;

	errors->n = 0;
	r = io_read_file(file, text_out, &err);
	if (r != RC_OK) {
		conf_fail_at(errors, 0, 0, "%s", err.text);
		return r;
	}
	return conf_parse(buf_sv(text_out), file, out, errors);
}
