/* Inside lib/sieve only: regular expressions, by PCRE2, which is loaded when
 * the first script needs it. */
#ifndef SIEVE_REGEX_H
#define SIEVE_REGEX_H

#include "base/buf.h"
#include "sieve/sieve.h"

struct sieve_regex_span {
	size_t start, end; /* SIZE_MAX: took no part */
};

/*
 * RC_OK, RC_SYNTAX, RC_TOOBIG with a reason.  ignore_case: of ASCII letters
 * and others.  Freed by sieve_regex_free.
 */
int sieve_regex_compile(struct sv pattern, bool ignore_case, void **out,
    struct err *err) RC_USE_RESULT;
void sieve_regex_free(void *code);
/* The CPU time of a run's expressions, in nanoseconds since the clock was first
 * looked at, which only long ones do; should counting ever miss something. */
struct sieve_regex_time {
	uint64_t items, start, max;
};

/*
 * RC_OK: found, with at most max spans, of which the first is all of it;
 * RC_NOTFOUND: not; RC_TOOBIG: it takes too much.  *work: what it may take,
 * then what it took, in about nanoseconds.
 */
int sieve_regex_match(const void *code, struct sv text, uint64_t *work,
    struct sieve_regex_time *time, struct sieve_regex_span *span, size_t max,
    size_t *n_out) RC_USE_RESULT;

#endif
