/*
 * Case folding for searches that ignore case: the simple (one to one) part of
 * Unicode's folding, so Latin, Greek, Cyrillic, Armenian and so on, but no
 * "ss" for a sharp s.
 */
#ifndef BASE_FOLD_H
#define BASE_FOLD_H

#include "base/buf.h"

uint32_t fold_char(uint32_t cp);

/* A-Z onto a-z, all other bytes as they are; out has room for in.n bytes.
 * out == in.p is allowed. */
void fold_ascii(struct sv in, char *out);

/* UTF-8 folded and appended; bytes that are no UTF-8 stay as they are. */
void fold_utf8(struct sv in, struct buf *out);

#endif
