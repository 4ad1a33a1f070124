/*
 * DKIM's relaxed canonicalisation [RFC 6376 3.4.2, 3.4.4]: what of a message
 * is signed, so that blanks that mail hosts change on the way do not matter.
 * Pure.
 */
#ifndef MSGAUTH_CANON_H
#define MSGAUTH_CANON_H

#include "mail/field.h"

/*
 * A body, in pieces of any size; what comes out does not depend on where they
 * were cut.  Only CR LF ends a line: a CR or LF alone is a byte like others.
 *
 * - blanks at the end of a line fall away, those within become one space
 * - empty lines at the end of the body fall away
 * - what is left ends with CR LF, if anything is left
 */
struct dkim_body {
	void (*put)(void *arg, struct sv bytes);
	void *arg;
	uint64_t ends; /* line ends not yet written: perhaps the body's end */
	bool blank;    /* the same for blanks within a line */
	bool cr;       /* the last byte was a CR */
	bool any;      /* something was written */
	size_t n;
	char out[1024]; /* gathered for put */
};

/* put gets the canonical body, in pieces. */
void dkim_body_init(
    struct dkim_body *b, void (*put)(void *arg, struct sv bytes), void *arg);
void dkim_body_feed(struct dkim_body *b, struct sv bytes);
/* There is no more. */
void dkim_body_end(struct dkim_body *b);

/* A header field, appended without a line end: name in lower case, unfolded,
 * blanks as in a body, none at both ends of the value. */
void dkim_field_relaxed(const struct mail_field *f, struct buf *out);

#endif
