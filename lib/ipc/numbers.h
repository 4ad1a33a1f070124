/*
 * What processes say of themselves in figures, beside the words of their
 * status: counters since their start, and what there is now.  Each is known by
 * its number on a line (ctl_status), and by its row in the table for whoever
 * shows it.
 */
#ifndef IPC_NUMBERS_H
#define IPC_NUMBERS_H

#include "base/latency.h"
#include "ipc/msg_history.h"

#define NUMBER_QUEUE_STATES 6 /* enum queue_state */

enum number {
	NUMBER_MAIL = 0,			     /* + enum history_count */
	NUMBER_QUEUE = NUMBER_MAIL + HISTORY_COUNTS, /* + enum queue_state */
	NUMBER_LATENCY = NUMBER_QUEUE + NUMBER_QUEUE_STATES,
	/* + LATENCY_NUMBERS * enum latency */
	NUMBERS = NUMBER_LATENCY + LATENCIES * LATENCY_NUMBERS
};

#endif
