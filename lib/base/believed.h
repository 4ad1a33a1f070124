/*
 * The time by which something is too old to be kept.  A wall clock may be years
 * ahead, at a boot or later, until it is set: one that has leapt is believed
 * only once it has stayed there for hours of a clock that does not step; until
 * then time goes on as it was.  What is believed outlives the process.  Pure.
 */
#ifndef BASE_BELIEVED_H
#define BASE_BELIEVED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* A machine that was off for a weekend has not leapt. */
#define BELIEVED_LEAP_MS   (3LL * 24 * 60 * 60 * 1000)
#define BELIEVED_SETTLE_MS (6LL * 60 * 60 * 1000)

struct believed {
	int64_t time; /* what was believed at `mono`; 0: nothing yet */
	int64_t mono;
	int64_t ahead; /* since then, of clk_mono, it is; 0: it is not */
	/* The machine was started anew since then, and nobody knows when: who
	 * looks only now and then may find it far ahead though it has not
	 * leapt. */
	bool anew;
};

/* The time, in ms since 1970.  wall, mono: clk_now(), clk_mono(). */
int64_t believed_look(struct believed *c, int64_t wall, int64_t mono);

/*
 * As a line of text, for who lives shorter than that: "TIME MONO AHEAD", and
 * " 1" behind it for anew.  What an earlier process has written goes on from
 * there, as long as the machine has not been started anew since then.
 */
void believed_print(const struct believed *c, struct buf *out);
int believed_parse(
    struct sv line, int64_t mono, struct believed *out) RC_USE_RESULT;

#endif
