/*
 * The two clocks.  Timers and deadlines use clk_mono(), dates use clk_now().
 * Tests move the wall clock with clk_set_offset().
 */
#ifndef BASE_CLK_H
#define BASE_CLK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC. */
int64_t clk_now(void);
/* Milliseconds from an arbitrary start; never steps. */
int64_t clk_mono(void);
/* Added to clk_now() from here on, in this process only. */
void clk_set_offset(int64_t ms);

struct clk_tm {
	int year, month, day; /* month 1-12, day 1-31 */
	int hour, minute, second;
	int weekday; /* 0 = Sunday */
};

/* Civil time of `secs` since 1970, proleptic Gregorian, any 64-bit input
 * between the years 0 and 9999; outside it is clamped. */
void clk_civil(int64_t secs, struct clk_tm *out);
/* The reverse; fields need not be in range (day 32 is the next month's). */
int64_t clk_secs(const struct clk_tm *t);

#endif
