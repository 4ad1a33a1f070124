/*
 * Mailbox names on the wire: modified UTF-7 [RFC 3501 5.1.3].
 *
 * Strict in both directions, so that every name has exactly one form and two
 * spellings never name one mailbox.  Refused are: bytes above 7 bit, control
 * characters, a shift that is not closed, an empty or superfluous shift
 * ("&AOk-&AOk-"), characters in a shift that have to stand for themselves,
 * bits left over, surrogates that do not pair.
 */
#ifndef IMAP_PARSE_UTF7_H
#define IMAP_PARSE_UTF7_H

#include "base/buf.h"

/* Appends UTF-8.  RC_SYNTAX; RC_TOOBIG if out is full. */
int imap_utf7_decode(struct sv in, struct buf *out) RC_USE_RESULT;
/* From valid UTF-8; what is not valid becomes U+FFFD. */
void imap_utf7_encode(struct sv in, struct buf *out);

#endif
