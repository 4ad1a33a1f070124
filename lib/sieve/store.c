/* keep, discard, fileinto, redirect [RFC 5228 4, 3894, 6134 2.6]. */
#include "sieve/address.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/run.h"
#include "sieve/special_use.h"

enum sieve_flow
sieve_run_keep(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_store store;
	enum sieve_flow f;

	f = sieve_store_resolve(r, n, SV("INBOX"), &store);
	if (f == FLOW_ON)
		f = sieve_add_store(r, n, SIEVE_KEEP, &store, false);
	if (f == FLOW_ON)
		sieve_trace(r, n, "keep");
	return f;
}

enum sieve_flow
sieve_run_discard(struct sieve_run *r, const struct sieve_node *n)
{
	r->keep = false;
	sieve_trace(r, n, "discard");
	return FLOW_ON;
}

static bool
is_name(struct sv s)
{
	return s.n > 0 && sieve_mailbox_may_be(s);
}

bool
sieve_check_fileinto(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_special_use(c, n) &&
	       sieve_check_each(c, n->pos[0], is_name, "the name of a mailbox");
}

enum sieve_flow
sieve_run_fileinto(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_store store;
	struct sv name;
	enum sieve_flow f;
	enum sieve_kind kind;

	f = sieve_expand(r, n, &n->pos[0]->s[0], &name);
	if (f == FLOW_ON)
		f = sieve_store_resolve(r, n, name, &store);
	if (f != FLOW_ON)
		return f;
	kind = sv_eq(store.mailbox, SV("INBOX")) ? SIEVE_KEEP : SIEVE_FILEINTO;
	f = sieve_add_store(r, n, kind, &store, sieve_has_tag(n, T_COPY));
	if (f == FLOW_ON)
		sieve_trace(r, n, "fileinto \"%s\"", QUOTE(store.mailbox));
	return f;
}

/* ---- redirect ---- */

static bool
is_address(struct sv s)
{
	struct buf b;
	bool ok;

	buf_init(&b, 2048);
	ok = sieve_address_read(s, &b);
	buf_fini(&b);
	return ok;
}

bool
sieve_check_redirect(struct sieve_check *c, struct sieve_node *n)
{
	if (sieve_has_tag(n, T_LIST))
		return true;
	return sieve_check_each(c, n->pos[0], is_address,
	    "an address, such as \"anna@example.org\"");
}

struct redirect {
	struct sieve_run *r;
	const struct sieve_node *n;
	enum sieve_flow flow;
};

static bool
is_redirected(struct sieve_run *r, struct sv address)
{
	for (size_t i = 0; i < r->naction; i++)
		if (r->action[i].kind == SIEVE_REDIRECT &&
		    sv_ieq(r->action[i].address, address))
			return true;
	return false;
}

static enum sieve_flow
redirect_to(struct sieve_run *r, const struct sieve_node *n, struct sv address)
{
	struct sieve_action *a;
	enum sieve_flow f;

	if (is_redirected(r, address))
		return FLOW_ON;
	if (r->redirects >= r->limits.redirects)
		return sieve_fail(r, n,
		    "too many redirects of one message; at most %u are allowed",
		    r->limits.redirects);
	f = sieve_add_action(r, n, SIEVE_REDIRECT, &a);
	if (f != FLOW_ON)
		return f;
	r->redirects++;
	a->address = sieve_keep_sv(r, address);
	sieve_trace(r, n, "redirect \"%s\"", QUOTE(address));
	return FLOW_ON;
}

static enum sieve_flow
redirect_text(struct sieve_run *r, const struct sieve_node *n, struct sv text)
{
	enum sieve_flow f;
	struct buf b;

	buf_init(&b, 2048);
	f = sieve_address_read(text, &b)
		? redirect_to(r, n, buf_sv(&b))
		: sieve_fail(r, n, "\"%s\" is not an address", QUOTE(text));
	buf_fini(&b);
	return f;
}

static int
redirect_member(void *arg, struct sv value)
{
	struct redirect *d = arg;

	d->flow = redirect_text(d->r, d->n, value);
	return d->flow == FLOW_ON ? RC_OK : RC_EOF;
}

static enum sieve_flow
redirect_list(struct sieve_run *r, const struct sieve_node *n, struct sv name)
{
	struct redirect d = {r, n, FLOW_ON};
	int rc = RC_NOTFOUND;

	if (r->host->list_each != NULL)
		rc = r->host->list_each(r->arg, name, redirect_member, &d);
	if (d.flow != FLOW_ON)
		return d.flow;
	if (rc == RC_OK || rc == RC_TEMP)
		return sieve_fail_rc(r, n, rc, "");
	return sieve_fail(
	    r, n, "there is no list \"%s\" of addresses", QUOTE(name));
}

enum sieve_flow
sieve_run_redirect(struct sieve_run *r, const struct sieve_node *n)
{
	struct sv text;
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], &text);

	if (f == FLOW_ON)
		f = sieve_has_tag(n, T_LIST) ? redirect_list(r, n, text)
					     : redirect_text(r, n, text);
	if (f == FLOW_ON && !sieve_has_tag(n, T_COPY))
		r->keep = false;
	return f;
}
