/* What a process says of its last 24 hours in its status. */
#ifndef CMD_RUN_DAY_H
#define CMD_RUN_DAY_H

#include "base/tally.h"
#include "ipc/msg_control.h"

struct day {
	struct status_day said; /* points into the rest */
	uint64_t tally[TALLIES];
	struct status_event event[STATUS_EVENTS_MAX];
	char *text[STATUS_EVENTS_MAX];
};

void day_init(struct day *d);
void day_fini(struct day *d);

#endif
