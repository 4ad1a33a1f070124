#include "auth/memory.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/buf.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/network.h"

#define RECALL_SLOTS   4096
#define RECALL_MS      (15 * 60 * 1000)
#define KNOWN_SLOTS    4096
#define BUCKET_SLOTS   8192
#define BUCKET_SIZE    40
#define BUCKET_MS      6000
#define PENALTY_MAX_MS 4000

/* The tables are direct-mapped with two places for each key: what collides
 * pushes the older one out, which costs a hash, never a wrong answer. */
struct recall {
	unsigned char key[16];
	int64_t until;
	bool right;
};

struct known {
	uint64_t key;
	int64_t at;
};

struct bucket {
	uint64_t key;
	int64_t at;	/* when `used` was right */
	uint32_t used;	/* tokens */
	uint32_t fails; /* failures in a row, decaying with the tokens */
};

struct auth_memory {
	unsigned char secret[crypto_generichash_KEYBYTES];
	unsigned char sip[crypto_shorthash_KEYBYTES];
	struct recall recall[RECALL_SLOTS];
	struct known known[KNOWN_SLOTS];
	struct bucket bucket[BUCKET_SLOTS];
	bool known_changed;
};

struct auth_memory *
auth_memory_new(void)
{
	struct auth_memory *m = xcalloc(1, sizeof *m);

	randombytes_buf(m->secret, sizeof m->secret);
	randombytes_buf(m->sip, sizeof m->sip);
	return m;
}

void
auth_memory_free(struct auth_memory **m)
{
	if (*m == NULL)
		return;
	sodium_memzero(*m, sizeof **m);
	free(*m);
	*m = NULL;
}

static void
add_part(crypto_generichash_state *h, struct sv s)
{
	uint64_t n = s.n;

	(void)crypto_generichash_update(h, (unsigned char *)&n, sizeof n);
	(void)crypto_generichash_update(h, (const unsigned char *)s.p, s.n);
}

static void
pair_key(struct auth_memory *m, struct sv account, struct sv password,
    const char *salt, unsigned char out[16])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, m->secret, sizeof m->secret, 16);
	add_part(&h, account);
	add_part(&h, password);
	add_part(&h, sv_str(salt));
	(void)crypto_generichash_final(&h, out, 16);
	sodium_memzero(&h, sizeof h);
}

static struct recall *
recall_slot(struct auth_memory *m, const unsigned char key[16])
{
	uint32_t i;
	struct recall *a, *b;

	memcpy(&i, key, sizeof i);
	a = &m->recall[i % RECALL_SLOTS];
	b = &m->recall[(i + 1) % RECALL_SLOTS];
	if (memcmp(a->key, key, 16) == 0)
		return a;
	if (memcmp(b->key, key, 16) == 0)
		return b;
	/* Rather forget what was wrong, then what is older. */
	if (a->right != b->right)
		return a->right ? b : a;
	return a->until <= b->until ? a : b;
}

enum auth_recall
auth_memory_recall(struct auth_memory *m, struct sv account, struct sv password,
    const char *salt)
{
	unsigned char key[16];
	struct recall *r;

	pair_key(m, account, password, salt, key);
	r = recall_slot(m, key);
	if (memcmp(r->key, key, 16) != 0 || r->until <= clk_mono())
		return AUTH_UNKNOWN;
	return r->right ? AUTH_RIGHT : AUTH_WRONG;
}

void
auth_memory_learn(struct auth_memory *m, struct sv account, struct sv password,
    const char *salt, bool right)
{
	unsigned char key[16];
	struct recall *r;

	pair_key(m, account, password, salt, key);
	r = recall_slot(m, key);
	memcpy(r->key, key, 16);
	r->right = right;
	r->until = clk_mono() + RECALL_MS;
}

/* A household or an attacker's host is a network; kind keeps tables apart. */
static uint64_t
key_of(struct auth_memory *m, char kind, struct sv account, const char *peer)
{
	struct {
		struct network_key network;
		char kind;
		char account[64];
	} bytes;
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t k;

	memset(&bytes, 0, sizeof bytes);
	bytes.kind = kind;
	network_key(peer, true, &bytes.network);
	memcpy(bytes.account, account.p, account.n < 64 ? account.n : 64);
	(void)crypto_shorthash(
	    out, (const unsigned char *)&bytes, sizeof bytes, m->sip);
	memcpy(&k, out, sizeof k);
	return k != 0 ? k : 1;
}

static struct known *
known_slot(struct auth_memory *m, uint64_t key)
{
	struct known *a = &m->known[key % KNOWN_SLOTS];
	struct known *b = &m->known[(key + 1) % KNOWN_SLOTS];

	if (a->key == key)
		return a;
	if (b->key == key)
		return b;
	return a->at <= b->at ? a : b;
}

bool
auth_memory_known(struct auth_memory *m, struct sv account, const char *peer)
{
	uint64_t key = key_of(m, 'k', account, peer);

	return known_slot(m, key)->key == key;
}

void
auth_memory_note_login(
    struct auth_memory *m, struct sv account, const char *peer)
{
	uint64_t key = key_of(m, 'k', account, peer);
	struct known *k = known_slot(m, key);

	m->known_changed |= k->key != key;
	*k = (struct known){key, clk_mono()};
	/* A household that mistyped starts afresh. */
	key = key_of(m, 'p', SV(""), peer);
	if (m->bucket[key % BUCKET_SLOTS].key == key)
		m->bucket[key % BUCKET_SLOTS].fails = 0;
}

static struct bucket *
bucket(struct auth_memory *m, uint64_t key)
{
	struct bucket *b = &m->bucket[key % BUCKET_SLOTS];
	int64_t now = clk_mono();
	uint32_t back;

	if (b->key != key)
		*b = (struct bucket){.key = key, .at = now};
	back = (uint32_t)((now - b->at) / BUCKET_MS);
	b->used = back < b->used ? b->used - back : 0;
	b->fails = back < b->fails ? b->fails - back : 0;
	b->at += (int64_t)back * BUCKET_MS;
	return b;
}

#define KNOWN_MAGIC "hearthmail known 1\n"
#define KNOWN_BYTES \
	(sizeof KNOWN_MAGIC - 1 + crypto_shorthash_KEYBYTES + 8 * KNOWN_SLOTS)

void
auth_memory_load(struct auth_memory *m, const char *path)
{
	struct buf b;
	struct sv s;

	buf_init(&b, KNOWN_BYTES);
	if (io_read_file(path, &b, NULL) == RC_OK &&
	    sv_starts(buf_sv(&b), SV(KNOWN_MAGIC)) &&
	    b.n >= sizeof KNOWN_MAGIC - 1 + sizeof m->sip) {
		s = sv_skip(buf_sv(&b), sizeof KNOWN_MAGIC - 1);
		memcpy(m->sip, s.p, sizeof m->sip);
		for (s = sv_skip(s, sizeof m->sip); s.n >= 8;
		     s = sv_skip(s, 8)) {
			uint64_t key = be_get64(s.p);

			*known_slot(m, key) = (struct known){key, clk_mono()};
		}
	}
	buf_wipe(&b);
}

void
auth_memory_save(struct auth_memory *m, const char *path)
{
	struct buf b;
	struct err err;
	char t[8];
	size_t i;

	if (!m->known_changed)
		return;
	buf_init(&b, KNOWN_BYTES);
	buf_adds(&b, KNOWN_MAGIC);
	buf_add(&b, m->sip, sizeof m->sip);
	for (i = 0; i < KNOWN_SLOTS; i++)
		if (m->known[i].key != 0) {
			be_put64(t, m->known[i].key);
			buf_add(&b, t, sizeof t);
		}
	if (io_replace_file(path, buf_sv(&b), 0600, &err) == RC_OK)
		m->known_changed = false;
	buf_wipe(&b);
}

bool
auth_memory_may_try(struct auth_memory *m, struct sv account, const char *peer)
{
	struct bucket *p = bucket(m, key_of(m, 'p', SV(""), peer));
	struct bucket *a = bucket(m, key_of(m, 'a', account, ""));

	if ((p->used >= BUCKET_SIZE && !network_is_loopback(peer)) ||
	    a->used >= BUCKET_SIZE)
		return false;
	p->used++;
	a->used++;
	return true;
}

void
auth_memory_give_back(
    struct auth_memory *m, struct sv account, const char *peer)
{
	struct bucket *p = bucket(m, key_of(m, 'p', SV(""), peer));
	struct bucket *a = bucket(m, key_of(m, 'a', account, ""));

	p->used -= p->used > 0;
	a->used -= a->used > 0;
}

int64_t
auth_memory_penalty(struct auth_memory *m, const char *peer)
{
	struct bucket *p = bucket(m, key_of(m, 'p', SV(""), peer));
	int64_t ms;

	ms = 250LL << (p->fails < 4 ? p->fails : 4);
	p->fails++;
	return ms < PENALTY_MAX_MS ? ms : PENALTY_MAX_MS;
}
