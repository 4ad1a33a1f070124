#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "test/unit/smtp/fixture.h"

int
main(void)
{
	Suite *s = suite_create("smtp");
	SRunner *r;
	int failed;

	(void)signal(SIGPIPE, SIG_IGN); /* as in every process of the house */
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	log_setup("test", LOG_ERROR);
	suite_add_tcase(s, command_tests());
	suite_add_tcase(s, data_tests());
	suite_add_tcase(s, session_tests());
	suite_add_tcase(s, submit_tests());
	suite_add_tcase(s, tls_tests());
	suite_add_tcase(s, server_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
