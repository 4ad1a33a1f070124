/*
 * A protocol trace of one account or one peer, asked for while the server
 * runs: what both sides say, a line of the log each.  Passwords are masked,
 * and of what is long (bodies) only the beginning is shown.
 *
 * Off, it costs one load of an atomic flag for each read and write.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sv.h"

#define TRACE_NAME_MAX 64

/*
 * Traces connections of that account, or from or to that address ("192.0.2.1")
 * or host, for so many milliseconds; one thing at a time.  Empty: nothing.
 */
void trace_set(struct sv what, int64_t ms);

/* Of a connection; begins as zeros. */
struct trace_state {
	char secret;  /* the direction whose next line is a password, or 0 */
	bool open[2]; /* in, out: the last bytes ended within a line */
};

bool trace_is_on(void);
/*
 * If this connection is to be traced: bytes that came in ('<') or go out
 * ('>').  Either name may be
 * NULL.  Of a line that comes in pieces only the first is shown: what is a
 * password is known by how its line begins.
 */
void trace_bytes(struct trace_state *t, const char *account, const char *peer,
    char direction, struct sv bytes);

/* A line of a protocol as it may be shown; pure.  out has room for
 * LOG_Q_MAX bytes. */
const char *trace_mask(
    struct trace_state *t, char direction, struct sv line, char *out);

#endif
