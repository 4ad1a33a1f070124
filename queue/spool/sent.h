/*
 * Which of our reports (feedback.h) have been sent: the history forgets one
 * when it hears that it is on its way, and may not hear it.
 *
 * In the file reports-sent of the spool's folder, one line each: the second
 * since 1970 in which it was sent, and a number of 32 hexadecimal digits.  It
 * is written whole for each report, at most 50 a day; lines that are not
 * understood are forgotten.
 */
#ifndef QUEUE_SPOOL_SENT_H
#define QUEUE_SPOOL_SENT_H

#include "base/buf.h"

#define SENT_FILE     "reports-sent"
#define SENT_MAX      256 /* the newest: the history keeps a report for 2 days */
#define SENT_ID_BYTES 16

struct sent {
	struct sent_one {
		int64_t when; /* seconds since 1970 */
		uint8_t id[SENT_ID_BYTES];
	} one[SENT_MAX];
	size_t n; /* of all time; the newest are there */
};

/* Which report it is: that of the day that begins then, about the domain. */
void sent_id(int64_t begin, struct sv domain, uint8_t out[SENT_ID_BYTES]);
/* Pure. */
void sent_parse(struct sv text, struct sent *out);
/* From the working folder; a file that cannot be read is an empty one. */
void sent_load(struct sent *out);

bool sent_has(const struct sent *s, const uint8_t id[SENT_ID_BYTES]);
/* How many of them on that day. */
unsigned sent_on(const struct sent *s, int64_t day);
/* It is known from now on, and on the disk; else RC_NOSPACE or RC_IO. */
int sent_add(struct sent *s, const uint8_t id[SENT_ID_BYTES], int64_t when,
    struct err *err) RC_USE_RESULT;

#endif
