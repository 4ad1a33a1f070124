/*
 * A message on its way through the addresses of a route, until somebody takes
 * it [RFC 5321 5.1].
 *
 * An address that cannot be reached, or will not take it now, or does not offer
 * what the message needs (8BITMIME, its size), is followed by the next one;
 * what was refused for good is refused.  A refusal by policy over IPv6 is not
 * for good as long as there is an IPv4 address: many a network has IPv6 without
 * the name that others ask for.
 *
 * A route that leads back to this server ends there: if that is its best
 * address, for good [RFC 5321 5.1].
 *
 * As soon as anybody has the message, the way ends: the queue hears of that
 * before the others are tried again.
 */
#ifndef QUEUE_MX_DELIVER_H
#define QUEUE_MX_DELIVER_H

#include "queue/mx/client.h"

/* Hosts that say something of the message, on one way. */
#define DELIVER_HOSTS_MAX 5

struct deliver {
	const struct client_opts *o;
	const struct route *route;
	struct client_message *m;
	struct client_why *why; /* of an address that was not reached */
	/* A connection to one of them that has served before, or NULL. */
	struct client *(*rested)(void *arg);
	/* Takes one that may serve again. */
	void (*rest)(void *arg, struct client *c);
	/* A host has said something of these recipients.  May be NULL, as the
	 * next. */
	void (*heard)(
	    void *arg, const struct client *c, const struct client_message *m);
	/* It has not, or c is NULL: it was not reached, and *why says it. */
	void (*missed)(void *arg, const struct client *c,
	    const struct route_address *a, const struct client_message *m);
	/* May another address be tried? */
	bool (*may_go_on)(void *arg);
	void *arg;
};

/* True: somebody has said something of the recipients, and each has a code.
 * All begin without. */
bool deliver_route(const struct deliver *d);

/* Refused for what we are, not for what was sent: "5.7.1", "5.7.26". */
bool deliver_is_policy(const struct client_rcpt *to);

#endif
