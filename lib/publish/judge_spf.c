/*
 * SPF: does it really let this server send?  It is evaluated as a receiver does
 * for each address that mail leaves from; and its lookups are counted as the
 * strictest receivers count them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "msgauth/spf.h"
#include "publish/publish_priv.h"

#define DEPTH_MAX  10
#define TERMS_NEAR 9  /* of SPF_TERMS_MAX */
#define TERMS_STOP 40 /* more of them are not looked up */

/* ---- the cost ---- */

struct cost {
	struct publish *p;
	unsigned terms, depth;
	unsigned voids;	   /* questions without an answer, a family each */
	unsigned mx_voids; /* those of them that an mx asks for addresses */
	bool ptr, more;
	bool all, anyone; /* of the domain's own record: "all", "+all" */
};

static void count_record(struct cost *c, const char *domain, unsigned depth);

/* With a share of questions of its own: the judgement has to have its. */
static const struct dns_answer *
ask(const struct cost *c, const char *name, enum dns_type type)
{
	static const struct dns_answer none = {.rc = RC_NOTFOUND};

	if (!lookup_name_valid(sv_str(name)))
		return &none;
	return lookup_get(c->p->q, LOOKUP_HELO, type, sv_str(name));
}

/* The only record among the texts of a name. */
static unsigned
find_record(const struct dns_answer *a, struct buf *out)
{
	struct buf text;
	size_t at = 0;
	unsigned n = 0;

	buf_init(&text, PUBLISH_TEXT_MAX);
	while (publish_next_text(a, &at, &text))
		if (spf_is_record(buf_sv(&text))) {
			buf_set(out, buf_sv(&text));
			n++;
		}
	buf_fini(&text);
	return n;
}

static void
count_void(struct cost *c, const struct dns_answer *a, unsigned *also)
{
	if (a == NULL)
		c->more = true;
	else if (a->n == 0 && (a->rc == RC_OK || a->rc == RC_NOTFOUND)) {
		c->voids++;
		if (also != NULL)
			++*also;
	}
}

/* As some receivers do it: each host's addresses of both families. */
static void
count_hosts(struct cost *c, const char *domain)
{
	const struct dns_answer *a = ask(c, domain, DNS_MX);
	char host[DNS_NAME_MAX];
	uint16_t preference;
	size_t i;

	count_void(c, a, NULL);
	for (i = 0; a != NULL && i < a->n && i < SPF_HOSTS_MAX; i++) {
		if (dns_mx(a->record[i], &preference, host) != RC_OK)
			continue;
		count_void(c, ask(c, host, DNS_A), &c->mx_voids);
		count_void(c, ask(c, host, DNS_AAAA), &c->mx_voids);
	}
}

/* domain-spec without macros; false: what it is depends on the message. */
static bool
target_of(struct sv spec, const char *domain, char out[DNS_NAME_MAX])
{
	if (spec.n == 0)
		spec = sv_str(domain);
	return sv_chr(spec, '%') == spec.n && spec.n < DNS_NAME_MAX &&
	       dns_name_normalise(spec, out) == RC_OK;
}

static void
count_term(struct cost *c, const struct spf_term *t, const char *domain,
    unsigned depth)
{
	char target[DNS_NAME_MAX];
	const struct dns_answer *a;
	bool plain = target_of(t->spec, domain, target);

	switch (t->mechanism) {
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
		return;
	case SPF_INCLUDE:
		if (plain)
			count_record(c, target, depth + 1);
		break;
	case SPF_A:
		a = plain ? ask(c, target, DNS_A) : NULL;
		if (plain && (a == NULL || a->n == 0))
			count_void(c, ask(c, target, DNS_AAAA), NULL);
		c->more |= plain && a == NULL;
		break;
	case SPF_MX:
		if (plain)
			count_hosts(c, target);
		break;
	case SPF_PTR:
		c->ptr = true;
		break;
	case SPF_EXISTS:
		break;
	}
	c->terms++;
}

static void
count_record(struct cost *c, const char *domain, unsigned depth)
{
	const struct dns_answer *a;
	char target[DNS_NAME_MAX];
	struct spf_record r;
	struct spf_term t;
	struct buf text;
	bool all = false;

	if (depth > DEPTH_MAX || c->terms > TERMS_STOP)
		return;
	if (depth > c->depth)
		c->depth = depth;
	a = ask(c, domain, DNS_TXT);
	if (a == NULL) {
		c->more = true;
		return;
	}
	buf_init(&text, PUBLISH_TEXT_MAX);
	if (find_record(a, &text) == 1 &&
	    spf_record_parse(buf_sv(&text), &r) == RC_OK) {
		/* What is behind "all" is never looked at. */
		while (
		    !all && c->terms <= TERMS_STOP && spf_record_next(&r, &t)) {
			count_term(c, &t, domain, depth);
			all = t.mechanism == SPF_ALL;
			if (all && depth == 0)
				c->anyone = t.qualifier == AUTH_PASS;
		}
		if (!all && r.redirect.p != NULL) {
			c->terms++;
			if (target_of(r.redirect, domain, target))
				count_record(c, target, depth + 1);
			all = true;
		}
		if (depth == 0)
			c->all = all;
	}
	buf_fini(&text);
}

/* ---- who may send ---- */

static int
check(struct publish *p, const struct publish_host *h,
    const struct in6_addr *ip, struct spf_outcome *out)
{
	const struct spf_query q = {.ip = *ip,
	    .domain = sv_str(p->domain),
	    .local = SV("postmaster"),
	    .helo = sv_str(h->hostname)};

	return spf_check(&q, p->q, LOOKUP_MAILFROM, out);
}

static bool
has_word(struct sv text, struct sv wanted)
{
	while (text.n > 0)
		if (sv_ieq(sv_split(&text, ' '), wanted))
			return true;
	return false;
}

static bool
is_all(struct sv word)
{
	return sv_ieq(word, SV("all")) ||
	       (word.n == 4 && sv_ieq(sv_skip(word, 1), SV("all")));
}

/* From the most careless to the strictest; none: the first. */
static const char qualifiers[] = "+?~-";

static size_t
strictness(struct sv all)
{
	const char *at = all.n == 4 ? strchr(qualifiers, all.p[0]) : NULL;

	return at != NULL ? (size_t)(at - qualifiers) : 0;
}

/* What an include or a redirect names, if it can be told without a message. */
static bool
borrows_from(struct sv word, const char *domain, char out[DNS_NAME_MAX])
{
	static const char *const how[] = {"include:", "redirect="};
	size_t i;

	if (word.n > 0 && strchr(qualifiers, word.p[0]) != NULL)
		word = sv_skip(word, 1);
	for (i = 0; i < 2; i++)
		if (sv_istarts(word, sv_str(how[i])) && word.n > strlen(how[i]))
			return target_of(
			    sv_skip(word, strlen(how[i])), domain, out);
	return false;
}

/* Does the word name a domain that has no record, so that receivers treat all
 * of it as invalid [RFC 7208 5.2]?  RC_OK: it does; RC_NOTFOUND, RC_MORE. */
static int
is_broken(struct publish *p, struct sv word, char target[DNS_NAME_MAX])
{
	const struct dns_answer *a;
	struct buf text;
	unsigned n;

	if (!borrows_from(word, p->domain, target))
		return RC_NOTFOUND;
	a = publish_ask(p, target, DNS_TXT);
	if (a == NULL)
		return RC_MORE;
	if (a->rc != RC_OK && a->rc != RC_NOTFOUND)
		return RC_NOTFOUND;
	buf_init(&text, PUBLISH_TEXT_MAX);
	n = find_record(a, &text);
	buf_fini(&text);
	return n == 0 ? RC_OK : RC_NOTFOUND;
}

static int
compare_texts(const void *a, const void *b)
{
	return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

#define RECORDS_MAX 16

/* The records in an order that is always the same: that of answers is not. */
static size_t
sort_records(
    const struct dns_answer *a, struct buf *all, struct sv out[RECORDS_MAX])
{
	size_t at = 0, n = 0, i, from[RECORDS_MAX + 1] = {0};
	struct buf text;

	buf_init(&text, PUBLISH_TEXT_MAX);
	while (n < RECORDS_MAX && publish_next_text(a, &at, &text))
		if (spf_is_record(buf_sv(&text))) {
			buf_addsv(all, buf_sv(&text));
			from[++n] = all->n;
		}
	buf_fini(&text);
	for (i = 0; i < n; i++)
		out[i] = sv_of(all->p + from[i], from[i + 1] - from[i]);
	qsort(out, n, sizeof out[0], compare_texts);
	return n;
}

struct merging {
	struct publish *p;
	bool several, any, more;
	size_t strictest; /* of "all", if any */
};

static void
merge_word(struct merging *m, struct sv word)
{
	static const char *const mx[] = {"mx", "+mx", "-mx", "~mx", "?mx"};
	char target[DNS_NAME_MAX];
	struct buf *out = &m->p->value;
	struct buf text;
	size_t i;
	int r;

	if (is_all(word)) {
		if (!m->any || strictness(word) > m->strictest)
			m->strictest = strictness(word);
		m->any = true;
		return;
	}
	for (i = 0; i < sizeof mx / sizeof mx[0]; i++)
		if (word.n == 0 || sv_ieq(word, sv_str(mx[i])))
			return;
	r = is_broken(m->p, word, target);
	m->more |= r == RC_MORE;
	if (r == RC_OK)
		return;
	/* There can be only one of each modifier [RFC 7208 6]. */
	if (m->several && sv_istarts(word, SV("exp=")))
		return;
	buf_init(&text, PUBLISH_TEXT_MAX);
	if (m->several && sv_istarts(word, SV("redirect=")))
		buf_addf(&text, "include:%.*s", SV_ARG(sv_skip(word, 9)));
	else
		buf_addsv(&text, word);
	if (!has_word(buf_sv(out), buf_sv(&text))) {
		buf_addc(out, ' ');
		buf_addsv(out, buf_sv(&text));
	}
	buf_fini(&text);
}

/*
 * What is to be pasted in place of records that do not let this server send, or
 * of several, or of one that is invalid: one with all that they name, for
 * others may send for the domain, too.  It is as strict about all others as the
 * strictest, and never invites them.  RC_OK or RC_MORE.
 */
static int
put_merged(struct publish *p, const struct dns_answer *a)
{
	struct sv record[RECORDS_MAX], rest;
	struct merging m = {.p = p, .strictest = strlen(qualifiers) - 1};
	struct buf all;
	size_t i, n;

	buf_init(&all, RECORDS_MAX * PUBLISH_TEXT_MAX);
	n = sort_records(a, &all, record);
	m.several = n > 1;
	buf_reset(&p->value);
	buf_adds(&p->value, "v=spf1 mx");
	for (i = 0; i < n; i++) {
		rest = record[i];
		(void)sv_split(&rest, ' ');
		while (rest.n > 0)
			merge_word(&m, sv_split(&rest, ' '));
	}
	buf_fini(&all);
	if (m.any || sv_ifind(buf_sv(&p->value), SV("redirect=")) == p->value.n)
		buf_addf(&p->value, " %call",
		    m.strictest == 0 ? '~' : qualifiers[m.strictest]);
	return m.more ? RC_MORE : RC_OK;
}

static bool
has_mx(struct sv text)
{
	return has_word(text, SV("mx")) || has_word(text, SV("+mx"));
}

/* Its own includes of domains without a record; the record without them is to
 * be pasted.  RC_NOTFOUND: what is wrong is not there. */
static int
say_broken(struct publish *p, struct sv record)
{
	struct buf names;
	bool more = false;
	int r = RC_NOTFOUND;

	buf_init(&names, PUBLISH_VALUE_MAX);
	(void)sv_split(&record, ' ');
	while (record.n > 0) {
		char target[DNS_NAME_MAX];
		struct sv word = sv_split(&record, ' ');
		int broken = is_broken(p, word, target);

		more |= broken == RC_MORE;
		if (broken == RC_OK)
			buf_addf(
			    &names, "%s%s", names.n > 0 ? ", " : "", target);
	}
	if (more)
		r = RC_MORE;
	else if (names.n > 0)
		r = put_merged(p, publish_ask(p, p->domain, DNS_TXT));
	if (r == RC_OK)
		(void)publish_say(p, PUBLISH_DIFFERENT,
		    "receivers treat it as invalid, so it has no effect: it "
		    "includes %s, which has no SPF record; publish it without "
		    "that",
		    names.p);
	buf_fini(&names);
	return r;
}

static int
say_refused(struct publish *p, const struct in6_addr *ip,
    const struct spf_outcome *o, struct sv record)
{
	char text[LOOKUP_IP_TEXT];
	int r;

	(void)lookup_ip_text(ip, text);
	if (o->result == AUTH_TEMPERROR)
		return publish_say(
		    p, PUBLISH_UNKNOWN, "no answer for one of the names in it");
	if (o->result == AUTH_PERMERROR) {
		r = o->problem == SPF_P_NO_RECORD ? say_broken(p, record)
						  : RC_NOTFOUND;
		if (r != RC_NOTFOUND)
			return r;
		/* What it includes is the owner's to mend. */
		p->elsewhere = o->problem != SPF_P_SYNTAX;
		return publish_say(p, PUBLISH_DIFFERENT,
		    "receivers treat it as invalid (%s), so it has no effect",
		    spf_problem_text(o->problem));
	}
	p->elsewhere = has_mx(record);
	if (!p->elsewhere &&
	    put_merged(p, publish_ask(p, p->domain, DNS_TXT)) != RC_OK)
		return RC_MORE;
	return publish_say(p, PUBLISH_DIFFERENT,
	    "it does not include this server: mail from %s gets \"%s\"%s", text,
	    auth_result_name(o->result),
	    p->elsewhere ? "; see the addresses of this host, and MX" : "");
}

static int
judge_senders(struct publish *p, const struct publish_host *h, struct sv text)
{
	struct spf_outcome o, bad = {.result = AUTH_PASS};
	const struct in6_addr *of = NULL;
	bool more = false;
	size_t i;

	for (i = 0; i < h->nsender; i++) {
		if (check(p, h, &h->sender[i], &o) == RC_MORE)
			more = true;
		else if (o.result != AUTH_PASS && of == NULL) {
			bad = o;
			of = &h->sender[i];
		}
	}
	if (more)
		return RC_MORE;
	if (of != NULL)
		return say_refused(p, of, &bad, text);
	return publish_say(p, PUBLISH_RIGHT, "%s", "");
}

/* Nothing is known of where mail leaves from: is it a record at all? */
static int
judge_unsent(struct publish *p, struct sv text)
{
	struct spf_record r;

	if (spf_record_parse(text, &r) != RC_OK)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "receivers treat it as invalid (%s), so it has no effect",
		    spf_problem_text(SPF_P_SYNTAX));
	return publish_warn(p,
	    "whether it lets this server send cannot be checked before its "
	    "address is published");
}

/* A smarthost sends, and only its owner knows from where. */
static int
judge_relayed(struct publish *p, const struct publish_host *h, struct sv text)
{
	struct spf_record r;

	if (spf_record_parse(text, &r) != RC_OK)
		return judge_unsent(p, text);
	return publish_warn(p,
	    "mail leaves through %s: add what its provider tells you to add "
	    "(include:...)",
	    h->relay->host);
}

static int
add_warnings(struct publish *p, const struct cost *c)
{
	if (p->state != PUBLISH_RIGHT)
		return RC_OK;
	p->elsewhere = c->terms > SPF_TERMS_MAX;
	if (c->terms > SPF_TERMS_MAX)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "it needs %s%u DNS lookups, and only %d are allowed: "
		    "receivers treat it as invalid",
		    c->terms > TERMS_STOP ? "more than " : "",
		    c->terms > TERMS_STOP ? TERMS_STOP : c->terms,
		    SPF_TERMS_MAX);
	if (c->terms >= TERMS_NEAR)
		(void)publish_warn(p,
		    "it needs %u of %d allowed DNS lookups: one more include "
		    "may be too many",
		    c->terms, SPF_TERMS_MAX);
	if (c->voids > SPF_VOIDS_MAX)
		(void)publish_warn(p,
		    "%u lookups in it find nothing%s: strict receivers allow "
		    "%d and treat it as invalid",
		    c->voids,
		    c->mx_voids > 0 ? " (hosts of an mx without IPv6 or IPv4 "
				      "count)"
				    : "",
		    SPF_VOIDS_MAX);
	if (c->anyone)
		(void)publish_warn(
		    p, "\"+all\" lets anybody send for the domain");
	else if (!c->all)
		(void)publish_warn(p,
		    "it does not end with -all or ~all, and so forbids nobody");
	if (c->ptr)
		(void)publish_warn(
		    p, "\"ptr\" is slow, and many receivers ignore it");
	return RC_OK;
}

static int
judge_record(struct publish *p, const struct publish_host *h, struct sv text)
{
	struct cost c = {.p = p};
	int r;

	if (h->relay != NULL)
		r = judge_relayed(p, h, text);
	else if (h->nsender > 0)
		r = judge_senders(p, h, text);
	else
		r = judge_unsent(p, text);
	count_record(&c, p->domain, 0);
	if (r != RC_OK || c.more)
		return RC_MORE;
	p->spf_lookups = c.terms;
	p->spf_depth = c.depth;
	return add_warnings(p, &c);
}

/* ---- the record ---- */

static bool
is_spf(struct sv text)
{
	return spf_is_record(text);
}

/* Something near it, which no receiver takes for it. */
static bool
looks_like_spf(struct sv text)
{
	return sv_ifind(text, SV("v=spf1")) < text.n ||
	       sv_ifind(text, SV("v=spf")) == 0 ||
	       sv_istarts(text, SV("spf1 ")) || sv_istarts(text, SV("v = spf"));
}

static int
judge_none(struct publish *p, const struct dns_answer *a)
{
	static const char meaning[] =
	    "others cannot verify that this server may send for the domain";
	const char *accident = NULL;
	struct buf text, why;
	bool near = false;
	size_t at = 0;
	int r;

	buf_init(&text, PUBLISH_TEXT_MAX);
	buf_init(&why, PUBLISH_VALUE_MAX);
	while (!near && publish_next_text(a, &at, &text))
		if (looks_like_spf(buf_sv(&text))) {
			publish_found(p, buf_sv(&text));
			near = true;
			accident =
			    publish_accident(buf_sv(&text), buf_sv(&p->value));
		}
	r = near ? RC_OK : publish_misplaced(p, is_spf, &why);
	if (accident == NULL && near)
		accident = "it must begin with \"v=spf1 \"";
	if (r == RC_OK)
		publish_say_none(p, accident, &why, meaning);
	buf_fini(&why);
	buf_fini(&text);
	return r;
}

static int
say_several(struct publish *p, const struct dns_answer *a)
{
	if (put_merged(p, a) != RC_OK)
		return RC_MORE;
	return publish_say(p, PUBLISH_DIFFERENT,
	    "with more than one SPF record, all are ignored: one must name "
	    "everybody");
}

int
publish_judge_spf(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct buf text;
	size_t at = 0;
	unsigned n;
	int r;

	buf_init(&text, PUBLISH_TEXT_MAX);
	while (publish_next_text(a, &at, &text))
		if (spf_is_record(buf_sv(&text)))
			publish_found(p, buf_sv(&text));
	n = find_record(a, &text);
	if (n == 0)
		r = judge_none(p, a);
	else if (n > 1)
		r = say_several(p, a);
	else
		r = judge_record(p, h, buf_sv(&text));
	buf_fini(&text);
	return r;
}
