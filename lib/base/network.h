/*
 * Peers by their addresses: their names in the log, and which of them belong
 * together when connections and failures are counted.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

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

#endif
