#include "queue/mx/route.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"

#define LOOKUP_MS 30000

/* ---- the order ---- */

static int
compare_host(const void *a, const void *b)
{
	const struct route_host *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->chance < y->chance ? -1 : x->chance > y->chance;
}

size_t
route_sort(struct route_host *host, size_t n, const char *hostname)
{
	size_t i, end = n;

	if (n > 0)
		qsort(host, n, sizeof *host, compare_host);
	for (i = 0; i < n; i++)
		if (sv_ieq(sv_str(host[i].name), sv_str(hostname)))
			break;
	for (; i < n && end > 0 &&
	       host[end - 1].preference >= host[i].preference;)
		end--;
	return end;
}

/* ---- look-ups ---- */

static void __attribute__((format(printf, 3, 4)))
give_up(struct route *out, unsigned code, const char *fmt, ...)
{
	va_list ap;

	out->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(out->reply_text, sizeof out->reply_text, fmt, ap);
	va_end(ap);
}

static void
add_address(struct route *out, const char *host, const struct in6_addr *ip)
{
	struct route_address *a;
	size_t i;

	for (i = 0; i < out->n; i++)
		if (memcmp(&out->address[i].ip, ip, sizeof *ip) == 0)
			return;
	if (out->n == ROUTE_ADDRESSES_MAX)
		return;
	a = &out->address[out->n++];
	(void)snprintf(a->host, sizeof a->host, "%s", host);
	a->ip = *ip;
}

/* RC_OK, RC_NOTFOUND: it has no address of that kind, RC_TEMP. */
static int
add_addresses(
    struct peer *dns, const char *host, enum dns_type type, struct route *out)
{
	struct dns_answer a;
	struct in6_addr ip;
	int r = dns_query(dns, host, type, LOOKUP_MS, &a);
	size_t i;

	for (i = 0; i < a.n; i++)
		if (dns_addr(a.record[i], &ip) == RC_OK)
			add_address(out, host, &ip);
	if (r == RC_OK && a.n == 0)
		r = RC_NOTFOUND;
	dns_answer_fini(&a);
	return r == RC_OK || r == RC_NOTFOUND || r == RC_SYNTAX ? r : RC_TEMP;
}

/* IPv6 first, as [RFC 6724] has it; who has none is through with it at once. */
static int
add_host(const struct route_opts *o, const char *host, struct route *out)
{
	int six =
	    o->ipv6 ? add_addresses(o->dns, host, DNS_AAAA, out) : RC_NOTFOUND;
	int four = add_addresses(o->dns, host, DNS_A, out);

	if (six == RC_OK || four == RC_OK)
		return RC_OK;
	/* Only who knows both for sure knows that there is none. */
	return six == RC_NOTFOUND && four == RC_NOTFOUND ? RC_NOTFOUND
							 : RC_TEMP;
}

static bool
parse_literal(struct sv s, struct in6_addr *out)
{
	char text[64];
	struct in_addr four;

	if (s.n >= sizeof text)
		return false;
	if (sv_istarts(s, SV("IPv6:")))
		s = sv_skip(s, 5);
	(void)snprintf(text, sizeof text, "%.*s", SV_ARG(s));
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	if (inet_pton(AF_INET, text, &four) != 1)
		return false;
	memset(out, 0, sizeof *out);
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(out->s6_addr + 12, &four, 4);
	return true;
}

static void
add_numeric(const struct route_opts *o, const char *host,
    const struct in6_addr *ip, struct route *out)
{
	if (o->ipv6 || IN6_IS_ADDR_V4MAPPED(ip))
		add_address(out, host, ip);
	else
		give_up(out, 0,
		    "it has an IPv6 address, but IPv6 is off here "
		    "(outbound.ipv6)");
}

/* Its MX hosts, unsorted; RC_NOTFOUND: none, and the domain is there. */
static int
find_hosts(struct peer *dns, const char *domain, struct route_host *host,
    size_t *n, struct route *out)
{
	struct dns_answer a;
	int r = dns_query(dns, domain, DNS_MX, LOOKUP_MS, &a);
	size_t i;

	*n = 0;
	for (i = 0; r == RC_OK && i < a.n && *n < ROUTE_HOSTS_MAX; i++) {
		struct route_host *h = &host[*n];

		if (dns_mx(a.record[i], &h->preference, h->name) != RC_OK)
			continue;
		h->chance = randombytes_random();
		(*n)++;
	}
	if (r == RC_NOTFOUND)
		give_up(out, 550, "5.1.2 the domain %s does not exist", domain);
	else if (r == RC_SYNTAX)
		give_up(out, 550, "5.1.2 %s is not a domain name", domain);
	else if (r != RC_OK)
		give_up(out, 0, "the name servers %s for %s",
		    a.security == DNS_BOGUS
			? "give an answer whose signature is invalid"
			: "give no answer",
		    domain);
	else if (*n == 0 && a.n > 0)
		give_up(out, 0, "no MX record of %s has a usable name", domain);
	else if (*n == 1 && host[0].name[0] == '\0')
		/* [RFC 7505] the null MX */
		give_up(out, 556, "5.1.10 %s accepts no mail", domain);
	else
		r = *n > 0 ? RC_OK : RC_NOTFOUND;
	if (out->reply_text[0] != '\0')
		r = RC_PERM;
	dns_answer_fini(&a);
	return r;
}

static void
find_addresses(const struct route_opts *o, const char *domain,
    struct route_host *host, size_t n, struct route *out)
{
	bool unknown = false;
	size_t i;
	int r = RC_OK;

	/* Hosts without addresses take time, too. */
	for (i = 0; i < n && i < 2 * ROUTE_ADDRESSES_MAX &&
		    out->n < ROUTE_ADDRESSES_MAX;
	     i++) {
		if (host[i].name[0] == '\0')
			continue;
		r = add_host(o, host[i].name, out);
		unknown |= r == RC_TEMP;
	}
	if (out->n > 0)
		return;
	if (unknown)
		give_up(
		    out, 0, "the name servers give no address for %s", domain);
	else if (!o->ipv6)
		give_up(out, 0,
		    "no mail host of %s has an IPv4 address (IPv6 is off "
		    "here: outbound.ipv6)",
		    domain);
	else
		give_up(out, 0, "no mail host of %s has an address", domain);
}

void
route_find(const struct route_opts *o, struct sv domain, struct route *out)
{
	struct route_host *host;
	char name[DNS_NAME_MAX];
	struct in6_addr ip;
	size_t n, left;
	int r;

	memset(out, 0, sizeof *out);
	if (domain.n > 2 && domain.p[0] == '[' &&
	    domain.p[domain.n - 1] == ']') {
		if (parse_literal(
			sv_first(sv_skip(domain, 1), domain.n - 2), &ip))
			add_numeric(o, "address literal", &ip, out);
		else
			give_up(out, 550, "5.1.2 that address is unknown");
		return;
	}
	if (dns_name_normalise(domain, name) != RC_OK) {
		give_up(out, 550, "5.1.2 that is not a domain name");
		return;
	}
	host = xcalloc(ROUTE_HOSTS_MAX, sizeof *host);
	r = find_hosts(o->dns, name, host, &n, out);
	if (r == RC_OK) {
		left = route_sort(host, n, o->self);
		if (left == 0)
			give_up(out, 550, ROUTE_SELF, name);
		else
			find_addresses(o, name, host, left, out);
	} else if (r == RC_NOTFOUND) {
		/* [RFC 5321 5.1] the implicit MX */
		r = add_host(o, name, out);
		if (r == RC_NOTFOUND && !o->ipv6)
			give_up(out, 0,
			    "%s has no mail host with an IPv4 address (IPv6 "
			    "is off here: outbound.ipv6)",
			    name);
		else if (r == RC_NOTFOUND)
			give_up(out, 550, "5.1.2 %s has no mail host", name);
		else if (r != RC_OK)
			give_up(out, 0,
			    "the name servers give no address for %s", name);
	}
	free(host);
}

void
route_find_host(const struct route_opts *o, const char *host, struct route *out)
{
	struct in6_addr ip;

	memset(out, 0, sizeof *out);
	if (parse_literal(sv_str(host), &ip)) {
		add_numeric(o, host, &ip, out);
		return;
	}
	if (add_host(o, host, out) != RC_OK)
		give_up(out, 0, "the smarthost %s has no address", host);
}
