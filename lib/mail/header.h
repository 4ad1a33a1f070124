/*
 * Header fields, one after the other [RFC 5322 2.2, 3.6.8].  Pure.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/buf.h"

struct mail_field {
	struct sv name;	 /* without blanks before the colon */
	struct sv value; /* with its folding, without the last line break */
	struct sv whole; /* all of it, line break included */
};

/*
 * Cuts the next field off *header; false at the end or at the empty line.
 * Lines end with LF, with or without CR.  A line that is no field (no colon,
 * or blanks in the name) is skipped with what is folded below it.
 */
bool mail_field_next(struct sv *header, struct mail_field *out);
/* The first field of that name. */
bool mail_field_find(struct sv header, struct sv name, struct mail_field *out);
/* The value on one line [RFC 5322 2.2.3]. */
void mail_unfold(struct sv value, struct buf *out);

#endif
