#include "auth/visits.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"

#define TOKEN_BYTES 24
#define HASH_BYTES  crypto_hash_sha256_BYTES

enum kind {
	KIND_VISIT,
	KIND_CODE,
	KIND_LINK
};

struct entry {
	enum kind kind;
	unsigned char token[HASH_BYTES];
	char account[CONF_NAME_MAX];
	int64_t begun, used;
	unsigned wrong; /* codes */

	/* Of a session. */
	uint64_t number;
	char csrf[VISIT_TOKEN_LEN + 1], csrf_admin[VISIT_TOKEN_LEN + 1];
	char peer[VISIT_PEER_MAX];
	char agent[VISIT_AGENT_MAX];
	bool has_secret;
	unsigned char secret[VISIT_SECRET];

	struct entry *next; /* older */
};

struct auth_visits {
	int64_t (*now)(void);
	struct entry *newest;
	unsigned n;
};

struct auth_visits *
auth_visits_new(int64_t (*now)(void))
{
	struct auth_visits *v = xcalloc(1, sizeof *v);

	v->now = now;
	return v;
}

/* Takes *at out of the list. */
static void
remove_entry(struct auth_visits *v, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	v->n--;
	sodium_memzero(e, sizeof *e);
	free(e);
}

void
auth_visits_free(struct auth_visits **vp)
{
	struct auth_visits *v = *vp;

	if (v == NULL)
		return;
	while (v->newest != NULL)
		remove_entry(v, &v->newest);
	free(v);
	*vp = NULL;
}

/* ---- which are to be forgotten ---- */

typedef bool match_fn(const struct entry *e, const void *arg);

static void
remove_those(struct auth_visits *v, match_fn *match, const void *arg)
{
	struct entry **at = &v->newest;

	while (*at != NULL)
		if (match(*at, arg))
			remove_entry(v, at);
		else
			at = &(*at)->next;
}

static bool
is_over(const struct entry *e, const void *arg)
{
	const int64_t now = *(const int64_t *)arg;

	switch (e->kind) {
	case KIND_VISIT:
		return now - e->used >= VISIT_IDLE_MS ||
		       now - e->begun >= VISIT_LIFE_MS;
	case KIND_CODE:
		return now - e->begun >= STEP_LIFE_MS;
	case KIND_LINK:
		return now - e->begun >= WEB_LINK_LIFE_MS;
	}
	return true;
}

unsigned
auth_visits_sweep(struct auth_visits *v)
{
	const int64_t now = v->now();

	remove_those(v, is_over, &now);
	return v->n;
}

static bool
is_kin(const struct entry *e, enum kind kind, const char *account)
{
	return e->kind == kind && strcmp(e->account, account) == 0;
}

/* The oldest of the list, or of an account's of that kind. */
static void
remove_oldest(struct auth_visits *v, enum kind kind, const char *account)
{
	struct entry **at, **oldest = NULL;

	for (at = &v->newest; *at != NULL; at = &(*at)->next)
		if (account == NULL || is_kin(*at, kind, account))
			oldest = at;
	if (oldest != NULL)
		remove_entry(v, oldest);
}

static void
make_room(struct auth_visits *v, enum kind kind, const char *account)
{
	const unsigned most =
	    kind == KIND_VISIT ? VISITS_OF_ACCOUNT : STEPS_OF_ACCOUNT;
	const struct entry *e;
	unsigned n = 0;

	(void)auth_visits_sweep(v);
	for (e = v->newest; e != NULL; e = e->next)
		n += is_kin(e, kind, account);
	if (n >= most)
		remove_oldest(v, kind, account);
	if (v->n >= VISITS_MAX)
		remove_oldest(v, kind, NULL);
}

/* ---- tokens ---- */

static void
make_token(char out[VISIT_TOKEN_LEN + 1])
{
	unsigned char raw[TOKEN_BYTES];

	randombytes_buf(raw, sizeof raw);
	(void)sodium_bin2base64(out, VISIT_TOKEN_LEN + 1, raw, sizeof raw,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(raw, sizeof raw);
}

static void
hash_of(struct sv token, unsigned char out[HASH_BYTES])
{
	(void)crypto_hash_sha256(out, (const unsigned char *)token.p, token.n);
}

static void
copy_text(struct sv s, char *out, size_t size)
{
	sv_copy(sv_first(s, size - 1), out, size);
}

static struct entry *
add_entry(struct auth_visits *v, enum kind kind, struct sv account,
    struct buf *token_out)
{
	struct entry *e = xcalloc(1, sizeof *e);
	char token[VISIT_TOKEN_LEN + 1];

	e->kind = kind;
	copy_text(account, e->account, sizeof e->account);
	make_room(v, kind, e->account);
	e->begun = e->used = v->now();
	make_token(token);
	hash_of(sv_str(token), e->token);
	buf_adds(token_out, token);
	sodium_memzero(token, sizeof token);
	e->next = v->newest;
	v->newest = e;
	v->n++;
	return e;
}

/* The place of the one with that token; NULL: there is none, or it is over. */
static struct entry **
find_token(struct auth_visits *v, struct sv token, bool visit)
{
	unsigned char hash[HASH_BYTES];
	struct entry **at;

	(void)auth_visits_sweep(v);
	if (token.n != VISIT_TOKEN_LEN)
		return NULL;
	hash_of(token, hash);
	for (at = &v->newest; *at != NULL; at = &(*at)->next)
		if (((*at)->kind == KIND_VISIT) == visit &&
		    sodium_memcmp(hash, (*at)->token, sizeof hash) == 0)
			return at;
	return NULL;
}

/* ---- sessions ---- */

uint64_t
auth_visits_begin(struct auth_visits *v, struct sv account, const char *peer,
    struct sv agent, struct buf *token_out)
{
	struct entry *e = add_entry(v, KIND_VISIT, account, token_out);

	make_token(e->csrf);
	make_token(e->csrf_admin);
	do
		randombytes_buf(&e->number, sizeof e->number);
	while (e->number == 0);
	copy_text(sv_str(peer), e->peer, sizeof e->peer);
	copy_text(agent, e->agent, sizeof e->agent);
	return e->number;
}

static void
describe(
    const struct auth_visits *v, const struct entry *e, struct auth_visit *out)
{
	const int64_t now = v->now();

	*out = (struct auth_visit){
	    .number = e->number,
	    .account = sv_str(e->account),
	    .csrf = sv_str(e->csrf),
	    .csrf_admin = sv_str(e->csrf_admin),
	    .peer = sv_str(e->peer),
	    .agent = sv_str(e->agent),
	    .begun_ms = now - e->begun,
	    .used_ms = now - e->used,
	};
}

int
auth_visits_use(struct auth_visits *v, struct sv token, const char *peer,
    struct sv agent, struct auth_visit *out)
{
	struct entry **at = find_token(v, token, true);

	if (at == NULL)
		return RC_NOTFOUND;
	(*at)->used = v->now();
	copy_text(sv_str(peer), (*at)->peer, sizeof(*at)->peer);
	copy_text(agent, (*at)->agent, sizeof(*at)->agent);
	describe(v, *at, out);
	return RC_OK;
}

static struct entry **
find_number(struct auth_visits *v, uint64_t number)
{
	struct entry **at;

	(void)auth_visits_sweep(v);
	for (at = &v->newest; *at != NULL; at = &(*at)->next)
		if ((*at)->kind == KIND_VISIT && (*at)->number == number)
			return at;
	return NULL;
}

int
auth_visits_look(struct auth_visits *v, uint64_t number, struct auth_visit *out)
{
	struct entry **at = find_number(v, number);

	if (at == NULL)
		return RC_NOTFOUND;
	describe(v, *at, out);
	return RC_OK;
}

void
auth_visits_end(struct auth_visits *v, struct sv token)
{
	struct entry **at = find_token(v, token, true);

	if (at != NULL)
		remove_entry(v, at);
}

int
auth_visits_end_number(
    struct auth_visits *v, struct sv account, uint64_t number)
{
	struct entry **at = find_number(v, number);

	if (at == NULL || !sv_eq(account, sv_str((*at)->account)))
		return RC_NOTFOUND;
	remove_entry(v, at);
	return RC_OK;
}

struct those {
	struct sv account;
	uint64_t but;
};

static bool
is_of_account(const struct entry *e, const void *arg)
{
	const struct those *t = arg;

	return e->kind != KIND_LINK && sv_eq(t->account, sv_str(e->account)) &&
	       (e->kind != KIND_VISIT || t->but == 0 || e->number != t->but);
}

void
auth_visits_end_account(struct auth_visits *v, struct sv account, uint64_t but)
{
	const struct those t = {account, but};

	remove_those(v, is_of_account, &t);
}

static bool
is_without_account(const struct entry *e, const void *arg)
{
	return e->account[0] != '\0' &&
	       conf_account_by_name(arg, sv_str(e->account)) < 0;
}

void
auth_visits_set_conf(struct auth_visits *v, const struct conf *c)
{
	remove_those(v, is_without_account, c);
}

void
auth_visits_each(
    struct auth_visits *v, struct sv account, auth_visit_fn *fn, void *arg)
{
	const struct entry *e;
	struct auth_visit a;

	(void)auth_visits_sweep(v);
	for (e = v->newest; e != NULL; e = e->next)
		if (e->kind == KIND_VISIT &&
		    sv_eq(account, sv_str(e->account))) {
			describe(v, e, &a);
			fn(&a, arg);
		}
}

bool
auth_visits_keep_secret(struct auth_visits *v, uint64_t number,
    const unsigned char secret[VISIT_SECRET])
{
	struct entry **at = find_number(v, number);

	if (at == NULL)
		return false;
	(*at)->has_secret = true;
	memcpy((*at)->secret, secret, VISIT_SECRET);
	return true;
}

bool
auth_visits_secret(
    struct auth_visits *v, uint64_t number, unsigned char out[VISIT_SECRET])
{
	struct entry **at = find_number(v, number);

	if (at == NULL || !(*at)->has_secret)
		return false;
	memcpy(out, (*at)->secret, VISIT_SECRET);
	return true;
}

void
auth_visits_forget_secret(struct auth_visits *v, uint64_t number)
{
	struct entry **at = find_number(v, number);

	if (at == NULL)
		return;
	(*at)->has_secret = false;
	sodium_memzero((*at)->secret, VISIT_SECRET);
}

/* ---- steps and links ---- */

void
auth_visits_step(struct auth_visits *v, enum auth_step kind, struct sv account,
    struct buf *token_out)
{
	(void)add_entry(v, kind == AUTH_STEP_LINK ? KIND_LINK : KIND_CODE,
	    account, token_out);
}

int
auth_visits_step_find(struct auth_visits *v, struct sv token,
    enum auth_step *kind, struct sv *account)
{
	struct entry **at = find_token(v, token, false);

	if (at == NULL)
		return RC_NOTFOUND;
	*kind = (*at)->kind == KIND_LINK ? AUTH_STEP_LINK : AUTH_STEP_CODE;
	*account = sv_str((*at)->account);
	return RC_OK;
}

void
auth_visits_step_end(struct auth_visits *v, struct sv token)
{
	struct entry **at = find_token(v, token, false);

	if (at != NULL)
		remove_entry(v, at);
}

void
auth_visits_step_wrong(struct auth_visits *v, struct sv token)
{
	struct entry **at = find_token(v, token, false);

	if (at != NULL && ++(*at)->wrong >= STEP_TRIES)
		remove_entry(v, at);
}
