/*
 * Reports that go outside are signed like all other mail that leaves.  Here,
 * not when they are written: they take the place of what they are about in one
 * step, which cannot wait for auth, and most go to our own people, unsigned.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/ask.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "mail/field.h"
#include "queue/spool/service_priv.h"

#define SIGN_MS	   10000
#define SIGN_TRIES 3
#define TEXT_MAX   (4u << 20) /* of a report: it is never that large */
#define HEADER_MAX (64u << 10)

struct signing {
	struct attempt *a;
	queue_signed_fn *done;
	char domain[256];
	struct buf names, canon;
	uint8_t body_hash[DKIM_HASH];
	struct auth_pair pair;
	int tries;
};

/* The domain of our own From: "Mail server <postmaster@example.org>". */
static bool
find_domain(struct sv header, char *out, size_t size)
{
	struct mail_field from;
	struct sv domain;

	if (!mail_field_find(header, SV("From"), &from))
		return false;
	domain = sv_skip(from.value, sv_rchr(from.value, '@'));
	domain = sv_first(sv_skip(domain, 1), sv_chr(domain, '>') - 1);
	if (domain.n == 0 || domain.n >= size)
		return false;
	memcpy(out, domain.p, domain.n);
	out[domain.n] = '\0';
	return true;
}

/* What is signed of the report. */
static int
read_report(struct signing *g)
{
	struct spool_item *it = g->a->it;
	struct dkim_hash *body = dkim_hash_new();
	struct buf text;
	size_t end;
	int r;

	buf_init(&text, TEXT_MAX);
	r = it->size <= TEXT_MAX ? spool_peek(g->a->q->spool, it, &text)
				 : RC_TOOBIG;
	end = sv_find(buf_sv(&text), SV("\r\n\r\n"));
	if (r == RC_OK &&
	    (end == text.n || !find_domain(sv_first(buf_sv(&text), end + 2),
				  g->domain, sizeof g->domain)))
		r = RC_SYNTAX;
	if (r == RC_OK) {
		dkim_header_choose(
		    sv_first(buf_sv(&text), end + 2), &g->names, &g->canon);
		dkim_hash_feed(body, sv_skip(buf_sv(&text), end + 4));
		r = dkim_hash_end(body, g->body_hash);
	}
	dkim_hash_free(&body);
	buf_fini(&text);
	return r;
}

static void
finish(struct signing *g, int rc)
{
	struct buf fields;
	int i;

	buf_init(&fields, DKIM_ALGORITHMS * 8192);
	for (i = 0; rc == RC_OK && i < DKIM_ALGORITHMS; i++)
		buf_addsv(&fields, buf_sv(&g->pair.field[i]));
	/* Without a key of that domain there is nothing to sign with. */
	g->done(g->a, rc == RC_DENIED ? RC_OK : rc, buf_sv(&fields));
	buf_fini(&fields);
	auth_pair_fini(&g->pair);
	buf_fini(&g->canon);
	buf_fini(&g->names);
	free(g);
}

static void ask(struct signing *g);

static void
on_answer(int rc, struct msg *reply, void *arg)
{
	struct signing *g = arg;

	if (rc == RC_OK)
		rc = auth_pair_take(&g->pair, reply);
	/* The first answer says which keys, the second is theirs. */
	if (rc == RC_NOTFOUND && ++g->tries < SIGN_TRIES && !g->a->q->stopping)
		ask(g);
	else
		finish(g, rc);
}

static void
ask(struct signing *g)
{
	struct auth_signed what = {
	    buf_sv(&g->names), buf_sv(&g->canon), g->body_hash};
	struct msg m;
	int r = auth_pair_ask(&g->pair, g->domain, &what, clk_now() / 1000, &m);

	if (r == RC_OK) {
		peer_ask(g->a->q->auth, &m, SIGN_MS, on_answer, g);
		return;
	}
	msg_fini(&m);
	finish(g, r);
}

void
queue_sign(struct attempt *a, queue_signed_fn *done)
{
	struct signing *g = xcalloc(1, sizeof *g);
	int r;

	g->a = a;
	g->done = done;
	buf_init(&g->names, 4096);
	buf_init(&g->canon, HEADER_MAX);
	auth_pair_init(&g->pair);
	r = read_report(g);
	if (r == RC_OK)
		ask(g);
	else
		finish(g, r);
}
