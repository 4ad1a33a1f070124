/* What becomes of a message that was judged: for each recipient's domain, in
 * words, and in the field Authentication-Results. */
#include <stdio.h>
#include <string.h>

#include "mail/domain.h"
#include "msgauth/authres.h"
#include "smtp/judge_priv.h"

static const char *
dkim_words(const struct check_result *r)
{
	size_t i;

	if (r->dkim_found == 0)
		return "no signature";
	for (i = 0; i < r->ndkim; i++)
		if (r->dkim[i].result == AUTH_PASS)
			return "passed for another domain";
	return r->ndkim > 0 && dkim_reason_text(r->dkim[0].reason) != NULL
		   ? dkim_reason_text(r->dkim[0].reason)
		   : "failed";
}

/* What the sender's domain says about it, as its own words [RFC 7208 6.2]. */
static void
add_explanation(const struct spf_outcome *o, char *text, size_t size)
{
	size_t n = strlen(text);

	if (o->explanation[0] != '\0')
		(void)snprintf(text + n, size - n, "\n%.100s explains: %.150s",
		    o->domain, o->explanation);
}

static void
say_dmarc(const struct check_result *r, struct smtp_judge_outcome *out)
{
	const struct dmarc_outcome *d = &r->dmarc;

	out->code = "5.7.26";
	(void)snprintf(out->text, sizeof out->text,
	    "mail from %.100s is refused: its DMARC policy (_dmarc.%.100s) "
	    "says reject,\nand neither SPF (%s) nor DKIM (%.60s) passed for "
	    "that domain;\nsend it through that domain's servers or sign it "
	    "with its DKIM key",
	    d->domain, d->policy_domain,
	    r->mailfrom.result == AUTH_PASS
		? "passed for another domain"
		: auth_result_name(r->mailfrom.result),
	    dkim_words(r));
	add_explanation(&r->mailfrom, out->text, sizeof out->text);
}

static void
say_later(struct smtp_judge_outcome *out, const char *what, const char *domain)
{
	out->action = SMTP_JUDGE_DEFER;
	out->code = "4.4.3";
	(void)snprintf(out->text, sizeof out->text,
	    "cannot look up the %s of %.100s at the moment; try again later",
	    what, domain);
}

/* RC_OK: there is one author.  Else out says what is to be done. */
static int
judge_author(const struct check_result *r, struct smtp_judge_outcome *out)
{
	const char *what = NULL;

	switch (r->dmarc.author) {
	case DMARC_AUTHOR_FIELDS:
		what = "the message has several From fields";
		break;
	case DMARC_AUTHOR_DOMAINS:
		what = "From has several addresses, and not of one domain";
		break;
	case DMARC_AUTHOR_TOO_MANY:
		what = "the message has too many header fields";
		break;
	case DMARC_AUTHOR_UNCLEAR:
		out->action = SMTP_JUDGE_JUNK;
		return RC_SYNTAX;
	case DMARC_AUTHOR_NONE:
		what = "the message has no From field";
		break;
	case DMARC_AUTHOR_SYNTAX:
		what = "From has no address with a domain";
		break;
	case DMARC_AUTHOR_ONE:
		return RC_OK;
	}
	/* Nobody's policy is for it [RFC 9989 11.5].  Some programs that make
	 * bounces do not know better. */
	if (r->null_sender && (r->dmarc.author == DMARC_AUTHOR_NONE ||
				  r->dmarc.author == DMARC_AUTHOR_SYNTAX))
		return RC_OK;
	(void)snprintf(out->text, sizeof out->text,
	    "%s: exactly one From field is expected, with addresses of one "
	    "domain",
	    what);
	out->action = SMTP_JUDGE_REFUSE;
	return RC_SYNTAX;
}

struct trusting {
	const struct smtp_judge *j;
	struct sv domain;
};

static bool
trusts(void *arg, const char *sealer)
{
	const struct trusting *t = arg;

	return t->j->ops->trusts != NULL &&
	       t->j->ops->trusts(t->j->ctx, t->domain, sealer);
}

/* A sealer that the owner trusts has seen it pass before it was changed. */
static bool
is_vouched_for(const struct smtp_judge *j, struct sv domain)
{
	struct trusting t = {j, domain};

	return check_arc_vouches(j->check, trusts, &t);
}

/* One that may vouch, but whose key cannot be had now. */
static bool
may_be_vouched_for(const struct smtp_judge *j, struct sv domain)
{
	const struct arc_outcome *arc = &check_result(j->check)->arc;
	struct trusting t = {j, domain};

	return arc->result == AUTH_FAIL && arc->why == DKIM_R_DNS &&
	       arc->n > 0 && trusts(&t, arc->sealer[arc->n - 1]);
}

/* The list that it has come through and that the owner has named. */
static const char *
welcome_list(const struct smtp_judge *j, struct sv domain)
{
	const struct check_result *r = check_result(j->check);
	size_t i;

	for (i = 0; i < r->nlist && j->ops->welcomes != NULL; i++)
		if (j->ops->welcomes(j->ctx, domain, &r->list[i]))
			return r->list[i].address;
	return NULL;
}

/*
 * Any address that has been written to can call itself a list.  As one of us it
 * is not believed for that: only a list that the owner has named is.
 */
static bool
is_own_author(const struct smtp_judge *j)
{
	return j->ops->is_own != NULL &&
	       j->ops->is_own(j->ctx, smtp_judge_author(j));
}

/* Why the author's policy is not applied; out->override. */
static void
find_override(const struct smtp_judge *j, struct sv domain,
    struct smtp_judge_outcome *out)
{
	const struct check_result *r = check_result(j->check);
	const char *list = welcome_list(j, domain);

	if (list == NULL && j->known == LISTS_KNOWN && !is_own_author(j))
		list = j->list;
	if (is_vouched_for(j, domain)) {
		out->override = VERDICT_ARC;
		out->other = r->arc.sealer[r->arc.n - 1];
	} else if (list != NULL) {
		out->override = VERDICT_LIST;
		out->other = list;
	}
}

static void
apply_policy(const struct smtp_judge *j, enum smtp_inbound policy,
    struct sv domain, struct smtp_judge_outcome *out)
{
	const struct check_result *r = check_result(j->check);

	find_override(j, domain, out);
	if (out->override != VERDICT_AS_ASKED)
		return;
	if (policy == SMTP_INBOUND_NOTE || policy == SMTP_INBOUND_OFF) {
		out->override = VERDICT_OWNER;
		return;
	}
	if (may_be_vouched_for(j, domain)) {
		say_later(out, "ARC key", r->arc.sealer[r->arc.n - 1]);
		return;
	}
	if (j->known == LISTS_KNOWN) {
		out->action = SMTP_JUDGE_JUNK;
		out->override = VERDICT_LIST;
		out->other = j->list;
		return;
	}
	if (r->dmarc.disposition == DMARC_P_QUARANTINE) {
		out->action = SMTP_JUDGE_JUNK;
	} else if (policy == SMTP_INBOUND_JUNK) {
		out->action = SMTP_JUDGE_JUNK;
		out->override = VERDICT_OWNER;
	} else if (j->known == LISTS_UNSURE) {
		out->action = SMTP_JUDGE_DEFER;
		out->code = "4.3.0";
		(void)snprintf(out->text, sizeof out->text,
		    "cannot find out at the moment whether this mailing list "
		    "is known here; try again later");
	} else {
		out->action = SMTP_JUDGE_REFUSE;
		say_dmarc(r, out);
	}
}

static void
apply_dmarc(const struct smtp_judge *j, enum smtp_inbound policy,
    struct sv domain, struct smtp_judge_outcome *out)
{
	bool milder = policy == SMTP_INBOUND_NOTE || policy == SMTP_INBOUND_OFF;
	const struct check_result *r;

	*out = (struct smtp_judge_outcome){
	    .action = SMTP_JUDGE_KEEP, .code = "5.7.1", .other = ""};
	/* What nothing depends on may fail. */
	if (j->failed && !milder) {
		out->action = SMTP_JUDGE_WAIT;
		out->code = "4.3.0";
		(void)snprintf(out->text, sizeof out->text,
		    "the message cannot be checked here now; try again later");
	}
	if (!j->ended)
		return;
	r = check_result(j->check);
	if (r->dmarc.disposition != DMARC_P_NONE) {
		apply_policy(j, policy, domain, out);
		return;
	}
	if (milder || judge_author(r, out) != RC_OK)
		return;
	if (r->dmarc.result == AUTH_TEMPERROR)
		say_later(out, "DMARC, SPF or DKIM records", r->dmarc.domain);
}

static void
say_listed(const struct smtp_judge *j, struct smtp_judge_outcome *out)
{
	char ip[LOOKUP_IP_TEXT];

	out->code = "5.7.1";
	out->listed = true;
	(void)snprintf(out->text, sizeof out->text,
	    "mail from %s is refused: the address is on the block list "
	    "%.100s (%s);\nask there to have it removed, or send from "
	    "another address",
	    lookup_ip_text(&check_result(j->check)->peer, ip), j->listed.zone,
	    j->listed.code);
}

/* What the address says counts beside what the author's domain does, and less
 * than what people here have done. */
static void
apply_lists(const struct smtp_judge *j, struct sv domain,
    struct smtp_judge_outcome *out)
{
	if (!j->listed.junk || j->spoken_for ||
	    out->action > SMTP_JUDGE_DEFER || out->override == VERDICT_LIST ||
	    out->override == VERDICT_ARC || is_vouched_for(j, domain) ||
	    welcome_list(j, domain) != NULL)
		return;
	if (j->listed.refuse) {
		out->action = SMTP_JUDGE_REFUSE;
		say_listed(j, out);
	} else if (out->action == SMTP_JUDGE_KEEP) {
		out->action = SMTP_JUDGE_JUNK;
	}
}

void
smtp_judge_action(const struct smtp_judge *j, enum smtp_inbound policy,
    struct sv domain, struct smtp_judge_outcome *out)
{
	apply_dmarc(j, policy, domain, out);
	if (j->ended && policy != SMTP_INBOUND_NOTE &&
	    policy != SMTP_INBOUND_OFF)
		apply_lists(j, domain, out);
}

enum smtp_judge_action
smtp_judge_at_last(const struct smtp_judge *j)
{
	const struct dmarc_outcome *d = &check_result(j->check)->dmarc;

	/* A policy is never applied on a failure of the DNS
	 * [RFC 9989 5.3.6]. */
	if (d->result == AUTH_TEMPERROR)
		return SMTP_JUDGE_KEEP;
	return d->policy_domain[0] != '\0' && d->published != DMARC_P_NONE
		   ? SMTP_JUDGE_JUNK
		   : SMTP_JUDGE_KEEP;
}

enum onward
smtp_judge_onward(
    const struct smtp_judge *j, bool junk, enum verdict_override override)
{
	return onward_decide(j->ended ? check_result(j->check) : NULL, junk,
	    override == VERDICT_ARC || override == VERDICT_LIST);
}

bool
smtp_judge_sender_known(const struct smtp_judge *j)
{
	return j->ended && onward_sender_known(check_result(j->check));
}

struct sv
smtp_judge_author(const struct smtp_judge *j)
{
	return sv_str(j->ended ? check_result(j->check)->dmarc.domain : "");
}

const struct check_result *
smtp_judge_result(const struct smtp_judge *j)
{
	return j->ended ? check_result(j->check) : NULL;
}

bool
smtp_judge_verified(const struct smtp_judge *j)
{
	const struct check_result *r;
	struct sv author = smtp_judge_author(j);
	size_t i;

	if (author.n == 0)
		return false;
	r = check_result(j->check);
	if (r->dmarc.result != AUTH_NONE)
		return r->dmarc.result == AUTH_PASS;
	if (r->mailfrom.result == AUTH_PASS && !r->null_sender &&
	    mail_domain_is_within(sv_str(r->mailfrom.domain), author))
		return true;
	for (i = 0; i < r->ndkim; i++)
		if (r->dkim[i].result == AUTH_PASS &&
		    (mail_domain_is_within(sv_str(r->dkim[i].domain), author) ||
			mail_domain_is_within(
			    author, sv_str(r->dkim[i].domain))))
			return true;
	return false;
}

bool
smtp_judge_verdict(const struct smtp_judge *j, struct verdict *out)
{
	if (!j->ended)
		return false;
	verdict_make(check_result(j->check), j->received, out);
	(void)snprintf(out->listed, sizeof out->listed, "%s", j->listed.text);
	out->verified = smtp_judge_verified(j);
	return true;
}

void
smtp_judge_field(
    const struct smtp_judge *j, const struct verdict *v, struct buf *out)
{
	struct check_override o;

	if (!j->ended)
		return;
	if (v != NULL && v->override != VERDICT_AS_ASKED)
		o = (struct check_override){verdict_override_name(v->override),
		    v->override == VERDICT_LIST ? "list" : "sealer", v->other};
	check_authres_noted(check_result(j->check),
	    v != NULL && v->override != VERDICT_AS_ASKED ? &o : NULL,
	    j->hostname, out);
}

void
smtp_judge_log(const struct smtp_judge *j, const struct verdict *v,
    char out[SMTP_JUDGE_LOG_MAX])
{
	const struct check_result *r;
	const char *dkim = "none";
	bool list, arc;
	size_t i;

	out[0] = '\0';
	if (!j->ended)
		return;
	r = check_result(j->check);
	for (i = 0; i < r->ndkim; i++)
		if (i == 0 || r->dkim[i].result == AUTH_PASS)
			dkim = auth_result_name(r->dkim[i].result);
	arc = v != NULL && v->override == VERDICT_ARC;
	list = v != NULL && v->override == VERDICT_LIST;
	(void)snprintf(out, SMTP_JUDGE_LOG_MAX,
	    " author=%s dmarc=%s spf=%s dkim=%s arc=%s%s%s%s iprev=%s%s%s%s",
	    r->dmarc.domain[0] != '\0' ? r->dmarc.domain : "?",
	    auth_result_name(r->dmarc.result),
	    auth_result_name(r->mailfrom.result), dkim,
	    auth_result_name(r->arc.result), arc ? "(trusted)" : "",
	    list ? " list=" : "", list ? v->other : "",
	    auth_result_name(r->iprev.result), j->listed.junk ? " listed=" : "",
	    j->listed.text, j->spoken_for ? "(known here)" : "");
}
