#include <signal.h>
#include <stdlib.h>

#include <sodium.h>

#include "suites.h"

int
main(void)
{
	Suite *s = suite_create("exchange");
	SRunner *sr;
	int failed;

	if (sodium_init() < 0)
		return EXIT_FAILURE;
	suite_add_tcase(s, exchange_client_tests());
	suite_add_tcase(s, exchange_formats_tests());
	suite_add_tcase(s, exchange_from_imap_tests());
	suite_add_tcase(s, exchange_mbox_tests());
	suite_add_tcase(s, exchange_response_tests());
	suite_add_tcase(s, exchange_state_tests());
	/* As the supervisor does for all processes. */
	(void)signal(SIGPIPE, SIG_IGN);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
