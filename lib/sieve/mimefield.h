/* Inside lib/sieve only: the pieces of Content-Type and its like, which the
 * test "header :mime" looks at [RFC 5703 4.1]. */
#ifndef SIEVE_MIMEFIELD_H
#define SIEVE_MIMEFIELD_H

#include "sieve/match.h"

bool sieve_mimefield_wanted(const struct sieve_node *n);
enum sieve_flow sieve_mimefield_match(
    struct sieve_matcher *m, struct sv name, struct sv value);

/* "text/plain" of a Content-Type value, into slices of it; false: there is
 * none. */
bool sieve_content_type(struct sv value, struct sv *type, struct sv *subtype);

#endif
