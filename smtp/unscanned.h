/*
 * Messages that could not be looked at for viruses: how often each has come in
 * vain.  Who sends it is asked to come again, but not for days: at the third
 * try, SMTP_UNSCANNED_WAIT_MS after the first, it is accepted, into Junk. Tries
 * that follow one another at once count once: the daemon, too, is to have had
 * time to come back.  And what has kept the daemon busy beyond all time is not
 * shown to it again for an hour, lest it be looked at several times side by
 * side; what is refused meanwhile is not a try.
 *
 * A message is known by its sender and its content; what is too much for the
 * daemon is too much whoever the recipient is.  Tries count for the same
 * recipients only: who sends one message to several people, each by itself, has
 * tried once for each of them.  A table that may forget: then counting begins
 * anew.
 */
#ifndef SMTP_UNSCANNED_H
#define SMTP_UNSCANNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sv.h"

#define SMTP_UNSCANNED_TRIES	3
#define SMTP_UNSCANNED_ROWS	1024
#define SMTP_UNSCANNED_AGAIN_MS ((int64_t)60 * 60 * 1000)
/* A quarter of it has to be between two tries. */
#define SMTP_UNSCANNED_WAIT_MS ((int64_t)20 * 60 * 1000)
#define SMTP_UNSCANNED_KEPT_MS ((int64_t)4 * 24 * 60 * 60 * 1000)

struct smtp_scanned; /* smtp/ops.h */
struct smtp_unscanned_id {
	uint64_t content; /* with the sender; 0: not known */
	uint64_t mail;	  /* with the recipients, too */
};

/* Times are clk_mono. */
struct smtp_unscanned_row {
	struct smtp_unscanned_id id;
	int64_t first;
	int64_t counted; /* the last that counted */
	int64_t last;
	int64_t rested; /* it may be looked at again */
	unsigned tries;
};

struct smtp_unscanned {
	struct smtp_unscanned_row row[SMTP_UNSCANNED_ROWS];
	size_t n;
	int64_t hurry_ms; /* of tests, for SMTP_UNSCANNED_WAIT_MS; 0: not */
};

/* It is the same whatever was put in front on its way, and in whatever order
 * the recipients are (of very many, those that m has). */
struct smtp_unscanned_id smtp_unscanned_id(
    const unsigned char secret[16], const struct smtp_scanned *m);
/* Is anything known?  What has not come for days is forgotten. */
bool smtp_unscanned_any(struct smtp_unscanned *u, int64_t now);
/* Is it to be left alone now? */
bool smtp_unscanned_rests(
    const struct smtp_unscanned *u, uint64_t content, int64_t now);
/* In vain; slow: it took too long.  True: often enough, for long enough. */
bool smtp_unscanned_failed(struct smtp_unscanned *u,
    struct smtp_unscanned_id id, int64_t now, bool slow);
/* It was looked at, for whomever. */
void smtp_unscanned_done(struct smtp_unscanned *u, uint64_t content);

#endif
