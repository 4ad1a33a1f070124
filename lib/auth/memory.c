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
#define BUCKET_SLOTS   16384
#define BUCKET_WAYS    4
#define PENALTY_MAX_MS 4000
#define FAILURES_MAX   20

/* What is counted, each in buckets of its own. */
enum budget {
	OF_NETWORK,	 /* a stranger's network, all names */
	OF_HOST,	 /* beyond that */
	OF_NAME,	 /* a name, all strangers */
	OF_NAME_KNOWN,	 /* a name, from a network, if it is known */
	OF_NAME_NETWORK, /* beyond these: a name from a network */
	OF_NAME_HOST,	 /* and from a host */
	OF_BROWSER,	 /* a name, from a browser that it knows */
	OF_CODE,	 /* codes for a name, all strangers */
	OF_CODE_KNOWN,	 /* all known networks; each known browser */
	OF_FAILURES	 /* of a network, for the penalty */
};

static const struct {
	uint32_t size;
	int64_t ms; /* for each that comes back */
} budgets[] = {
    [OF_NETWORK] = {20, 6000},
    [OF_HOST] = {4, 60000},
    [OF_NAME] = {40, 6000},
    [OF_NAME_KNOWN] = {25, 6000},
    [OF_NAME_NETWORK] = {4, 60000},
    [OF_NAME_HOST] = {1, 300000},
    [OF_BROWSER] = {25, 6000},
    [OF_CODE] = {6, 600000},
    [OF_CODE_KNOWN] = {6, 600000},
    [OF_FAILURES] = {FAILURES_MAX, 6000},
};

/* Two places for each key: what collides pushes the older one out, which costs
 * a hash, never a wrong answer. */
struct recall {
	unsigned char key[16];
	int64_t until;
	bool right;
};

struct known {
	uint64_t key;
	int64_t at;
};

/* Four places for each key, and what collides pushes out what is full again
 * soonest: nobody empties a long memory with many short ones. */
struct bucket {
	uint64_t key;  /* 0: none */
	int64_t at;    /* when `used` was right */
	int64_t ms;    /* of its budget */
	uint32_t used; /* of the budget; comes back with time */
};

struct auth_memory {
	unsigned char secret[crypto_generichash_KEYBYTES];
	unsigned char sip[crypto_shorthash_KEYBYTES];
	struct recall recall[RECALL_SLOTS];
	struct known known[KNOWN_SLOTS];
	struct bucket bucket[BUCKET_SLOTS];
	bool known_changed;
	int64_t (*now)(void);
};

struct auth_memory *
auth_memory_new(void)
{
	struct auth_memory *m = xcalloc(1, sizeof *m);

	randombytes_buf(m->secret, sizeof m->secret);
	randombytes_buf(m->sip, sizeof m->sip);
	m->now = clk_mono;
	return m;
}

void
auth_memory_set_clock(struct auth_memory *m, int64_t (*now)(void))
{
	m->now = now;
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
	if (memcmp(r->key, key, 16) != 0 || r->until <= m->now())
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
	r->until = m->now() + RECALL_MS;
}

/* What a key is made of; kind keeps the tables apart. */
struct key_bytes {
	unsigned char kind, door;
	struct network_key network;
	unsigned char name[crypto_generichash_BYTES_MIN];
};

static uint64_t
key_of(struct auth_memory *m, const struct key_bytes *bytes)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t k;

	(void)crypto_shorthash(
	    out, (const unsigned char *)bytes, sizeof *bytes, m->sip);
	memcpy(&k, out, sizeof k);
	return k != 0 ? k : 1;
}

/* How much of an IPv6 address is a household, a host of strangers, a network
 * of theirs: they have whole /48s cheaply. */
static void
cut_to(struct network_key *k, unsigned bytes_of_six)
{
	if (k->b[0] == 6)
		memset(
		    k->b + 1 + bytes_of_six, 0, sizeof k->b - 1 - bytes_of_six);
}

static uint64_t
known_key(struct auth_memory *m, const char *peer)
{
	struct key_bytes bytes = {.kind = 'k'};

	network_key(peer, true, &bytes.network);
	return key_of(m, &bytes);
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
auth_memory_known(struct auth_memory *m, const char *peer)
{
	uint64_t key = known_key(m, peer);

	return known_slot(m, key)->key == key;
}

/* Where it comes from does not count. */
static bool
is_of_no_network(enum budget of)
{
	return of == OF_NAME || of == OF_CODE || of == OF_CODE_KNOWN ||
	       of == OF_BROWSER;
}

static void
name_of(enum budget of, const struct auth_who *w,
    unsigned char out[crypto_generichash_BYTES_MIN])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(
	    &h, NULL, 0, crypto_generichash_BYTES_MIN);
	add_part(&h, w->name);
	if (of == OF_BROWSER || of == OF_CODE_KNOWN)
		add_part(&h, w->browser);
	(void)crypto_generichash_final(&h, out, crypto_generichash_BYTES_MIN);
}

static int64_t
full_at(const struct bucket *b)
{
	return b->at + b->used * b->ms;
}

/* Its own, or the one to give way. */
static struct bucket *
place_of(struct auth_memory *m, uint64_t key)
{
	struct bucket *set =
	    &m->bucket[key % (BUCKET_SLOTS / BUCKET_WAYS) * BUCKET_WAYS];
	struct bucket *soonest = set;
	unsigned i;

	for (i = 0; i < BUCKET_WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (full_at(&set[i]) < full_at(soonest))
			soonest = &set[i];
	}
	return soonest;
}

static struct bucket *
bucket(struct auth_memory *m, enum budget of, const struct auth_who *w)
{
	struct key_bytes bytes = {
	    .kind = (unsigned char)of, .door = (unsigned char)w->door};
	bool host = of == OF_HOST || of == OF_NAME_HOST;
	int64_t now = m->now();
	struct bucket *b;
	uint64_t key;
	int64_t back;

	if (!is_of_no_network(of))
		network_key(w->peer, !host, &bytes.network);
	if (of != OF_FAILURES)
		cut_to(&bytes.network, host ? 7 : 6);
	if (of != OF_NETWORK && of != OF_HOST && of != OF_FAILURES)
		name_of(of, w, bytes.name);
	key = key_of(m, &bytes);
	b = place_of(m, key);
	if (b->key != key)
		*b = (struct bucket){
		    .key = key, .at = now, .ms = budgets[of].ms};
	back = (now - b->at) / b->ms;
	b->used = back < b->used ? b->used - (uint32_t)back : 0;
	b->at += back * b->ms;
	return b;
}

void
auth_memory_note_login(struct auth_memory *m, const char *peer)
{
	uint64_t key = known_key(m, peer);
	struct known *k = known_slot(m, key);

	m->known_changed |= k->key != key;
	*k = (struct known){key, m->now()};
}

void
auth_memory_forgive(struct auth_memory *m, unsigned door, const char *peer)
{
	struct auth_who w = {.door = door, .name = SV(""), .peer = peer};

	bucket(m, OF_FAILURES, &w)->used = 0;
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

			*known_slot(m, key) = (struct known){key, m->now()};
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

static bool
has(struct auth_memory *m, enum budget of, const struct auth_who *w)
{
	return bucket(m, of, w)->used < budgets[of].size;
}

/* Of a name: first from what all share, then what is kept for this network,
 * then for this host. */
static int
budget_of_name(struct auth_memory *m, const struct auth_who *w)
{
	if (auth_memory_known(m, w->peer)) {
		if (has(m, OF_NAME_KNOWN, w))
			return OF_NAME_KNOWN;
	} else if (has(m, OF_NAME, w)) {
		return OF_NAME;
	} else if (has(m, OF_NAME_NETWORK, w)) {
		return OF_NAME_NETWORK;
	}
	return has(m, OF_NAME_HOST, w) ? OF_NAME_HOST : -1;
}

static int
budget_of_network(struct auth_memory *m, const struct auth_who *w)
{
	if (has(m, OF_NETWORK, w))
		return OF_NETWORK;
	return has(m, OF_HOST, w) ? OF_HOST : -1;
}

/* Of one budget alone. */
static unsigned
may_try_of(struct auth_memory *m, enum budget of, const struct auth_who *w)
{
	if (!has(m, of, w))
		return 0;
	bucket(m, of, w)->used++;
	return 1u << of;
}

unsigned
auth_memory_may_try(struct auth_memory *m, const struct auth_who *w)
{
	bool free =
	    network_is_loopback(w->peer) || auth_memory_known(m, w->peer);
	int name = budget_of_name(m, w);
	int network = free ? name : budget_of_network(m, w);

	if (w->code)
		return may_try_of(m,
		    w->browser.n > 0 || auth_memory_known(m, w->peer)
			? OF_CODE_KNOWN
			: OF_CODE,
		    w);
	if (w->browser.n > 0)
		return may_try_of(m, OF_BROWSER, w);
	if (name < 0 || network < 0)
		return 0;
	bucket(m, (enum budget)name, w)->used++;
	if (!free)
		bucket(m, (enum budget)network, w)->used++;
	return 1u << name | 1u << network;
}

void
auth_memory_give_back(
    struct auth_memory *m, const struct auth_who *w, unsigned took)
{
	unsigned of;
	struct bucket *b;

	for (of = 0; of < OF_FAILURES; of++)
		if ((took >> of & 1) != 0) {
			b = bucket(m, (enum budget)of, w);
			b->used -= b->used > 0;
		}
}

int64_t
auth_memory_penalty(struct auth_memory *m, unsigned door, const char *peer)
{
	struct auth_who w = {.door = door, .name = SV(""), .peer = peer};
	struct bucket *b = bucket(m, OF_FAILURES, &w);
	int64_t ms = 250LL << (b->used < 4 ? b->used : 4);

	b->used += b->used < FAILURES_MAX;
	return ms < PENALTY_MAX_MS ? ms : PENALTY_MAX_MS;
}
