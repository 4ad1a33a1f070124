/*
 * application/x-www-form-urlencoded: what a browser sends for a form, and what
 * is behind '?' in a path.  Pure; values are decoded strictly: a '%' without
 * two hexadecimal digits, or a NUL, makes the whole field RC_SYNTAX.
 */
#ifndef BASE_FORM_H
#define BASE_FORM_H

#include "base/buf.h"

#define FORM_NAME_MAX 64

/*
 * The next field: its name, and its value appended to *value.  RC_EOF: there is
 * none; RC_SYNTAX, RC_TOOBIG: this one cannot be read, the next one can.
 */
int form_next(
    struct sv *rest, char name[FORM_NAME_MAX], struct buf *value) RC_USE_RESULT;
/*
 * Appends the value of the first field of that name.  RC_NOTFOUND: there is
 * none; RC_SYNTAX; RC_TOOBIG: *value is full.  *value is unchanged then.
 */
int form_get(struct sv form, const char *name, struct buf *value) RC_USE_RESULT;
/*
 * Appends text without %XX, and with a blank for each '+' if plus_is_blank
 * (in an address a '+' stays).  RC_SYNTAX, RC_TOOBIG.
 */
int form_decode(
    struct sv text, bool plus_is_blank, struct buf *out) RC_USE_RESULT;
/* Appends text so that it can be a name or value of a form or a query. */
void form_encode(struct sv text, struct buf *out);

#endif
