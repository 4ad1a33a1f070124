/* A report in one text, for comparison. */
#ifndef TEST_UNIT_REPORT_DUMP_H
#define TEST_UNIT_REPORT_DUMP_H

#include "report/record.h"

void dump(const struct report_record *r, struct buf *out);

/* One row of a reader's table: what it makes of the document, or says. */
typedef int dump_read_fn(
    struct report_builder *b, struct sv document, struct err *err);
struct dump_row {
	const char *name, *document;
	int rc;
	const char *want; /* the dump, or the error's text */
};
void dump_check(dump_read_fn *read, const struct dump_row *row);

#endif
