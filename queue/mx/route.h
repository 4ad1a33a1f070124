/*
 * Where mail for a domain goes: its MX hosts and their addresses, in the order
 * in which they are tried [RFC 5321 5.1].
 */
#ifndef QUEUE_MX_ROUTE_H
#define QUEUE_MX_ROUTE_H

#include <netinet/in.h>

#include "dns/dns.h"

#define ROUTE_HOSTS_MAX	     64
#define ROUTE_ADDRESSES_MAX  10 /* a try has an end */
#define ROUTE_REPLY_TEXT_MAX 400

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
	char reply_text[ROUTE_REPLY_TEXT_MAX];
};

/*
 * Sorts by preference, equal ones by chance, and drops ourselves and whoever
 * is no better than we [RFC 5321 5.1]: mail would go round in circles.
 * Returns how many are left.
 */
size_t route_sort(struct route_host *host, size_t n, const char *hostname);

/* %s: a domain, or a host. */
#define ROUTE_SELF                                                             \
	"5.4.6 the mail of %s comes to this server, but it is not one of our " \
	"domains"

struct route_opts {
	struct peer *dns;
	const char *self; /* our own name */
	bool ipv6;	  /* false: IPv4 addresses only */
};

/* For worker threads: waits for answers.  domain may be an address literal. */
void route_find(
    const struct route_opts *o, struct sv domain, struct route *out);
/* The addresses of one host alone: a smarthost.  Its name may be an address. */
void route_find_host(
    const struct route_opts *o, const char *host, struct route *out);

#endif
