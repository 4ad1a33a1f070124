/*
 * The time by which something is too old to be kept.  A wall clock may be years
 * ahead, at a boot or later, until it is set: one that has leapt is believed
 * only once it has stayed there for hours of a clock that does not step; until
 * then time goes on as it was.  What is believed outlives the process.  Pure.
 */
#ifndef HISTORY_CLOCK_H
#define HISTORY_CLOCK_H

#include <stdint.h>

/* A machine that was off for a weekend has not leapt. */
#define HISTORY_CLOCK_LEAP_MS	(3LL * 24 * 60 * 60 * 1000)
#define HISTORY_CLOCK_SETTLE_MS (6LL * 60 * 60 * 1000)

struct history_clock {
	int64_t time; /* what was believed at `mono`; 0: nothing yet */
	int64_t mono;
	int64_t ahead; /* since then, of clk_mono, it is; 0: it is not */
};

/* The time, in ms since 1970.  wall, mono: clk_now(), clk_mono(). */
int64_t history_clock_look(struct history_clock *c, int64_t wall, int64_t mono);

#endif
