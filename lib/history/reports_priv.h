/* Inside lib/history: the file of reports. */
#ifndef HISTORY_REPORTS_PRIV_H
#define HISTORY_REPORTS_PRIV_H

#include <sqlite3.h>

#include "base/arena.h"
#include "history/reports.h"

enum reports_query {
	R_ADD,
	R_COUNT_ALL,
	R_COUNT_STRANGERS,
	R_COUNT_SENDER,
	R_DROP_OLDEST,
	R_DROP_STRANGER,
	R_DROP_SENDER,
	R_PRUNE,
	R_FIND,
	QUERIES
};

struct history_reports {
	sqlite3 *h;
	sqlite3_stmt *q[QUERIES];
};

#endif
