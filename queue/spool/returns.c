#include "queue/spool/returns.h"

#include <sodium.h>

#include "base/buf.h"
#include "base/fold.h"

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the key's place");

#define TEXT_MAX 2048

static void
be_on(struct returns *r, int64_t day)
{
	if (r->day == day)
		return;
	r->day = day;
	r->n = 0;
	randombytes_buf(r->key, sizeof r->key);
}

/* The case of neither matters, nor that of the address in which they were. */
static uint64_t
hash(const struct returns *r, struct sv author, struct sv alias)
{
	struct buf b;
	uint64_t h;

	buf_init(&b, TEXT_MAX);
	buf_addsv(&b, alias);
	buf_addc(&b, '\0');
	buf_addsv(&b, author);
	fold_ascii(buf_sv(&b), b.p);
	(void)crypto_shorthash(
	    (unsigned char *)&h, (const unsigned char *)b.p, b.n, r->key);
	buf_fini(&b);
	return h;
}

static size_t
find(const struct returns *r, uint64_t who)
{
	size_t i;

	for (i = 0; i < r->n && r->who[i] != who; i++)
		;
	return i;
}

bool
returns_have_room(
    struct returns *r, struct sv author, struct sv alias, int64_t day)
{
	size_t i;

	be_on(r, day);
	i = find(r, hash(r, author, alias));
	return i < r->n ? r->times[i] < RETURNS_A_DAY
			: r->n < RETURNS_DIFFERENT;
}

void
returns_add(struct returns *r, struct sv author, struct sv alias, int64_t day)
{
	uint64_t who;
	size_t i;

	be_on(r, day);
	who = hash(r, author, alias);
	i = find(r, who);
	if (i == RETURNS_DIFFERENT)
		return;
	if (i == r->n) {
		r->who[r->n] = who;
		r->times[r->n++] = 0;
	}
	if (r->times[i] < RETURNS_A_DAY)
		r->times[i]++;
}
