/* The service users that processes and files belong to. */
#ifndef CMD_SUPERVISOR_USERS_H
#define CMD_SUPERVISOR_USERS_H

#include <sys/types.h>

#include "cmd/run/wiring.h"

struct super_user {
	uid_t uid;
	gid_t gid;
};

/*
 * One for each role: the service users as root; ourselves otherwise.  *change:
 * processes are to change to them.  *how: a sentence for the log, static.
 */
void users_find(
    struct super_user user[ROLE_COUNT], bool *change, const char **how);

#endif
