/*
 * Inside lib/sieve only: values of the message against the keys of a test
 * [RFC 5228 2.7, 5231, 6134].
 *
 *	f = sieve_matcher_init(&m, r, n, keys);
 *	for each value, while f is FLOW_ON and not m.hit:
 *		f = sieve_matcher_value(&m, value);
 *	f = sieve_matcher_end(&m, f, &result);
 */
#ifndef SIEVE_MATCH_H
#define SIEVE_MATCH_H

#include "sieve/run.h"

struct sieve_matcher {
	struct sieve_run *r;
	const struct sieve_node *n;
	struct sieve_match how;
	struct sv *key; /* as they are compared */
	struct sv *as_written;
	size_t nkey;
	uint64_t count; /* of values */
	bool hit;
	bool quiet; /* no match variables are set [RFC 5173 6] */
};

enum sieve_flow sieve_matcher_init(struct sieve_matcher *m, struct sieve_run *r,
    const struct sieve_node *n, const struct sieve_value *keys);
enum sieve_flow sieve_matcher_value(struct sieve_matcher *m, struct sv value);
enum sieve_flow sieve_matcher_end(
    struct sieve_matcher *m, enum sieve_flow f, bool *out);

#endif
