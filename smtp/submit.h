/*
 * The header of a submitted message, on its way through: checked and
 * completed.  Pure.
 */
#ifndef SMTP_SUBMIT_H
#define SMTP_SUBMIT_H

#include "base/buf.h"

/* [RFC 6409 6, 8] */
#define SMTP_SUBMIT_HEADER_MAX (256u * 1024)

struct smtp_submit {
	struct buf header;
	bool over;    /* the header was seen whole and edited */
	bool too_big; /* it is larger than the limit */
};

void smtp_submit_init(struct smtp_submit *f);
void smtp_submit_fini(struct smtp_submit *f);
/* Collects; true when the header is complete: then call smtp_submit_edit,
 * and the rest of the bytes is in *rest. */
bool smtp_submit_feed(struct smtp_submit *f, struct sv bytes, struct sv *rest);

struct smtp_submit_args {
	const char *hostname;
	int64_t now;	   /* seconds */
	const uint8_t *id; /* 16 bytes, for the Message-ID */
	/* May the account write as that address? */
	bool (*may_send)(void *arg, struct sv address);
	void *arg;
};

/*
 * Writes the completed header to out: Date and Message-ID added where they are
 * missing, Bcc and Return-Path removed, and lines that are no field. RC_DENIED:
 * From (or Sender) is not the account's, *err names the address; RC_SYNTAX:
 * there is no usable From.
 */
int smtp_submit_edit(struct smtp_submit *f, const struct smtp_submit_args *a,
    struct buf *out, struct err *err) RC_USE_RESULT;

#endif
