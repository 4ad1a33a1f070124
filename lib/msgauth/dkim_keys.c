#include "msgauth/dkim_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"

/* A text may be in any slot of its row; the oldest there makes room. */
#define WAYS   4
#define ROWS   (DKIM_KEYS_MAX / WAYS)
#define CHECKS 2 /* of a key, for threads that check at the same time */

struct slot {
	char *text; /* NULL: free */
	size_t n;
	EVP_PKEY *key;
	EVP_PKEY_CTX *check[CHECKS]; /* NULL: free */
	uint64_t used;
};

struct dkim_keys {
	pthread_mutex_t lock;
	uint64_t uses;
	struct slot slot[ROWS][WAYS];
};

struct dkim_keys *
dkim_keys_new(void)
{
	struct dkim_keys *k = xcalloc(1, sizeof *k);

	must(pthread_mutex_init(&k->lock, NULL) == 0);
	return k;
}

static void
slot_clear(struct slot *s)
{
	size_t i;

	free(s->text);
	for (i = 0; i < CHECKS; i++)
		EVP_PKEY_CTX_free(s->check[i]);
	EVP_PKEY_free(s->key);
	*s = (struct slot){.text = NULL};
}

void
dkim_keys_free(struct dkim_keys **kp)
{
	struct dkim_keys *k = *kp;
	size_t i;

	if (k == NULL)
		return;
	for (i = 0; i < DKIM_KEYS_MAX; i++)
		slot_clear(&k->slot[i / WAYS][i % WAYS]);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
	*kp = NULL;
}

/* Who finds texts that share a row gets their own keys read again, and those
 * of whom they meet there: as if nothing were remembered. */
static struct slot *
row_of(struct dkim_keys *k, struct sv text)
{
	uint32_t h = 2166136261U;
	size_t i;

	for (i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 16777619U;
	return k->slot[h % ROWS];
}

static struct slot *
find_text(struct slot *row, struct sv text)
{
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (row[i].text != NULL &&
		    sv_eq(sv_of(row[i].text, row[i].n), text))
			return &row[i];
	return NULL;
}

EVP_PKEY *
dkim_keys_get(struct dkim_keys *k, struct sv text)
{
	EVP_PKEY *key = NULL;
	struct slot *s;

	if (k == NULL || text.n > DKIM_KEYS_TEXT)
		return NULL;
	pthread_mutex_lock(&k->lock);
	s = find_text(row_of(k, text), text);
	if (s != NULL && EVP_PKEY_up_ref(s->key) == 1) {
		key = s->key;
		s->used = ++k->uses;
	}
	pthread_mutex_unlock(&k->lock);
	return key;
}

void
dkim_keys_put(struct dkim_keys *k, struct sv text, EVP_PKEY *key)
{
	struct slot *row, *s;
	size_t i;

	if (k == NULL || text.n > DKIM_KEYS_TEXT)
		return;
	pthread_mutex_lock(&k->lock);
	row = s = row_of(k, text);
	for (i = 1; i < WAYS; i++)
		if (row[i].used < s->used)
			s = &row[i];
	/* Another thread may have been faster. */
	if (find_text(row, text) == NULL && EVP_PKEY_up_ref(key) == 1) {
		slot_clear(s);
		s->text = sv_dup(text);
		s->n = text.n;
		s->key = key;
		s->used = ++k->uses;
	}
	pthread_mutex_unlock(&k->lock);
}

EVP_PKEY_CTX *
dkim_keys_take_check(struct dkim_keys *k, struct sv text)
{
	EVP_PKEY_CTX *check = NULL;
	struct slot *s;
	size_t i;

	if (k == NULL || text.n > DKIM_KEYS_TEXT)
		return NULL;
	pthread_mutex_lock(&k->lock);
	s = find_text(row_of(k, text), text);
	for (i = 0; s != NULL && check == NULL && i < CHECKS; i++) {
		check = s->check[i];
		s->check[i] = NULL;
	}
	if (check != NULL)
		s->used = ++k->uses;
	pthread_mutex_unlock(&k->lock);
	return check;
}

void
dkim_keys_give_check(struct dkim_keys *k, struct sv text, EVP_PKEY_CTX *check)
{
	struct slot *s;
	size_t i;

	if (k != NULL && text.n <= DKIM_KEYS_TEXT) {
		pthread_mutex_lock(&k->lock);
		s = find_text(row_of(k, text), text);
		for (i = 0; s != NULL && check != NULL && i < CHECKS; i++)
			if (s->check[i] == NULL) {
				s->check[i] = check;
				check = NULL;
			}
		pthread_mutex_unlock(&k->lock);
	}
	EVP_PKEY_CTX_free(check);
}
