/*
 * The keys `domains`, `accounts`, `aliases`, `catch_all`, `admin` and `admins`:
 * who gets which mail.
 */
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "conf/conf_priv.h"

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

static struct conf_domain *
add_domain(struct conf_parser *p, yaml_node_t *n)
{
	struct conf *c = p->c;
	struct sv v;

	if (!conf_get_text(p, n, "a domain such as example.org", &v))
		return NULL;
	if (!conf_is_domain(v) || conf_ends_in_number(v)) {
		CONF_FAIL(p, n,
		    "\"%.60s\" is not a domain name (write international names "
		    "in their xn-- form)",
		    v.p);
		return NULL;
	}
	if (conf_domain_is_local(c, v)) {
		CONF_FAIL(p, n, "the domain %.60s is listed twice", v.p);
		return NULL;
	}
	c->domain = xreallocarray(c->domain, c->ndomain + 1, sizeof *c->domain);
	c->domain[c->ndomain] =
	    (struct conf_domain){.name = conf_lower_dup(v), .catch_all = -1};
	return &c->domain[c->ndomain++];
}

static void
domain_inbound(struct conf_parser *p, yaml_node_t *n)
{
	struct conf *c = p->c;

	conf_read_inbound(p, n, &c->domain[c->ndomain - 1].inbound);
}

static void
domain_mta_sts(struct conf_parser *p, yaml_node_t *n)
{
	struct conf *c = p->c;

	conf_read_mta_sts(p, n, &c->domain[c->ndomain - 1].mta_sts);
}

static void
domain_certificate(struct conf_parser *p, yaml_node_t *n)
{
	struct conf_domain *d = &p->c->domain[p->c->ndomain - 1];

	conf_set_path(p, n, &d->tls_certificate, &d->certificate_at);
}

static void
domain_key(struct conf_parser *p, yaml_node_t *n)
{
	struct conf_domain *d = &p->c->domain[p->c->ndomain - 1];

	conf_set_path(p, n, &d->tls_key, &d->key_at);
}

static const struct conf_key domain_tls_keys[] = {
    {"certificate", domain_certificate},
    {"key", domain_key},
    {NULL, NULL},
};

static void
domain_tls(struct conf_parser *p, yaml_node_t *n)
{
	const struct conf_domain *d = &p->c->domain[p->c->ndomain - 1];
	size_t before = p->errors->n;

	conf_set_map(p, n, domain_tls_keys);
	if (p->errors->n == before &&
	    (d->tls_certificate == NULL || d->tls_key == NULL))
		CONF_FAIL(
		    p, n, "certificate and key go together; one is missing");
}

static const struct conf_key domain_keys[] = {
    {"inbound", domain_inbound},
    {"mta_sts", domain_mta_sts},
    {"tls", domain_tls},
    {NULL, NULL},
};

/* name: { inbound: ... }, or nothing behind the colon */
static void
add_domain_pair(
    struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	bool none = v->type == YAML_SCALAR_NODE && conf_text_of(v).n == 0;

	(void)arg;
	if (add_domain(p, k) != NULL && !none)
		conf_set_map(p, v, domain_keys);
}

static void
add_domain_item(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	if (n->type == YAML_MAPPING_NODE)
		conf_each_pair(p, n, "a domain", add_domain_pair, arg);
	else
		(void)add_domain(p, n);
}

void
conf_set_domains(struct conf_parser *p, yaml_node_t *n)
{
	p->has_domains = true;
	if (n->type == YAML_MAPPING_NODE)
		conf_each_pair(p, n, "domains", add_domain_pair, NULL);
	else
		conf_each_item(p, n, "domains", add_domain_item, NULL);
}

/* "*@example.org" or "@example.org": an address for whatever has no other. */
static bool
is_catch_all(struct conf_parser *p, yaml_node_t *n, struct sv v)
{
	size_t at = sv_rchr(v, '@');

	if (at == v.n || (at > 0 && sv_chr(v, '*') >= at))
		return false;
	CONF_FAIL(p, n,
	    "\"%.60s\" is not an address; for all mail that has no other "
	    "address write: catch_all: { %.80s: NAME }, with an account's name",
	    v.p, v.p + at + 1);
	return true;
}

static void
add_address(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	struct conf_account *a = arg;
	struct buf b;
	struct sv v;

	if (!conf_get_text(p, n, "an address such as anna@example.org", &v) ||
	    is_catch_all(p, n, v))
		return;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (!conf_address_normalise(v, &b)) {
		CONF_FAIL(p, n, "\"%.60s\" is not an address", v.p);
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
		CONF_FAIL(
		    p, n, "\"%.60s\" is not an address, @domain or \"*\"", v.p);
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
		conf_unknown_key(p, k, known);
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

void
conf_set_accounts(struct conf_parser *p, yaml_node_t *n)
{
	p->has_accounts = true;
	conf_each_pair(p, n, "a map of accounts", add_account, NULL);
}

void
conf_set_aliases(struct conf_parser *p, yaml_node_t *n)
{
	p->aliases = n;
}

void
conf_set_catch_all(struct conf_parser *p, yaml_node_t *n)
{
	p->catch_all = n;
}

void
conf_set_admin(struct conf_parser *p, yaml_node_t *n)
{
	p->admin = n;
}

void
conf_set_admins(struct conf_parser *p, yaml_node_t *n)
{
	p->admins = n;
}

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
		CONF_FAIL(p, n, "there is no account \"%.60s\"%s", v.p,
		    sv_chr(v, '@') < v.n
			? "; an account's name is expected, not an address"
			: "");
	return i;
}

static void
add_admin(struct conf_parser *p, yaml_node_t *n, void *arg)
{
	int i = get_account(p, n);

	(void)arg;
	if (i >= 0)
		p->c->account[i].admin = true;
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

/* Where an account's address is written: it, or the account that has it by
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

/* The place of the account's address. */
static size_t
line_of(const struct conf_parser *p, uint32_t account, const char *address)
{
	const struct conf_account *a = &p->c->account[account];
	size_t i = 0;

	while (i + 1 < a->naddress && strcmp(a->address[i], address) != 0)
		i++;
	return node_of(p, account, a->address[i])->start_mark.line + 1;
}

/* The domains are written in ASCII; so their addresses are, too. */
static const char *
hint(const char *address)
{
	return utf8_has_8bit(sv_str(address)) ? "; write the domain as xn--..."
					      : "";
}

/* An address has one meaning: no account's, and no other alias. */
static void
check_unique(struct conf_parser *p, yaml_node_t *k, const char *address)
{
	struct conf *c = p->c;
	int n = conf_account_by_login(c, sv_str(address));
	size_t i;

	if (n >= 0)
		CONF_FAIL(p, k,
		    "the alias %.80s is also an address of the account %s "
		    "(line %zu), so it would not be used: remove one of them; "
		    "if both are meant, give the account another address and "
		    "name it in the alias",
		    address, c->account[n].name,
		    line_of(p, (uint32_t)n, address));
	for (i = 0; i < c->nalias; i++)
		if (strcmp(c->alias[i].address, address) == 0)
			CONF_FAIL(p, k,
			    "the alias %.80s is listed twice; the first is on "
			    "line %zu",
			    address, p->alias[i]->start_mark.line + 1);
}

static void
add_alias(struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg)
{
	struct conf *c = p->c;
	struct conf_alias *a;
	struct buf b;

	(void)arg;
	if (is_catch_all(p, k, conf_text_of(k)))
		return;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (!conf_address_normalise(conf_text_of(k), &b)) {
		CONF_FAIL(
		    p, k, "\"%.60s\" is not an address", conf_text_of(k).p);
		buf_fini(&b);
		return;
	}
	if (!is_ours(c, b.p) && c->ndomain > 0)
		CONF_FAIL(p, k,
		    "the alias %.80s is not in any of the domains, so it would "
		    "get no mail%s",
		    b.p, hint(b.p));
	check_unique(p, k, b.p);
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

#define ALIAS_DEPTH	  8
#define OUTSIDE_LOCAL_MAX 64 /* [RFC 5321 4.5.3.1.1] */

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

/* What SMTP takes without quotes; others' odd addresses are not worth it. */
static bool
is_atoms(struct sv local)
{
	size_t i;

	for (i = 0; i < local.n; i++)
		if (!ascii_is_print(local.p[i]) || local.p[i] == ' ' ||
		    sv_chr(SV("()<>[]:;,\"\\@"), local.p[i]) < 12)
			return false;
	return local.n > 0 && local.n <= OUTSIDE_LOCAL_MAX;
}

/* An address at another server; NULL, or what is wrong with it. */
static const char *
add_outside(struct conf *c, struct conf_alias *a, struct sv address)
{
	size_t at = sv_rchr(address, '@'), i;
	struct sv local = sv_first(address, at), d = sv_skip(address, at + 1);
	struct buf b;

	if (utf8_has_8bit(d))
		return "which has letters beyond ASCII: write the domain as "
		       "xn--...";
	if (sv_ieq(d, sv_str(c->hostname)))
		return "which is this server itself; name an account";
	if (!is_atoms(local) || !conf_is_domain(d) || conf_ends_in_number(d))
		return "which is not an address to which mail can be forwarded";
	if (!c->outside)
		return "but `relay: off` keeps all mail from leaving";
	for (i = 0; i < a->noutside; i++)
		if (sv_ieq(address, sv_str(a->outside[i])))
			return NULL;
	if (a->noutside == CONF_OUTSIDE_MAX)
		return "which is one too many: at most 100 addresses at other "
		       "servers";
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	buf_addsv(&b, sv_first(address, at + 1));
	for (i = 0; i < d.n; i++)
		buf_addc(&b, ascii_lower(d.p[i]));
	a->outside =
	    xreallocarray(a->outside, a->noutside + 1, sizeof *a->outside);
	a->outside[a->noutside++] = buf_take(&b);
	return NULL;
}

/* Is it an address, and not one of ours? */
static bool
is_elsewhere(const struct conf *c, struct sv target)
{
	size_t at = sv_rchr(target, '@');

	return at < target.n && c->ndomain > 0 &&
	       !conf_domain_is_local(c, sv_skip(target, at + 1));
}

/* An account by name or address, also by an address with +detail. */
static int
account_of_target(const struct conf *c, struct sv target)
{
	size_t at = sv_rchr(target, '@'), plus = sv_chr(target, '+');
	int n = conf_account_by_login(c, target);
	struct buf b;

	if (n >= 0 || plus == 0 || plus >= at || at == target.n)
		return n;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	buf_addsv(&b, sv_first(target, plus));
	buf_addsv(&b, sv_skip(target, at));
	n = conf_account_by_login(c, buf_sv(&b));
	buf_fini(&b);
	return n;
}

static const char *expand_alias(struct conf *c, struct conf_alias *a,
    const struct conf_alias *to, const struct way *from);

/* Follows one target; NULL, or what is wrong with it. */
static const char *
expand_target(struct conf *c, struct conf_alias *a, const char *target,
    const struct way *from)
{
	const char *wrong =
	    "which is not an account, an account's address or another alias";
	struct buf b;
	size_t i;
	int n = account_of_target(c, sv_str(target));

	if (n >= 0) {
		alias_add_account(a, (uint32_t)n);
		return NULL;
	}
	if (is_elsewhere(c, sv_str(target)))
		return add_outside(c, a, sv_str(target));
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (!conf_address_normalise(sv_str(target), &b))
		buf_reset(&b);
	for (i = 0; i < c->nalias && b.n > 0; i++)
		if (sv_eq(buf_sv(&b), sv_str(c->alias[i].address)))
			wrong = expand_alias(c, a, &c->alias[i], from);
	buf_fini(&b);
	return wrong;
}

static const char *
expand_alias(struct conf *c, struct conf_alias *a, const struct conf_alias *to,
    const struct way *from)
{
	struct way here = {to->address, from, from->depth + 1};
	const char *wrong = NULL;
	size_t i;

	if (is_on_way(from, here.alias))
		return "which leads back to it: this is a loop";
	if (here.depth > ALIAS_DEPTH)
		return "which leads through too many other aliases";
	for (i = 0; i < to->ntarget && wrong == NULL; i++)
		wrong = expand_target(c, a, to->target[i], &here);
	return wrong;
}

/* Follows all that the alias names; is all of it well? */
static bool
resolve_alias(struct conf_parser *p, size_t i)
{
	struct conf_alias *al = &p->c->alias[i];
	struct way here = {al->address, NULL, 0};
	bool well = true;
	size_t j;

	for (j = 0; j < al->ntarget; j++) {
		const char *wrong =
		    expand_target(p->c, al, al->target[j], &here);

		if (wrong == NULL)
			continue;
		well = false;
		CONF_FAIL(p, p->alias[i],
		    "the alias %.60s leads to \"%.60s\", %s", al->address,
		    al->target[j], wrong);
	}
	return well;
}

static void
resolve_aliases(struct conf_parser *p)
{
	size_t i, before = p->errors->n;
	struct conf *c = p->c;
	bool read;

	if (p->aliases == NULL)
		return;
	conf_each_pair(
	    p, p->aliases, "a map from addresses to accounts", add_alias, NULL);
	read = p->errors->n == before;
	for (i = 0; i < c->nalias; i++)
		/* Mail for it would be taken, and nobody would have it. */
		if (resolve_alias(p, i) && read && c->alias[i].naccount == 0 &&
		    c->alias[i].noutside == 0)
			CONF_FAIL(p, p->alias[i],
			    "the alias %.60s leads to nobody: name an account "
			    "or an address",
			    c->alias[i].address);
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

static void
fail_twice(struct conf_parser *p, const struct conf_address *x,
    const struct conf_address *y)
{
	yaml_node_t *n = node_of(p, x->account, x->address);
	yaml_node_t *m = node_of(p, y->account, y->address);

	/* Sorting has no memory: the one that is further down. */
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
				    "%.80s of the account %s is not in any of "
				    "the domains%s",
				    a, c->account[i].name, hint(a));
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

void
conf_check_accounts(struct conf_parser *p)
{
	struct conf *c = p->c;
	int a;

	give_default_addresses(c);
	index_addresses(p);
	resolve_aliases(p);
	resolve_catch_all(p);
	a = p->admin != NULL ? get_account(p, p->admin) : 0;
	c->admin = a > 0 ? (uint32_t)a : 0;
	if (p->admins != NULL)
		conf_each_item(p, p->admins, "accounts", add_admin, NULL);
}
