/* Texts that are one record each: DKIM keys, TLSRPT, MTA-STS. */
#include <stdio.h>

#include "base/base64.h"
#include "msgauth/dkim_record.h"
#include "msgauth/taglist.h"
#include "publish/publish_priv.h"

/* ---- what is missing ---- */

/* There is nothing of the kind: why?  want: what it should be. */
static int
say_missing(struct publish *p, const struct dns_answer *a,
    publish_is_it_fn *is_it, const char *meaning)
{
	const char *accident = NULL;
	struct buf text, why;
	size_t at = 0;
	int r;

	buf_init(&text, PUBLISH_TEXT_MAX);
	buf_init(&why, PUBLISH_VALUE_MAX);
	while (accident == NULL && publish_next_text(a, &at, &text))
		accident = publish_accident(buf_sv(&text), buf_sv(&p->value));
	r = publish_misplaced(p, is_it, &why);
	if (r == RC_OK && accident == NULL && why.n == 0 &&
	    a->canonical[0] != '\0' &&
	    !publish_same_host(a->canonical, p->name))
		(void)publish_say(p, PUBLISH_DIFFERENT,
		    "it is a CNAME to %s, where there is no such record: %s",
		    a->canonical, meaning);
	else if (r == RC_OK)
		publish_say_none(p, accident, &why, meaning);
	buf_fini(&why);
	buf_fini(&text);
	return r;
}

/* ---- DKIM ---- */

static bool
looks_like_key(struct sv text)
{
	return sv_ifind(text, SV("DKIM1")) < text.n ||
	       (sv_find(text, SV("p=")) < text.n &&
		   !sv_istarts(text, SV("v=spf1")) &&
		   !sv_istarts(text, SV("v=DMARC")));
}

static bool
is_key(struct sv text)
{
	struct dkim_record r;

	return looks_like_key(text) && dkim_record_parse(text, &r) == RC_OK;
}

static bool
decode(struct sv key, struct buf *out)
{
	struct buf plain;
	bool ok;

	buf_init(&plain, PUBLISH_VALUE_MAX);
	taglist_unfold(key, &plain);
	ok = base64_decode(buf_sv(&plain), out) == RC_OK;
	buf_fini(&plain);
	return ok;
}

/* A key may be with or without its algorithm in front (dkim_record.h): the
 * shorter form is the end of the longer one. */
#define WRAPPING_MAX 32

static bool
same_key(struct sv a, struct sv b)
{
	return sv_eq(a, b) ||
	       (sv_ends(a, b) && a.n - b.n <= WRAPPING_MAX && b.n > 64);
}

/* NULL: it is the same for all who verify. */
static const char *
compare_keys(const struct publish *p, const struct dkim_record *have)
{
	struct dkim_record want;
	struct buf ours, theirs;
	const char *why = NULL;

	buf_init(&ours, PUBLISH_VALUE_MAX);
	buf_init(&theirs, PUBLISH_VALUE_MAX);
	if (dkim_record_parse(buf_sv(&p->value), &want) != RC_OK ||
	    !decode(want.key, &ours))
		why = "this server's own key cannot be read";
	else if (have->key.n == 0)
		why = "it has no key: that means that the key was revoked";
	else if (!have->algorithm_known || have->algorithm != want.algorithm)
		why = "the type of the key (k=) is another one";
	else if (!have->sha256)
		why = "h= does not name sha256, so that signatures with "
		      "SHA-256, as all are, fail";
	else if (!have->mail)
		why = "s= does not allow the key for mail";
	else if (!decode(have->key, &theirs))
		why = "it is damaged, or a different key: it is not base64";
	else if (!same_key(buf_sv(&ours), buf_sv(&theirs)))
		why = "it is a different key";
	buf_fini(&theirs);
	buf_fini(&ours);
	return why;
}

static int
judge_key(struct publish *p, struct sv text)
{
	static const char fails[] = "this server's signatures fail";
	const char *accident = publish_accident(text, buf_sv(&p->value));
	struct dkim_record have;
	const char *why;

	why = dkim_record_parse(text, &have) == RC_OK ? compare_keys(p, &have)
						      : "it is not a key";
	if (why == NULL && have.testing)
		return publish_warn(
		    p, "t=y says that it is only a test: remove it");
	if (why == NULL)
		return publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (accident == NULL || have.key.n == 0)
		accident = why;
	return publish_say(p, PUBLISH_DIFFERENT, "%s: %s", accident, fails);
}

static const char *
without_key(const struct publish *p)
{
	switch (p->key) {
	case PUBLISH_KEY_ACTIVE:
		break;
	case PUBLISH_KEY_NEXT:
		return "the next key; it is used as soon as all of the zone's "
		       "name servers have it";
	case PUBLISH_KEY_OLD:
		return "the previous key, by which mail on its way is checked";
	}
	return "signatures of this server cannot be checked";
}

/* No key is there; what else answers? */
static int
judge_other_texts(struct publish *p, const struct dns_answer *a)
{
	const struct dns_answer *wild = publish_askf(
	    p, DNS_TXT, "hearthmail-wildcard._domainkey.%s", p->domain);

	if (wild == NULL)
		return RC_MORE;
	if (a->n > 0 && publish_same_answer(p, a, wild))
		return publish_say(p, PUBLISH_MISSING,
		    "signatures of this server cannot be checked; what is "
		    "found is a wildcard record (*), which answers for every "
		    "name");
	return say_missing(p, a, is_key, without_key(p));
}

int
publish_judge_dkim(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	size_t at = 0, keys = 0, broken = 0, others = 0;
	struct buf text, key;
	int r = RC_OK;

	(void)h;
	buf_init(&text, PUBLISH_TEXT_MAX);
	buf_init(&key, PUBLISH_TEXT_MAX);
	while (publish_next_text(a, &at, &text)) {
		publish_found(p, buf_sv(&text));
		if (is_key(buf_sv(&text))) {
			buf_set(&key, buf_sv(&text));
			keys++;
		} else if (looks_like_key(buf_sv(&text))) {
			broken++;
		} else {
			others++;
		}
	}
	if (keys + broken > 1)
		(void)publish_say(p, PUBLISH_DIFFERENT,
		    "there is more than one: others take any of them, or none; "
		    "remove all but the right one");
	else if (keys == 0)
		r = judge_other_texts(p, a);
	else
		r = judge_key(p, buf_sv(&key));
	if (r == RC_OK && p->state == PUBLISH_MISSING && broken > 0)
		(void)publish_say(p, PUBLISH_DIFFERENT,
		    "it cannot be read as a key: this server's signatures "
		    "fail");
	if (r == RC_OK && p->state == PUBLISH_RIGHT && others > 0)
		(void)publish_warn(p,
		    "there are texts of another kind at the name, which some "
		    "hosts stumble over");
	buf_fini(&key);
	buf_fini(&text);
	return r;
}

/* ---- TLSRPT [RFC 8460 3] ---- */

static bool
is_tlsrpt(struct sv text)
{
	struct sv version = sv_trim(sv_split(&text, ';'));

	return sv_eq(version, SV("v=TLSRPTv1"));
}

static bool
has_rua(struct sv text)
{
	const struct taglist_tag *rua;
	struct taglist t;
	struct sv list, uri;

	taglist_parse_lenient(text, &t);
	rua = taglist_find(&t, "rua");
	for (list = rua != NULL ? rua->value : SV(""); list.n > 0;) {
		uri = sv_trim(sv_split(&list, ','));
		if (!sv_istarts(uri, SV("mailto:")) &&
		    !sv_istarts(uri, SV("https://")))
			return false;
	}
	return rua != NULL && rua->value.n > 0;
}

int
publish_judge_tlsrpt(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	static const char meaning[] =
	    "others cannot report where TLS to this server fails";
	struct buf text, one;
	size_t at = 0, n = 0;
	int r = RC_OK;

	(void)h;
	buf_init(&text, PUBLISH_TEXT_MAX);
	buf_init(&one, PUBLISH_TEXT_MAX);
	while (publish_next_text(a, &at, &text)) {
		publish_found(p, buf_sv(&text));
		if (is_tlsrpt(buf_sv(&text))) {
			buf_set(&one, buf_sv(&text));
			n++;
		}
	}
	if (n > 1)
		(void)publish_say(p, PUBLISH_DIFFERENT,
		    "with more than one, all are ignored");
	else if (n == 0)
		r = say_missing(p, a, is_tlsrpt, meaning);
	else if (!has_rua(buf_sv(&one)))
		(void)publish_say(p, PUBLISH_DIFFERENT,
		    "it has no address for reports (rua=mailto:...)");
	else
		(void)publish_say(p, PUBLISH_RIGHT, "%s", "");
	buf_fini(&one);
	buf_fini(&text);
	return r;
}

/* ---- MTA-STS [RFC 8461 3.1] ---- */

/* [RFC 8461 4.1] */
static bool
names_host(
    const struct publish *p, const struct publish_host *h, const char *host)
{
	size_t i;

	for (i = 0; i < p->policy->nmx; i++) {
		struct sv mx = sv_str(p->policy->mx[i]);
		struct sv rest = sv_skip(sv_str(host), strcspn(host, "."));

		if (sv_ieq(sv_starts(mx, SV("*.")) ? sv_skip(mx, 1) : mx,
			sv_starts(mx, SV("*.")) ? rest : sv_str(host)))
			return true;
	}
	return publish_same_host(host, h->hostname);
}

/* Are all hosts of the domain's MX in the policy?  Those that are not get no
 * mail from servers that obey. */
static int
judge_own_mx(struct publish *p, const struct publish_host *h)
{
	const struct dns_answer *a = publish_ask(p, p->domain, DNS_MX);
	char host[DNS_NAME_MAX];
	uint16_t preference;
	size_t i;

	if (a == NULL)
		return RC_MORE;
	for (i = 0; i < a->n; i++)
		if (dns_mx(a->record[i], &preference, host) == RC_OK &&
		    host[0] != '\0' && !names_host(p, h, host))
			return publish_warn(p,
			    "%s is an MX of the domain, but not in the policy: "
			    "servers that obey do not deliver there; add it to "
			    "mta_sts.mx",
			    host);
	return publish_say(p, PUBLISH_RIGHT, "%s", "");
}

/* The policy is a file at https://mta-sts.DOMAIN.  One of this server's own is
 * of use only if that leads here. */
static int
judge_own_host(struct publish *p, const struct publish_host *h)
{
	char host[DNS_NAME_MAX + 16];
	int r;

	buf_reset(&p->words);
	(void)snprintf(host, sizeof host, "mta-sts.%s", p->domain);
	r = publish_leads_here(p, h, host);
	if (r == RC_NOTFOUND)
		return publish_warn(p,
		    "%s does not lead here, so that nobody can fetch the "
		    "policy: make it a CNAME of %s",
		    host, h->hostname);
	return r == RC_OK ? judge_own_mx(p, h) : r;
}

/* Where this server has none it cannot be recommended, and what is there is
 * only looked at. */
static int
judge_policy_host(struct publish *p, const struct publish_host *h)
{
	char host[DNS_NAME_MAX + 16];
	const struct dns_answer *a4, *a6;
	int r;

	buf_reset(&p->words);
	(void)snprintf(host, sizeof host, "mta-sts.%s", p->domain);
	a4 = publish_ask(p, host, DNS_A);
	a6 = publish_ask(p, host, DNS_AAAA);
	if (a4 == NULL || a6 == NULL)
		return RC_MORE;
	if (a4->n + a6->n == 0)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "nothing serves the policy, as there is no %s: without it "
		    "the record has no effect; remove it",
		    host);
	r = publish_leads_here(p, h, host);
	if (r == RC_MORE)
		return r;
	if (r == RC_OK)
		return publish_warn(p,
		    "this server does not serve the policy: unless a web "
		    "server on this machine does, the record has no effect");
	return publish_warn(p,
	    "another host serves the policy: it must list %s as mx",
	    h->hostname);
}

/* The id alone tells policies apart [RFC 8461 3.1]. */
static struct sv
policy_id(struct sv record)
{
	while (record.n > 0) {
		struct sv field = sv_trim(sv_split(&record, ';'));
		struct sv name = sv_trim(sv_split(&field, '='));

		if (sv_eq(name, SV("id")))
			return sv_trim(field);
	}
	return (struct sv){NULL, 0};
}

static bool
same_policy(struct sv there, struct sv ours)
{
	struct sv id = policy_id(there);

	return sv_starts(there, SV("v=STSv1")) && id.n > 0 &&
	       sv_eq(id, policy_id(ours));
}

int
publish_judge_mta_sts(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct buf text;
	size_t at = 0, n = 0;
	bool same = false;

	buf_init(&text, PUBLISH_TEXT_MAX);
	while (publish_next_text(a, &at, &text)) {
		publish_found(p, buf_sv(&text));
		n += sv_starts(buf_sv(&text), SV("v=STSv1"));
		same = same || same_policy(buf_sv(&text), buf_sv(&p->value));
	}
	buf_fini(&text);
	if (n == 0 && p->policy != NULL)
		return publish_say(p, PUBLISH_MISSING,
		    "without it nobody looks for the policy that this server "
		    "serves");
	if (n == 1 && p->policy != NULL)
		return same ? judge_own_host(p, h)
			    : publish_say(p, PUBLISH_DIFFERENT,
				  "the policy has changed: others keep the old "
				  "one until the id does, too");
	if (n == 0)
		return publish_say(p, PUBLISH_MISSING,
		    "not needed: this server does not serve a policy");
	if (n > 1)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "with more than one, all are ignored");
	return judge_policy_host(p, h);
}
