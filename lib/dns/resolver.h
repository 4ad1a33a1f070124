/*
 * libunbound on our event loop: no thread of its own, no second loop, no
 * libevent in between.  One struct resolver is one way to look names up (see
 * ladder.h) with a cache of its own.  All calls in the loop's thread.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include "base/ev.h"
#include "dns/dns.h"
#include "dns/setup.h"

struct resolver_opts {
	const struct dns_servers *root;	   /* n == 0: those built in */
	const struct dns_servers *forward; /* NULL: recursion */
	struct sv anchors;		   /* text; empty: no validation */
	/* A zone whose only name server is at this address; NULL: none. */
	const char *zone, *zone_address;
	bool small; /* for a few questions only: little memory */
};

struct resolver;

struct resolver_answer {
	bool ok; /* there is a packet */
	struct sv packet;
	enum dns_security security;
	const char *why; /* it is bogus; else NULL */
};
typedef void resolver_fn(const struct resolver_answer *a, void *arg);

/*
 * Everything that libunbound loads lazily is loaded when this returns, so a
 * first one before the walls is enough for all.  RC_SYNTAX if it does not like
 * the anchors.
 */
int resolver_new(struct ev_loop *loop, const struct resolver_opts *o,
    struct resolver **out, struct err *err) RC_USE_RESULT;
/* Open questions are dropped, their functions not called.  Never to be called
 * from within a resolver_fn of the same resolver. */
void resolver_free(struct resolver **r);

/* Is there a way to an "address@port"?  Nothing is sent. */
bool resolver_is_routed(const char *address);

/* No function of an open question is called any more. */
void resolver_mute(struct resolver *r);

/*
 * fn is called exactly once, perhaps before this returns (what is in the
 * cache is), unless the resolver is freed.  RC_TEMP: fn is not called.
 */
int resolver_ask(struct resolver *r, const char *name, int type,
    resolver_fn *fn, void *arg) RC_USE_RESULT;

#endif
