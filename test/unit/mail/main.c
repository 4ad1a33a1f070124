#include <stdlib.h>

#include "test/unit/mail/suites.h"

int
main(void)
{
	Suite *s = suite_create("mail");
	SRunner *r;
	int failed;

	suite_add_tcase(s, addrlist_tests());
	suite_add_tcase(s, date_tests());
	suite_add_tcase(s, field_tests());
	suite_add_tcase(s, path_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
