#include "auth/links.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"

#define TOKEN_BYTES 24

struct entry {
	bool used, pressed;
	int64_t made;
	unsigned char token[crypto_hash_sha256_BYTES];
	unsigned char ticket[crypto_hash_sha256_BYTES];
	struct buf account, device, address, password;
};

struct auth_links {
	int64_t (*now)(void);
	struct entry entry[LINKS_MAX];
};

struct auth_links *
auth_links_new(int64_t (*now)(void))
{
	struct auth_links *l = xcalloc(1, sizeof *l);

	l->now = now;
	return l;
}

static void
entry_end(struct entry *e)
{
	if (!e->used)
		return;
	buf_fini(&e->account);
	buf_fini(&e->device);
	buf_fini(&e->address);
	buf_wipe(&e->password);
	sodium_memzero(e, sizeof *e);
}

void
auth_links_free(struct auth_links **lp)
{
	struct auth_links *l = *lp;
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < LINKS_MAX; i++)
		entry_end(&l->entry[i]);
	free(l);
	*lp = NULL;
}

unsigned
auth_links_sweep(struct auth_links *l)
{
	int64_t now = l->now();
	unsigned left = 0;
	size_t i;

	for (i = 0; i < LINKS_MAX; i++) {
		struct entry *e = &l->entry[i];

		if (e->used && now - e->made >= LINK_LIFE_MS)
			entry_end(e);
		left += e->used;
	}
	return left;
}

/* Fresh random text, and the hash by which it is known again. */
static void
make_token(struct buf *out, unsigned char hash[crypto_hash_sha256_BYTES])
{
	unsigned char raw[TOKEN_BYTES];
	char text[LINK_TOKEN_LEN + 1];

	randombytes_buf(raw, sizeof raw);
	(void)sodium_bin2base64(text, sizeof text, raw, sizeof raw,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	(void)crypto_hash_sha256(
	    hash, (const unsigned char *)text, LINK_TOKEN_LEN);
	buf_adds(out, text);
	sodium_memzero(raw, sizeof raw);
	sodium_memzero(text, sizeof text);
}

static void
look_for_older(struct entry *e, struct entry **oldest)
{
	if (*oldest == NULL || e->made < (*oldest)->made)
		*oldest = e;
}

/* The oldest of its own where there are enough; else a free one, or the oldest
 * of all. */
static struct entry *
place(struct auth_links *l, struct sv account)
{
	struct entry *empty = NULL, *own = NULL, *oldest = NULL;
	unsigned n = 0;
	size_t i;

	for (i = 0; i < LINKS_MAX; i++) {
		struct entry *e = &l->entry[i];

		if (!e->used) {
			empty = e;
			continue;
		}
		look_for_older(e, &oldest);
		if (sv_eq(account, buf_sv(&e->account))) {
			look_for_older(e, &own);
			n++;
		}
	}
	if (n < LINKS_OF_ACCOUNT && empty != NULL)
		return empty;
	if (n >= LINKS_OF_ACCOUNT)
		oldest = own;
	entry_end(oldest);
	return oldest;
}

static void
keep(struct buf *b, struct sv text)
{
	buf_init(b, text.n);
	buf_addsv(b, text);
}

void
auth_links_add(
    struct auth_links *l, const struct auth_link *what, struct buf *token_out)
{
	struct entry *e;

	(void)auth_links_sweep(l);
	e = place(l, what->account);
	e->used = true;
	e->made = l->now();
	keep(&e->account, what->account);
	keep(&e->device, what->device);
	keep(&e->address, what->address);
	keep(&e->password, what->password);
	make_token(token_out, e->token);
}

/* By the token, or by the ticket of one that was pressed. */
static struct entry *
find_entry(struct auth_links *l, struct sv text, bool ticket)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	struct entry *found = NULL;
	size_t i;

	(void)auth_links_sweep(l);
	if (text.n != LINK_TOKEN_LEN)
		return NULL;
	(void)crypto_hash_sha256(hash, (const unsigned char *)text.p, text.n);
	for (i = 0; i < LINKS_MAX; i++) {
		struct entry *e = &l->entry[i];

		if (e->used && (!ticket || e->pressed) &&
		    sodium_memcmp(
			hash, ticket ? e->ticket : e->token, sizeof hash) == 0)
			found = e;
	}
	return found;
}

static void
describe(struct auth_links *l, const struct entry *e, struct auth_link *out)
{
	*out = (struct auth_link){
	    .account = buf_sv(&e->account),
	    .device = buf_sv(&e->device),
	    .address = buf_sv(&e->address),
	    .password = SV(""),
	    .left_ms = LINK_LIFE_MS - (l->now() - e->made),
	};
}

int
auth_links_look(struct auth_links *l, struct sv token, struct auth_link *out)
{
	struct entry *e = find_entry(l, token, false);

	if (e == NULL)
		return RC_NOTFOUND;
	if (e->pressed)
		return RC_EXISTS;
	describe(l, e, out);
	return RC_OK;
}

int
auth_links_press(struct auth_links *l, struct sv token, struct auth_link *out,
    struct buf *ticket_out)
{
	struct entry *e = find_entry(l, token, false);

	if (e == NULL)
		return RC_NOTFOUND;
	if (e->pressed)
		return RC_EXISTS;
	e->pressed = true;
	make_token(ticket_out, e->ticket);
	describe(l, e, out);
	return RC_OK;
}

int
auth_links_take(struct auth_links *l, struct sv ticket, struct auth_link *out)
{
	struct entry *e = find_entry(l, ticket, true);

	if (e == NULL)
		return RC_NOTFOUND;
	describe(l, e, out);
	out->password = buf_sv(&e->password);
	return RC_OK;
}

void
auth_links_forget(struct auth_links *l, struct sv account, struct sv device)
{
	size_t i;

	for (i = 0; i < LINKS_MAX; i++) {
		struct entry *e = &l->entry[i];

		if (e->used && sv_eq(account, buf_sv(&e->account)) &&
		    sv_eq(device, buf_sv(&e->device)))
			entry_end(e);
	}
}
