/*
 * Block lists of addresses [RFC 5782]: the names that they are asked, and what
 * their answers say.
 *
 * A list that is gone, or a resolver that answers for what does not exist, says
 * of every address that it is listed.  So an answer counts only if it is one of
 * the list's codes, and if the list has passed the test that each of them must:
 * it has 127.0.0.2 and has not 127.0.0.1 [RFC 5782 5].
 */
#ifndef DNS_BLOCK_LIST_H
#define DNS_BLOCK_LIST_H

#include "dns/dns.h"

/* What a list answers for an address that it has: numbers of IPv4 addresses,
 * from and to. */
struct block_codes {
	const uint32_t (*range)[2];
	size_t n;
};

/* What is asked of it about an address: "1.2.0.192.zen.example". */
void block_list_name(
    const struct in6_addr *ip, const char *zone, char out[DNS_NAME_MAX]);
/* Its test entries, 2 (listed) and 1 (not): 127.0.0.N, or for IPv6 addresses
 * ::ffff:7f00:N, which only looks like an IPv4 address here. */
void block_list_test_name(
    bool ipv6, unsigned n, const char *zone, char out[DNS_NAME_MAX]);

struct block_answer {
	bool failed; /* nothing was heard of it */
	bool listed; /* a code of the list */
	bool odd;    /* something else: an error */
	/* The first that is a code of the list, and the first that is not; "":
	 * none. */
	char code[INET_ADDRSTRLEN], odd_code[INET_ADDRSTRLEN];
};

void block_list_read(const struct block_codes *codes,
    const struct dns_answer *a, struct block_answer *out);

enum block_health {
	BLOCK_GOOD,    /* it can be believed */
	BLOCK_SILENT,  /* no answer to test questions */
	BLOCK_ALL,     /* it lists the whole world */
	BLOCK_REFUSES, /* an odd answer: it will not serve us */
	BLOCK_EMPTY    /* not even its test entry is there */
};

/* By the answers for its test entries. */
enum block_health block_list_health(
    const struct block_answer *two, const struct block_answer *one);

#endif
