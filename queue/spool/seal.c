/*
 * The ARC seal of what is forwarded: the last thing that is put on a copy
 * before mx has it, so that nothing of ours breaks it.  Made for each try, of
 * the bytes that leave; the body is read piece by piece.
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

#define SEAL_MS	   10000
#define ASKS_MAX   4 /* the selector, two signatures, one change */
#define HEADER_MAX (512u << 10)
#define RESULT_MAX (64u << 10)

struct sealing {
	struct attempt *a;
	queue_signed_fn *done;
	char domain[256];
	struct auth_one key;
	struct arc_seal *seal;
	struct buf header, results;
	struct dkim_hash *hash;
	uint8_t body_hash[DKIM_HASH];
	enum auth_result cv;
	bool in_body;
	int asks, signatures;
};

/* ---- what is sealed ---- */

/* Splits what goes by into the header, which is kept, and the body, which is
 * hashed.  RC_TOOBIG: the header does not end. */
static int
feed(void *arg, const char *p, size_t n)
{
	struct sealing *g = arg;
	struct sv bytes = sv_of(p, n), all;
	size_t end;

	if (g->in_body) {
		dkim_hash_feed(g->hash, bytes);
		return RC_OK;
	}
	buf_addsv(&g->header, bytes);
	if (!buf_ok(&g->header))
		return RC_TOOBIG;
	all = buf_sv(&g->header);
	end = sv_find(all, SV("\r\n\r\n"));
	if (end == all.n)
		return RC_OK;
	g->in_body = true;
	dkim_hash_feed(g->hash, sv_skip(all, end + 4));
	buf_truncate(&g->header, end + 2);
	return RC_OK;
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
	    .body_hash = g->body_hash};

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
	dkim_hash_free(&g->hash);
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

void
queue_seal(struct attempt *a, queue_signed_fn *done)
{
	struct sealing *g = xcalloc(1, sizeof *g);
	const char *via = a->it->rcpt[a->rcpt[0]].via;
	int r;

	g->a = a;
	g->done = done;
	g->hash = dkim_hash_new();
	buf_init(&g->header, HEADER_MAX);
	buf_init(&g->results, RESULT_MAX);
	buf_init(&g->key.signature, AUTH_SIGNATURE_MAX);
	sv_copy(sv_str(strrchr(via, '@') + 1), g->domain, sizeof g->domain);
	r = spool_read(a->q->spool, a->it, feed, g);
	if (r == RC_OK)
		r = dkim_hash_end(g->hash, g->body_hash);
	if (r == RC_OK)
		r = read_results(g);
	if (r == RC_OK)
		ask(g);
	else
		finish(g, r);
}
