
#include "base/alloc.h"
#include "front/front_priv.h"

/* Connections of each address.  There are few different ones at a time, and
 * the list is only walked when somebody comes or goes. */

static struct peer_count *
find(struct listener *l, const struct network_key *key)
{
	size_t i;

	for (i = 0; i < l->npeers; i++)
		if (network_same(&l->peers[i].key, key))
			return &l->peers[i];
	return NULL;
}

bool
peers_enter(struct listener *l, const char *peer)
{
	struct peer_count *p;
	struct network_key key;
	bool ok;

	network_key(peer, false, &key);
	pthread_mutex_lock(&l->lock);
	p = find(l, &key);
	/* The limits may change under a reload; what is here is counted in
	 * any case, so that a peer that leaves was counted. */
	ok = (p != NULL ? p->n : 0) < l->o.connections_per_peer ||
	     (network_is_loopback(peer) && !l->o.limit_loopback);
	if (ok && p == NULL) {
		l->peers = xgrow(
		    l->peers, &l->peers_cap, l->npeers + 1, sizeof *l->peers);
		p = &l->peers[l->npeers++];
		p->key = key;
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
	struct network_key key;

	network_key(peer, false, &key);
	pthread_mutex_lock(&l->lock);
	p = find(l, &key);
	if (p != NULL && --p->n == 0)
		*p = l->peers[--l->npeers];
	pthread_mutex_unlock(&l->lock);
}
