/* DMARC [RFC 9989]: the policy, and where reports go. */
#include "msgauth/dmarc.h"
#include "msgauth/name.h"
#include "msgauth/taglist.h"
#include "publish/publish_priv.h"

static bool
is_dmarc(struct sv text)
{
	struct dmarc_record r;

	return dmarc_record_parse(text, &r) == RC_OK;
}

static bool
looks_like_dmarc(struct sv text)
{
	return sv_ifind(text, SV("DMARC")) < text.n;
}

/* ---- where reports go ---- */

/*
 * May reports about the domain be sent to another one?  Without its consent
 * none are [RFC 9990 4].  RC_OK, RC_NOTFOUND, RC_MORE.
 */
static int
is_allowed(struct publish *p, const char *domain, struct sv other)
{
	const struct dns_answer *a = publish_askf(
	    p, DNS_TXT, "%s._report._dmarc.%.*s", domain, SV_ARG(other));
	struct buf text;
	size_t at = 0;
	int r = RC_NOTFOUND;

	if (a == NULL)
		return RC_MORE;
	if (a->rc != RC_OK && a->rc != RC_NOTFOUND)
		return RC_OK; /* who knows */
	buf_init(&text, PUBLISH_TEXT_MAX);
	while (r != RC_OK && publish_next_text(a, &at, &text))
		if (is_dmarc(buf_sv(&text)))
			r = RC_OK;
	buf_fini(&text);
	return r;
}

static int
same_organisation(struct publish *p, struct sv a, struct sv b)
{
	struct dmarc_walk wa, wb;

	if (sv_eq(a, b))
		return RC_OK;
	if (dmarc_walk(p->q, LOOKUP_ALIGN, a, &wa) == RC_MORE ||
	    dmarc_walk(p->q, LOOKUP_ALIGN, b, &wb) == RC_MORE)
		return RC_MORE;
	return publish_same_host(wa.org, wb.org) ? RC_OK : RC_NOTFOUND;
}

static int
judge_uri(struct publish *p, struct sv uri)
{
	char domain[DNS_NAME_MAX];
	size_t at = sv_rchr(uri, '@');
	int r;

	if (!sv_istarts(uri, SV("mailto:")) || at == uri.n ||
	    name_ascii(sv_skip(uri, at + 1), domain) != RC_OK)
		return publish_warn(p,
		    "reports are not sent to \"%.*s\": it is not mailto: and "
		    "an address",
		    SV_ARG(uri));
	r = same_organisation(p, sv_str(p->domain), sv_str(domain));
	if (r == RC_NOTFOUND)
		r = is_allowed(p, p->domain, sv_str(domain));
	if (r == RC_NOTFOUND)
		return publish_warn(p,
		    "reports are not sent to %.*s, as %s._report._dmarc.%s "
		    "does not say TXT \"v=DMARC1\"",
		    SV_ARG(sv_skip(uri, 7)), p->domain, domain);
	return r;
}

static int
judge_reports(struct publish *p, const struct dmarc_record *r)
{
	struct sv list = sv_str(r->rua);

	if (list.n == 0)
		return publish_warn(p,
		    "without rua= there are no reports of who sends in the "
		    "domain's name");
	while (list.n > 0)
		if (judge_uri(p, sv_split(&list, ',')) == RC_MORE)
			return RC_MORE;
	return RC_OK;
}

/* ---- the policy ---- */

static int
judge_policy(struct publish *p, const struct dmarc_record *r, bool inherited)
{
	enum dmarc_policy policy = inherited ? r->sp : r->p;

	(void)publish_say(p, PUBLISH_RIGHT, "%s", "");
	if (policy == DMARC_P_NONE)
		(void)publish_warn(
		    p, "with the policy \"none\": forged mail is delivered");
	else if (r->testing)
		(void)publish_warn(p,
		    "t=y: forged mail is treated one step milder than it says");
	if (!inherited && r->sp == DMARC_P_NONE && r->p != DMARC_P_NONE)
		(void)publish_warn(
		    p, "sp=none: mail forged with a subdomain is delivered");
	else if (!inherited && r->np == DMARC_P_NONE && r->p != DMARC_P_NONE)
		(void)publish_warn(p,
		    "np=none: mail forged with a subdomain that does not exist "
		    "is delivered");
	if (!inherited && r->psd == 'y')
		(void)publish_warn(
		    p, "psd=y is for registries of domains: remove it");
	return judge_reports(p, r);
}

static const struct taglist_tag *
find_tag(const struct taglist *t, struct sv name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (sv_ieq(t->tag[i].name, name))
			return &t->tag[i];
	return NULL;
}

static int
judge_own(struct publish *p, struct sv text)
{
	const struct taglist_tag *pct;
	struct dmarc_record r;
	struct taglist t;
	int rc;

	if (dmarc_record_parse(text, &r) != RC_OK || !r.usable)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "it has no policy (p=none, p=quarantine or p=reject)");
	taglist_parse_lenient(text, &t);
	if (find_tag(&t, SV("p")) == NULL)
		return publish_say(p, PUBLISH_DIFFERENT,
		    "it has no policy (p=), which counts as \"none\"");
	rc = judge_policy(p, &r, false);
	pct = find_tag(&t, SV("pct"));
	if (rc == RC_OK && pct != NULL && !sv_eq(pct->value, SV("100")))
		(void)publish_warn(
		    p, "pct= is not looked at any more: remove it");
	return rc;
}

/* The policy of a domain above it counts [RFC 9989 4.10.1]. */
static int
judge_inherited(struct publish *p, const struct dmarc_walk *w)
{
	int r = judge_policy(p, &w->at_org, true);

	if (r != RC_OK || p->warn)
		return r;
	return publish_say(p, PUBLISH_RIGHT, "it has the policy of %s", w->org);
}

static int
judge_none(struct publish *p, const struct dns_answer *a)
{
	static const char meaning[] =
	    "large mail hosts trust mail less without it";
	const char *accident = NULL;
	struct dmarc_walk w;
	struct buf text, why;
	bool near = false;
	size_t at = 0;
	int r;

	if (dmarc_walk(p->q, LOOKUP_AUTHOR, sv_str(p->domain), &w) == RC_MORE)
		return RC_MORE;
	if (w.has_org && w.at_org.usable &&
	    !publish_same_host(w.org, p->domain))
		return judge_inherited(p, &w);
	buf_init(&text, PUBLISH_TEXT_MAX);
	buf_init(&why, PUBLISH_VALUE_MAX);
	while (accident == NULL && publish_next_text(a, &at, &text)) {
		near |= looks_like_dmarc(buf_sv(&text));
		accident = publish_accident(buf_sv(&text), buf_sv(&p->value));
		if (near || accident != NULL)
			publish_found(p, buf_sv(&text));
	}
	r = publish_misplaced(p, is_dmarc, &why);
	if (accident == NULL && near)
		accident = "it must begin with \"v=DMARC1;\"";
	if (r == RC_OK)
		publish_say_none(p, accident, &why, meaning);
	buf_fini(&why);
	buf_fini(&text);
	return r;
}

int
publish_judge_dmarc(
    struct publish *p, const struct publish_host *h, const struct dns_answer *a)
{
	struct buf text, one;
	size_t at = 0, n = 0;
	int r;

	(void)h;
	buf_init(&text, PUBLISH_TEXT_MAX);
	buf_init(&one, PUBLISH_TEXT_MAX);
	while (publish_next_text(a, &at, &text))
		if (is_dmarc(buf_sv(&text))) {
			publish_found(p, buf_sv(&text));
			buf_set(&one, buf_sv(&text));
			n++;
		}
	if (n == 0)
		r = judge_none(p, a);
	else if (n > 1)
		r = publish_say(p, PUBLISH_DIFFERENT,
		    "there is more than one, so all are ignored");
	else
		r = judge_own(p, buf_sv(&one));
	buf_fini(&one);
	buf_fini(&text);
	return r;
}
