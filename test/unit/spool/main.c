#include <signal.h>
#include <stdlib.h>

#include "test/unit/spool/suites.h"

int
main(void)
{
	Suite *s = suite_create("spool");
	SRunner *r;
	int failed;

	suite_add_tcase(s, listing_tests());
	suite_add_tcase(s, report_tests());
	suite_add_tcase(s, sched_tests());
	suite_add_tcase(s, service_tests());
	suite_add_tcase(s, spool_tests());
	/* As the supervisor does for all processes. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
