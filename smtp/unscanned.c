#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/rc.h"
#include "smtp/ops.h"
#include "smtp/unscanned.h"

#define PIECE 65536

/* ---- the key ---- */

/* Where the body begins; with nothing in it, the header is what there is. */
static uint64_t
content_begin(const char *p, size_t n, uint64_t size)
{
	struct sv head = sv_of(p, n);
	size_t at = sv_find(head, SV("\r\n\r\n"));

	return at + 4 < head.n && at + 4 < size ? at + 4 : 0;
}

static uint64_t
hash_text(const unsigned char secret[16], struct sv text)
{
	unsigned char out[16];
	uint64_t h;

	(void)crypto_generichash(
	    out, sizeof out, (const unsigned char *)text.p, text.n, secret, 16);
	memcpy(&h, out, sizeof h);
	return h;
}

/* Of who sends it and what it is; not 0. */
static uint64_t
hash_content(const unsigned char secret[16], const struct smtp_scanned *m)
{
	const struct sv sender = m->sender;
	const uint64_t size = m->size;
	crypto_generichash_state h;
	unsigned char out[16];
	char *p = xmalloc(PIECE);
	uint64_t at = 0, key, length = sender.n;

	(void)crypto_generichash_init(&h, secret, 16, sizeof out);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)&length, sizeof length);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)sender.p, sender.n);
	while (at < size) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		uint64_t skip = 0;

		if (io_pread_all(m->fd, p, n, at) != RC_OK)
			break;
		if (at == 0)
			skip = content_begin(p, n, size);
		(void)crypto_generichash_update(
		    &h, (const unsigned char *)p + skip, n - skip);
		at += n;
	}
	(void)crypto_generichash_final(&h, out, sizeof out);
	memcpy(&key, out, sizeof key);
	free(p);
	return key != 0 ? key : 1;
}

struct smtp_unscanned_id
smtp_unscanned_id(const unsigned char secret[16], const struct smtp_scanned *m)
{
	struct smtp_unscanned_id id = {.content = hash_content(secret, m)};
	struct sv rest = m->recipients;

	id.mail = id.content;
	while (rest.n > 0)
		id.mail += hash_text(secret, sv_split(&rest, ' '));
	return id;
}

/* ---- the table ---- */

/* u->n: it is not there. */
static size_t
find_row(const struct smtp_unscanned *u, struct smtp_unscanned_id id)
{
	size_t i = 0;

	while (i < u->n && (u->row[i].id.mail != id.mail ||
			       u->row[i].id.content != id.content))
		i++;
	return i;
}

/* The one that has not come for longest makes room. */
static struct smtp_unscanned_row *
add_row(struct smtp_unscanned *u, struct smtp_unscanned_id id, int64_t now)
{
	struct smtp_unscanned_row *r = &u->row[0];
	size_t i;

	if (u->n < SMTP_UNSCANNED_ROWS)
		r = &u->row[u->n++];
	else
		for (i = 1; i < u->n; i++)
			if (u->row[i].last < r->last)
				r = &u->row[i];
	*r = (struct smtp_unscanned_row){.id = id, .first = now};
	return r;
}

bool
smtp_unscanned_any(struct smtp_unscanned *u, int64_t now)
{
	size_t i = 0;

	while (i < u->n)
		if (now - u->row[i].last > SMTP_UNSCANNED_KEPT_MS)
			u->row[i] = u->row[--u->n];
		else
			i++;
	return u->n > 0;
}

bool
smtp_unscanned_rests(
    const struct smtp_unscanned *u, uint64_t content, int64_t now)
{
	size_t i;

	for (i = 0; i < u->n; i++)
		if (u->row[i].id.content == content && now < u->row[i].rested)
			return true;
	return false;
}

bool
smtp_unscanned_failed(struct smtp_unscanned *u, struct smtp_unscanned_id id,
    int64_t now, bool slow)
{
	int64_t wait = u->hurry_ms > 0 ? u->hurry_ms : SMTP_UNSCANNED_WAIT_MS;
	struct smtp_unscanned_row *r;
	size_t i;

	(void)smtp_unscanned_any(u, now);
	i = find_row(u, id);
	r = i < u->n ? &u->row[i] : add_row(u, id, now);
	r->last = now;
	if (slow)
		r->rested = now + SMTP_UNSCANNED_AGAIN_MS;
	if (r->tries == 0 || now - r->counted >= wait / 4) {
		r->counted = now;
		if (r->tries < SMTP_UNSCANNED_TRIES)
			r->tries++;
	}
	return r->tries >= SMTP_UNSCANNED_TRIES && now - r->first >= wait;
}

void
smtp_unscanned_done(struct smtp_unscanned *u, uint64_t content)
{
	size_t i = 0;

	while (i < u->n)
		if (u->row[i].id.content == content)
			u->row[i] = u->row[--u->n];
		else
			i++;
}
