/*
 * Reports of others about our domains (ipc/msg_report.h), on the disk: a file
 * of its own beside the history's, since it is kept longer and has no mail in
 * it.
 *
 * A report that comes twice is kept once: what tells reports apart is who has
 * sent it, what they call it, and what it is about (report_key).  Strangers can
 * send as many as they like: what is not verified, and what one domain sends,
 * has a limit of its own, so that nobody's reports push out others'.
 */
#ifndef HISTORY_REPORTS_H
#define HISTORY_REPORTS_H

#include "ipc/msg_report.h"

#define HISTORY_REPORTS_NAME	 "reports.db"
#define HISTORY_REPORTS_DAYS	 90
#define HISTORY_REPORTS_MAX	 10000
#define HISTORY_REPORTS_DOMAIN	 1000 /* sent by one domain */
#define HISTORY_REPORTS_STRANGER 300  /* not verified, together */

struct history_reports;

/* In the working folder; what is damaged is set aside.  RC_TEMP: another
 * process has it. */
int history_reports_open(
    struct history_reports **out, struct err *err) RC_USE_RESULT;
void history_reports_close(struct history_reports **h);

/* RC_EXISTS: it is there already, and stays as it is.  RC_NOSPACE, RC_IO,
 * RC_DAMAGED. */
int history_reports_add(
    struct history_reports *h, const struct report_record *r) RC_USE_RESULT;
/* Removes what came more than HISTORY_REPORTS_DAYS before now (seconds). */
int history_reports_prune(struct history_reports *h, int64_t now) RC_USE_RESULT;
/* Answers a question of the command line; h NULL: it cannot be opened. */
void history_reports_answer(
    struct history_reports *h, struct msg *m, struct msg *reply);

#endif
