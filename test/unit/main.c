#include "test/unit/unit.h"

#include <signal.h>

int
main(void)
{
	SRunner *r = srunner_create(unit_suite());
	int failed;

	/* As all processes of the server do. */
	(void)signal(SIGPIPE, SIG_IGN);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
