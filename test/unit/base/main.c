#include <stdlib.h>

#include "test/unit/base/suites.h"

int
main(void)
{
	Suite *s = suite_create("base");
	SRunner *r;
	int failed;

	suite_add_tcase(s, bytes_tests());
	suite_add_tcase(s, numbers_tests());
	suite_add_tcase(s, loop_tests());
	suite_add_tcase(s, files_tests());
	suite_add_tcase(s, trace_tests());
	suite_add_tcase(s, network_tests());
	suite_add_tcase(s, log_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
