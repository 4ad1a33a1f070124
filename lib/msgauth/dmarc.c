#include "msgauth/dmarc.h"

#include "mail/addrlist.h"

/* ---- the author ---- */

struct author {
	char *domain; /* "": none yet */
	enum dmarc_author is;
	bool unclear; /* one of several has no domain name */
};

static int
take_author(void *arg, const struct mail_addr *m)
{
	struct author *a = arg;
	char name[DNS_NAME_MAX];

	if (name_ascii(m->domain, name) != RC_OK) {
		a->unclear = true;
		return RC_OK;
	}
	if (a->domain[0] != '\0' && strcmp(a->domain, name) != 0) {
		a->is = DMARC_AUTHOR_DOMAINS;
		return RC_SYNTAX;
	}
	memcpy(a->domain, name, sizeof name);
	return RC_OK;
}

/*
 * From has no usable address, or one that is not the only thing in it.  Beside
 * a good one any other is a second author.  Without an @ there is nothing that
 * could be taken for one, and root@[192.0.2.1] is nobody's domain; what else
 * there is may be shown as an address that we do not see.
 */
static enum dmarc_author
unusable(const struct author *a, struct sv from)
{
	if (a->domain[0] != '\0')
		return DMARC_AUTHOR_DOMAINS;
	if (sv_chr(from, '@') == from.n || sv_find(from, SV("@[")) < from.n)
		return DMARC_AUTHOR_SYNTAX;
	return DMARC_AUTHOR_UNCLEAR;
}

enum dmarc_author
dmarc_author(const struct fieldset *fields, char out[DNS_NAME_MAX])
{
	struct author a = {.domain = out, .is = DMARC_AUTHOR_ONE};
	int r;
	const struct mail_field *from = NULL;
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < fieldset_count(fields); i++) {
		const struct mail_field *f = fieldset_at(fields, i);

		if (sv_ieq(f->name, SV("From")) && n++ == 0)
			from = f;
	}
	/* Where not all were seen one more may be among the others. */
	if (fieldset_is_cut(fields))
		return DMARC_AUTHOR_TOO_MANY;
	if (n != 1)
		return n == 0 ? DMARC_AUTHOR_NONE : DMARC_AUTHOR_FIELDS;
	r = mail_author_each(from->value, take_author, &a);
	if (a.is == DMARC_AUTHOR_ONE &&
	    (r != RC_OK || a.unclear || out[0] == '\0'))
		a.is = unusable(&a, from->value);
	if (a.is != DMARC_AUTHOR_ONE)
		out[0] = '\0';
	return a.is;
}

/* ---- the policy ---- */

struct policy {
	bool there;
	bool failed;	     /* it cannot be known now */
	bool exists_unknown; /* np or sp: that cannot be known now */
};

/* sp or np of a record above the author's domain [RFC 9989 4.7]. */
static int
inherit(struct lookup *l, struct sv author, struct dmarc_outcome *out,
    struct policy *p)
{
	const struct dns_answer *a;

	out->published = out->record.sp;
	if (!out->record.has_np)
		return RC_OK;
	a = lookup_get(l, LOOKUP_AUTHOR, DNS_A, author);
	if (a == NULL)
		return RC_MORE;
	p->exists_unknown = a->rc == RC_TEMP;
	if (a->rc == RC_NOTFOUND)
		out->published = out->record.np;
	return RC_OK;
}

/* [RFC 9989 4.10.1] */
static int
discover(struct lookup *l, struct sv author, const struct dmarc_walk *w,
    struct dmarc_outcome *out, struct policy *p)
{
	const struct dmarc_record *r = NULL;
	const char *where = "";

	if (w->has_own) {
		r = &w->own;
		where = out->domain;
	} else if (w->failed) {
		p->failed = true;
		return RC_OK;
	} else if (w->has_org) {
		r = &w->at_org;
		where = w->org;
	} else if (w->has_psd) {
		r = &w->at_psd;
		where = w->psd;
	}
	if (r == NULL || !r->usable)
		return RC_OK;
	p->there = true;
	out->record = *r;
	memcpy(out->policy_domain, where, strlen(where) + 1);
	out->published = r->p;
	return w->has_own ? RC_OK : inherit(l, author, out, p);
}

/* ---- alignment [RFC 9989 4.10.2] ---- */

enum aligned {
	ALIGNED_NO,
	ALIGNED_YES,
	ALIGNED_UNKNOWN, /* a DNS failure */
	ALIGNED_PENDING
};

static enum aligned
align(struct lookup *l, struct sv domain, bool strict,
    const struct dmarc_outcome *out)
{
	struct sv author = sv_str(out->domain), org = sv_str(out->org);
	struct dmarc_walk w;

	if (sv_eq(domain, author))
		return ALIGNED_YES;
	if (strict)
		return ALIGNED_NO;
	/* Not known: what has nothing in common is not aligned anyway. */
	if (org.n == 0)
		return sv_eq(name_last(domain, 1), name_last(author, 1))
			   ? ALIGNED_UNKNOWN
			   : ALIGNED_NO;
	if (!name_is_within(domain, org))
		return ALIGNED_NO;
	if (dmarc_walk(l, LOOKUP_ALIGN, domain, &w) == RC_MORE)
		return ALIGNED_PENDING;
	if (w.failed)
		return ALIGNED_UNKNOWN;
	return sv_eq(sv_str(w.org), org) ? ALIGNED_YES : ALIGNED_NO;
}

/* What has come out so far. */
struct tally {
	bool pending, unknown;
};

/* True: it passed and is aligned. */
static bool
judge(struct lookup *l, const struct dmarc_identifier *id, bool strict,
    const struct dmarc_outcome *out, struct tally *t)
{
	enum aligned a;

	if (id->domain.n == 0 || (!id->pending && id->result != AUTH_PASS &&
				     id->result != AUTH_TEMPERROR))
		return false;
	a = align(l, id->domain, strict, out);
	if (a == ALIGNED_NO)
		return false;
	if (a == ALIGNED_PENDING || id->pending) {
		t->pending = true;
		return false;
	}
	if (a == ALIGNED_UNKNOWN || id->result == AUTH_TEMPERROR) {
		t->unknown = true;
		return false;
	}
	return true;
}

static void
judge_all(struct lookup *l, const struct dmarc_identifier *spf,
    const struct dmarc_identifier *dkim, size_t ndkim,
    struct dmarc_outcome *out, struct tally *t)
{
	size_t i;

	out->spf_aligned = judge(l, spf, out->record.strict_spf, out, t);
	for (i = 0; i < ndkim; i++)
		if (judge(l, &dkim[i], out->record.strict_dkim, out, t) &&
		    !out->dkim_aligned) {
			out->dkim_aligned = true;
			out->dkim_which = (unsigned)i;
		}
}

/* [RFC 9989 4.7] t=y: one step less */
static enum dmarc_policy
applied(const struct dmarc_outcome *out)
{
	if (!out->record.testing)
		return out->published;
	return out->published == DMARC_P_REJECT ? DMARC_P_QUARANTINE
						: DMARC_P_NONE;
}

int
dmarc_evaluate(struct lookup *l, enum dmarc_author author,
    struct sv author_domain, const struct dmarc_identifier *spf,
    const struct dmarc_identifier *dkim, size_t ndkim,
    struct dmarc_outcome *out)
{
	struct policy p = {.there = false};
	struct tally t = {.pending = false};
	struct dmarc_walk w;

	*out =
	    (struct dmarc_outcome){.result = AUTH_PERMERROR, .author = author};
	if (author != DMARC_AUTHOR_ONE)
		return RC_OK;
	memcpy(out->domain, author_domain.p, author_domain.n);
	if (dmarc_walk(l, LOOKUP_AUTHOR, author_domain, &w) == RC_MORE)
		return RC_MORE;
	memcpy(out->org, w.org, sizeof out->org);
	if (discover(l, author_domain, &w, out, &p) == RC_MORE)
		return RC_MORE;
	out->result = p.failed ? AUTH_TEMPERROR : AUTH_NONE;
	if (!p.there)
		return RC_OK;
	judge_all(l, spf, dkim, ndkim, out, &t);
	if (t.pending)
		return RC_MORE;
	if (out->spf_aligned || out->dkim_aligned)
		out->result = AUTH_PASS;
	else if (t.unknown || p.exists_unknown)
		out->result = AUTH_TEMPERROR;
	else
		out->result = AUTH_FAIL;
	if (out->result == AUTH_FAIL)
		out->disposition = applied(out);
	return RC_OK;
}
