/*
 * The supervisor: the only process that starts others.  It holds the
 * configuration and the listening sockets, wires the processes together,
 * starts what dies, and reads no byte that comes from outside.
 */
#ifndef CMD_SUPERVISOR_SUPERVISOR_H
#define CMD_SUPERVISOR_SUPERVISOR_H

#include <sys/types.h>

#include "cmd/run/wiring.h"

struct supervisor_opts {
	const char *config; /* path of the YAML file */
	enum log_level_opt {
		LOG_LEVEL_NORMAL,
		LOG_LEVEL_DEBUG
	} level;
};

/* Runs until SIGTERM or SIGINT; returns the exit code. */
int supervisor_run(const struct supervisor_opts *o);

#endif
