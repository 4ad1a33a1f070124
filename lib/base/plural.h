/*
 * Numbers before nouns, for people: printf("%u message%s", n, plural(n)).
 * Where more than the noun changes, each() chooses the word.
 */
#ifndef BASE_PLURAL_H
#define BASE_PLURAL_H

#include <stdint.h>

static inline const char *
each(uint64_t n, const char *one, const char *others)
{
	return n == 1 ? one : others;
}

static inline const char *
plural(uint64_t n)
{
	return each(n, "", "s");
}

#endif
