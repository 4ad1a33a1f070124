#include "dns/asker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "dns/cache.h"

struct waiter {
	dns_done_fn *fn;
	void *arg;
	struct waiter *next;
};

/* A question that is under way. */
struct asked {
	struct dns_asker *k;
	char name[DNS_NAME_MAX];
	enum dns_type type;
	int64_t since; /* clk_mono */
	struct waiter *waiters;
	struct asked *next;
};

struct dns_asker {
	struct peer *dns;
	struct dns_cache *cache;
	pthread_mutex_t lock; /* of what follows */
	struct asked *asked;
};

struct dns_asker *
dns_asker_new(struct peer *dns)
{
	struct dns_asker *k = xcalloc(1, sizeof *k);

	k->dns = dns;
	k->cache = dns_cache_new();
	must(pthread_mutex_init(&k->lock, NULL) == 0);
	return k;
}

void
dns_asker_free(struct dns_asker **kp)
{
	struct dns_asker *k = *kp;

	if (k == NULL)
		return;
	must(k->asked == NULL);
	(void)pthread_mutex_destroy(&k->lock);
	dns_cache_free(&k->cache);
	free(k);
	*kp = NULL;
}

void
dns_asker_forget(struct dns_asker *k)
{
	dns_cache_clear(k->cache);
}

static int
normalise(const char *name, bool any, char out[DNS_NAME_MAX])
{
	return any ? dns_name_any(sv_str(name), out)
		   : dns_name_normalise(sv_str(name), out);
}

bool
dns_asker_recall(struct dns_asker *k, const char *name, bool any,
    enum dns_type type, struct dns_answer *out)
{
	char plain[DNS_NAME_MAX];

	return normalise(name, any, plain) == RC_OK &&
	       dns_cache_get(k->cache, plain, type, clk_mono(), out);
}

/* Each has its own. */
static void
copy(const struct dns_answer *a, struct dns_answer *out)
{
	size_t i, n = 0;

	*out = *a;
	out->record = NULL;
	out->bytes = NULL;
	for (i = 0; i < a->n; i++)
		n += a->record[i].n;
	if (a->n == 0)
		return;
	out->bytes = xmalloc(n + 1);
	out->record = xcalloc(a->n, sizeof *out->record);
	for (i = 0, n = 0; i < a->n; i++) {
		memcpy(out->bytes + n, a->record[i].p, a->record[i].n);
		out->record[i] = sv_of(out->bytes + n, a->record[i].n);
		n += a->record[i].n;
	}
}

static void
take_out(struct dns_asker *k, struct asked *q)
{
	struct asked **at;

	pthread_mutex_lock(&k->lock);
	for (at = &k->asked; *at != q; at = &(*at)->next)
		;
	*at = q->next;
	pthread_mutex_unlock(&k->lock);
}

/* In the loop's thread.  It is remembered before nobody can join any more, so
 * that at each moment it is found in one of the two.  Who has looked in the
 * cache before that and comes to join after it asks once more. */
static void
on_answer(struct dns_answer *a, void *arg)
{
	struct asked *q = arg;
	struct waiter *w, *next;
	struct dns_answer own;

	dns_cache_put(q->k->cache, q->name, q->type, clk_mono(), a);
	take_out(q->k, q);
	for (w = q->waiters; w != NULL; w = next) {
		next = w->next;
		if (next != NULL) {
			copy(a, &own);
			w->fn(&own, w->arg);
			dns_answer_fini(&own);
		} else {
			w->fn(a, w->arg);
		}
		free(w);
	}
	free(q);
}

static void
add_waiter(struct asked *q, dns_done_fn *fn, void *arg)
{
	struct waiter *w = xcalloc(1, sizeof *w);

	*w = (struct waiter){fn, arg, q->waiters};
	q->waiters = w;
}

static bool
join(struct dns_asker *k, const char *name, enum dns_type type, int64_t now,
    dns_done_fn *fn, void *arg)
{
	struct asked *q;

	for (q = k->asked; q != NULL; q = q->next)
		if (q->type == type && now - q->since < DNS_ASKER_JOIN_MS &&
		    strcmp(q->name, name) == 0) {
			add_waiter(q, fn, arg);
			return true;
		}
	return false;
}

int
dns_asker_ask(struct dns_asker *k, const char *name, bool any,
    enum dns_type type, int64_t ms, dns_done_fn *fn, void *arg)
{
	struct asked *q;
	char plain[DNS_NAME_MAX];
	int64_t now = clk_mono();
	bool joined;
	int r = normalise(name, any, plain);

	if (r != RC_OK)
		return r;
	q = xcalloc(1, sizeof *q);
	q->k = k;
	q->type = type;
	q->since = now;
	memcpy(q->name, plain, strlen(plain) + 1);
	pthread_mutex_lock(&k->lock);
	joined = join(k, plain, type, now, fn, arg);
	if (!joined) {
		add_waiter(q, fn, arg);
		q->next = k->asked;
		k->asked = q;
	}
	pthread_mutex_unlock(&k->lock);
	if (joined) {
		free(q);
		return RC_OK;
	}
	/* By its own name: q may be gone before this returns. */
	r = any ? dns_ask_any(k->dns, plain, type, ms, on_answer, q)
		: dns_ask(k->dns, plain, type, ms, on_answer, q);
	must(r == RC_OK);
	return r;
}
