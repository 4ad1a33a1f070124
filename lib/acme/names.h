/* Which names go into which certificate. */
#ifndef ACME_NAMES_H
#define ACME_NAMES_H

#include "acme/answer.h"

struct acme_names {
	char file[ACME_NAME_MAX + 16]; /* of the certificate, without ".pem" */
	char name[ACME_NAMES_MAX][ACME_NAME_MAX];
	enum acme_way way[ACME_NAMES_MAX]; /* in which it is proved next */
	unsigned tried[ACME_NAMES_MAX];	   /* in this attempt, in vain: bits */
	unsigned n;
};

/* The server's own name, alone. */
void acme_names_host(const char *hostname, struct acme_names *out);
/* A domain's names for web clients; false: there is none beside the server's
 * own. */
bool acme_names_domain(
    const char *domain, const char *hostname, struct acme_names *out);
/* Is it one of them? */
bool acme_names_has(const struct acme_names *s, const char *name);
/* Takes one out. */
void acme_names_drop(struct acme_names *s, const char *name);

/*
 * What the DNS has of a name, each address looked at by itself.  It is never a
 * veto for ever but for a name without addresses: behind a router an address
 * that is not ours may lead here.
 */
enum acme_points {
	ACME_POINTS_HERE,    /* all addresses are ours */
	ACME_POINTS_PARTLY,  /* some are */
	ACME_POINTS_AWAY,    /* none is */
	ACME_POINTS_NOWHERE, /* it has no address */
	ACME_POINTS_UNKNOWN  /* nobody could be asked */
};

#endif
