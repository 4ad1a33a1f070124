/* Reports in a folder of a test's own, which is the working folder then. */
#ifndef TEST_UNIT_REPORT_FOLDER_H
#define TEST_UNIT_REPORT_FOLDER_H

#include "history/reports.h"

void folder_start(struct history_reports **out);
void folder_stop(struct history_reports **h);

#endif
