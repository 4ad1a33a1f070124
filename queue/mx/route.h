/*
 * Where mail for a domain goes: its MX hosts and their addresses, in the order
 * in which they are tried [RFC 5321 5.1].
 */
#ifndef QUEUE_MX_ROUTE_H
#define QUEUE_MX_ROUTE_H

#include <netinet/in.h>

#include "dns/dns.h"

#define ROUTE_HOSTS_MAX	    64
#define ROUTE_ADDRESSES_MAX 10 /* a try has an end */
#define ROUTE_SAID_MAX	    400

struct route_host {
	char name[DNS_NAME_MAX];
	uint16_t preference;
	uint32_t chance; /* shuffles those of one preference */
};

struct route_address {
	char host[DNS_NAME_MAX];
	struct in6_addr ip; /* IPv4 as ::ffff:a.b.c.d */
};

struct route {
	struct route_address address[ROUTE_ADDRESSES_MAX];
	size_t n;
	/* If there is none: 0, try again later; else a reply code for good. */
	unsigned code;
	char said[ROUTE_SAID_MAX];
};

/*
 * Sorts by preference, equal ones by chance, and drops ourselves and whoever
 * is no better than we [RFC 5321 5.1]: mail would go round in circles.
 * Returns how many are left.
 */
size_t route_sort(struct route_host *host, size_t n, const char *hostname);

/* For worker threads: waits for answers.  domain may be an address literal.
 * self: our own name. */
void route_find(
    struct peer *dns, struct sv domain, const char *self, struct route *out);
/* The addresses of one host alone: a smarthost.  Its name may be an address. */
void route_find_host(struct peer *dns, const char *host, struct route *out);

#endif
