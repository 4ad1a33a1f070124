/*
 * Does this process see a file, and may it write into a folder?  What it does
 * not see others may see very well: the service has a view of its own
 * (cmd/supervisor/unit.h).
 */
#ifndef CMD_SUPERVISOR_LOOK_H
#define CMD_SUPERVISOR_LOOK_H

#include "base/rc.h"
#include "ipc/msg.h"

enum look_for {
	LOOK_READ, /* a file */
	LOOK_WRITE /* into a folder, or where it is to be made */
};

/* false: *err names the path and says why not, with the remedy if the unit is
 * why. */
bool look_at_path(enum look_for what, const char *path, struct err *err);
/* A sentence of the unit behind what is said of a path that this process cannot
 * use, if the unit is why. */
void look_explain(enum look_for what, const char *path, struct err *err);
/* Answers a CMD_LOOK on fd. */
void look_answer(int fd, struct msg *m);
/* Where the unit is, for unit_read. */
const char *look_root(void);

#endif
