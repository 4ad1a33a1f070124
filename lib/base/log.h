/*
 * The log: one line per event,
 *
 *   2026-11-24T11:36:46.123Z info smtp[812] smtp.rcpt.reject sid=4f peer=...
 *
 * or the same as a JSON object a line, its keys those of the text behind the
 * fixed ones (time, level, process, pid, event); written with one write(2) to
 * descriptor 2, which the supervisor collects.
 * Event names are stable: operators and tests rely on them.  What came from
 * a peer goes through log_q().  Pure code (parsers) does not log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sv.h"

enum log_level {
	LOG_NOTHING = -1, /* for log_setup only */
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

/* The process's name in each line, and the least important level shown.  Where
 * descriptor 2 is the journal's, as JOURNAL_STREAM says, each line begins with
 * its priority, as in <4> [sd-daemon(3)]. */
void log_setup(const char *process, enum log_level level);
/* Does it?  For those whose lines another process copies to the journal. */
bool log_is_journal(void);
void log_set_journal(bool on);

/* The level alone, from any thread. */
void log_set_level(enum log_level level);

/* One JSON object a line instead of text. */
void log_set_json(bool on);

/* The newest errors and warnings of this process that need a look, the oldest
 * first: at most 8, without what is everyday (a host that defers mail), and of
 * what strangers can cause only the newest of each kind. */
void log_recent(
    void (*fn)(void *arg, enum log_level level, int64_t when, const char *text),
    void *arg);

void mlog(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * May another line be written that this peer has caused?  Each network may have
 * LOG_PEER_LINES a minute, and all together LOG_STRANGER_LINES, so that nobody
 * fills the disk or hides what matters.  *missed: how many lines of this peer
 * were left out since the last one.
 */
#define LOG_PEER_LINES	   20
#define LOG_STRANGER_LINES 600
bool log_peer_may(const char *peer, unsigned *missed);

#define LOG_Q_MAX 256
/*
 * Writes s into out as a quoted string safe for a terminal: bytes outside
 * printable ASCII as \xNN, quote and backslash escaped, cut with "..." when
 * too long.  Returns out, so that it can be used in mlog's arguments:
 *
 *   char q[LOG_Q_MAX];
 *   mlog(LOG_INFO, "smtp.helo", "name=%s", log_q(q, name));
 */
const char *log_q(char out[LOG_Q_MAX], struct sv s);

#endif
