/*
 * Work of the command line on what belongs to somebody else: an account's
 * folder, the spool.  It is done by a process of its own behind the same walls
 * as the server's process for it, because bytes of strangers are parsed.
 */
#ifndef CMD_COMMAND_CONFINE_H
#define CMD_COMMAND_CONFINE_H

#include "cmd/run/wiring.h"

/*
 * Forks, enters `folder` as the user of that role, and calls fn there; its
 * result is the process's exit code, and ours.  It has no terminal: what it
 * writes to standard output and error is passed on with its control characters
 * defused.  Folders that are open here are closed there; files and pipes stay.
 * `command` is for what goes wrong.
 */
int confined_run(const struct conf *conf, const char *command,
    const char *folder, enum role role, int (*fn)(void *arg), void *arg);

#endif
