/*
 * What the processes log.  Each has a pipe of its own, which the supervisor
 * copies, line by line, to where its own log goes: so none can close the log
 * of the others, write lines in another's name, tear theirs, put anything but
 * text before a terminal, or fill the log up.  When we are slow, lines are
 * lost rather than mail held up.
 */
#ifndef CMD_SUPERVISOR_CHILD_LOG_H
#define CMD_SUPERVISOR_CHILD_LOG_H

#include <sys/types.h>

#include "base/ev.h"

struct child_logs; /* of all processes */
struct child_log;

struct child_logs *child_logs_new(struct ev_loop *loop);
/* Copies what is left, and frees all of them. */
void child_logs_free(struct child_logs **h);

/*
 * A pipe for a process of that name; *fd_out is the end that it gets as its
 * descriptor 2, the caller's to close.  NULL with errno: no descriptors.
 */
struct child_log *child_log_new(
    struct child_logs *h, const char *process, int *fd_out);
/* Lines are its own only if they say so: without, none is. */
void child_log_set_pid(struct child_log *l, pid_t pid);
/* It has ended: copies its last words.  NULL-safe. */
void child_log_end(struct child_log **l);

#endif
