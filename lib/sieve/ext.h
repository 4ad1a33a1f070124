/* Inside lib/sieve only: the names of extensions. */
#ifndef SIEVE_EXT_H
#define SIEVE_EXT_H

#include "sieve/script.h"

/* RC_NOTFOUND: unknown, or not available here. */
int sieve_ext_find(struct sv name, enum sieve_ext *out) RC_USE_RESULT;
/* What a name stands for: itself and what it includes. */
uint64_t sieve_ext_all(enum sieve_ext e);
const char *sieve_ext_name(enum sieve_ext e);
/* The nearest known name; empty if there is none. */
struct sv sieve_ext_nearest(struct sv name);
/* The first of a set. */
enum sieve_ext sieve_ext_first(uint64_t set);

#endif
