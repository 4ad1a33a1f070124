#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "front/front_priv.h"

#define CROWDED_PCT  80
#define NETWORK_PART 10 /* one network has at most a tenth of the places */
#define MINUTE_MS    60000

/*
 * Connections that have not logged in.  They have as many places as sessions
 * may have, beside those: strangers use up no session's place.  Nor may a few
 * of them use up those of the others: a network has a tenth, and above 80 % of
 * all somebody leaves for each that comes, the oldest of the network that has
 * most.  What counts is how old a connection is, not what it has said: a
 * client that is in earnest logs in at once.  That one waits for auth's answer
 * saves it no longer than others: guessers always wait for one.
 *
 * Networks that somebody has logged in from lately are the last to give way,
 * and a login of theirs is asked for when strangers wait for too many.
 */

/* Connections before login of one network. */
struct network_count {
	struct network_key key;
	unsigned n;
	struct network_count *next;
};

static struct network_count *
network_of(struct listener *l, const char *peer)
{
	struct network_count *w;
	struct network_key key;

	network_key(peer, true, &key);
	/* Of IPv6 the /48: many have one, and with it 65536 /64s. */
	if (key.b[0] == 6 && !network_is_loopback(peer))
		memset(key.b + 1 + 6, 0, sizeof key.b - 1 - 6);
	for (w = l->networks; w != NULL; w = w->next)
		if (network_same(&w->key, &key))
			return w;
	w = xcalloc(1, sizeof *w);
	w->key = key;
	w->next = l->networks;
	l->networks = w;
	return w;
}

static void
network_maybe_free(struct listener *l, struct network_count *w)
{
	struct network_count **at = &l->networks;

	if (w->n > 0)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

static bool
is_bounded(const struct listener *l, const char *peer)
{
	return l->o.limit_loopback || !network_is_loopback(peer);
}

static struct network_key *
known_slot(struct listener *l, const char *peer, struct network_key *key)
{
	unsigned hash = 5381;
	size_t i;

	network_key(peer, true, key);
	for (i = 0; i < sizeof key->b; i++)
		hash = hash * 33 + key->b[i];
	return &l->known[hash % KNOWN_NETWORKS];
}

static bool
is_known(struct listener *l, const char *peer)
{
	struct network_key key;

	return network_same(known_slot(l, peer, &key), &key);
}

/* Who gives way first.  Where the bounds of a network do not hold each counts
 * as one of its own; a known network as less than any. */
static unsigned
weight(struct listener *l, const struct conn *c)
{
	if (is_known(l, c->peer))
		return 0;
	return is_bounded(l, c->peer) ? c->network->n : 1;
}

/* In the shard's thread: those that were asked to leave. */
static void
shard_evict(void *arg)
{
	struct shard *s = arg;
	struct conn *c, *next;

	for (c = s->conns; c != NULL; c = next) {
		next = c->next;
		if (!atomic_load(&c->leave))
			continue;
		if (c->state == CONN_LOGIN)
			conn_evict_login(c);
		else if (c->state == CONN_FRONT || c->state == CONN_LATER)
			conn_bye(c, "too many connections, try again later");
		else if (c->state == CONN_HANDSHAKE ||
			 c->state == CONN_CLOSING || c->state == CONN_LINGER)
			conn_kill(c);
	}
}

static void
make_room(struct listener *l)
{
	struct conn *c, *out = NULL;
	unsigned missed;

	for (c = l->strangers; c != NULL; c = c->stranger_next)
		if (!atomic_load(&c->leave) &&
		    (out == NULL || weight(l, c) > weight(l, out) ||
			(weight(l, c) == weight(l, out) && c->id < out->id)))
			out = c;
	if (out == NULL)
		return;
	atomic_store(&out->leave, true);
	l->leaving++;
	ev_post(out->shard->loop, shard_evict, out->shard);
	if (strangers_may_log(l, out->peer) && log_peer_may(out->peer, &missed))
		mlog(LOG_WARN, "accept.crowded",
		    "service=%s connections=%u leaves=%s", l->o.proto->name,
		    l->nstrangers, out->peer);
}

const char *
strangers_enter(struct conn *c)
{
	struct listener *l = c->shard->l;
	struct network_count *w;
	const char *why = NULL;
	uint64_t most, share;

	pthread_mutex_lock(&l->lock);
	most = l->o.connections;
	share = most / NETWORK_PART > 0 ? most / NETWORK_PART : 1;
	w = network_of(l, c->peer);
	if (is_bounded(l, c->peer) && w->n >= share)
		why = "network-limit";
	else if (l->nstrangers - l->leaving >= most ||
		 l->nstrangers >= 2 * most)
		why = "full"; /* those who leave are as good as gone */
	if (why == NULL) {
		w->n++;
		c->network = w;
		c->id = ++l->next_id;
		c->stranger_next = l->strangers;
		if (l->strangers != NULL)
			l->strangers->stranger_prev = c;
		l->strangers = c;
		l->nstrangers++;
		c->has_place = true;
	}
	/* If all is full, then for the next one that comes. */
	if ((why == NULL || w->n < share) &&
	    (uint64_t)(l->nstrangers - l->leaving) * 100 > most * CROWDED_PCT)
		make_room(l);
	network_maybe_free(l, w);
	pthread_mutex_unlock(&l->lock);
	return why;
}

/* With the lock held. */
static void
give_place(struct listener *l, struct conn *c)
{
	if (!c->has_place)
		return;
	if (c->stranger_prev != NULL)
		c->stranger_prev->stranger_next = c->stranger_next;
	else
		l->strangers = c->stranger_next;
	if (c->stranger_next != NULL)
		c->stranger_next->stranger_prev = c->stranger_prev;
	c->stranger_prev = c->stranger_next = NULL;
	c->has_place = false;
	l->nstrangers--;
	l->leaving -= atomic_load(&c->leave);
	atomic_store(&c->leave, false);
}

void
strangers_give_place(struct conn *c)
{
	struct listener *l = c->shard->l;

	pthread_mutex_lock(&l->lock);
	give_place(l, c);
	pthread_mutex_unlock(&l->lock);
}

void
strangers_leave(struct conn *c)
{
	struct listener *l = c->shard->l;

	if (c->network == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	give_place(l, c);
	c->network->n--;
	network_maybe_free(l, c->network);
	c->network = NULL;
	pthread_mutex_unlock(&l->lock);
}

void
strangers_note_known(struct listener *l, const char *peer)
{
	struct network_key key, *slot;

	pthread_mutex_lock(&l->lock);
	slot = known_slot(l, peer, &key);
	*slot = key;
	pthread_mutex_unlock(&l->lock);
}

bool
strangers_may_ask(struct conn *c)
{
	struct listener *l = c->shard->l;
	bool may;

	pthread_mutex_lock(&l->lock);
	may = is_known(l, c->peer) || l->asking < 2 * l->o.connections;
	l->asking += may;
	pthread_mutex_unlock(&l->lock);
	return may;
}

void
strangers_have_asked(struct conn *c)
{
	struct listener *l = c->shard->l;

	pthread_mutex_lock(&l->lock);
	l->asking--;
	pthread_mutex_unlock(&l->lock);
}

bool
strangers_may_log(struct listener *l, const char *peer)
{
	int64_t minute = clk_mono() / MINUTE_MS + 1;
	struct network_key key;
	unsigned hash = 5381;
	struct refusal *r;
	size_t i;

	network_key(peer, false, &key);
	for (i = 0; i < sizeof key.b; i++)
		hash = hash * 33 + key.b[i];
	r = &l->refusals[hash % REFUSALS];
	if (r->minute == minute && network_same(&r->key, &key))
		return false;
	*r = (struct refusal){key, minute};
	return true;
}
