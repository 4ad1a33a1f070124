/* The signatures of a message that goes outside: auth has the keys. */
#include <string.h>

#include "auth/ask.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "smtp/backend_priv.h"
#include "smtp/sign.h"

#define SIGN_MS	   10000
#define SIGN_TRIES 6

/*
 * Whose signature: of the From's domain, since that is what others look for
 * [RFC 7489 3.1].  One who writes for another server's domain (send_as) goes
 * without: we do not have that domain's key, and ours would prove nothing about
 * it.  False: nothing is to be signed.
 */
static bool
signing_domain(
    const struct conf *c, const struct smtp_signing *g, struct buf *out)
{
	struct sv rest = buf_sv(&g->domains), d = SV("");
	size_t i;

	while (rest.n > 0 && !conf_domain_is_local(c, d))
		d = sv_split(&rest, ' ');
	if (!conf_domain_is_local(c, d))
		return false;
	for (i = 0; i < d.n; i++)
		buf_addc(out, ascii_lower(d.p[i]));
	return true;
}

/* Asks auth once; without selectors it says which. */
static int
ask_signer(struct smtp_backend *h, const struct smtp_signing *g,
    const char *domain, int64_t until, struct auth_pair *p)
{
	struct auth_signed what = {
	    buf_sv(&g->names), buf_sv(&g->canon), g->body_hash};
	struct msg m, reply;
	int r = auth_pair_ask(p, domain, &what, clk_now() / 1000, &m);

	if (r == RC_OK)
		r = peer_wait_up(h->auth, until - clk_mono());
	if (r != RC_OK) {
		msg_fini(&m);
		return RC_TEMP;
	}
	r = peer_call(h->auth, &m, until - clk_mono(), &reply);
	if (r == RC_OK)
		r = auth_pair_take(p, &reply);
	msg_fini(&reply);
	return r;
}

/* What we know of a domain's keys: nothing, or what was true lately. */
static void
recall_keys(struct smtp_backend *h, const char *domain, struct auth_pair *p)
{
	struct smtp_backend_keys *k = &h->keys;

	pthread_mutex_lock(&k->lock);
	if (strcmp(k->domain, domain) == 0)
		memcpy(p->selector, k->selector, sizeof p->selector);
	pthread_mutex_unlock(&k->lock);
}

static void
remember_keys(
    struct smtp_backend *h, struct sv domain, const struct auth_pair *p)
{
	struct smtp_backend_keys *k = &h->keys;

	if (domain.n >= sizeof k->domain)
		return;
	pthread_mutex_lock(&k->lock);
	memcpy(k->domain, domain.p, domain.n + 1);
	memcpy(k->selector, p->selector, sizeof k->selector);
	pthread_mutex_unlock(&k->lock);
}

int
smtp_backend_sign(void *ctx, const struct smtp_signing *g, struct buf *out)
{
	struct smtp_backend *h = ctx;
	struct conf *c = h->conf(h->arg);
	int64_t until = clk_mono() + SIGN_MS;
	struct auth_pair p;
	struct buf domain;
	int i, r = RC_NOTFOUND;

	buf_init(&domain, 1024);
	if (!signing_domain(c, g, &domain))
		r = RC_OK;
	auth_pair_init(&p);
	if (r != RC_OK)
		recall_keys(h, domain.p, &p);
	/* If need be the first answer says which keys and the second is
	 * theirs; more while auth is started anew. */
	for (i = 0; i < SIGN_TRIES && clk_mono() < until &&
		    (r == RC_NOTFOUND || r == RC_TEMP);
	     i++)
		r = ask_signer(h, g, domain.p, until, &p);
	if (r == RC_OK && domain.n > 0)
		remember_keys(h, buf_sv(&domain), &p);
	for (i = 0; r == RC_OK && i < DKIM_ALGORITHMS; i++)
		buf_addsv(out, buf_sv(&p.field[i]));
	auth_pair_fini(&p);
	buf_fini(&domain);
	conf_free(&c);
	return r;
}
