/* Inside lib/sieve only: the grammar [RFC 5228 8.2]. */
#ifndef SIEVE_PARSE_H
#define SIEVE_PARSE_H

#include "sieve/script.h"

/* The commands of a text, in the script's arena.  RC_SYNTAX, RC_TOOBIG: the
 * first error has been added. */
int sieve_parse(struct sv text, struct sieve_script *script,
    struct sieve_errors *errors, struct sieve_node **out) RC_USE_RESULT;

#endif
