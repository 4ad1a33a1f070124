/* Records that lead to this host: MX, A, AAAA, PTR, SRV, autoconfig. */
#include <stdio.h>

#include "base/ascii.h"
#include "publish/publish_priv.h"

static bool
is_ours(const struct publish_host *h, const struct in6_addr *a)
{
	size_t i;

	for (i = 0; i < h->naddress; i++)
		if (memcmp(&h->address[i], a, sizeof *a) == 0)
			return true;
	return false;
}

/* ---- MX ---- */

struct exchange {
	bool ours, alias; /* one leads here; under another name */
	bool null, foreign;
	unsigned best_ours, best_foreign; /* preferences */
	char first_foreign[DNS_NAME_MAX];
	char odd[DNS_NAME_MAX]; /* a host that cannot be one; "" */
	const char *odd_why;
	bool more;
};

static bool
is_number(const char *host)
{
	for (; *host != '\0'; host++)
		if (!ascii_is_digit(*host) && *host != '.')
			return false;
	return true;
}

/* What a web form makes of a name without a dot at its end. */
static bool
is_doubled(const char *host, const char *name, const char *domain)
{
	struct sv rest = sv_str(host);

	if (domain == NULL || !sv_istarts(rest, sv_str(name)))
		return false;
	rest = sv_skip(rest, strlen(name));
	return rest.n > 1 && rest.p[0] == '.' &&
	       sv_ieq(sv_skip(rest, 1), sv_str(domain));
}

static void
look_at_exchange(struct publish *p, const struct publish_host *h,
    unsigned preference, const char *host, struct exchange *x)
{
	int r;

	if (host[0] == '\0') {
		x->null = true;
		return;
	}
	if (is_number(host) || is_doubled(host, h->hostname, p->domain)) {
		(void)snprintf(x->odd, sizeof x->odd, "%s", host);
		x->odd_why =
		    is_number(host)
			? "an MX names a host, not an address"
			: "the domain was appended twice: end the name with a "
			  "dot, or enter it as the provider's form wants it";
		return;
	}
	r = publish_leads_here(p, h, host);
	x->more |= r == RC_MORE;
	if (r == RC_OK) {
		x->alias |= !publish_same_host(host, h->hostname);
		if (!x->ours || preference < x->best_ours)
			x->best_ours = preference;
		x->ours = true;
	} else {
		if (!x->foreign || preference < x->best_foreign) {
			x->best_foreign = preference;
			(void)snprintf(x->first_foreign,
			    sizeof x->first_foreign, "%s", host);
		}
		x->foreign = true;
	}
}

static int
judge_exchange(struct publish *p, const struct publish_host *h,
    const struct dns_answer *own, const struct exchange *x)
{
	const struct dns_answer *ours = publish_ask(p, h->hostname, DNS_A);

	if (ours == NULL)
		return RC_MORE;
	(void)publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (own->canonical[0] != '\0' &&
	    !publish_same_host(own->canonical, p->name))
		(void)publish_warn(p,
		    "the domain itself is a CNAME to %s, which it must not be: "
		    "some hosts then write to that domain",
		    own->canonical);
	if (x->foreign && x->best_foreign < x->best_ours)
		(void)publish_warn(
		    p, "mail goes to %s first", x->first_foreign);
	else if (x->foreign)
		(void)publish_warn(p, "mail may go to other hosts, too");
	if (x->odd[0] != '\0')
		(void)publish_warn(p, "remove %s: %s", x->odd, x->odd_why);
	/* [RFC 5321 5.1, RFC 2181 10.3] */
	if (!x->alias && ours->canonical[0] != '\0' &&
	    !publish_same_host(ours->canonical, h->hostname))
		(void)publish_warn(p,
		    "%s is a CNAME, which the name in an MX must not be: some "
		    "hosts refuse it",
		    h->hostname);
	return RC_OK;
}

int
publish_judge_mx(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	char host[DNS_NAME_MAX], text[DNS_NAME_MAX + 16];
	struct exchange x = {.ours = false};
	uint16_t preference;
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (dns_mx(a->record[i], &preference, host) != RC_OK)
			continue;
		(void)snprintf(text, sizeof text, "%u %s.", preference, host);
		publish_found(p, sv_str(text));
		look_at_exchange(p, h, preference, host, &x);
	}
	if (x.more)
		return RC_MORE;
	if (x.ours)
		return judge_exchange(p, h, a, &x);
	if (x.odd[0] != '\0')
		return publish_say(
		    p, PUBLISH_DIFFERENT, "%s: %s", x.odd, x.odd_why);
	if (x.null)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "it says that the domain accepts no mail");
	if (a->n > 0)
		return publish_say(
		    p, PUBLISH_DIFFERENT, "mail goes to another host");
	if (a->rc == RC_NOTFOUND)
		return publish_say(p, PUBLISH_MISSING,
		    "there is nothing at this name yet: is the domain "
		    "registered, and are its name servers entered at the "
		    "registrar?");
	return publish_say(p, PUBLISH_MISSING,
	    "mail for the domain does not find this server");
}

/* ---- A, AAAA ---- */

/* Nothing is known of what it should be: behind a router, or without IPv6. */
static int
judge_unknown(struct publish *p, size_t n, bool all_private)
{
	if (p->type == DNS_AAAA && n == 0)
		return publish_say(p, PUBLISH_RIGHT,
		    "none, as this machine has no public IPv6 address");
	if (p->type == DNS_AAAA)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "this machine has no public IPv6 address: mail sent there "
		    "waits or is lost; remove the record");
	if (n == 0)
		return publish_say(p, PUBLISH_MISSING,
		    "this machine has only private addresses: publish the "
		    "public address of your router, which forwards the ports");
	if (all_private)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "a private address, which cannot be reached from outside: "
		    "publish your router's public address");
	return publish_warn(p,
	    "this machine has only private addresses; whether this is "
	    "your router's address cannot be checked from here");
}

int
publish_judge_address(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	bool there = false, foreign = false, all_private = true, here = false;
	struct in6_addr addr;
	struct buf text;
	size_t i, n = 0;

	buf_init(&text, 64);
	for (i = 0; i < a->n; i++) {
		if (dns_addr(a->record[i], &addr) != RC_OK)
			continue;
		buf_reset(&text);
		publish_put_address(&addr, &text);
		publish_found(p, buf_sv(&text));
		there |= sv_eq(buf_sv(&text), buf_sv(&p->value));
		foreign |= !is_ours(h, &addr);
		here |= is_ours(h, &addr);
		all_private &= publish_is_private(&addr);
		n++;
	}
	buf_fini(&text);
	if (p->value.n == 0)
		return judge_unknown(p, n, all_private);
	if (there && foreign)
		return publish_warn(
		    p, "but not all of them are this machine's");
	if (there)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (here && !publish_is_sender(h, &p->ip))
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (n > 0 && !here)
		return publish_say(
		    p, PUBLISH_DIFFERENT, "that is another machine");
	if (n > 0)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "that is this machine, but mail leaves from another of its "
		    "addresses, which must be there, too");
	return publish_say(p, PUBLISH_MISSING, "%s",
	    p->advice	       ? "it can be found without this"
	    : p->type == DNS_A ? "it cannot be found"
			       : "mail leaves from this address, and many "
				 "hosts refuse it without this; or turn "
				 "outbound.ipv6 off");
}

/* ---- PTR ---- */

/* Does the name lead back to the address?  RC_OK, RC_NOTFOUND, RC_MORE. */
static int
leads_back(struct publish *p, const char *host)
{
	const struct dns_answer *a =
	    publish_ask(p, host, lookup_family(&p->ip));

	if (a == NULL)
		return RC_MORE;
	return lookup_has_addr(a, &p->ip, 128) ? RC_OK : RC_NOTFOUND;
}

/* Behind a router IPv4 has another address than outside; IPv6 has not. */
static const char *
ptr_meaning(const struct publish *p, const struct publish_host *h)
{
	if (IN6_IS_ADDR_V4MAPPED(&p->ip))
		return "many hosts then refuse mail; the provider of the "
		       "address can set it";
	if (!is_ours(h, &p->ip))
		return "mail leaves from a temporary address, which has no "
		       "name for long: set outbound.source to a lasting one, "
		       "or turn outbound.ipv6 off";
	return "many hosts then refuse mail; the provider of the address can "
	       "set it, or outbound.ipv6 can be turned off";
}

int
publish_judge_ptr(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	char host[DNS_NAME_MAX];
	bool ours = false, more = false, back = false, named = false;
	size_t i;
	int r;

	for (i = 0; i < a->n; i++) {
		if (dns_host(a->record[i], host) != RC_OK)
			continue;
		publish_found(p, sv_str(host));
		if (i >= IPREV_NAMES_MAX)
			continue;
		r = leads_back(p, host);
		more |= r == RC_MORE;
		back |= r == RC_OK;
		named |= publish_same_host(host, h->hostname);
		ours |= r == RC_OK && publish_same_host(host, h->hostname);
	}
	if (more)
		return RC_MORE;
	if (ours)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (a->n == 0)
		return publish_say(p, PUBLISH_MISSING, "%s", ptr_meaning(p, h));
	p->elsewhere = named;
	if (named)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "it is right, but the name does not lead back to the "
		    "address: see %s; many hosts refuse mail until it does",
		    lookup_family(&p->ip) == DNS_A ? "A" : "AAAA");
	if (!back)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "the name does not lead back to the address: %s",
		    ptr_meaning(p, h));
	return publish_say(p, PUBLISH_DIFFERENT, "it is not %s: %s",
	    h->hostname, ptr_meaning(p, h));
}

/* ---- SRV ---- */

static int
judge_service(struct publish *p, const struct publish_host *h,
    const struct dns_srv *s, bool *right, bool *alias)
{
	char port[16];
	int r = publish_leads_here(p, h, s->host);

	/* The order among several is the owner's. */
	(void)snprintf(port, sizeof port, " %u ", s->port);
	if (r == RC_OK &&
	    sv_find(buf_sv(&p->value), sv_str(port)) < p->value.n) {
		*right = true;
		*alias |= !publish_same_host(s->host, h->hostname);
	}
	return r;
}

int
publish_judge_srv(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	bool right = false, alias = false, more = false, null = false;
	bool here = false;
	char text[DNS_NAME_MAX + 32];
	struct dns_srv s;
	size_t i;
	int r;

	for (i = 0; i < a->n; i++) {
		if (dns_srv(a->record[i], &s) != RC_OK)
			continue;
		(void)snprintf(text, sizeof text, "%u %u %u %s.", s.priority,
		    s.weight, s.port, s.host);
		publish_found(p, sv_str(text));
		null |= s.host[0] == '\0';
		r = judge_service(p, h, &s, &right, &alias);
		here |= r == RC_OK;
		more |= r == RC_MORE;
	}
	if (more)
		return RC_MORE;
	if (right && alias)
		return publish_warn(
		    p, "the certificate must have that name, too");
	if (right)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	/* [RFC 6186 3.4] the owner does not want it to be found. */
	if (null)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (here)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "this server is not at that port: mail programs that look "
		    "for it do not find it");
	if (a->n > 0)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "mail programs that look for it go elsewhere");
	return publish_say(p, PUBLISH_MISSING,
	    "mail programs need the server's name entered by hand");
}

/* ---- autoconfig ---- */

/* This server does not answer there; another may. */
int
publish_judge_autoconfig(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct in6_addr addr;
	struct buf text;
	size_t i;
	int r;

	buf_init(&text, 64);
	for (i = 0; i < a->n; i++) {
		if (dns_addr(a->record[i], &addr) != RC_OK)
			continue;
		buf_reset(&text);
		publish_put_address(&addr, &text);
		publish_found(p, buf_sv(&text));
	}
	buf_fini(&text);
	if (a->n == 0 && p->ours)
		return publish_say(p, PUBLISH_MISSING,
		    "not needed, but many mail programs look there for their "
		    "settings, and this server has them: make it a CNAME of %s",
		    h->hostname);
	if (a->n == 0)
		return publish_say(p, PUBLISH_MISSING,
		    "not needed: mail programs find this server by SRV "
		    "records, or by its name");
	r = publish_leads_here(p, h, p->name);
	if (r == RC_MORE)
		return r;
	if (r == RC_OK && p->ours)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (r == RC_OK)
		return publish_warn(p,
		    "this server does not answer there: unless a web server on "
		    "this machine does, remove it");
	return publish_say(p, PUBLISH_RIGHT, "another host answers there");
}
