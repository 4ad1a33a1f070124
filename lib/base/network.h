/*
 * Peers by their addresses: their names in the log, and which of them belong
 * together when connections and failures are counted.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sv.h"

struct sockaddr;

#define NETWORK_PEER_MAX 46

/* The numeric address; an IPv4 address in IPv6 clothes as IPv4. */
void network_peer_name(const struct sockaddr *a, char out[NETWORK_PEER_MAX]);
/* Is it made of what such names are made of?  For names that come over a line
 * and go into the log. */
bool network_peer_valid(struct sv peer);

/* The address of such a name, IPv4 as ::ffff:a.b.c.d; false: it is not one. */
bool network_address(const char *peer, struct in6_addr *out);
bool network_is_loopback(const char *peer);

/*
 * Two peers are one host if their keys are the same: one IPv4 address, or one
 * /64 of IPv6, since every IPv6 host has a whole /64.  wide: /24 instead of the
 * single IPv4 address, for what an attacker has cheaply.
 */
struct network_key {
	unsigned char b[17];
};
void network_key(const char *peer, bool wide, struct network_key *out);
bool network_same(const struct network_key *a, const struct network_key *b);

#define NETWORK_SERVER_MAX 64
/*
 * A server's numeric address, with or without a port: "192.0.2.1",
 * "192.0.2.1:53", "192.0.2.1@53", "2001:db8::1", "2001:db8::1@53",
 * "[2001:db8::1]:53".  Written into out as "address@port".  RC_SYNTAX for
 * anything else, names too.
 */
int network_server_parse(struct sv text, uint16_t default_port,
    char out[NETWORK_SERVER_MAX]) RC_USE_RESULT;

#endif
