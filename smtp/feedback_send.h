/*
 * Tells the history what a message has shown about its author's domain, and who
 * may get a report about it: addresses within the domain's organisation, and
 * others that have said in the DNS that they want them [RFC 9990 4].  Each is
 * looked up once a day.
 */
#ifndef SMTP_FEEDBACK_SEND_H
#define SMTP_FEEDBACK_SEND_H

#include <pthread.h>

#include "history/history.h"
#include "smtp/feedback.h"

#define SMTP_FEEDBACK_KNOWN 512
#define SMTP_FEEDBACK_KEY   16

struct smtp_feedback_memory {
	uint8_t key[SMTP_FEEDBACK_KEY];	     /* of the hash; random */
	pthread_mutex_t lock;		     /* of what follows */
	uint64_t known[SMTP_FEEDBACK_KNOWN]; /* day, domain, address: hashed */
};

void smtp_feedback_memory_init(struct smtp_feedback_memory *mem);

/* From any thread.  mem, history and dns must outlive the questions. */
void smtp_feedback_send(struct smtp_feedback_memory *mem,
    struct history *history, struct peer *dns, const struct smtp_feedback *f);

#endif
