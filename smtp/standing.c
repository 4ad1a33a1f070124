#include "smtp/standing.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the secret's place");

struct smtp_standing *
smtp_standing_new(void)
{
	struct smtp_standing *s = xcalloc(1, sizeof *s);

	must(pthread_mutex_init(&s->lock, NULL) == 0);
	randombytes_buf(s->secret, sizeof s->secret);
	return s;
}

void
smtp_standing_free(struct smtp_standing **s)
{
	if (*s == NULL)
		return;
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

static uint64_t
key_of(const struct smtp_standing *s, char kind, struct sv what)
{
	unsigned char b[1 + DNS_NAME_MAX];
	uint64_t key;

	what = sv_first(what, DNS_NAME_MAX);
	b[0] = (unsigned char)kind;
	memcpy(b + 1, what.p, what.n);
	(void)crypto_shorthash((unsigned char *)&key, b, 1 + what.n, s->secret);
	return key != 0 ? key : 1;
}

/* 0: nothing is known of whom it is from. */
static uint64_t
domain_key(const struct smtp_standing *s, const struct verdict *v)
{
	struct sv name = sv_str(v->org[0] != '\0' ? v->org : v->domain);

	return v->verified && name.n > 0 ? key_of(s, 'd', name) : 0;
}

static uint64_t
network_key(const struct smtp_standing *s, const struct verdict *v)
{
	size_t n = IN6_IS_ADDR_V4MAPPED(&v->peer) ? 15 : 6;

	return key_of(s, 'n', sv_of(v->peer.s6_addr, n));
}

/* With the lock held; NULL: there is none, unless it is to be made. */
static struct smtp_standing_row *
find_row(struct smtp_standing *s, uint64_t key, bool make)
{
	struct smtp_standing_row *row =
	    &s->row[key % SMTP_STANDING_ROWS / SMTP_STANDING_WAYS *
		    SMTP_STANDING_WAYS];
	struct smtp_standing_row *oldest = row;
	size_t i;

	for (i = 0; i < SMTP_STANDING_WAYS; i++) {
		if (row[i].key == key)
			return &row[i];
		if (row[i].last < oldest->last)
			oldest = &row[i];
	}
	if (!make)
		return NULL;
	*oldest = (struct smtp_standing_row){.key = key};
	return oldest;
}

static uint8_t
standing_of(struct smtp_standing *s, uint64_t key)
{
	const struct smtp_standing_row *r =
	    key != 0 ? find_row(s, key, false) : NULL;
	unsigned n;

	if (r == NULL)
		return SMTP_STANDING_NONE;
	n = (unsigned)r->good + r->bad;
	if (10u * r->bad <= n)
		return n < SMTP_STANDING_FEW ? SMTP_STANDING_GOOD_FEW
					     : SMTP_STANDING_GOOD;
	if (10u * r->good <= n)
		return n < SMTP_STANDING_FEW ? SMTP_STANDING_BAD_FEW
					     : SMTP_STANDING_BAD;
	return r->bad > r->good ? SMTP_STANDING_MIXED_BAD : SMTP_STANDING_MIXED;
}

void
smtp_standing_look(struct smtp_standing *s, struct verdict *v)
{
	pthread_mutex_lock(&s->lock);
	v->domain_standing = standing_of(s, domain_key(s, v));
	v->network_standing = standing_of(s, network_key(s, v));
	pthread_mutex_unlock(&s->lock);
}

static void
note(struct smtp_standing *s, uint64_t key, bool bad)
{
	struct smtp_standing_row *r;

	if (key == 0)
		return;
	r = find_row(s, key, true);
	r->last = ++s->turn;
	*(bad ? &r->bad : &r->good) += 1;
	if (r->good + r->bad > SMTP_STANDING_MOST) {
		r->good /= 2;
		r->bad /= 2;
	}
}

void
smtp_standing_note(struct smtp_standing *s, const struct verdict *v, bool bad)
{
	pthread_mutex_lock(&s->lock);
	note(s, domain_key(s, v), bad);
	note(s, network_key(s, v), bad);
	pthread_mutex_unlock(&s->lock);
}
