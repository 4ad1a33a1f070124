#include <stdlib.h>

#include "test/unit/pop3/suites.h"

int
main(void)
{
	Suite *s = suite_create("pop3");
	SRunner *r;
	int failed;

	suite_add_tcase(s, front_tests());
	suite_add_tcase(s, session_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
