#include <stdlib.h>

#include "test/unit/front/suites.h"

int
main(void)
{
	Suite *s = suite_create("front");
	SRunner *r;
	int failed;

	suite_add_tcase(s, peers_tests());
	suite_add_tcase(s, listener_tests());
	suite_add_tcase(s, listener_idle_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
