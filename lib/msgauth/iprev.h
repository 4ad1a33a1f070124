/*
 * iprev [RFC 8601 3]: has the address a name, and the name the address?
 * The first IPREV_NAMES_MAX names of a PTR answer are looked up, all at once.
 */
#ifndef MSGAUTH_IPREV_H
#define MSGAUTH_IPREV_H

#include "msgauth/lookup.h"
#include "msgauth/result.h"

#define IPREV_NAMES_MAX 10

struct iprev_outcome {
	/* PASS; FAIL: names, but not for this address; PERMERROR: no name;
	 * TEMPERROR */
	enum auth_result result;
	char name[DNS_NAME_MAX]; /* of PASS: the first that fits; else "" */
};

/* ip: IPv4 as ::ffff:a.b.c.d.  RC_OK or RC_MORE. */
int iprev_check(struct lookup *l, const struct in6_addr *ip,
    struct iprev_outcome *out) RC_USE_RESULT;

/* ---- for this and for SPF's ptr ---- */

/*
 * The names of ip that lead back to it, in the order of the answer: fn is
 * called for each of them until it says false.  RC_OK, RC_MORE; RC_NOTFOUND:
 * ip has no names; RC_TEMP: the question for them failed.  *failed: one of the
 * names could not be looked up (it is skipped).
 */
typedef bool iprev_fn(void *arg, const char *name);
int iprev_each(struct lookup *l, enum lookup_part part,
    const struct in6_addr *ip, iprev_fn *fn, void *arg,
    bool *failed) RC_USE_RESULT;

/* The records' addresses: is ip, in so many bits, one of them? */
bool lookup_has_addr(
    const struct dns_answer *a, const struct in6_addr *ip, unsigned bits);
/* The same family, and the same first bits; bits: of 128, IPv4 has 96 more. */
bool lookup_same_network(
    const struct in6_addr *a, const struct in6_addr *b, unsigned bits);
/* A or AAAA. */
enum dns_type lookup_family(const struct in6_addr *ip);
/* "192.0.2.1" or "2001:db8::1" */
#define LOOKUP_IP_TEXT 46
const char *lookup_ip_text(const struct in6_addr *ip, char out[LOOKUP_IP_TEXT]);

#endif
