#include "base/latency.h"

#include <stdatomic.h>

const uint64_t latency_bound[LATENCY_BUCKETS - 1] = {
    5, 25, 100, 500, 2500, 15000, 120000, 3600000};

static const char *const names[LATENCIES] = {"store", "send"};

static _Atomic uint64_t all[LATENCIES][LATENCY_NUMBERS];

const char *
latency_name(enum latency l)
{
	return names[l];
}

void
latency_add(enum latency l, int64_t ms)
{
	uint64_t took = ms > 0 ? (uint64_t)ms : 0; /* clocks are set back */
	unsigned i = 0;

	while (i < LATENCY_BUCKETS - 1 && took > latency_bound[i])
		i++;
	atomic_fetch_add_explicit(&all[l][i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &all[l][LATENCY_BUCKETS], took, memory_order_relaxed);
}

void
latency_get(enum latency l, uint64_t out[LATENCY_NUMBERS])
{
	unsigned i;

	for (i = 0; i < LATENCY_NUMBERS; i++)
		out[i] = atomic_load_explicit(&all[l][i], memory_order_relaxed);
}
