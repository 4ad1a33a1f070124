#include <signal.h>
#include <stdlib.h>

#include "test/unit/mx/suites.h"

int
main(void)
{
	Suite *s = suite_create("mx");
	SRunner *r;
	int failed;

	suite_add_tcase(s, reply_tests());
	suite_add_tcase(s, route_tests());
	suite_add_tcase(s, service_tests());
	suite_add_tcase(s, stuff_tests());
	suite_add_tcase(s, client_tests());
	suite_add_tcase(s, deliver_tests());
	/* As the supervisor does for all processes. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
