/*
 * The header of a submitted message, on its way through: checked and
 * completed.  Pure.
 */
#ifndef SMTP_SUBMIT_H
#define SMTP_SUBMIT_H

#include "mail/field.h"

/* [RFC 6409 6, 8] room for ten thousand recipients in To */
#define SMTP_SUBMIT_HEADER_MAX (2u << 20)
/* What is added to it at most. */
#define SMTP_SUBMIT_ADDED_MAX 4096

struct smtp_submit {
	struct buf header; /* and the text that came with its last bytes */
	struct mail_header_scan scan;
	bool over;    /* the header was seen whole */
	bool too_big; /* it is larger than the limit */
};

void smtp_submit_init(struct smtp_submit *f);
void smtp_submit_fini(struct smtp_submit *f);
/* Collects; true when the header is complete or too big: then call
 * smtp_submit_edit, and those of the bytes that were not taken are in *rest. */
bool smtp_submit_feed(struct smtp_submit *f, struct sv bytes, struct sv *rest);
/* The message is over, and nothing was found to end its header. */
void smtp_submit_end(struct smtp_submit *f);
/* The beginning of the body, as far as it was taken; *rest goes behind it. */
struct sv smtp_submit_text(const struct smtp_submit *f);

struct smtp_submit_args {
	const char *hostname;
	int64_t now;	   /* seconds */
	const uint8_t *id; /* 16 bytes, for the Message-ID */
	/* May the account write as that address? */
	bool (*may_send)(void *arg, struct sv address);
	void *arg;
};

/*
 * Writes the completed header to out, with the empty line at its end, also
 * where there was none: its fields are byte for byte those that came, without
 * Bcc, Return-Path and Authentication-Results in our name; Date and Message-ID
 * are added where they are missing.
 * RC_DENIED: From (or Sender) is not the account's, nor Resent-From, *err names
 * the address; RC_SYNTAX: there is no usable From.
 */
int smtp_submit_edit(struct smtp_submit *f, const struct smtp_submit_args *a,
    struct buf *out, struct err *err) RC_USE_RESULT;

#endif
