/*
 * DKIM's canonicalisations [RFC 6376 3.4]: what of a message is signed.  With
 * "relaxed", blanks that mail hosts change on the way do not matter.  Pure.
 */
#ifndef MSGAUTH_CANON_H
#define MSGAUTH_CANON_H

#include "mail/field.h"

enum dkim_canon {
	DKIM_RELAXED,
	DKIM_SIMPLE
};

/*
 * A body, in pieces of any size; what comes out does not depend on where they
 * were cut.  Only CR LF ends a line: a CR or LF alone is a byte like others.
 *
 * Simple: empty lines at the end of the body fall away, and it ends with one
 * CR LF, even if nothing else is left.  Relaxed:
 *
 * - blanks at the end of a line fall away, those within become one space
 * - empty lines at the end of the body fall away
 * - what is left ends with CR LF, if anything is left
 */
struct dkim_body {
	void (*put)(void *arg, struct sv bytes);
	void *arg;
	enum dkim_canon canon;
	uint64_t ends; /* line ends not yet written: perhaps the body's end */
	bool blank;    /* the same for blanks within a line */
	bool cr;       /* the last byte was a CR */
	bool any;      /* something was written */
	size_t n;
	char out[4096]; /* gathered for put */
};

/* put gets the canonical body, in pieces. */
void dkim_body_init(struct dkim_body *b, enum dkim_canon canon,
    void (*put)(void *arg, struct sv bytes), void *arg);
void dkim_body_feed(struct dkim_body *b, struct sv bytes);
/* There is no more. */
void dkim_body_end(struct dkim_body *b);

/* A header field, appended without a line end: name in lower case, unfolded,
 * blanks as in a body, none at both ends of the value. */
void dkim_field_relaxed(const struct mail_field *f, struct buf *out);
/* The same in either form: simple is the field as it is. */
void dkim_field_canon(
    const struct mail_field *f, enum dkim_canon canon, struct buf *out);
/* The field without the value of a tag, which is a slice of f->whole: a
 * signature field without its b= [RFC 6376 3.7]. */
void dkim_field_without(const struct mail_field *f, struct sv value,
    enum dkim_canon canon, struct buf *out);

#endif
