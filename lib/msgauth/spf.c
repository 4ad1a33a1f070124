#include "msgauth/spf.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "msgauth/iprev.h"
#include "msgauth/name.h"

/* Of an expansion, before it is cut to a name. */
#define EXPANSION_MAX 4096
#define NAME_BYTES    253

const char *
spf_problem_text(enum spf_problem p)
{
	static const char *const texts[SPF_PROBLEMS] = {
	    [SPF_P_NONE] = "",
	    [SPF_P_DNS] = "a DNS lookup failed",
	    [SPF_P_RECORDS] = "several SPF records at one name",
	    [SPF_P_SYNTAX] = "SPF record syntax error",
	    [SPF_P_TERMS] = "too many DNS lookups",
	    [SPF_P_VOIDS] = "too many lookups that found nothing",
	    [SPF_P_HOSTS] = "too many MX hosts",
	    [SPF_P_NO_RECORD] = "included domain has no SPF record",
	};

	must((unsigned)p < SPF_PROBLEMS);
	return texts[p];
}

struct run {
	const struct spf_query *q;
	struct lookup *l;
	enum lookup_part part;
	struct spf_outcome *out;
	struct sv sender_domain;
	unsigned terms, voids;
	unsigned includes; /* how deep we are in them */
};

/* What a mechanism does [RFC 7208 4.6.2]. */
enum match {
	NO,
	YES,
	EXCEPTION /* the result is set */
};

static int check_host(
    struct run *r, struct sv domain, enum auth_result *result);

static enum match
stop(struct run *r, enum spf_problem p, enum auth_result *result)
{
	r->out->problem = p;
	*result = p == SPF_P_DNS ? AUTH_TEMPERROR : AUTH_PERMERROR;
	return EXCEPTION;
}

/* ---- names ---- */

struct best {
	struct sv domain;
	char name[DNS_NAME_MAX];
	int rank; /* 3: the domain, 2: below it, 1: another */
};

/* [RFC 7208 7.3] */
static bool
take_best(void *arg, const char *name)
{
	struct best *b = arg;
	struct sv n = sv_str(name);
	int rank = 1;

	if (sv_ieq(n, b->domain))
		rank = 3;
	else if (n.n > b->domain.n &&
		 sv_ieq(sv_skip(n, n.n - b->domain.n), b->domain) &&
		 n.p[n.n - b->domain.n - 1] == '.')
		rank = 2;
	if (rank > b->rank) {
		b->rank = rank;
		memcpy(b->name, name, n.n + 1);
	}
	return rank < 3;
}

static struct sv
without_dot(struct sv name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	return name;
}

/* Appends an expansion.  RC_OK, RC_MORE, RC_SYNTAX, RC_TOOBIG. */
static int
expand(
    struct run *r, struct sv spec, struct sv domain, bool exp, struct buf *out)
{
	struct best best = {.domain = domain};
	struct spf_macro m = {.ip = r->q->ip,
	    .local = r->q->local,
	    .sender_domain = r->sender_domain,
	    .domain = domain,
	    .helo = without_dot(r->q->helo),
	    .receiver = r->q->receiver,
	    .now = r->q->now,
	    .exp = exp};
	bool failed;

	if (m.local.n == 0)
		m.local = SV("postmaster");
	if (spf_macro_has(spec, "p")) {
		if (iprev_each(r->l, r->part, &r->q->ip, take_best, &best,
			&failed) == RC_MORE)
			return RC_MORE;
		m.validated = sv_str(best.name);
	}
	return spf_macro_expand(spec, &m, out);
}

/* [RFC 8616 4] What is made of a local part beyond ASCII matches nothing. */
static bool
never_matches(const struct run *r, struct sv spec)
{
	return utf8_has_8bit(r->q->local) && spf_macro_has(spec, "ls");
}

/* Labels on the left are dropped until it fits [RFC 7208 7.3]. */
static struct sv
cut_name(struct sv name)
{
	name = without_dot(name);
	while (name.n > NAME_BYTES) {
		size_t dot = sv_chr(name, '.');

		name = sv_skip(name, dot + 1);
	}
	return name;
}

/*
 * <target-name> of a term.  RC_SYNTAX: it is not a name.  It is kept in *text,
 * or is the domain itself.
 */
static int
target_of(struct run *r, struct sv spec, struct sv domain, struct buf *text,
    struct sv *out)
{
	int got;

	*out = domain;
	if (spec.n == 0)
		return RC_OK;
	got = expand(r, spec, domain, false, text);
	if (got != RC_OK)
		return got == RC_MORE ? RC_MORE : RC_SYNTAX;
	*out = cut_name(buf_sv(text));
	return lookup_name_valid(*out) ? RC_OK : RC_SYNTAX;
}

/* ---- mechanisms ---- */

/* A term has found nothing. */
static enum match
no_match_void(struct run *r, enum auth_result *result)
{
	if (++r->voids > SPF_VOIDS_MAX)
		return stop(r, SPF_P_VOIDS, result);
	return NO;
}

static unsigned
bits_of(const struct run *r, const struct spf_term *t)
{
	return IN6_IS_ADDR_V4MAPPED(&r->q->ip) ? 96 + t->prefix4 : t->prefix6;
}

static int
match_a(struct run *r, const struct spf_term *t, struct sv target,
    enum match *m, enum auth_result *result)
{
	enum dns_type type =
	    t->mechanism == SPF_EXISTS ? DNS_A : lookup_family(&r->q->ip);
	const struct dns_answer *a = lookup_get(r->l, r->part, type, target);

	if (a == NULL)
		return RC_MORE;
	if (a->rc == RC_TEMP)
		*m = stop(r, SPF_P_DNS, result);
	else if (a->n == 0)
		*m = no_match_void(r, result);
	else if (t->mechanism == SPF_EXISTS)
		*m = YES;
	else
		*m = lookup_has_addr(a, &r->q->ip, bits_of(r, t)) ? YES : NO;
	return RC_OK;
}

/* All hosts are asked for at once; one that answers "yes" is enough. */
static int
match_hosts(struct run *r, const struct spf_term *t,
    const struct dns_answer *mx, enum match *m, enum auth_result *result)
{
	bool pending = false, failed = false, any = false, yes = false;
	char host[DNS_NAME_MAX];
	uint16_t preference;
	size_t i;

	for (i = 0; i < mx->n; i++) {
		const struct dns_answer *a;

		if (dns_mx(mx->record[i], &preference, host) != RC_OK ||
		    !lookup_name_valid(sv_str(host)))
			continue;
		a = lookup_get(
		    r->l, r->part, lookup_family(&r->q->ip), sv_str(host));
		pending = pending || a == NULL;
		failed = failed || (a != NULL && a->rc == RC_TEMP);
		any = any || (a != NULL && a->n > 0);
		yes = yes || (a != NULL &&
				 lookup_has_addr(a, &r->q->ip, bits_of(r, t)));
	}
	if (yes)
		*m = YES;
	else if (pending)
		return RC_MORE;
	else if (failed)
		*m = stop(r, SPF_P_DNS, result);
	else
		*m = any ? NO : no_match_void(r, result);
	return RC_OK;
}

static int
match_mx(struct run *r, const struct spf_term *t, struct sv target,
    enum match *m, enum auth_result *result)
{
	const struct dns_answer *mx = lookup_get(r->l, r->part, DNS_MX, target);

	if (mx == NULL)
		return RC_MORE;
	if (mx->rc == RC_TEMP)
		*m = stop(r, SPF_P_DNS, result);
	else if (mx->n == 0)
		*m = no_match_void(r, result);
	else if (mx->n > SPF_HOSTS_MAX)
		*m = stop(r, SPF_P_HOSTS, result);
	else
		return match_hosts(r, t, mx, m, result);
	return RC_OK;
}

static int
match_ptr(
    struct run *r, struct sv target, enum match *m, enum auth_result *result)
{
	struct best best = {.domain = target};
	bool failed;
	int got =
	    iprev_each(r->l, r->part, &r->q->ip, take_best, &best, &failed);

	if (got == RC_MORE)
		return RC_MORE;
	*m = NO;
	if (got == RC_NOTFOUND)
		*m = no_match_void(r, result);
	else if (best.rank >= 2)
		*m = YES;
	return RC_OK;
}

static int
match_include(
    struct run *r, struct sv target, enum match *m, enum auth_result *result)
{
	enum auth_result inner;
	int got;

	r->includes++;
	got = check_host(r, target, &inner);
	r->includes--;
	if (got != RC_OK)
		return got;
	*m = NO;
	if (inner == AUTH_PASS)
		*m = YES;
	else if (inner == AUTH_NONE)
		*m = stop(r, SPF_P_NO_RECORD, result);
	else if (inner == AUTH_TEMPERROR || inner == AUTH_PERMERROR) {
		*m = EXCEPTION;
		*result = inner;
	}
	return RC_OK;
}

/* [RFC 7208 5] IPv4 addresses are those of ip4 only, in whatever clothes. */
static bool
is_in_network(const struct run *r, const struct spf_term *t)
{
	return (t->mechanism == SPF_IP4) ==
		   (lookup_family(&r->q->ip) == DNS_A) &&
	       lookup_same_network(&t->ip, &r->q->ip, bits_of(r, t));
}

/* One more term, or macro, that asks the DNS. */
static bool
count_term(struct run *r, unsigned n)
{
	r->terms += n;
	return r->terms <= SPF_TERMS_MAX;
}

static int
match_target(struct run *r, const struct spf_term *t, struct sv target,
    enum match *m, enum auth_result *result)
{
	switch (t->mechanism) {
	case SPF_INCLUDE:
		return match_include(r, target, m, result);
	case SPF_MX:
		return match_mx(r, t, target, m, result);
	case SPF_PTR:
		return match_ptr(r, target, m, result);
	case SPF_A:
	case SPF_EXISTS:
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
		break;
	}
	return match_a(r, t, target, m, result);
}

static int
match_term(struct run *r, const struct spf_term *t, struct sv domain,
    enum match *m, enum auth_result *result)
{
	struct sv target;
	struct buf text;
	int got;

	*m = YES;
	if (t->mechanism == SPF_ALL)
		return RC_OK;
	if (t->mechanism == SPF_IP4 || t->mechanism == SPF_IP6) {
		*m = is_in_network(r, t) ? YES : NO;
		return RC_OK;
	}
	if (!count_term(r, 1U + spf_macro_has(t->spec, "p"))) {
		*m = stop(r, SPF_P_TERMS, result);
		return RC_OK;
	}
	if (never_matches(r, t->spec)) {
		*m = NO;
		return RC_OK;
	}
	buf_init(&text, EXPANSION_MAX);
	got = target_of(r, t->spec, domain, &text, &target);
	if (got == RC_OK) {
		got = match_target(r, t, target, m, result);
	} else if (got == RC_SYNTAX) {
		*m = t->mechanism == SPF_INCLUDE
			 ? stop(r, SPF_P_NO_RECORD, result)
			 : NO;
		got = RC_OK;
	}
	buf_fini(&text);
	return got;
}

/* ---- the explanation [RFC 7208 6.2] ---- */

/* The text of the only record; false: there is not exactly one. */
static bool
only_text(const struct dns_answer *a, struct buf *out)
{
	return a->rc == RC_OK && a->n == 1 &&
	       dns_txt(a->record[0], out) == RC_OK;
}

static void
keep_explanation(struct run *r, struct sv text)
{
	char *out = r->out->explanation;
	size_t i;

	for (i = 0; i < text.n; i++)
		if (!ascii_is_print(text.p[i]))
			return;
	text = sv_first(text, SPF_EXP_MAX - 1);
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
}

static int
explain(struct run *r, struct sv spec, struct sv domain)
{
	const struct dns_answer *a = NULL;
	struct buf name, text, made;
	struct sv target;
	int got;

	buf_init(&name, EXPANSION_MAX);
	buf_init(&text, LOOKUP_BYTES_MAX);
	buf_init(&made, EXPANSION_MAX);
	got = target_of(r, spec, domain, &name, &target);
	if (got == RC_OK) {
		a = lookup_get(r->l, r->part, DNS_TXT, target);
		got = a == NULL ? RC_MORE : RC_OK;
	}
	if (got == RC_OK && only_text(a, &text)) {
		got = expand(r, buf_sv(&text), domain, true, &made);
		if (got == RC_OK)
			keep_explanation(r, buf_sv(&made));
	}
	buf_fini(&made);
	buf_fini(&text);
	buf_fini(&name);
	return got == RC_MORE ? RC_MORE : RC_OK;
}

/* ---- check_host() [RFC 7208 4] ---- */

/* The record of a domain into *text; RC_MORE, or RC_NOTFOUND: the result is
 * known without one. */
static int
fetch(
    struct run *r, struct sv domain, struct buf *text, enum auth_result *result)
{
	const struct dns_answer *a = lookup_get(r->l, r->part, DNS_TXT, domain);
	size_t i, found = 0;
	struct buf one;

	if (a == NULL)
		return RC_MORE;
	*result = AUTH_NONE;
	if (a->rc == RC_TEMP) {
		(void)stop(r, SPF_P_DNS, result);
		return RC_NOTFOUND;
	}
	buf_init(&one, LOOKUP_BYTES_MAX);
	for (i = 0; i < a->n; i++) {
		buf_reset(&one);
		if (dns_txt(a->record[i], &one) == RC_OK &&
		    spf_is_record(buf_sv(&one)) && found++ == 0)
			buf_set(text, buf_sv(&one));
	}
	buf_fini(&one);
	if (found > 1)
		(void)stop(r, SPF_P_RECORDS, result);
	return found == 1 ? RC_OK : RC_NOTFOUND;
}

static int
redirect(
    struct run *r, struct sv spec, struct sv domain, enum auth_result *result)
{
	struct sv target;
	struct buf text;
	int got;

	if (!count_term(r, 1U + spf_macro_has(spec, "p"))) {
		(void)stop(r, SPF_P_TERMS, result);
		return RC_OK;
	}
	if (never_matches(r, spec)) {
		*result = AUTH_NEUTRAL;
		return RC_OK;
	}
	buf_init(&text, EXPANSION_MAX);
	*result = AUTH_NONE;
	got = target_of(r, spec, domain, &text, &target);
	if (got == RC_OK)
		got = check_host(r, target, result);
	if (got == RC_SYNTAX)
		got = RC_OK;
	if (got == RC_OK && *result == AUTH_NONE)
		(void)stop(r, SPF_P_NO_RECORD, result);
	buf_fini(&text);
	return got;
}

static int
evaluate(
    struct run *r, struct sv text, struct sv domain, enum auth_result *result)
{
	enum match m = NO;
	struct spf_record rec;
	struct spf_term t;
	int got;

	if (spf_record_parse(text, &rec) != RC_OK) {
		(void)stop(r, SPF_P_SYNTAX, result);
		return RC_OK;
	}
	if (spf_macro_has(text, "ls"))
		r->out->local_used = true;
	while (m == NO && spf_record_next(&rec, &t)) {
		got = match_term(r, &t, domain, &m, result);
		if (got != RC_OK)
			return got;
	}
	if (m == EXCEPTION)
		return RC_OK;
	if (m == NO && rec.redirect.p != NULL && !rec.has_all)
		return redirect(r, rec.redirect, domain, result);
	*result = m == YES ? t.qualifier : AUTH_NEUTRAL;
	if (*result == AUTH_FAIL && rec.exp.p != NULL && r->includes == 0 &&
	    r->q->explain)
		return explain(r, rec.exp, domain);
	return RC_OK;
}

/* domain: valid for the DNS.  Recursion ends with the terms. */
static int
check_host(struct run *r, struct sv domain, enum auth_result *result)
{
	struct buf text;
	int got;

	*result = AUTH_NONE;
	if (name_labels(domain) < 2)
		return RC_OK;
	buf_init(&text, SPF_RECORD_MAX);
	got = fetch(r, domain, &text, result);
	if (got == RC_OK)
		got = evaluate(r, buf_sv(&text), domain, result);
	else if (got == RC_NOTFOUND)
		got = RC_OK;
	buf_fini(&text);
	return got;
}

/* Several labels, the last not a number: neither an address nor "mailer". */
static bool
is_domain(struct sv name)
{
	struct sv last = name_last(name, 1);
	size_t i;

	for (i = 0; i < last.n; i++)
		if (!ascii_is_digit(last.p[i]))
			return name_labels(name) >= 2;
	return false;
}

int
spf_check(const struct spf_query *q, struct lookup *l, enum lookup_part part,
    struct spf_outcome *out)
{
	struct run r = {.q = q, .l = l, .part = part, .out = out};
	int got;

	*out = (struct spf_outcome){.result = AUTH_NONE};
	if (name_ascii(q->domain, out->domain) != RC_OK ||
	    !is_domain(sv_str(out->domain)))
		return RC_OK;
	r.sender_domain = sv_str(out->domain);
	got = check_host(&r, r.sender_domain, &out->result);
	if (out->result != AUTH_TEMPERROR && out->result != AUTH_PERMERROR)
		out->problem = SPF_P_NONE;
	return got;
}
