/*
 * How long things have taken since this process was started, as histograms.
 * From any thread; one addition costs three of a processor's.
 */
#ifndef BASE_LATENCY_H
#define BASE_LATENCY_H

#include <stdint.h>

enum latency {
	/* From a delivery that smtp or submission asks for until the account
	 * has it on the disk. */
	LATENCY_STORE,
	/* From a message's arrival in the queue until a recipient's host has
	 * taken it. */
	LATENCY_SEND,
	LATENCIES
};

/* Upper ends, in ms; the last has none. */
#define LATENCY_BUCKETS 9
extern const uint64_t latency_bound[LATENCY_BUCKETS - 1];

/* What latency_get writes: how many in each bucket, not cumulated, and the sum
 * of all in ms. */
#define LATENCY_NUMBERS (LATENCY_BUCKETS + 1)

const char *latency_name(enum latency l);
void latency_add(enum latency l, int64_t ms);
void latency_get(enum latency l, uint64_t out[LATENCY_NUMBERS]);

#endif
