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

/*
 * Is it about a domain, for no more addresses than may get one, each in the
 * form of mail_path_plain?  Both become header fields and commands.
 */
bool feedback_is_sound(const struct feedback_due *f);

/* The whole mail to `to`, lines ending with CR LF; who->id tells which copy it
 * is.  RC_SYNTAX: f->policy.domain or `to` is not what feedback_is_sound asks
 * for; out is as it was. */
int feedback_mail(const struct feedback_due *f,
    const struct feedback_sender *who, struct sv to,
    struct buf *out) RC_USE_RESULT;

/*
 * The addresses of a rua= tag, pure: takes the next URI off *list.  true: it is
 * a mailto: with one plain address, which is appended to out; a size behind it
 * ("!10m", of older records) does not count.
 */
bool feedback_next_uri(struct sv *list, bool *usable, struct buf *out);

#endif
