#include "smtp/knows.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/rc.h"

#define TEXT_MAX 512

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the secret's place");

void
smtp_knows_init(struct smtp_knows *k)
{
	*k = (struct smtp_knows){.row = NULL};
	must(pthread_mutex_init(&k->lock, NULL) == 0);
}

void
smtp_knows_fini(struct smtp_knows *k)
{
	free(k->row);
	k->row = NULL;
	(void)pthread_mutex_destroy(&k->lock);
}

/* Account and address with a byte between that is in neither; false: nothing
 * that long is remembered. */
static bool
make_key(const struct smtp_knows *k, const char *account, const char *address,
    uint64_t *out)
{
	unsigned char b[TEXT_MAX];
	size_t a = strlen(account), n = strlen(address), i;

	if (a + n >= sizeof b)
		return false;
	memcpy(b, account, a);
	b[a] = '\0';
	for (i = 0; i < n; i++)
		b[a + 1 + i] = (unsigned char)ascii_lower(address[i]);
	(void)crypto_shorthash((unsigned char *)out, b, a + 1 + n, k->secret);
	return true;
}

/* With the lock held. */
static void
begin(struct smtp_knows *k)
{
	if (k->row != NULL)
		return;
	k->row = xcalloc(KNOWS_ROWS, sizeof *k->row);
	randombytes_buf(k->secret, sizeof k->secret);
}

static struct knows_row *
row_of(const struct smtp_knows *k, uint64_t key)
{
	return &k->row[key % (KNOWS_ROWS / KNOWS_WAYS) * KNOWS_WAYS];
}

void
smtp_knows_forget(struct smtp_knows *k)
{
	pthread_mutex_lock(&k->lock);
	k->news++;
	if (k->row != NULL)
		memset(k->row, 0, KNOWS_ROWS * sizeof *k->row);
	pthread_mutex_unlock(&k->lock);
}

bool
smtp_knows_get(struct smtp_knows *k, const char *account, const char *address,
    int64_t now, bool *yes, uint64_t *ticket)
{
	struct knows_row *row;
	bool there = false;
	uint64_t key;
	size_t i;

	pthread_mutex_lock(&k->lock);
	*ticket = k->news;
	begin(k);
	if (make_key(k, account, address, &key))
		for (i = 0, row = row_of(k, key); i < KNOWS_WAYS; i++)
			if (row[i].key == key && now < row[i].until) {
				*yes = row[i].yes;
				there = true;
			}
	pthread_mutex_unlock(&k->lock);
	return there;
}

/* Its own row, or a free one, or that whose time is over first. */
static struct knows_row *
choose(struct knows_row *row, uint64_t key)
{
	struct knows_row *best = &row[0];
	size_t i;

	for (i = 0; i < KNOWS_WAYS; i++) {
		if (row[i].key == key && row[i].until != 0)
			return &row[i];
		if (row[i].until < best->until)
			best = &row[i];
	}
	return best;
}

void
smtp_knows_put(struct smtp_knows *k, const char *account, const char *address,
    int64_t now, bool yes, uint64_t ticket)
{
	uint64_t key;

	pthread_mutex_lock(&k->lock);
	if (ticket == k->news && k->row != NULL &&
	    make_key(k, account, address, &key))
		*choose(row_of(k, key), key) =
		    (struct knows_row){key, now + KNOWS_MS, yes};
	pthread_mutex_unlock(&k->lock);
}
