/*
 * Asks each of a zone's name servers by itself (dns/authority.h), in the dns
 * process.  The zone, its name servers and their addresses are found out by a
 * fresh resolver on the way in force; then each address gets a fresh resolver
 * that takes this address for the zone's only server: caches are empty, and
 * retries, TCP, CNAMEs and validation are libunbound's.
 *
 * Where the way in force goes through others' servers (dns.forward, those of
 * the system), they are asked for the zone, not for the name: labels that begin
 * with "_" and what is before them are not shown to them.
 */
#ifndef DNS_DIRECT_H
#define DNS_DIRECT_H

#include "dns/authority.h"
#include "dns/resolver.h"

struct direct;

struct direct_opts {
	struct resolver_opts way; /* what it points to must stay valid */
	uint16_t port;		  /* of the name servers: 53 */
	int64_t find_ms;	  /* until the servers must have been found */
	int64_t answer_ms;	  /* and each must have answered after that */
};

#define DIRECT_PORT	 53
#define DIRECT_FIND_MS	 20000
#define DIRECT_ANSWER_MS 20000

/* Called exactly once, later, unless the question is freed before: it is to be
 * freed in it.  *a may be moved out. */
typedef void direct_fn(struct dns_authority *a, void *arg);

/* name is normalised. */
struct direct *direct_new(struct ev_loop *loop, const struct direct_opts *o,
    const char *name, enum dns_type type, direct_fn *fn, void *arg);
void direct_free(struct direct **d);

/*
 * The names at which a zone cut is looked for, the closest first: *name is
 * moved to the next.  shared: others' servers will see it.  false: there are no
 * more (a top-level domain is not asked for).  Begin with the name itself and
 * first.
 */
bool direct_next_cut(struct sv *name, bool first, bool shared);

#endif
