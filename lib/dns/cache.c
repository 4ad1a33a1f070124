#include "dns/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"

#define BUCKETS 512

enum part {
	ONCE,  /* nobody has asked again */
	AGAIN, /* somebody has */
	PARTS
};

struct entry {
	struct entry *chain;
	struct entry *newer, *older; /* in its part */
	enum part part;
	enum dns_type type;
	int64_t since, until;
	uint64_t hash;
	size_t size; /* of all */
	int rc;
	enum dns_security security;
	uint32_t ttl;
	uint32_t nrecord;
	size_t nbytes; /* of all records */
	/* Name and canonical name, each with its NUL; for each record its
	 * length in two bytes; the records. */
	char text[];
};

struct dns_cache {
	pthread_mutex_t lock;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct entry **bucket; /* NULL: nothing yet */
	struct entry *newest[PARTS], *oldest[PARTS];
	size_t bytes[PARTS];
};

struct dns_cache *
dns_cache_new(void)
{
	struct dns_cache *c = xcalloc(1, sizeof *c);

	must(pthread_mutex_init(&c->lock, NULL) == 0);
	randombytes_buf(c->key, sizeof c->key);
	return c;
}

void
dns_cache_free(struct dns_cache **cp)
{
	struct dns_cache *c = *cp;

	if (c == NULL)
		return;
	dns_cache_clear(c);
	free(c->bucket);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	*cp = NULL;
}

/* ---- entries; with the lock held ---- */

static uint64_t
hash_of(const struct dns_cache *c, const char *name, enum dns_type type)
{
	uint64_t h;

	(void)crypto_shorthash((unsigned char *)&h, (const unsigned char *)name,
	    strlen(name), c->key);
	return h + (uint64_t)type;
}

static struct entry *
find(const struct dns_cache *c, uint64_t hash, const char *name,
    enum dns_type type)
{
	struct entry *e = c->bucket != NULL ? c->bucket[hash % BUCKETS] : NULL;

	while (e != NULL && (e->hash != hash || e->type != type ||
				strcmp(e->text, name) != 0))
		e = e->chain;
	return e;
}

static void
part_add(struct dns_cache *c, struct entry *e, enum part part)
{
	e->part = part;
	e->newer = NULL;
	e->older = c->newest[part];
	if (e->older != NULL)
		e->older->newer = e;
	else
		c->oldest[part] = e;
	c->newest[part] = e;
	c->bytes[part] += e->size;
}

static void
part_remove(struct dns_cache *c, struct entry *e)
{
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		c->newest[e->part] = e->older;
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		c->oldest[e->part] = e->newer;
	c->bytes[e->part] -= e->size;
}

static void
let_go(struct dns_cache *c, struct entry *e)
{
	struct entry **at = &c->bucket[e->hash % BUCKETS];

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	part_remove(c, e);
	free(e);
}

static void
make_room(struct dns_cache *c, size_t size)
{
	while (c->bytes[ONCE] + c->bytes[AGAIN] + size > DNS_CACHE_BYTES)
		let_go(c, c->oldest[ONCE] != NULL ? c->oldest[ONCE]
						  : c->oldest[AGAIN]);
}

/* Somebody has asked again. */
static void
move_up(struct dns_cache *c, struct entry *e)
{
	struct entry *last;

	part_remove(c, e);
	part_add(c, e, AGAIN);
	while (c->bytes[AGAIN] > DNS_CACHE_BYTES / 4 * 3) {
		last = c->oldest[AGAIN];
		part_remove(c, last);
		part_add(c, last, ONCE);
	}
}

/* ---- in and out ---- */

/* Of a second that has begun nothing is left. */
static uint32_t
ttl_left(const struct entry *e, int64_t now)
{
	int64_t gone = (now - e->since + 999) / 1000;

	return gone < e->ttl ? e->ttl - (uint32_t)gone : 0;
}

static void
copy_out(const struct entry *e, int64_t now, struct dns_answer *out)
{
	const char *canonical = e->text + strlen(e->text) + 1;
	const char *length = canonical + strlen(canonical) + 1;
	size_t i, at = 0;

	dns_answer_init(out);
	out->rc = e->rc;
	out->security = e->security;
	out->ttl = ttl_left(e, now);
	memcpy(out->canonical, canonical, strlen(canonical) + 1);
	out->n = e->nrecord;
	if (e->nrecord == 0)
		return;
	out->bytes = xmemdup0(length + 2 * e->nrecord, e->nbytes);
	out->record = xcalloc(e->nrecord, sizeof *out->record);
	for (i = 0; i < e->nrecord; i++) {
		out->record[i] =
		    sv_of(out->bytes + at, be_get16(length + 2 * i));
		at += out->record[i].n;
	}
}

bool
dns_cache_get(struct dns_cache *c, const char *name, enum dns_type type,
    int64_t now, struct dns_answer *out)
{
	uint64_t hash = hash_of(c, name, type);
	struct entry *e;
	bool there;

	pthread_mutex_lock(&c->lock);
	e = find(c, hash, name, type);
	there = e != NULL && now < e->until;
	if (there) {
		copy_out(e, now, out);
		move_up(c, e);
	} else if (e != NULL) {
		let_go(c, e);
	}
	pthread_mutex_unlock(&c->lock);
	return there;
}

static int64_t
ms_of(const struct dns_answer *a)
{
	int64_t ms = (int64_t)a->ttl * 1000;
	int64_t most = a->n > 0 ? DNS_CACHE_MS : DNS_CACHE_NO_MS;

	if ((a->rc != RC_OK && a->rc != RC_NOTFOUND) ||
	    a->security == DNS_BOGUS)
		return 0;
	return ms < most ? ms : most;
}

/* NULL: it is too large. */
static struct entry *
make_entry(const char *name, const struct dns_answer *a)
{
	size_t i, bytes = 0, nname = strlen(name) + 1;
	size_t ncanonical = strlen(a->canonical) + 1, size;
	struct entry *e;
	char *length, *p;

	for (i = 0; i < a->n; i++)
		bytes += a->record[i].n;
	size = sizeof *e + nname + ncanonical + 2 * a->n + bytes;
	if (bytes + 2 * a->n > DNS_CACHE_ANSWER_MAX)
		return NULL;
	e = xcalloc(1, size);
	e->size = size;
	e->nrecord = (uint32_t)a->n;
	e->nbytes = bytes;
	memcpy(e->text, name, nname);
	memcpy(e->text + nname, a->canonical, ncanonical);
	length = e->text + nname + ncanonical;
	p = length + 2 * a->n;
	for (i = 0; i < a->n; i++) {
		be_put16(length + 2 * i, (uint16_t)a->record[i].n);
		memcpy(p, a->record[i].p, a->record[i].n);
		p += a->record[i].n;
	}
	return e;
}

void
dns_cache_put(struct dns_cache *c, const char *name, enum dns_type type,
    int64_t now, const struct dns_answer *a)
{
	int64_t ms = ms_of(a);
	struct entry *e, *old;
	enum part part = ONCE;

	e = ms > 0 ? make_entry(name, a) : NULL;
	if (e == NULL)
		return;
	e->rc = a->rc;
	e->security = a->security;
	e->ttl = a->ttl;
	e->type = type;
	e->since = now;
	e->until = now + ms;
	e->hash = hash_of(c, name, type);
	pthread_mutex_lock(&c->lock);
	if (c->bucket == NULL)
		c->bucket = xcalloc(BUCKETS, sizeof(struct entry *));
	old = find(c, e->hash, name, type);
	if (old != NULL) {
		part = old->part;
		let_go(c, old);
	}
	make_room(c, e->size);
	e->chain = c->bucket[e->hash % BUCKETS];
	c->bucket[e->hash % BUCKETS] = e;
	part_add(c, e, ONCE);
	if (part == AGAIN)
		move_up(c, e);
	pthread_mutex_unlock(&c->lock);
}

void
dns_cache_clear(struct dns_cache *c)
{
	int p;

	pthread_mutex_lock(&c->lock);
	for (p = 0; p < PARTS; p++)
		while (c->oldest[p] != NULL)
			let_go(c, c->oldest[p]);
	pthread_mutex_unlock(&c->lock);
}

size_t
dns_cache_bytes(struct dns_cache *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->bytes[ONCE] + c->bytes[AGAIN];
	pthread_mutex_unlock(&c->lock);
	return n;
}
