/*
 * What we have seen of mail in other domains' names, for our own reports
 * (ipc/msg_report.h), in the file of others' reports: by day (UTC), by domain,
 * and who asks for a report.  A day that is over is handed out, domain by
 * domain, and forgotten when its report is on its way, or two days later.
 *
 * Strangers decide how much there is: the number of domains of a day, of rows
 * of a domain and of its addresses is limited.
 */
#ifndef HISTORY_FEEDBACK_H
#define HISTORY_FEEDBACK_H

#include "history/reports.h"

#define FEEDBACK_DOMAINS_MAX 2000 /* of one day */
#define FEEDBACK_DAYS	     2	  /* that are waited for who sends */

int history_feedback_seen(
    struct history_reports *h, const struct feedback_seen *s) RC_USE_RESULT;
int history_feedback_wanted(
    struct history_reports *h, const struct feedback_wanted *w) RC_USE_RESULT;
/*
 * Appends the next report that is due to *reply, a feedback_due.  None for a
 * domain of which nothing was accepted, or whose addresses all rest.
 */
void history_feedback_next(
    struct history_reports *h, int64_t now, struct msg *reply);
int history_feedback_done(
    struct history_reports *h, const struct feedback_done *d) RC_USE_RESULT;
int history_feedback_rest(
    struct history_reports *h, const struct feedback_rest *r) RC_USE_RESULT;

#endif
