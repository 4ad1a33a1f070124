#include "test/unit/report/folder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMPLATE "/tmp/hearthmail-unit-reports.XXXXXX"

static char dir[sizeof TEMPLATE];

void
folder_start(struct history_reports **out)
{
	struct err err;

	memcpy(dir, TEMPLATE, sizeof dir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(history_reports_open(out, &err), RC_OK);
}

void
folder_stop(struct history_reports **h)
{
	static const char *const names[] = {HISTORY_REPORTS_NAME,
	    HISTORY_REPORTS_NAME "-wal", HISTORY_REPORTS_NAME ".damaged"};
	size_t i;

	history_reports_close(h);
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		(void)unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	(void)rmdir(dir);
}
