/*
 * Our own reports, pure: what we have seen of mail in a domain's name, as an
 * aggregate report [RFC 9990] and as the mail that brings it.
 */
#ifndef REPORT_FEEDBACK_H
#define REPORT_FEEDBACK_H

#include "ipc/msg_report.h"

/* Who reports. */
struct feedback_sender {
	const char *hostname;
	const char *domain; /* ours, in whose name: postmaster@ there writes */
	int64_t now;	    /* seconds */
	const uint8_t *id;  /* 16 bytes, for the Message-ID */
};

/* The document.  Texts that are not valid come out repaired. */
void feedback_xml(const struct feedback_due *f,
    const struct feedback_sender *who, struct buf *out);

/* The whole mail to `to`, lines ending with CR LF; f->id says which report it
 * is, so that two copies are known to be one. */
void feedback_mail(const struct feedback_due *f,
    const struct feedback_sender *who, struct sv to, struct buf *out);

/*
 * The addresses of a rua= tag, pure: takes the next URI off *list.  true: it is
 * a mailto: with one plain address, which is appended to out; a size behind it
 * ("!10m", of older records) does not count.
 */
bool feedback_next_uri(struct sv *list, bool *usable, struct buf *out);

#endif
