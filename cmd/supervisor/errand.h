/*
 * Commands that the supervisor runs for admin and web, which have neither files
 * nor power: each finds out what the owner would by typing it, says it in the
 * same words, and ends.  Which commands there are, and who may have what they
 * print, is one table; nothing of the asker's is in their words, and what they
 * print is passed on unread.
 *
 * One of each kind runs at a time, for all who ask meanwhile, and its output is
 * kept for those who are content with what is a little older.
 */
#ifndef CMD_SUPERVISOR_ERRAND_H
#define CMD_SUPERVISOR_ERRAND_H

#include <sys/types.h>

#include "cmd/supervisor/supervisor_priv.h"

struct errands;

struct errands *errands_new(struct super *s);
/* Those that run are ended. */
void errands_free(struct errands **e);
/* CTL_ERRAND. */
void errands_ordered(struct errands *e, struct proc *by, struct msg *m);
/* Takes note of a child that has ended; false: it was another. */
bool errands_reap(struct errands *e, pid_t pid, int status);

#endif
