/*
 * Base64 [RFC 4648 4], strict: for protocols.  (MIME bodies have a decoder
 * of their own that takes what it can get.)
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/*
 * libsodium's, which takes the same time whatever the text is: passwords come
 * so.  Appends the decoded bytes.  RC_SYNTAX for anything that an encoder would
 * not have written: foreign characters, line breaks, missing or misplaced
 * padding, bits left over.  RC_TOOBIG if out is full.
 */
int base64_decode(struct sv in, struct buf *out) RC_USE_RESULT;
/* With padding, without line breaks; asks for a byte more than it appends. */
void base64_encode(struct sv in, struct buf *out);

#endif
