#include "msgauth/bodies.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/alloc.h"

#define CANONS 2

struct wanted {
	enum dkim_canon canon;
	uint64_t length; /* BODIES_WHOLE or of l= */
	uint64_t left;
	EVP_MD_CTX *md;
	uint8_t hash[DKIM_HASH];
};

/* One canonical form. */
struct side {
	struct bodies *all;
	struct dkim_body body;
	bool used;
};

struct bodies {
	struct wanted w[BODIES_MAX];
	size_t n;
	struct side side[CANONS];
	bool begun, ended, failed;
};

static void
put(void *arg, struct sv bytes)
{
	struct side *s = arg;
	struct bodies *b = s->all;
	size_t i;

	for (i = 0; i < b->n; i++) {
		struct wanted *w = &b->w[i];
		size_t n = bytes.n < w->left ? bytes.n : (size_t)w->left;

		if (&b->side[w->canon] != s || n == 0)
			continue;
		w->left -= n;
		if (EVP_DigestUpdate(w->md, bytes.p, n) != 1)
			b->failed = true;
	}
}

struct bodies *
bodies_new(void)
{
	struct bodies *b = xcalloc(1, sizeof *b);
	int i;

	for (i = 0; i < CANONS; i++) {
		b->side[i].all = b;
		dkim_body_init(
		    &b->side[i].body, (enum dkim_canon)i, put, &b->side[i]);
	}
	return b;
}

void
bodies_free(struct bodies **bp)
{
	struct bodies *b = *bp;
	size_t i;

	if (b == NULL)
		return;
	for (i = 0; i < b->n; i++)
		EVP_MD_CTX_free(b->w[i].md);
	free(b);
	*bp = NULL;
}

int
bodies_want(struct bodies *b, enum dkim_canon canon, uint64_t length)
{
	struct wanted *w;
	size_t i;

	must(!b->begun);
	for (i = 0; i < b->n; i++)
		if (b->w[i].canon == canon && b->w[i].length == length)
			return (int)i;
	if (b->n == BODIES_MAX)
		return -1;
	w = &b->w[b->n];
	w->canon = canon;
	w->length = w->left = length;
	w->md = EVP_MD_CTX_new();
	if (w->md == NULL || EVP_DigestInit_ex(w->md, EVP_sha256(), NULL) != 1)
		b->failed = true;
	b->side[canon].used = true;
	return (int)b->n++;
}

void
bodies_feed(struct bodies *b, struct sv bytes)
{
	int i;

	b->begun = true;
	for (i = 0; i < CANONS && !b->failed; i++)
		if (b->side[i].used)
			dkim_body_feed(&b->side[i].body, bytes);
}

int
bodies_end(struct bodies *b)
{
	size_t i;

	b->begun = b->ended = true;
	for (i = 0; i < CANONS && !b->failed; i++)
		if (b->side[i].used)
			dkim_body_end(&b->side[i].body);
	for (i = 0; i < b->n && !b->failed; i++)
		if (EVP_DigestFinal_ex(b->w[i].md, b->w[i].hash, NULL) != 1)
			b->failed = true;
	return b->failed ? RC_TEMP : RC_OK;
}

bool
bodies_ended(const struct bodies *b)
{
	return b->ended;
}

bool
bodies_hash(const struct bodies *b, int which, uint8_t out[DKIM_HASH])
{
	const struct wanted *w = &b->w[which];

	must(b->ended && which >= 0 && (size_t)which < b->n);
	if (b->failed || (w->length != BODIES_WHOLE && w->left > 0))
		return false;
	memcpy(out, w->hash, DKIM_HASH);
	return true;
}
