/*
 * UTF-8 [RFC 3629]: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

bool utf8_valid(struct sv s);
/* True if any byte has its high bit set. */
bool utf8_has_8bit(struct sv s);
/* The next code point of *s, cut off it; RC_SYNTAX cuts one bad byte off. */
int utf8_next(struct sv *s, uint32_t *cp_out);
void utf8_put(struct buf *out, uint32_t cp);
/* Copies s; each byte that belongs to no valid character becomes U+FFFD. */
void utf8_repair(struct buf *out, struct sv s);

#endif
