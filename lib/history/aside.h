/*
 * A database that cannot be read is set aside, so that people can look at it:
 * NAME.damaged, with its log NAME.damaged-wal, which holds what was written
 * last: "sqlite3 NAME.damaged .recover" reads both.  The one that was set aside
 * before becomes NAME.damaged.1, that one NAME.damaged.2, which is the last.
 */
#ifndef HISTORY_ASIDE_H
#define HISTORY_ASIDE_H

#include <stdint.h>

#define HISTORY_ASIDE_MAX 3

/* In the working folder.  The database is closed. */
void history_aside_put(const char *name);
/* Removes what was set aside before that, seconds since 1970. */
void history_aside_forget(const char *name, int64_t before);

#endif
