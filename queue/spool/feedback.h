/*
 * Our reports to those who ask for them (DMARC, RFC 9990): once a day is over,
 * the history is asked for what was seen in it, domain by domain, and each
 * report becomes mail of ours: from postmaster, signed, with the null sender,
 * so that nothing comes back.
 *
 * They are not to be a burden: FEEDBACK_A_DAY at most, one day in the queue,
 * and an address that has not taken one gets none for weeks.
 */
#ifndef QUEUE_SPOOL_FEEDBACK_H
#define QUEUE_SPOOL_FEEDBACK_H

#include "ipc/msg_report.h"

struct queue_service;
struct feedback;

#define FEEDBACK_A_DAY 50

struct feedback *queue_feedback_new(struct queue_service *q);
void queue_feedback_free(struct feedback **f);

/* What the history says is due.  RC_SYNTAX: it is not a report that may leave,
 * and was refused.  RC_TEMP: it was sent before, which the history has not
 * noted.  Neither is due again, also after a restart (sent.h): all that a crash
 * can cost is that one goes out twice which was delivered, but not yet noted.
 */
int queue_feedback_send(
    struct feedback *f, const struct feedback_due *due) RC_USE_RESULT;

#endif
