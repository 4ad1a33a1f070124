/* An account's folder that was copied from a backup, by `restore` or by
 * `backup --verify`: what has to be done before a server may open it. */
#ifndef CMD_COMMAND_RESTORED_H
#define CMD_COMMAND_RESTORED_H

#include "conf/conf.h"

/* As the account's user, in `folder`: begins a new epoch.  An exit code;
 * `command` is for what goes wrong. */
int restored_begin_anew(
    const struct conf *conf, const char *command, const char *folder);
/* Likewise: brings back what is left of an account of which a file was bad. */
int restored_mend(
    const struct conf *conf, const char *command, const char *folder);

#endif
