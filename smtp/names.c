#include "smtp/names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"

#define WAYS 4 /* places that a name may have */

struct kept {
	char name[DNS_NAME_MAX]; /* lower case */
	enum dns_type type;
	int64_t until;
	struct dns_answer answer;
};

struct names {
	pthread_mutex_t lock;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct kept *slot[NAMES_MAX];
};

struct names *
names_new(void)
{
	struct names *n = xcalloc(1, sizeof *n);

	must(pthread_mutex_init(&n->lock, NULL) == 0);
	randombytes_buf(n->key, sizeof n->key);
	return n;
}

static void
let_go(struct kept **k)
{
	if (*k != NULL)
		dns_answer_fini(&(*k)->answer);
	free(*k);
	*k = NULL;
}

void
names_free(struct names **np)
{
	struct names *n = *np;
	size_t i;

	if (n == NULL)
		return;
	for (i = 0; i < NAMES_MAX; i++)
		let_go(&n->slot[i]);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
	*np = NULL;
}

static bool
make_lower(const char *name, char out[DNS_NAME_MAX])
{
	size_t i = 0;

	for (; name[i] != '\0' && i + 1 < DNS_NAME_MAX; i++)
		out[i] = ascii_lower(name[i]);
	out[i] = '\0';
	return name[i] == '\0';
}

/* The first of the name's places. */
static struct kept **
places(struct names *n, const char *lower, enum dns_type type)
{
	uint64_t h;

	(void)crypto_shorthash((unsigned char *)&h,
	    (const unsigned char *)lower, strlen(lower), n->key);
	return &n->slot[(h + (uint64_t)type) % (NAMES_MAX / WAYS) * WAYS];
}

static struct kept **
find(struct kept **first, const char *lower, enum dns_type type)
{
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (first[i] != NULL && first[i]->type == type &&
		    strcmp(first[i]->name, lower) == 0)
			return &first[i];
	return NULL;
}

/* The records are one block of the copy's own. */
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

bool
names_get(struct names *n, const char *name, enum dns_type type, int64_t now,
    struct dns_answer *out)
{
	char lower[DNS_NAME_MAX];
	struct kept **k;
	bool there;

	if (!make_lower(name, lower))
		return false;
	pthread_mutex_lock(&n->lock);
	k = find(places(n, lower, type), lower, type);
	there = k != NULL && now < (*k)->until;
	if (there)
		copy(&(*k)->answer, out);
	pthread_mutex_unlock(&n->lock);
	return there;
}

static bool
is_worth_it(const struct dns_answer *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->record[i].n + sizeof *a->record;
	return (a->rc == RC_OK || a->rc == RC_NOTFOUND) && a->ttl > 0 &&
	       a->security != DNS_BOGUS && n <= NAMES_BYTES_MAX;
}

/* In the place that is free, or whose time is over first. */
static struct kept **
choose(struct kept **first, const char *lower, enum dns_type type)
{
	struct kept **k = find(first, lower, type);
	size_t i;

	if (k != NULL)
		return k;
	k = first;
	for (i = 0; i < WAYS && *k != NULL; i++)
		if (first[i] == NULL || first[i]->until < (*k)->until)
			k = &first[i];
	return k;
}

void
names_put(struct names *n, const char *name, enum dns_type type, int64_t now,
    const struct dns_answer *a)
{
	int64_t ms =
	    a->ttl < NAMES_MS / 1000 ? (int64_t)a->ttl * 1000 : NAMES_MS;
	struct kept *new, **k;

	if (!is_worth_it(a))
		return;
	new = xcalloc(1, sizeof *new);
	if (!make_lower(name, new->name)) {
		free(new);
		return;
	}
	new->type = type;
	new->until = now + ms;
	copy(a, &new->answer);
	pthread_mutex_lock(&n->lock);
	k = choose(places(n, new->name, type), new->name, type);
	let_go(k);
	*k = new;
	pthread_mutex_unlock(&n->lock);
}
