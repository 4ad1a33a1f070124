/*
 * Forwarding: whom an alias of ours leads to, under which sender it goes there,
 * and who is told when that fails.
 *
 * A forwarded message leaves with a sender of ours (SRS): SPF holds for it, and
 * what comes back comes to us.  Its hash also covers the alias and to whom that
 * is to be told, so that the address need not say so: see queue_forward_back.
 *
 * The author hears of a failure only where all of it has failed and it is sure
 * to be the author (SPOOL_KNOWN); in words of ours, which name the alias.  Who
 * wrote to a club is not to hear that one of its members is away, nor who that
 * is.  All else is for the alias's owner.
 *
 * Who gets what is forwarded knows an address that leads back for weeks.  Only
 * mail from <> comes back by it, so often a day (returns.h); the author is told
 * in our words, and of other answers gets what is short, or the header.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "queue/spool/bounce.h"
#include "queue/spool/service_priv.h"

#define SRS_DAYS 21 /* others give up after five, some after longer */

static struct srs_keys
keys_of(const struct queue_service *q, const struct buf *context)
{
	return (struct srs_keys){.key = q->secret.key,
	    .n = q->secret.n,
	    .days = SRS_DAYS,
	    .context = buf_sv(context)};
}

/* What the hash also covers. */
static void
add_context(const char *alias, bool author, struct buf *out)
{
	buf_reset(out);
	buf_adds(out, author ? "author " : "owner ");
	buf_adds(out, alias);
}

static const struct conf_alias *
account_as_alias(uint32_t account, char *address, struct forward_room *room)
{
	room->account = account;
	room->alias = (struct conf_alias){
	    .address = address, .account = &room->account, .naccount = 1};
	return &room->alias;
}

const struct conf_alias *
queue_forward_via(
    const struct conf *c, struct sv via, struct forward_room *room)
{
	const struct conf_alias *a = conf_forward(c, via);
	size_t i, k;

	for (i = 0; a == NULL && i < c->naccount; i++)
		for (k = 0; a == NULL && k < c->account[i].naddress; k++)
			if (sv_ieq(sv_str(c->account[i].address[k]), via))
				a = account_as_alias((uint32_t)i,
				    c->account[i].address[k], room);
	return a;
}

/* All of the alias is one address, at another server. */
static bool
is_alone(const struct conf_alias *a)
{
	return a->naccount == 0 && a->noutside == 1;
}

void
queue_forward_sender(struct queue_service *q, const struct conf *c,
    const struct spool_item *it, const char *via, struct buf *out)
{
	const struct conf_alias *a = conf_forward(c, sv_str(via));
	struct sv domain = sv_str(strrchr(via, '@') + 1);
	struct buf context;
	struct srs_keys k;

	if (it->sender[0] == '\0')
		return;
	buf_init(&context, 2 * SPOOL_ADDRESS_MAX);
	add_context(via,
	    a != NULL && is_alone(a) && (it->flags & SPOOL_KNOWN) != 0,
	    &context);
	k = keys_of(q, &context);
	/* One that is too long, or odd: the alias stands for it. */
	if (srs_forward(&k, clk_now() / 1000, sv_str(it->sender), domain,
		out) != RC_OK) {
		buf_reset(out);
		add_context(via, false, &context);
		k = keys_of(q, &context);
		if (srs_forward(&k, clk_now() / 1000, sv_str(via), domain,
			out) != RC_OK)
			buf_reset(out);
	}
	buf_fini(&context);
}

/* domain: with its "@". */
static bool
is_of_domain(const struct conf_alias *a, struct sv domain)
{
	struct sv address = sv_str(a->address);

	return sv_ieq(sv_skip(address, sv_rchr(address, '@')), domain);
}

/* An address that comes back, and the key that fits it. */
struct back_try {
	struct sv address, domain; /* the domain with its "@" */
	size_t key;
};

/* Was it made for that alias? */
static int
try_back(const struct queue_service *q, const struct back_try *t,
    const struct conf_alias *a, bool author, struct buf *sender)
{
	struct buf context;
	struct srs_keys k;
	int r;

	buf_init(&context, 2 * SPOOL_ADDRESS_MAX);
	add_context(a->address, author, &context);
	k = keys_of(q, &context);
	k.key += t->key;
	k.n -= t->key;
	buf_reset(sender);
	r = srs_reverse(&k, clk_now() / 1000, t->address, sender);
	buf_fini(&context);
	return r;
}

/* The owner of an account forwards by rules, and hears of it. */
static int
back_by_rules(struct queue_service *q, const struct conf *c, uint32_t account,
    const struct back_try *t, struct forward_back *out)
{
	const struct conf_account *a = &c->account[account];
	const struct conf_alias *alias;
	int r = RC_DENIED;
	size_t i;

	for (i = 0; r == RC_DENIED && i < a->naddress; i++) {
		alias = account_as_alias(account, a->address[i], &out->room);
		if (!is_of_domain(alias, t->domain))
			continue;
		r = try_back(q, t, alias, false, &out->sender);
		out->alias = alias;
		out->author = false;
	}
	return r;
}

int
queue_forward_back(struct queue_service *q, const struct conf *c,
    struct sv address, struct forward_back *out)
{
	struct sv domain = sv_skip(address, sv_rchr(address, '@'));
	struct back_try t = {.address = address, .domain = domain};
	int r, once;
	struct srs_keys k;
	struct buf context;
	size_t i;

	buf_init(&context, 2 * SPOOL_ADDRESS_MAX);
	k = keys_of(q, &context);
	/* What was forged is not tried with each alias. */
	r = srs_gate(&k, address, &t.key) == RC_OK ? RC_DENIED : RC_NOTFOUND;
	for (i = 0; r == RC_DENIED && i < 2 * c->nalias; i++) {
		const struct conf_alias *a = &c->alias[i / 2];

		if (a->noutside == 0 || !is_of_domain(a, domain))
			continue;
		once = try_back(q, &t, a, i % 2 == 0, &out->sender);
		if (once != RC_DENIED)
			r = once;
		out->alias = a;
		/* It may have got more targets since. */
		out->author = i % 2 == 0 && is_alone(a);
	}
	for (i = 0; r == RC_DENIED && i < c->naccount; i++)
		r = back_by_rules(q, c, (uint32_t)i, &t, out);
	buf_fini(&context);
	return r == RC_NOTFOUND ? RC_DENIED : r;
}

/* ---- who is told ---- */

static bool
is_among(size_t rcpt, const size_t *all, size_t n)
{
	size_t i;

	for (i = 0; i < n && all[i] != rcpt; i++)
		;
	return i < n;
}

/* Has another target of the alias got it, or may it yet? */
static bool
is_taken(const struct spool_item *it, const char *via, const size_t *failed,
    size_t n)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++) {
		const struct spool_recipient *to = &it->rcpt[i];

		if (to->via != NULL && strcmp(to->via, via) == 0 &&
		    (to->outcome == SPOOL_DELIVERED ||
			(to->outcome == SPOOL_WAITS &&
			    !is_among(i, failed, n))))
			return true;
	}
	return false;
}

enum forward_told
queue_forward_told(const struct conf *c, const struct spool_item *it,
    const char *via, const size_t *failed, size_t n)
{
	struct forward_room room;
	const struct conf_alias *a = queue_forward_via(c, sv_str(via), &room);

	/* A rule may well have kept it: who has made the rule hears of it. */
	if (a != NULL && a->naccount > 0)
		return FORWARD_TO_OWNER;
	if (is_taken(it, via, failed, n))
		return FORWARD_TO_OWNER;
	if (a != NULL && it->sender[0] != '\0' &&
	    (it->flags & SPOOL_KNOWN) != 0)
		return FORWARD_TO_AUTHOR;
	return FORWARD_TO_OWNER_WHOLE;
}

/* One after the other: what is hidden stays so. */
void
queue_hide(const struct conf_alias *a, struct sv words, struct buf *out)
{
	struct buf b;
	size_t i;

	buf_reset(out);
	buf_addsv(out, words);
	buf_init(&b, out->max);
	for (i = 0; a != NULL && i < a->noutside; i++) {
		buf_reset(&b);
		bounce_hide(buf_sv(out), sv_str(a->outside[i]), &b);
		buf_reset(out);
		buf_addsv(out, buf_sv(&b));
	}
	buf_fini(&b);
}

/* ---- recipients ---- */

void
addressees_init(struct addressees *l)
{
	*l = (struct addressees){.n = 0};
}

void
addressees_fini(struct addressees *l)
{
	free(l->to);
	free(l->via);
}

/*
 * Two aliases that lead to one address are two ways there, each with a sender
 * of its own: or the owners of one would hear nothing of a failure.  Where it
 * is written to as well, without an alias, the sender hears of it.
 */
void
addressees_add(struct addressees *l, struct queue_to to, struct sv via)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->to[i].local == to.local &&
		    sv_ieq(l->to[i].address, to.address) &&
		    (l->via[i].n == 0 || sv_ieq(l->via[i], via)))
			return;
	l->to = xgrow(l->to, &l->cap, l->n + 1, sizeof *l->to);
	l->via = xgrow(l->via, &l->via_cap, l->n + 1, sizeof *l->via);
	l->to[l->n] = to;
	l->via[l->n++] = via;
}

/* how: NULL, into the inbox. */
static void
add_accounts(struct addressees *l, const struct conf *c,
    const uint32_t *account, size_t n, const struct queue_to *how)
{
	size_t i;

	for (i = 0; i < n; i++)
		addressees_add(l,
		    (struct queue_to){
			.address = sv_str(c->account[account[i]].name),
			.local = true,
			.junk = how != NULL && how->junk,
			.override = how != NULL ? how->override : 0},
		    SV(""));
}

void
addressees_add_owners(struct addressees *l, const struct conf *c,
    const struct conf_alias *a, const struct queue_to *how)
{
	const uint32_t *account = &c->admin;
	size_t n = 1;

	if (a != NULL)
		conf_alias_owners(c, a, &account, &n);
	add_accounts(l, c, account, n, how);
}

void
addressees_add_outside(struct addressees *l, const struct conf_alias *a)
{
	size_t i;

	for (i = 0; i < a->noutside; i++)
		addressees_add(l,
		    (struct queue_to){.address = sv_str(a->outside[i])},
		    sv_str(a->address));
}

void
addressees_add_sender(
    struct addressees *l, const struct conf *c, struct sv sender)
{
	const struct conf_alias *a = conf_forward(c, sender);
	const uint32_t *account;
	size_t n = 0;

	if (conf_lookup(c, sender, &account, &n) == RC_OK)
		add_accounts(l, c, account, n, NULL);
	if (a != NULL)
		addressees_add_outside(l, a);
	if (l->n == 0)
		addressees_add(l, (struct queue_to){.address = sender}, SV(""));
}
