#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

static const char *const service_names[CONF_SERVICES] = {"smtp", "submission",
    "submissions", "imap", "imaps", "pop3", "pop3s", "sieve", "http", "https",
    "metrics"};

const char *
conf_service_name(enum conf_service s)
{
	return service_names[s];
}

bool
conf_service_tls(enum conf_service s)
{
	return s == CONF_SUBMISSIONS || s == CONF_IMAPS || s == CONF_POP3S ||
	       s == CONF_HTTPS;
}

static void
free_strings(char **s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(s[i]);
	free(s);
}

struct conf *
conf_ref(struct conf *c)
{
	c->refs++;
	return c;
}

static void
block_lists_fini(struct conf_block_lists *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->list[i].zone);
	free(l->list);
}

static void
inbound_fini(struct conf_inbound *in)
{
	block_lists_fini(&in->block_lists);
	free_strings(in->trust_arc, in->ntrust_arc);
	free_strings(in->list, in->nlist);
}

void
conf_free(struct conf **cp)
{
	struct conf *c = *cp;
	size_t i, j;

	*cp = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	free(c->by_address);
	for (i = 0; i < CONF_SERVICES; i++) {
		for (j = 0; j < c->nlisten[i]; j++)
			free(c->listen[i][j].host);
		free(c->listen[i]);
	}
	for (i = 0; i < c->nalias; i++) {
		free(c->alias[i].address);
		free(c->alias[i].account);
		free_strings(c->alias[i].target, c->alias[i].ntarget);
		free_strings(c->alias[i].outside, c->alias[i].noutside);
	}
	free(c->alias);
	for (i = 0; i < c->naccount; i++) {
		free(c->account[i].name);
		free_strings(c->account[i].address, c->account[i].naddress);
		free_strings(c->account[i].send_as, c->account[i].nsend_as);
	}
	free(c->account);
	for (i = 0; i < c->ndomain; i++) {
		free(c->domain[i].name);
		free(c->domain[i].tls_certificate);
		free(c->domain[i].tls_key);
		inbound_fini(&c->domain[i].inbound);
		free_strings(c->domain[i].mta_sts.mx, c->domain[i].mta_sts.nmx);
	}
	free(c->domain);
	for (i = 0; i < c->nrelay; i++) {
		free(c->relay[i].domain);
		free(c->relay[i].host);
		free(c->relay[i].user);
		free(c->relay[i].password_file);
	}
	free(c->relay);
	free(c->outbound.source4);
	free(c->outbound.source6);
	free(c->backup.folder);
	inbound_fini(&c->inbound);
	free_strings(c->mta_sts.mx, c->mta_sts.nmx);
	free_strings(c->dns.forward, c->dns.nforward);
	free_strings(c->dns.receiver, c->dns.nreceiver);
	block_lists_fini(&c->dns.block_lists);
	free(c->virus.clamd);
	free(c->dns.root_hints);
	free(c->dns.trust_anchor);
	free(c->metrics.token);
	free(c->acme.ca);
	free(c->acme.eab_secret_file);
	free(c->acme.eab_id);
	free(c->acme.email);
	free(c->acme.directory);
	free(c->tls_key);
	free(c->tls_certificate);
	free(c->data);
	free(c->hostname);
	free(c->file);
	free(c);
}

const char *
conf_place_print(
    const struct conf *c, struct conf_place at, char out[CONF_PLACE_MAX])
{
	out[0] = '\0';
	if (at.line > 0)
		(void)snprintf(out, CONF_PLACE_MAX, "%.160s:%u:%u: ", c->file,
		    at.line, at.column);
	return out;
}

void
conf_errors_print(
    const struct conf_errors *e, const char *file, struct buf *out)
{
	size_t i;

	for (i = 0; i < e->n && i < CONF_ERRORS_MAX; i++) {
		if (e->e[i].line > 0)
			buf_addf(out, "%s:%u:%u: %s\n", file, e->e[i].line,
			    e->e[i].column, e->e[i].text);
		else
			buf_addf(out, "%s\n", e->e[i].text);
	}
	if (e->n > CONF_ERRORS_MAX)
		buf_addf(
		    out, "%s: and %zu more\n", file, e->n - CONF_ERRORS_MAX);
}

bool
conf_address_normalise(struct sv address, struct buf *out)
{
	size_t at = sv_rchr(address, '@'), i;

	if (at == address.n || at == 0 || at + 1 == address.n ||
	    address.n > CONF_ADDRESS_MAX)
		return false;
	for (i = 0; i < address.n; i++) {
		if (ascii_is_ctl(address.p[i]) || address.p[i] == ' ')
			return false;
		buf_addc(out, ascii_lower(address.p[i]));
	}
	return buf_ok(out);
}

bool
conf_domain_is_local(const struct conf *c, struct sv domain)
{
	size_t i;

	for (i = 0; i < c->ndomain; i++)
		if (sv_ieq(domain, sv_str(c->domain[i].name)))
			return true;
	return false;
}

int
conf_account_by_name(const struct conf *c, struct sv name)
{
	size_t i;

	for (i = 0; i < c->naccount; i++)
		if (sv_eq(name, sv_str(c->account[i].name)))
			return (int)i;
	return -1;
}

/* The account of a normalised address, or NULL. */
static const struct conf_address *
find_address(const struct conf *c, struct sv a)
{
	size_t lo = 0, hi = c->nby_address;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = sv_cmp(sv_str(c->by_address[mid].address), a);

		if (d == 0)
			return &c->by_address[mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* The account that has all the addresses with this local part: mail programs
 * that guess a user name take it. */
static int
find_local(const struct conf *c, struct sv local)
{
	int found = -1;
	size_t i;

	for (i = 0; i < c->nby_address; i++) {
		struct sv a = sv_str(c->by_address[i].address);

		if (!sv_ieq(sv_first(a, sv_rchr(a, '@')), local))
			continue;
		if (found >= 0 && found != (int)c->by_address[i].account)
			return -1;
		found = (int)c->by_address[i].account;
	}
	return found;
}

int
conf_account_by_login(const struct conf *c, struct sv login)
{
	const struct conf_address *a = NULL;
	struct buf b;
	size_t i;

	/* Phones begin with a capital; names have none. */
	for (i = 0; i < c->naccount; i++)
		if (sv_ieq(login, sv_str(c->account[i].name)))
			return (int)i;
	if (login.n > 0 && sv_chr(login, '@') == login.n)
		return find_local(c, login);
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	if (conf_address_normalise(login, &b))
		a = find_address(c, buf_sv(&b));
	buf_fini(&b);
	return a != NULL ? (int)a->account : -1;
}

struct found {
	const uint32_t *account;
	size_t n;
	const char *why;
	const struct conf_alias *alias; /* NULL: by another way */
};

static bool
find_exact(const struct conf *c, struct sv a, struct found *f)
{
	const struct conf_address *x = find_address(c, a);
	size_t i;

	if (x != NULL) {
		*f = (struct found){&x->account, 1, "address", NULL};
		return true;
	}
	for (i = 0; i < c->nalias; i++)
		if (sv_eq(a, sv_str(c->alias[i].address))) {
			*f = (struct found){c->alias[i].account,
			    c->alias[i].naccount, "alias", &c->alias[i]};
			return true;
		}
	return false;
}

static bool
find_without_detail(
    const struct conf *c, struct sv local, struct sv domain, struct found *f)
{
	size_t plus = sv_chr(local, '+');
	struct buf b;
	bool ok;

	if (plus == local.n || plus == 0)
		return false;
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	buf_addsv(&b, sv_first(local, plus));
	buf_addc(&b, '@');
	buf_addsv(&b, domain);
	ok = find_exact(c, buf_sv(&b), f);
	buf_fini(&b);
	return ok;
}

struct sv
conf_address_detail(const struct conf *c, struct sv address)
{
	size_t at = sv_rchr(address, '@'), plus = sv_chr(address, '+');
	struct found f;
	struct buf b;
	bool exact;

	if (plus == 0 || plus >= at || at == address.n)
		return SV("");
	buf_init(&b, CONF_ADDRESS_MAX + 1);
	exact = conf_address_normalise(address, &b) &&
		find_exact(c, buf_sv(&b), &f);
	buf_reset(&b);
	if (!exact &&
	    !(conf_address_normalise(address, &b) &&
		find_without_detail(c,
		    sv_first(buf_sv(&b), sv_rchr(buf_sv(&b), '@')),
		    sv_skip(buf_sv(&b), sv_rchr(buf_sv(&b), '@') + 1), &f)))
		exact = true;
	buf_fini(&b);
	return exact ? SV("")
		     : sv_first(sv_skip(address, plus + 1), at - plus - 1);
}

/* Of the machine itself: those who write to it as others do [RFC 5321 4.5.1],
 * and its own programs, which write to root. */
static int
find_of_host(
    const struct conf *c, struct sv local, struct sv domain, struct found *f)
{
	if (!sv_ieq(domain, sv_str(c->hostname)) ||
	    (!sv_eq(local, SV("postmaster")) && !sv_eq(local, SV("abuse")) &&
		!sv_eq(local, SV("root"))))
		return RC_DENIED;
	*f = (struct found){&c->admin, 1, "admin", NULL};
	return RC_OK;
}

/* a is normalised. */
static int
find(const struct conf *c, struct sv a, struct found *f)
{
	size_t at = sv_rchr(a, '@'), i;
	struct sv local = sv_first(a, at), domain = sv_skip(a, at + 1);

	if (!conf_domain_is_local(c, domain))
		return find_of_host(c, local, domain, f);
	if (find_exact(c, a, f) || find_without_detail(c, local, domain, f) ||
	    find_of_host(c, local, domain, f) == RC_OK)
		return RC_OK;
	/* [RFC 5321 4.5.1] postmaster, [RFC 2142 4] abuse */
	if (sv_eq(local, SV("postmaster")) || sv_eq(local, SV("abuse"))) {
		*f = (struct found){&c->admin, 1, "admin", NULL};
		return RC_OK;
	}
	for (i = 0; i < c->ndomain; i++) {
		int who = c->domain[i].catch_all;

		if (who < 0 || !sv_eq(domain, sv_str(c->domain[i].name)))
			continue;
		/* An address of that account has its number in memory. */
		f->account =
		    &find_address(c, sv_str(c->account[who].address[0]))
			 ->account;
		f->n = 1;
		f->why = "catch-all";
		f->alias = NULL;
		return RC_OK;
	}
	return RC_NOTFOUND;
}

static int
lookup(const struct conf *c, struct sv address, struct found *f)
{
	struct buf b;
	int r = RC_DENIED;

	buf_init(&b, CONF_ADDRESS_MAX + 1);
	/* [RFC 5321 2.3.5] "postmaster" may come without a domain. */
	if (sv_ieq(address, SV("postmaster"))) {
		*f = (struct found){&c->admin, 1, "admin", NULL};
		r = RC_OK;
	} else if (conf_address_normalise(address, &b)) {
		r = find(c, buf_sv(&b), f);
	}
	buf_fini(&b);
	return r;
}

int
conf_lookup(const struct conf *c, struct sv address,
    const uint32_t **accounts_out, size_t *n_out)
{
	struct found f;
	int r = lookup(c, address, &f);

	if (r != RC_OK)
		return r;
	*accounts_out = f.account;
	*n_out = f.n;
	return RC_OK;
}

const struct conf_alias *
conf_forward(const struct conf *c, struct sv address)
{
	struct found f;

	if (lookup(c, address, &f) != RC_OK || f.alias == NULL ||
	    f.alias->noutside == 0)
		return NULL;
	return f.alias;
}

void
conf_alias_owners(const struct conf *c, const struct conf_alias *a,
    const uint32_t **accounts_out, size_t *n_out)
{
	bool local = a->naccount > 0;

	*accounts_out = local ? a->account : &c->admin;
	*n_out = local ? a->naccount : 1;
}

const char *
conf_lookup_why(const struct conf *c, struct sv address)
{
	struct found f;
	int r = lookup(c, address, &f);

	return r == RC_OK ? f.why : r == RC_DENIED ? "not ours" : "nobody";
}

const char *
conf_account_of(const struct conf *c, struct sv address)
{
	const uint32_t *account;
	size_t n = 0;

	if (conf_lookup(c, address, &account, &n) != RC_OK || n != 1 ||
	    strcmp(conf_lookup_why(c, address), "address") != 0)
		return "";
	return c->account[account[0]].name;
}

/* "anna@example.net", "@example.net", "*" */
static bool
is_sent_as(const struct conf_account *a, struct sv address)
{
	size_t i, at = sv_rchr(address, '@');

	if (at == address.n || at == 0)
		return false;
	for (i = 0; i < a->nsend_as; i++) {
		struct sv as = sv_str(a->send_as[i]);

		if (sv_eq(as, SV("*")) || sv_ieq(as, address) ||
		    (as.p[0] == '@' && sv_ieq(as, sv_skip(address, at))))
			return true;
	}
	return false;
}

bool
conf_may_send(const struct conf *c, uint32_t account, struct sv address)
{
	struct found f;
	size_t i;

	if (account < c->naccount && is_sent_as(&c->account[account], address))
		return true;
	if (lookup(c, address, &f) != RC_OK ||
	    sv_eq(sv_str(f.why), SV("catch-all")))
		return false;
	for (i = 0; i < f.n; i++)
		if (f.account[i] == account)
			return true;
	return false;
}

bool
conf_dns_same(const struct conf *a, const struct conf *b)
{
	const struct conf_dns *x = &a->dns, *y = &b->dns;
	size_t i;

	if (x->nforward != y->nforward || x->validate != y->validate ||
	    !sv_eq(sv_str(x->root_hints), sv_str(y->root_hints)) ||
	    !sv_eq(sv_str(x->trust_anchor), sv_str(y->trust_anchor)))
		return false;
	for (i = 0; i < x->nforward; i++)
		if (strcmp(x->forward[i], y->forward[i]) != 0)
			return false;
	return true;
}

#define APPEND_MAX (64u << 20) /* IMAP's */
#define FRONT_MAX  (1u << 20)  /* header fields that are put in front */

uint64_t
conf_message_max(const struct conf *c)
{
	uint64_t most = c->limits.message_size;

	return (most > APPEND_MAX ? most : APPEND_MAX) + FRONT_MAX;
}
