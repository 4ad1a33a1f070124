/*
 * A set of 32-bit numbers kept as sorted, disjoint, non-touching ranges: UID
 * sets, sequence sets, what was copied where.  Cheap for what mail programs
 * ask (1:*, a few ranges, thousands in a row).
 */
#ifndef BASE_RANGESET_H
#define BASE_RANGESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct range {
	uint32_t lo, hi; /* both included, lo <= hi */
};

struct rangeset {
	struct range *r;
	size_t n;
	size_t cap;
};

#define RANGESET_EMPTY ((struct rangeset){NULL, 0, 0})

void rangeset_fini(struct rangeset *s);
/* Keeps the memory. */
void rangeset_reset(struct rangeset *s);
/* Adds lo to hi; the two may come in any order.  Appending in rising order
 * takes constant time. */
void rangeset_add(struct rangeset *s, uint32_t lo, uint32_t hi);
bool rangeset_has(const struct rangeset *s, uint32_t v);
uint64_t rangeset_count(const struct rangeset *s);
/* The smallest member >= v into *out; false if there is none. */
bool rangeset_next(const struct rangeset *s, uint32_t v, uint32_t *out);
/* Keeps only what is in b, too. */
void rangeset_intersect(struct rangeset *a, const struct rangeset *b);
void rangeset_copy(struct rangeset *dst, const struct rangeset *src);
/* "1:3,5" [RFC 3501 9, sequence-set]; nothing for the empty set. */
void rangeset_print(const struct rangeset *s, struct buf *out);

#endif
