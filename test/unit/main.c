#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/rc.h"
#include "test/unit/unit.h"

#define FILES_MAX 32

/* Only a test that hangs takes so long, with sanitizers and on a busy machine,
 * too.  Check's own limit is 4 s. */
#define HANGS_SECONDS "900"

static TCase *(*files[FILES_MAX])(void);
static size_t nfiles;

void
unit_add(TCase *(*tests)(void))
{
	must(nfiles < FILES_MAX);
	files[nfiles++] = tests;
}

int
main(void)
{
	Suite *s = suite_create("unit");
	SRunner *r;
	int failed;

	/* As all processes of the server do. */
	(void)signal(SIGPIPE, SIG_IGN);
	must(setenv("CK_DEFAULT_TIMEOUT", HANGS_SECONDS, 0) == 0);
	if (unit_start != NULL)
		unit_start();
	for (size_t i = 0; i < nfiles; i++)
		suite_add_tcase(s, files[i]());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	/* A folder without tests is a mistake. */
	failed = srunner_ntests_failed(r) + (srunner_ntests_run(r) == 0);
	srunner_free(r);
	return failed != 0;
}
