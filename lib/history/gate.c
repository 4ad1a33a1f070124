/* How many refusals have a step of their own. */
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/network.h"
#include "history/history.h"

#define SLOTS	1024
#define HOUR_MS (60 * 60 * 1000)

/* Direct-mapped: of two networks that share a slot the older is forgotten, and
 * the bound of all together holds. */
struct slot {
	struct network_key key;
	int64_t since; /* clk_mono */
	unsigned n;
};

struct history_gate {
	pthread_mutex_t lock;
	struct slot all;
	struct slot slot[SLOTS];
};

static bool
take(struct slot *s, int64_t now, unsigned most)
{
	if (s->since == 0 || now - s->since > HOUR_MS) {
		s->since = now;
		s->n = 0;
	}
	if (s->n >= most)
		return false;
	s->n++;
	return true;
}

static size_t
place_of(const struct network_key *key)
{
	size_t hash = 5381, i;

	for (i = 0; i < sizeof key->b; i++)
		hash = hash * 33 + key->b[i];
	return hash % SLOTS;
}

struct history_gate *
history_gate_new(void)
{
	struct history_gate *g = xcalloc(1, sizeof *g);

	must(pthread_mutex_init(&g->lock, NULL) == 0);
	return g;
}

void
history_gate_free(struct history_gate **g)
{
	if (*g == NULL)
		return;
	(void)pthread_mutex_destroy(&(*g)->lock);
	free(*g);
	*g = NULL;
}

bool
history_gate_may(struct history_gate *g, const char *peer)
{
	struct network_key key = {0};
	struct slot *s;
	int64_t now = clk_mono();
	bool may;

	network_key(peer, true, &key);
	pthread_mutex_lock(&g->lock);
	s = &g->slot[place_of(&key)];
	if (!network_same(&s->key, &key))
		*s = (struct slot){.key = key};
	may = s->n < HISTORY_PEER_REFUSALS || now - s->since > HOUR_MS;
	may = may && take(&g->all, now, HISTORY_ALL_REFUSALS) &&
	      take(s, now, HISTORY_PEER_REFUSALS);
	pthread_mutex_unlock(&g->lock);
	return may;
}
