#include "msgauth/iprev.h"

#include <arpa/inet.h>

enum dns_type
lookup_family(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip) ? DNS_A : DNS_AAAA;
}

const char *
lookup_ip_text(const struct in6_addr *ip, char out[LOOKUP_IP_TEXT])
{
	const void *p = ip;
	int family = AF_INET6;

	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		p = ip->s6_addr + 12;
		family = AF_INET;
	}
	must(inet_ntop(family, p, out, LOOKUP_IP_TEXT) != NULL);
	return out;
}

bool
lookup_same_network(
    const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	unsigned mask = 0xff00U >> rest & 0xff;

	if (lookup_family(a) != lookup_family(b))
		return false;
	if (memcmp(a->s6_addr, b->s6_addr, whole) != 0)
		return false;
	return rest == 0 ||
	       ((a->s6_addr[whole] ^ b->s6_addr[whole]) & mask) == 0;
}

bool
lookup_has_addr(
    const struct dns_answer *a, const struct in6_addr *ip, unsigned bits)
{
	struct in6_addr have;
	size_t i;

	for (i = 0; i < a->n; i++)
		if (dns_addr(a->record[i], &have) == RC_OK &&
		    lookup_same_network(&have, ip, bits))
			return true;
	return false;
}

/* The first names of a PTR answer that can be asked for. */
static size_t
take_names(const struct dns_answer *ptr, char name[][DNS_NAME_MAX])
{
	size_t i, n = 0;

	for (i = 0; i < ptr->n && i < IPREV_NAMES_MAX; i++)
		if (dns_host(ptr->record[i], name[n]) == RC_OK &&
		    lookup_name_valid(sv_str(name[n])))
			n++;
	return n;
}

int
iprev_each(struct lookup *l, enum lookup_part part, const struct in6_addr *ip,
    iprev_fn *fn, void *arg, bool *failed)
{
	char name[IPREV_NAMES_MAX][DNS_NAME_MAX], reverse[DNS_NAME_MAX];
	const struct dns_answer *ptr, *a[IPREV_NAMES_MAX];
	bool pending = false;
	size_t i, n;

	*failed = false;
	dns_reverse(ip, reverse);
	ptr = lookup_get(l, part, DNS_PTR, sv_str(reverse));
	if (ptr == NULL)
		return RC_MORE;
	if (ptr->rc == RC_TEMP)
		return RC_TEMP;
	n = take_names(ptr, name);
	if (n == 0)
		return RC_NOTFOUND;
	for (i = 0; i < n; i++) {
		a[i] = lookup_get(l, part, lookup_family(ip), sv_str(name[i]));
		pending = pending || a[i] == NULL;
	}
	if (pending)
		return RC_MORE;
	for (i = 0; i < n; i++) {
		*failed = *failed || a[i]->rc == RC_TEMP;
		if (lookup_has_addr(a[i], ip, 128) && !fn(arg, name[i]))
			break;
	}
	return RC_OK;
}

static bool
take_first(void *arg, const char *name)
{
	struct iprev_outcome *out = arg;

	memcpy(out->name, name, strlen(name) + 1);
	return false;
}

int
iprev_check(
    struct lookup *l, const struct in6_addr *ip, struct iprev_outcome *out)
{
	struct iprev_outcome o = {.result = AUTH_FAIL};
	bool failed;
	int r = iprev_each(l, LOOKUP_IPREV, ip, take_first, &o, &failed);

	if (r == RC_MORE)
		return RC_MORE;
	if (r == RC_NOTFOUND)
		o.result = AUTH_PERMERROR;
	else if (o.name[0] != '\0')
		o.result = AUTH_PASS;
	else if (r == RC_TEMP || failed)
		o.result = AUTH_TEMPERROR;
	*out = o;
	return RC_OK;
}
