#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
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

bool
network_address(const char *peer, struct in6_addr *out)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET6, peer, out) == 1)
		return true;
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	return inet_pton(AF_INET, peer, out->s6_addr + 12) == 1;
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

static bool
is_address(struct sv s)
{
	char text[INET6_ADDRSTRLEN + 1];
	struct in6_addr a;

	if (s.n == 0 || s.n >= sizeof text || sv_chr(s, '\0') < s.n)
		return false;
	(void)snprintf(text, sizeof text, "%.*s", SV_ARG(s));
	return inet_pton(AF_INET, text, &a) == 1 ||
	       inet_pton(AF_INET6, text, &a) == 1;
}

int
network_server_parse(
    struct sv text, uint16_t default_port, char out[NETWORK_SERVER_MAX])
{
	struct sv host = text, port = {NULL, 0};
	size_t at = sv_chr(text, '@'), colon = sv_rchr(text, ':');
	uint32_t n = default_port;

	if (at < text.n) {
		host = sv_first(text, at);
		port = sv_skip(text, at + 1);
	} else if (sv_starts(text, SV("[")) && colon > 1 && colon < text.n &&
		   text.p[colon - 1] == ']') {
		host = sv_first(sv_skip(text, 1), colon - 2);
		port = sv_skip(text, colon + 1);
	} else if (colon < text.n && sv_chr(text, ':') == colon) {
		host = sv_first(text, colon);
		port = sv_skip(text, colon + 1);
	}
	if (!is_address(host) ||
	    (host.n != text.n && sv_to_u32(port, 65535, &n) != RC_OK) || n == 0)
		return RC_SYNTAX;
	(void)snprintf(out, NETWORK_SERVER_MAX, "%.*s@%u", SV_ARG(host), n);
	return RC_OK;
}
