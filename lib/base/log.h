/*
 * The log: one line an event,
 *
 *   2026-11-24T11:36:46.123Z info smtp[812] smtp.rcpt.reject sid=4f peer=...
 *
 * written with one write(2) to descriptor 2, which the supervisor collects.
 * Event names are stable: operators and tests rely on them.  What came from
 * a peer goes through log_q().  Pure code (parsers) does not log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/sv.h"

enum log_level {
	LOG_NOTHING = -1, /* for log_setup only */
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

/* The process's name in each line, and the least important level shown. */
void log_setup(const char *process, enum log_level level);

void mlog(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG_Q_MAX 256
/*
 * Writes s into out as a quoted string safe for a terminal: bytes outside
 * printable ASCII as \xNN, quote and backslash escaped, cut with "..." when
 * too long.  Returns out, so that it can stand in mlog's arguments:
 *
 *   char q[LOG_Q_MAX];
 *   mlog(LOG_INFO, "smtp.helo", "name=%s", log_q(q, name));
 */
const char *log_q(char out[LOG_Q_MAX], struct sv s);

#endif
