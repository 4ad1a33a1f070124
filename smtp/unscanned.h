/*
 * Messages that could not be looked at for viruses: how often each has come in
 * vain.  Who sends it is asked to come again, but not for days: after
 * SMTP_UNSCANNED_TRIES it is accepted, into Junk.  And what has kept the daemon
 * busy beyond all time is not shown to it again for an hour, lest it be looked
 * at several times side by side.
 *
 * A message is known by its content, not by who sends it.  A table that may
 * forget: then counting begins anew.
 */
#ifndef SMTP_UNSCANNED_H
#define SMTP_UNSCANNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMTP_UNSCANNED_TRIES	3
#define SMTP_UNSCANNED_ROWS	1024
#define SMTP_UNSCANNED_AGAIN_MS ((int64_t)60 * 60 * 1000)

struct smtp_unscanned_row {
	uint64_t key;
	int64_t last;	/* clk_mono */
	int64_t rested; /* clk_mono: it may be looked at again */
	unsigned tries;
};

struct smtp_unscanned {
	struct smtp_unscanned_row row[SMTP_UNSCANNED_ROWS];
	size_t n;
};

/* Is it to be left alone now? */
bool smtp_unscanned_rests(
    const struct smtp_unscanned *u, uint64_t key, int64_t now);
/* In vain; slow: it took too long.  True: often enough. */
bool smtp_unscanned_failed(
    struct smtp_unscanned *u, uint64_t key, int64_t now, bool slow);
/* It was looked at. */
void smtp_unscanned_done(struct smtp_unscanned *u, uint64_t key);

#endif
