/*
 * What a message has shown about its author's domain, for the reports that we
 * send to those who ask for them (DMARC, RFC 9990).
 */
#ifndef SMTP_FEEDBACK_H
#define SMTP_FEEDBACK_H

#include "ipc/msg_report.h"
#include "msgauth/check.h"

struct smtp_feedback {
	struct feedback_seen seen;
	struct sv rua; /* of the record: URIs */
	struct sv org; /* the organisational domain of the policy's */
	/* what seen points to */
	char address[INET6_ADDRSTRLEN];
	struct feedback_dkim dkim[FEEDBACK_DKIM_MAX];
};

/* What was done with it; what goes beyond the policy is not told. */
struct smtp_feedback_done {
	/* For what it is: not for a virus, nor for want of a scanner. */
	enum report_done done;
	bool refused;	  /* for whatever it was */
	struct sv reason; /* of RFC 9990, why not more; empty: see the policy */
};

/* false: there is nothing to report, or nobody who asks.  r and sender are
 * borrowed as long as *out. */
bool smtp_feedback_fill(const struct check_result *r, struct sv sender,
    const struct smtp_feedback_done *done, int64_t now,
    struct smtp_feedback *out);

#endif
