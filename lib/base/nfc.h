/*
 * Unicode's normalisation form C [RFC 5198 3, UAX #15]: of several ways to
 * write a character the one with as few code points as there are.
 */
#ifndef BASE_NFC_H
#define BASE_NFC_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Is it UTF-8 in form C?  Characters younger than the library's tables are
 * taken to stand for themselves.  False, too, if memory runs out; for short
 * texts such as names: it takes several times their size for a moment.
 */
bool nfc_is(struct sv s);
/* Appends it in form C; as it is if that cannot be made. */
void nfc_put(struct sv s, struct buf *out);

#endif
