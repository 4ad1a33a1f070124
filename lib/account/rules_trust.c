/* What an account's rules may send in our name, and to whom. */
#include "account/rules_priv.h"
#include "mail/addrlist.h"
#include "mail/field.h"
#include "msgauth/authres.h"
#include "msgauth/verdict.h"

/* RC_NOTFOUND: it was not judged, it comes from here. */
static int
judged(const struct rules_message *m, struct verdict *out)
{
	return m->verdict.n == 0 ? RC_NOTFOUND
				 : verdict_decode(m->verdict, out);
}

static bool
is_local(const struct rules *r, struct sv domain)
{
	return domain.n > 0 && conf_domain_is_local(r->conf, domain);
}

/* ---- what is forwarded ---- */

/* RC_DENIED: an address of this server, but not the owner's. */
static int
may_write_as(void *arg, const struct mail_addr *a)
{
	const struct rules *r = arg;
	struct buf b;
	int rc = RC_OK;

	if (!is_local(r, a->domain))
		return RC_OK;
	buf_init(&b, a->local.n + a->domain.n + 2);
	buf_addsv(&b, a->local);
	buf_addc(&b, '@');
	buf_addsv(&b, a->domain);
	if (!rules_is_mine(r, buf_sv(&b)))
		rc = RC_DENIED;
	buf_fini(&b);
	return rc;
}

static struct sv
header_of(struct sv message)
{
	return sv_first(message, sv_find(message, SV("\r\n\r\n")) + 2);
}

/* A rule has written a From with an address of somebody else here: what is
 * forwarded has our envelope, so others would believe it. */
static bool
writes_as_another(const struct rules *r, const struct rules_message *m,
    const struct sieve_action *a)
{
	struct sv header = header_of(a->message), before = header_of(m->bytes);
	struct mail_field f, old;

	while (a->changed && mail_field_next(&header, &f)) {
		bool same = false;

		if (!sv_ieq(f.name, SV("From")))
			continue;
		for (struct sv rest = before; mail_field_next(&rest, &old);)
			same |= sv_ieq(old.name, f.name) &&
				sv_eq(old.value, f.value);
		if (!same && mail_author_each(f.value, may_write_as,
				 (void *)(uintptr_t)r) != RC_OK)
			return true;
	}
	return false;
}

/* As aliases decide (msgauth/onward.h). */
const char *
rules_stays(const struct rules *r, const struct rules_message *m,
    const struct sieve_action *a)
{
	struct verdict v;
	int rc = judged(m, &v);

	if (m->junk)
		return "not forwarded, since it is junk: ";
	if (writes_as_another(r, m, a))
		return "not forwarded, since a rule has put somebody else's "
		       "address into From: ";
	if (rc == RC_NOTFOUND)
		return NULL;
	if (rc != RC_OK)
		return "not forwarded, since nothing is known of its author: ";
	if (v.author != DMARC_AUTHOR_ONE && v.author != DMARC_AUTHOR_NONE &&
	    v.author != DMARC_AUTHOR_SYNTAX)
		return "not forwarded, since it is not clear who has written "
		       "it: ";
	if ((v.aligned & VERDICT_DKIM_ALIGNED) != 0)
		return NULL;
	if (v.dmarc == AUTH_FAIL && v.disposition != DMARC_P_NONE &&
	    v.override != VERDICT_LIST && v.override != VERDICT_ARC)
		return "not forwarded, since its author may be forged: ";
	if (v.published == DMARC_P_REJECT)
		return "not forwarded: the other server would refuse it, since "
		       "its author's domain has not signed it: ";
	if (v.aligned == 0 &&
	    (is_local(r, sv_str(v.domain)) || is_local(r, sv_str(v.org))))
		return "not forwarded, since it claims to be from here: ";
	return NULL;
}

/* ---- what is answered ---- */

/*
 * A refusal and a notice of absence go to the envelope's sender, for whom only
 * SPF speaks (msgauth/onward.h).  A refusal tells of a message that somebody
 * has really sent, so that must be certain; else it is kept.  A notice is not
 * sent where it is certain that it would reach a stranger.
 */
const char *
rules_unanswered(const struct rules_message *m, enum sieve_kind kind)
{
	struct verdict v;
	int rc = judged(m, &v);

	if (rc == RC_NOTFOUND)
		return NULL;
	if (kind != SIEVE_VACATION)
		return rc == RC_OK && v.spf == AUTH_PASS
			   ? NULL
			   : "not refused but kept, since nothing confirms "
			     "that this is its sender: ";
	if (rc != RC_OK || v.spf == AUTH_FAIL || v.dmarc == AUTH_FAIL)
		return "not answered, since its sender may be forged: ";
	return NULL;
}

const char *
rules_provided(const struct rules *r, const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_REDIRECT:
		return rules_is_mine(r, a->address)
			   ? " (that is you: it is kept instead)"
			   : "";
	case SIEVE_REJECT:
	case SIEVE_EREJECT:
		return " (if SPF confirms the sender; else it is kept)";
	case SIEVE_KEEP:
	case SIEVE_FILEINTO:
	case SIEVE_VACATION:
	case SIEVE_NOTIFY:
		break;
	}
	return "";
}
