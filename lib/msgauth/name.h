/*
 * Domain names as the parts of message authentication compare them.  Pure.
 */
#ifndef MSGAUTH_NAME_H
#define MSGAUTH_NAME_H

#include <stdbool.h>

#include "dns/dns.h"

/*
 * In lower case, without a last dot, U-labels as A-labels [RFC 5890 2.3,
 * RFC 9989 5.3.1].  RC_SYNTAX: it is not a name of letters, digits, hyphens,
 * underscores; out is untouched then.
 */
int name_ascii(struct sv name, char out[DNS_NAME_MAX]) RC_USE_RESULT;

/* Is name the same as parent, or below it?  Both as of name_ascii. */
bool name_is_within(struct sv name, struct sv parent);

size_t name_labels(struct sv name);
/* The last n labels; all of it if it has no more. */
struct sv name_last(struct sv name, size_t n);

#endif
