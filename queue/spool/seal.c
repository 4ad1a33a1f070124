/*
 * The ARC seal of what is forwarded: the last thing that is put on a copy
 * before mx has it, so that nothing of ours breaks it.  Made for each try, of
 * the bytes that leave.  The body is hashed once, by the first try of the item,
 * while others wait for it: piece by piece, so that the loop is not held.
 *
 * The results in it are those of the message's arrival, as they came with it:
 * nothing is looked up again.  A message whose chain was never checked gets no
 * seal: it would be one more link of something unknown.
 *
 * A seal helps; its lack is not a reason to keep a message for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/ask.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "mail/field.h"
#include "msgauth/arc.h"
#include "msgauth/authres.h"
#include "queue/spool/service_priv.h"

#define SEAL_MS	     10000
#define ASKS_MAX     4 /* the selector, two signatures, one change */
#define HEADER_USUAL (32u << 10)
#define HEADER_MAX   (512u << 10)
#define RESULT_MAX   (64u << 10)
#define PIECE	     (1u << 20) /* of a body, at a time */
#define PIECE_MS     1		/* between two: the loop has others, too */

struct sealing {
	struct attempt *a;
	queue_signed_fn *done;
	char domain[256];
	struct auth_one key;
	struct arc_seal *seal;
	struct buf header, results;
	enum auth_result cv;
	int asks, signatures;
	struct sealing *next; /* of those that wait for the hash */
};

/* The body of an item, while it is being hashed. */
struct hashing {
	struct spool_item *it;
	struct dkim_hash *hash;
	uint64_t at;
	struct ev_timer *timer; /* NULL: none is needed, or it is at work */
	struct sealing *waiting;
	struct queue_service *q;
	struct hashing *next;
};

/* ---- what is sealed ---- */

/* The first bytes; *end_out: where the body begins.  RC_TOOBIG: the header does
 * not end in them. */
static int
read_first(struct sealing *g, size_t most, uint64_t *end_out)
{
	const struct spool_item *it = g->a->it;
	struct sv all;
	size_t end;
	int r;

	buf_fini(&g->header);
	buf_init(&g->header, most);
	r = spool_peek(g->a->q->spool, it, &g->header);
	if (r != RC_OK)
		return r;
	all = buf_sv(&g->header);
	end = sv_find(all, SV("\r\n\r\n"));
	if (end == all.n && it->size > all.n)
		return RC_TOOBIG;
	*end_out = end < all.n ? end + 4 : it->size;
	if (end < all.n)
		buf_truncate(&g->header, end + 2);
	return RC_OK;
}

/* Few are long. */
static int
read_header(struct sealing *g, uint64_t *end_out)
{
	int r = read_first(g, HEADER_USUAL, end_out);

	return r == RC_TOOBIG ? read_first(g, HEADER_MAX, end_out) : r;
}

/* What the chain was on arrival: "arc=" of our own results. */
static enum auth_result
chain_of(struct sv results)
{
	enum auth_result cv = AUTH_NONE;
	struct authres_reader r;
	struct authres_item item;

	if (authres_reader_init(&r, results) != RC_OK)
		return AUTH_NONE;
	while (authres_next(&r, &item) == RC_OK)
		if (sv_eq(item.method, SV("arc")))
			cv = sv_eq(item.result, SV("pass"))   ? AUTH_PASS
			     : sv_eq(item.result, SV("none")) ? AUTH_NONE
							      : AUTH_FAIL;
	authres_reader_fini(&r);
	return cv;
}

/* RC_DENIED: it gets no seal. */
static int
read_results(struct sealing *g)
{
	const struct spool_item *it = g->a->it;
	struct sv text = sv_str(it->results);
	struct mail_field f;
	struct conf *c;

	if (mail_field_next(&text, &f)) {
		buf_addsv(&g->results, f.value);
		g->cv = chain_of(f.value);
		return buf_ok(&g->results) ? RC_OK : RC_DENIED;
	}
	if (mail_field_find(buf_sv(&g->header), SV("ARC-Seal"), &f))
		return RC_DENIED;
	c = queue_conf(g->a->q);
	buf_addf(&g->results, "%s; none", c->hostname);
	conf_free(&c);
	return RC_OK;
}

static int
begin(struct sealing *g)
{
	struct arc_seal_what w = {.cv = g->cv,
	    .results = buf_sv(&g->results),
	    .algorithm = DKIM_RSA,
	    .domain = sv_str(g->domain),
	    .selector = sv_str(g->key.selector[DKIM_RSA]),
	    .time = clk_now() / 1000,
	    .body_hash = g->a->it->body_hash};

	arc_seal_free(&g->seal);
	g->signatures = 0;
	return arc_seal_new(&w, buf_sv(&g->header), &g->seal);
}

/* ---- auth ---- */

static void
finish(struct sealing *g, int rc)
{
	struct buf fields;

	buf_init(&fields, RESULT_MAX);
	if (rc == RC_OK)
		rc = arc_seal_write(g->seal, &fields);
	if (rc != RC_OK && rc != RC_TEMP)
		mlog(LOG_INFO, "queue.unsealed", "item=%llu rc=%s",
		    (unsigned long long)g->a->it->seq, rc_name(rc));
	g->done(g->a, rc == RC_TEMP ? rc : RC_OK,
	    rc == RC_OK ? buf_sv(&fields) : SV(""));
	buf_fini(&fields);
	arc_seal_free(&g->seal);
	buf_fini(&g->key.signature);
	buf_fini(&g->results);
	buf_fini(&g->header);
	free(g);
}

static void ask(struct sealing *g);

/* The first answer says which key it is; then its two signatures. */
static void
on_answer(int rc, struct msg *reply, void *arg)
{
	struct sealing *g = arg;

	if (rc == RC_OK)
		rc = auth_one_take(&g->key, reply);
	else
		rc = RC_TEMP;
	if (rc == RC_OK && g->seal != NULL) {
		arc_seal_signature(g->seal, buf_sv(&g->key.signature));
		g->signatures++;
	} else if (rc == RC_NOTFOUND) {
		rc = begin(g);
	}
	if (rc == RC_OK && g->signatures < 2 && g->asks < ASKS_MAX &&
	    !g->a->q->stopping)
		ask(g);
	else
		finish(g, rc == RC_OK && g->signatures < 2 ? RC_TEMP : rc);
}

static void
ask(struct sealing *g)
{
	uint8_t hash[DKIM_HASH];
	struct msg m;
	int r = RC_OK;

	g->asks++;
	if (g->seal != NULL)
		r = arc_seal_hash(g->seal, hash);
	if (r != RC_OK) {
		finish(g, r);
		return;
	}
	auth_one_ask(&g->key, g->domain, g->seal != NULL ? hash : NULL, &m);
	peer_ask(g->a->q->auth, &m, SEAL_MS, on_answer, g);
}

/* ---- the body ---- */

static void
on_hash(struct sealing *g, int r)
{
	if (r == RC_OK)
		r = read_results(g);
	if (r == RC_OK)
		ask(g);
	else
		finish(g, r);
}

static void
hashing_end(struct hashing *h, int r)
{
	struct hashing **at = &h->q->hashing;
	uint8_t hash[DKIM_HASH];
	struct sealing *g;

	if (r == RC_OK)
		r = dkim_hash_end(h->hash, hash);
	if (r == RC_OK) {
		h->it->body_hash = xmalloc(DKIM_HASH);
		memcpy(h->it->body_hash, hash, DKIM_HASH);
	}
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	ev_timer_del(&h->timer);
	while ((g = h->waiting) != NULL) {
		h->waiting = g->next;
		on_hash(g, r);
	}
	dkim_hash_free(&h->hash);
	free(h);
}

static void
hashing_go_on(void *arg)
{
	struct hashing *h = arg;
	uint64_t left = h->it->size - h->at;
	size_t n = left < PIECE ? (size_t)left : PIECE;
	char *piece = xmalloc(n + 1);
	int r = spool_read_at(h->q->spool, h->it, h->at, piece, n);

	h->timer = NULL;
	if (r == RC_OK)
		dkim_hash_feed(h->hash, sv_of(piece, n));
	free(piece);
	h->at += n;
	if (r == RC_OK && h->at < h->it->size)
		h->timer =
		    ev_timer_add(h->q->o.loop, PIECE_MS, hashing_go_on, h);
	else
		hashing_end(h, r);
}

/* Waits for the hash of the body, which begins there. */
static void
wait_for_hash(struct sealing *g, uint64_t begin)
{
	struct queue_service *q = g->a->q;
	struct hashing *h = q->hashing;

	while (h != NULL && h->it != g->a->it)
		h = h->next;
	if (h != NULL) {
		g->next = h->waiting;
		h->waiting = g;
		return;
	}
	h = xcalloc(1, sizeof *h);
	h->q = q;
	h->it = g->a->it;
	h->hash = dkim_hash_new();
	h->at = begin;
	h->waiting = g;
	h->next = q->hashing;
	q->hashing = h;
	hashing_go_on(h);
}

void
queue_seal_stop(struct queue_service *q)
{
	while (q->hashing != NULL)
		hashing_end(q->hashing, RC_TEMP);
}

void
queue_seal(struct attempt *a, queue_signed_fn *done)
{
	struct sealing *g = xcalloc(1, sizeof *g);
	const char *via = a->it->rcpt[a->rcpt[0]].via;
	uint64_t begin = 0;
	int r;

	g->a = a;
	g->done = done;
	buf_init(&g->header, HEADER_USUAL);
	buf_init(&g->results, RESULT_MAX);
	buf_init(&g->key.signature, AUTH_SIGNATURE_MAX);
	sv_copy(sv_str(strrchr(via, '@') + 1), g->domain, sizeof g->domain);
	r = read_header(g, &begin);
	if (r != RC_OK)
		finish(g, r);
	else if (a->it->body_hash != NULL)
		on_hash(g, r);
	else
		wait_for_hash(g, begin);
}
