/* A report in one text, for comparison. */
#ifndef TEST_UNIT_REPORT_DUMP_H
#define TEST_UNIT_REPORT_DUMP_H

#include "report/record.h"

void dump(const struct report_record *r, struct buf *out);

#endif
