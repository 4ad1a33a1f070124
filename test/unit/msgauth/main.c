#include <stdlib.h>

#include "test/unit/msgauth/suites.h"

int
main(void)
{
	Suite *s = suite_create("msgauth");
	SRunner *r;
	int failed;

	suite_add_tcase(s, canon_tests());
	suite_add_tcase(s, dkim_tests());
	suite_add_tcase(s, key_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
