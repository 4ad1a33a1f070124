#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "front/internal.h"

/* Connections of each address.  There are few different ones at a time, and
 * the list is only walked when somebody comes or goes. */

static bool
is_loopback(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

/* One host has a whole /64 of IPv6 addresses, however they are written. */
static void
network(const char *peer, char out[46])
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, peer, &six) == 1) {
		memset(six.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &six, out, 46);
	} else {
		(void)snprintf(out, 46, "%s", peer);
	}
}

static struct peer_count *
find(struct listener *l, const char *key)
{
	size_t i;

	for (i = 0; i < l->npeers; i++)
		if (strcmp(l->peers[i].peer, key) == 0)
			return &l->peers[i];
	return NULL;
}

bool
peers_enter(struct listener *l, const char *peer)
{
	struct peer_count *p;
	char key[46];
	bool ok;

	network(peer, key);
	pthread_mutex_lock(&l->lock);
	p = find(l, key);
	/* The limits may change under a reload; what is here is counted in
	 * any case, so that whoever leaves was counted. */
	ok = (p != NULL ? p->n : 0) < l->o.connections_per_peer ||
	     (is_loopback(peer) && !l->o.limit_loopback);
	if (ok && p == NULL) {
		l->peers = xgrow(
		    l->peers, &l->peers_cap, l->npeers + 1, sizeof *l->peers);
		p = &l->peers[l->npeers++];
		memcpy(p->peer, key, sizeof key);
		p->n = 0;
	}
	if (ok)
		p->n++;
	pthread_mutex_unlock(&l->lock);
	return ok;
}

void
peers_leave(struct listener *l, const char *peer)
{
	struct peer_count *p;
	char key[46];

	network(peer, key);
	pthread_mutex_lock(&l->lock);
	p = find(l, key);
	if (p != NULL && --p->n == 0)
		*p = l->peers[--l->npeers];
	pthread_mutex_unlock(&l->lock);
}
