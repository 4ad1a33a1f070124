#include "msgauth/check.h"

#include <stdlib.h>

#include "base/alloc.h"

/* What is evaluated by itself; DMARC is made of them. */
enum part {
	PART_IPREV,
	PART_HELO,
	PART_MAILFROM,
	PART_DKIM,
	PART_ARC,
	PARTS
};

struct check {
	struct buf helo, local, domain, receiver;
	struct in6_addr peer;
	int64_t now;
	bool explain;
	struct dkim_keys *keys;
	struct lookup *lookup;
	struct bodies *bodies;
	struct dkim_verify *dkim; /* NULL: no header yet */
	struct arc_verify *arc;
	enum dmarc_author author;
	char author_domain[DNS_NAME_MAX];
	size_t nlist; /* that the header names */
	struct list_name list[LIST_SOURCES];
	bool ended;
	bool done[PARTS];
	bool dmarc_done;
	bool again; /* everything is to be evaluated, whatever has come */
	struct check_result result;
};

static void
copy(struct buf *b, struct sv s)
{
	buf_init(b, s.n + 1);
	buf_addsv(b, s);
}

struct check *
check_new(const struct check_envelope *e)
{
	struct check *c = xcalloc(1, sizeof *c);
	size_t at = sv_rchr(e->sender, '@');

	copy(&c->helo, sv_first(e->helo, CHECK_NAME_MAX));
	copy(&c->local, sv_first(e->sender, at));
	copy(&c->domain,
	    at < e->sender.n ? sv_skip(e->sender, at + 1) : e->helo);
	copy(&c->receiver, e->receiver);
	c->peer = c->result.peer = e->peer;
	c->now = e->now;
	c->explain = e->explain;
	c->keys = e->keys;
	c->result.null_sender = e->sender.n == 0;
	c->lookup = lookup_new();
	c->bodies = bodies_new();
	c->again = true;
	return c;
}

void
check_free(struct check **cp)
{
	struct check *c = *cp;

	if (c == NULL)
		return;
	arc_verify_free(&c->arc);
	dkim_verify_free(&c->dkim);
	bodies_free(&c->bodies);
	lookup_free(&c->lookup);
	buf_fini(&c->receiver);
	buf_fini(&c->domain);
	buf_fini(&c->local);
	buf_fini(&c->helo);
	free(c);
	*cp = NULL;
}

struct lookup *
check_lookup(struct check *c)
{
	return c->lookup;
}

void
check_header(struct check *c, struct sv header)
{
	struct fieldset *fields = fieldset_new(header);
	struct buf sender;

	must(c->dkim == NULL);
	buf_init(&sender, 2 * CHECK_NAME_MAX + c->local.n);
	if (!c->result.null_sender)
		buf_addf(&sender, "%s@%s", c->local.p, c->domain.p);
	c->nlist = list_names(fields, buf_sv(&sender), c->list);
	buf_fini(&sender);
	c->author = dmarc_author(fields, c->author_domain);
	if (c->author == DMARC_AUTHOR_ONE)
		list_author(fields, c->result.author);
	c->dkim = dkim_verify_new(
	    fields, c->bodies, sv_str(c->author_domain), c->keys);
	c->arc = arc_verify_new(fields, c->bodies, c->keys);
	fieldset_free(&fields);
	c->again = true;
}

void
check_body(struct check *c, struct sv bytes)
{
	must(c->dkim != NULL);
	bodies_feed(c->bodies, bytes);
}

int
check_end(struct check *c)
{
	must(c->dkim != NULL && !c->ended);
	c->ended = true;
	c->again = true;
	return bodies_end(c->bodies);
}

void
check_expiring(const struct check *c, struct buf *out)
{
	must(c->dkim != NULL);
	dkim_verify_expiring(c->dkim, out);
	arc_verify_expiring(c->arc, out);
}

void
check_first_seen(struct check *c, int64_t first)
{
	must(c->dkim != NULL && !c->ended);
	dkim_verify_first_seen(c->dkim, first);
	arc_verify_first_seen(c->arc, first);
}

enum dmarc_author
check_author(const struct check *c)
{
	must(c->dkim != NULL);
	return c->author;
}

/* ---- evaluation ---- */

static int
run_spf(struct check *c, enum lookup_part part, struct spf_outcome *out)
{
	bool helo = part == LOOKUP_HELO;
	struct spf_query q = {.ip = c->peer,
	    .local = helo ? sv_of("", 0) : buf_sv(&c->local),
	    .domain = helo ? buf_sv(&c->helo) : buf_sv(&c->domain),
	    .helo = buf_sv(&c->helo),
	    .receiver = buf_sv(&c->receiver),
	    .now = c->now,
	    .explain = c->explain && !helo};

	return spf_check(&q, c->lookup, part, out);
}

static int
run_dkim(struct check *c)
{
	int r = dkim_verify_evaluate(c->dkim, c->bodies, c->lookup, c->now);
	size_t i;

	c->result.ndkim = dkim_verify_count(c->dkim);
	c->result.dkim_found = dkim_verify_found(c->dkim);
	for (i = 0; i < c->result.ndkim; i++)
		c->result.dkim[i] = *dkim_verify_get(c->dkim, i);
	return r;
}

static int
run_arc(struct check *c)
{
	int r = arc_verify_evaluate(c->arc, c->bodies, c->lookup, c->now);

	c->result.arc = *arc_verify_get(c->arc);
	return r;
}

static int
run_part(struct check *c, enum part p)
{
	switch (p) {
	case PART_IPREV:
		return iprev_check(c->lookup, &c->peer, &c->result.iprev);
	case PART_HELO:
		return run_spf(c, LOOKUP_HELO, &c->result.helo);
	case PART_MAILFROM:
		return run_spf(c, LOOKUP_MAILFROM, &c->result.mailfrom);
	case PART_DKIM:
		return c->dkim == NULL ? RC_MORE : run_dkim(c);
	case PART_ARC:
		return c->dkim == NULL ? RC_MORE : run_arc(c);
	case PARTS:
		break;
	}
	must(false);
}

static int
run_dmarc(struct check *c)
{
	struct dmarc_identifier dkim[DKIM_VERIFY_MAX];
	struct dmarc_identifier spf = {sv_str(c->result.mailfrom.domain),
	    c->result.mailfrom.result, !c->done[PART_MAILFROM]};
	size_t i;

	for (i = 0; i < c->result.ndkim; i++)
		dkim[i] = (struct dmarc_identifier){
		    sv_str(c->result.dkim[i].domain), c->result.dkim[i].result,
		    c->result.dkim[i].result == AUTH_NONE};
	return dmarc_evaluate(c->lookup, c->author, sv_str(c->author_domain),
	    &spf, dkim, c->result.ndkim, &c->result.dmarc);
}

static void
confirm_lists(struct check *c)
{
	struct check_result *r = &c->result;
	size_t i;

	r->nlist = 0;
	for (i = 0; i < c->nlist; i++)
		if (list_is_confirmed(
			&c->list[i], r->dkim, r->ndkim, &r->mailfrom))
			r->list[r->nlist++] = c->list[i];
}

int
check_evaluate(struct check *c)
{
	static const enum lookup_part asks[PARTS] = {
	    [PART_IPREV] = LOOKUP_IPREV,
	    [PART_HELO] = LOOKUP_HELO,
	    [PART_MAILFROM] = LOOKUP_MAILFROM,
	    [PART_DKIM] = LOOKUP_DKIM,
	    [PART_ARC] = LOOKUP_ARC,
	};
	bool news = lookup_news(c->lookup, LOOKUP_AUTHOR);
	bool all = true;
	int p;

	news = lookup_news(c->lookup, LOOKUP_ALIGN) || news || c->again;
	for (p = 0; p < PARTS; p++) {
		bool own = lookup_news(c->lookup, asks[p]) || c->again;

		if (!c->done[p] && own) {
			c->done[p] = run_part(c, (enum part)p) == RC_OK;
			news = true;
		}
		all = all && c->done[p];
	}
	if (c->dkim != NULL && !c->dmarc_done && news)
		c->dmarc_done = run_dmarc(c) == RC_OK && all;
	c->again = false;
	if (!all || !c->dmarc_done || !c->ended)
		return RC_MORE;
	confirm_lists(c);
	return RC_OK;
}

const struct check_result *
check_result(const struct check *c)
{
	return &c->result;
}

bool
check_arc_vouches(const struct check *c, arc_trusted_fn *trusted, void *arg)
{
	unsigned down = arc_trusted_down_to(&c->result.arc, trusted, arg);

	return c->author == DMARC_AUTHOR_ONE &&
	       arc_vouches(c->arc, down, sv_str(c->author_domain));
}
