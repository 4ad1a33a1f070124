/*
 * Inside lib/sieve only: what strings may have in them: "${hex:40}"
 * [RFC 5228 2.4.2.4] and "${name}" [RFC 5229 3].
 */
#ifndef SIEVE_TEXT_H
#define SIEVE_TEXT_H

#include "sieve/script.h"

#define SIEVE_MATCHES_MAX  32 /* "${1}" to ... [RFC 5229 6] */
#define SIEVE_VARIABLE_MAX 64 /* bytes of a variable's name */

/* Decodes ${hex:...} and ${unicode:...}; RC_SYNTAX: a character that does not
 * exist. */
int sieve_text_decode(
    struct arena *a, struct sv in, struct sv *out) RC_USE_RESULT;

/* The next reference to a variable in *s. */
struct sieve_ref {
	struct sv before; /* the text in front of it */
	struct sv space;  /* the first part of a namespace; empty: none */
	bool deep;	  /* there are more parts */
	struct sv name;	  /* an identifier, or digits */
	bool digits;
	uint64_t number; /* of digits; UINT64_MAX: too large */
};
/* Cuts it off *s; false: there is none, *s is as it was. */
bool sieve_ref_next(struct sv *s, struct sieve_ref *out);

/* Is it an identifier, all of it? */
bool sieve_is_identifier(struct sv s);

#endif
