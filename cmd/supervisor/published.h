/*
 * Our names in the DNS, looked at once a day: the supervisor starts
 * `hearthmail dns --brief`, which looks them up behind walls, and keeps the few
 * lines that it prints for the status.  Off: dns.check.
 */
#ifndef CMD_SUPERVISOR_PUBLISHED_H
#define CMD_SUPERVISOR_PUBLISHED_H

#include <sys/types.h>

#include "base/sv.h"
#include "cmd/supervisor/supervisor_priv.h"

#define PUBLISHED_FIRST_MS (5 * 60 * 1000LL) /* after the start */
#define PUBLISHED_AGAIN_MS (24 * 60 * 60 * 1000LL)

struct published;

/* first_ms: when to look for the first time. */
struct published *published_new(struct super *s, int64_t first_ms);
void published_free(struct published **n);
/* There is a new configuration: they are looked at before long. */
void published_again(struct published *n);
/* Takes note of a child that has ended; false: it was another. */
bool published_reap(struct published *n, pid_t pid, int status);
/* What was wrong the last time, a line each; empty: nothing, or it is not known
 * yet.  when: of that time, ms since 1970; 0: none yet. */
struct sv published_trouble(const struct published *n, int64_t *when);

#endif
