/*
 * Case folding for searches that ignore case: Unicode's full folding of
 * decomposed text, so that "STRASSE" is found by "Straße", a letter with its
 * mark in one character by the same in two, and by the letter alone, a ligature
 * by its letters: what i;unicode-casemap asks for [RFC 5051 2].  Marks of one
 * letter stay in the order that they are written in.
 */
#ifndef BASE_FOLD_H
#define BASE_FOLD_H

#include "base/buf.h"

/* A-Z onto a-z, all other bytes as they are; out has room for in.n bytes.
 * out == in.p is allowed. */
void fold_ascii(struct sv in, char *out);

/* UTF-8 folded and appended, at most four times as long; bytes that are no
 * UTF-8 stay as they are. */
void fold_utf8(struct sv in, struct buf *out);

#endif
