#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/ascii.h"

void
network_peer_name(const struct sockaddr *a, char out[NETWORK_PEER_MAX])
{
	union {
		const struct sockaddr *any;
		const struct sockaddr_in *four;
		const struct sockaddr_in6 *six;
	} u = {a};

	out[0] = '\0';
	if (a->sa_family == AF_INET)
		(void)inet_ntop(
		    AF_INET, &u.four->sin_addr, out, NETWORK_PEER_MAX);
	else if (a->sa_family != AF_INET6)
		return;
	else if (IN6_IS_ADDR_V4MAPPED(&u.six->sin6_addr))
		(void)inet_ntop(AF_INET, &u.six->sin6_addr.s6_addr[12], out,
		    NETWORK_PEER_MAX);
	else
		(void)inet_ntop(
		    AF_INET6, &u.six->sin6_addr, out, NETWORK_PEER_MAX);
}

bool
network_peer_valid(struct sv peer)
{
	size_t i;

	if (peer.n == 0 || peer.n >= NETWORK_PEER_MAX)
		return false;
	for (i = 0; i < peer.n; i++)
		if (ascii_hex(peer.p[i]) < 0 && peer.p[i] != '.' &&
		    peer.p[i] != ':')
			return false;
	return true;
}

bool
network_is_loopback(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

void
network_key(const char *peer, bool wide, struct network_key *out)
{
	unsigned char a[16];

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, peer, a) == 1) {
		out->b[0] = 4;
		memcpy(out->b + 1, a, wide ? 3 : 4);
	} else if (inet_pton(AF_INET6, peer, a) == 1) {
		out->b[0] = 6;
		memcpy(out->b + 1, a, network_is_loopback(peer) ? 16 : 8);
	}
}

bool
network_same(const struct network_key *a, const struct network_key *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}
