/* Inside lib/sieve only: comparators and patterns.  Pure. */
#ifndef SIEVE_COMPARE_H
#define SIEVE_COMPARE_H

#include "sieve/script.h"

/*
 * A text as a comparator sees it: for i;octet as it is, else folded, so that
 * equal bytes are what is equal.  map, if it is not NULL, has for each byte of
 * out the place in `in` of the character that it comes from, and one more for
 * the end.
 */
void sieve_prepare(
    enum sieve_comparator c, struct sv in, struct buf *out, uint32_t **map);

/* The same for i;ascii-casemap: out has room for as many bytes as `in`. */
void sieve_prepare_ascii(struct sv in, char *restrict out);

/* Of two prepared texts; < 0, 0, > 0. */
int sieve_compare(enum sieve_comparator c, struct sv a, struct sv b);
/*
 * Is it somewhere in the text?  *work grows by what that took, in about
 * nanoseconds.
 */
bool sieve_contains(struct sv text, struct sv key, uint64_t *work);
bool sieve_relation_holds(enum sieve_relation rel, int compared);

/*
 * A pattern with "*" and "?" [RFC 5228 2.7.1] against all of a prepared text.
 * span gets what the wildcards stand for, in offsets of the prepared text, at
 * most max of them; each as short as possible, from the left.  *work grows by
 * what was looked at, and when it exceeds work_max, the answer is false.
 */
struct sieve_glob_span {
	size_t start, end;
};
struct sieve_glob {
	struct sv text, pattern;
	const uint32_t *map; /* NULL: a byte is a character */
	struct sieve_glob_span *span;
	size_t max, n;
	uint64_t work, work_max;
};
bool sieve_glob(struct sieve_glob *g);

#endif
