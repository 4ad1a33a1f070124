/* The data folder: what has to be on the disk before any process starts. */
#ifndef CMD_SUPERVISOR_DATADIR_H
#define CMD_SUPERVISOR_DATADIR_H

#include "cmd/supervisor/users.h"
#include "conf/conf.h"

/* Makes the data folder and all below it with the right owners, and a
 * self-signed certificate where none is configured.  What is there stays. */
int folders_make(const struct conf *conf,
    const struct super_user user[ROLE_COUNT], struct err *err) RC_USE_RESULT;

#endif
