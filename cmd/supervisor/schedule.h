/*
 * The daily backup: the supervisor starts `hearthmail backup` (job.h).  What it
 * prints is in the event of its end and, of a failure, in the status; and
 * tomorrow is another day.  A machine that sleeps at that time makes it when it
 * wakes.
 */
#ifndef CMD_SUPERVISOR_SCHEDULE_H
#define CMD_SUPERVISOR_SCHEDULE_H

#include <sys/types.h>

#include "cmd/supervisor/supervisor_priv.h"

struct schedule;

struct schedule *schedule_new(struct super *s);
void schedule_free(struct schedule **sp);
/* Takes note of a child that has ended; false: it was another. */
bool schedule_reap(struct schedule *sc, pid_t pid, int status);
/* When the last one failed, ms since 1970, and why; 0: it did not, or none was
 * made since the start. */
int64_t schedule_failed(const struct schedule *sc, const char **reason);
/* When it is due next, ms since 1970, in local time. */
int64_t schedule_next(int64_t now, uint32_t minute_of_day);

#endif
