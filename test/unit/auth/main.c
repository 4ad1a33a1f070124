#include <signal.h>
#include <stdlib.h>

#include "test/unit/auth/suites.h"

int
main(void)
{
	Suite *s = suite_create("auth");
	SRunner *r;
	int failed;

	suite_add_tcase(s, credentials_tests());
	suite_add_tcase(s, memory_tests());
	suite_add_tcase(s, server_tests());
	suite_add_tcase(s, signer_tests());
	/* As the supervisor does for all processes. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
