#include "msgauth/onward.h"

enum onward
onward_decide(const struct check_result *r, bool junk, bool vouched)
{
	const struct dmarc_outcome *d;

	if (junk)
		return ONWARD_KEEP;
	if (r == NULL)
		return ONWARD_SEND;
	d = &r->dmarc;
	switch (d->author) {
	case DMARC_AUTHOR_ONE:
	case DMARC_AUTHOR_NONE:
	case DMARC_AUTHOR_SYNTAX:
		break;
	case DMARC_AUTHOR_FIELDS:
	case DMARC_AUTHOR_UNCLEAR:
	case DMARC_AUTHOR_TOO_MANY:
	case DMARC_AUTHOR_DOMAINS:
		return ONWARD_KEEP;
	}
	if (d->dkim_aligned)
		return ONWARD_SEND;
	/* Its policy is a rejection here, too, or has one step less. */
	if (d->result == AUTH_FAIL && d->disposition != DMARC_P_NONE &&
	    !vouched)
		return ONWARD_KEEP;
	if (d->policy_domain[0] != '\0' && d->published == DMARC_P_REJECT &&
	    !d->record.testing)
		return ONWARD_REFUSED;
	return ONWARD_SEND;
}

bool
onward_sender_known(const struct check_result *r)
{
	return r != NULL && !r->null_sender && r->mailfrom.result == AUTH_PASS;
}
