#include "smtp/feedback.h"

#include <arpa/inet.h>

static struct sv
policy_text(enum dmarc_policy p)
{
	return sv_str(dmarc_policy_name(p));
}

static void
fill_policy(const struct dmarc_outcome *d, struct feedback_policy *out)
{
	const struct dmarc_record *r = &d->record;

	*out = (struct feedback_policy){
	    .domain = sv_str(d->policy_domain),
	    .p = policy_text(r->p),
	    .sp = policy_text(r->sp),
	    .np = policy_text(r->np),
	    .adkim = r->strict_dkim ? SV("s") : SV("r"),
	    .aspf = r->strict_spf ? SV("s") : SV("r"),
	    .fo = sv_str(r->fo),
	    .testing = r->testing,
	};
}

/* The one that counted first, then what else passed [RFC 9990 3.1.3]. */
static void
fill_dkim(const struct check_result *r, struct smtp_feedback *out)
{
	struct feedback_row *row = &out->seen.row;
	unsigned pass;
	size_t i;

	for (pass = 0; pass < 3; pass++)
		for (i = 0; i < r->ndkim; i++) {
			const struct dkim_verdict *v = &r->dkim[i];
			bool first =
			    r->dmarc.dkim_aligned && i == r->dmarc.dkim_which;
			bool passed = v->result == AUTH_PASS;

			if (pass != (first	 ? 0u
					: passed ? 1u
						 : 2u) ||
			    v->domain[0] == '\0' || v->selector[0] == '\0' ||
			    row->ndkim == FEEDBACK_DKIM_MAX)
				continue;
			out->dkim[row->ndkim++] = (struct feedback_dkim){
			    sv_str(v->domain), sv_str(v->selector),
			    sv_str(auth_result_name(v->result))};
		}
	row->dkim = out->dkim;
}

static enum report_done
asked(enum dmarc_policy p)
{
	return p == DMARC_P_REJECT	 ? REPORT_DONE_REFUSED
	       : p == DMARC_P_QUARANTINE ? REPORT_DONE_JUNK
					 : REPORT_DONE_NOTHING;
}

/* The result of applying the policy [RFC 9990 3.1.1]: what goes beyond it was
 * done for other reasons, of which block lists are one. */
static enum report_done
by_policy(const struct dmarc_outcome *d, enum report_done done)
{
	enum report_done most = d->result == AUTH_FAIL ? asked(d->disposition)
						       : REPORT_DONE_NOTHING;

	return done > most ? most : done;
}

/* Why something else was done than the policy asks for. */
static struct sv
reason(const struct dmarc_outcome *d, enum report_done done, struct sv override)
{
	if (d->result == AUTH_PASS || done == asked(d->published))
		return SV("");
	if (d->result == AUTH_FAIL && override.n > 0)
		return override;
	if (d->result == AUTH_FAIL && d->record.testing &&
	    d->disposition != d->published)
		return SV("policy_test_mode");
	return SV("local_policy");
}

bool
smtp_feedback_fill(const struct check_result *r, struct sv sender,
    const struct smtp_feedback_done *done, int64_t now,
    struct smtp_feedback *out)
{
	const struct dmarc_outcome *d = &r->dmarc;
	struct feedback_row *row = &out->seen.row;
	bool v4 = IN6_IS_ADDR_V4MAPPED(&r->peer);

	if (d->policy_domain[0] == '\0' || d->record.rua[0] == '\0' ||
	    (d->result != AUTH_PASS && d->result != AUTH_FAIL &&
		d->result != AUTH_TEMPERROR))
		return false;
	*out = (struct smtp_feedback){
	    .rua = sv_str(d->record.rua), .org = sv_str(d->org)};
	out->seen.when = now;
	out->seen.accepted = !done->refused;
	fill_policy(d, &out->seen.policy);
	(void)inet_ntop(v4 ? AF_INET : AF_INET6,
	    v4 ? r->peer.s6_addr + 12 : r->peer.s6_addr, out->address,
	    sizeof out->address);
	row->address = sv_str(out->address);
	row->count = 1;
	row->done = (uint8_t)by_policy(d, done->done);
	row->dkim_aligned = d->dkim_aligned;
	row->spf_aligned = d->spf_aligned;
	row->reason = reason(d, (enum report_done)row->done, done->reason);
	row->author = sv_str(d->domain);
	row->envelope = sv_skip(sender, sv_rchr(sender, '@') + 1);
	row->spf_domain = sv_str(r->mailfrom.domain);
	row->spf_result = sv_str(auth_result_name(r->mailfrom.result));
	fill_dkim(r, out);
	return true;
}
