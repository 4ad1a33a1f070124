/* A folder of a test's own, away from where it was started. */
#ifndef TEST_UNIT_FOLDER_H
#define TEST_UNIT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rc.h"

#define UNIT_FOLDER_MAX 64
#define UNIT_TMP_MAX	32 /* names of sockets in it must be short */

/* Makes "/tmp/NAME-test-XXXXXX", or in TMPDIR. */
static inline void
unit_folder(char out[UNIT_FOLDER_MAX], const char *name)
{
	const char *tmp = getenv("TMPDIR");
	int n;

	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > UNIT_TMP_MAX)
		tmp = "/tmp";
	n = snprintf(out, UNIT_FOLDER_MAX, "%s/%s-test-XXXXXX", tmp, name);
	must(n > 0 && n < UNIT_FOLDER_MAX);
	must(mkdtemp(out) != NULL);
}

#endif
