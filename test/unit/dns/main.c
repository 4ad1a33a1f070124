#include <stdlib.h>

#include "test/unit/dns/suites.h"

int
main(void)
{
	Suite *s = suite_create("dns");
	SRunner *r;
	int failed;

	suite_add_tcase(s, name_tests());
	suite_add_tcase(s, packet_tests());
	suite_add_tcase(s, record_tests());
	suite_add_tcase(s, setup_tests());
	suite_add_tcase(s, ladder_tests());
	suite_add_tcase(s, client_tests());
	suite_add_tcase(s, server_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
