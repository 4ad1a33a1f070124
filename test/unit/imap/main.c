#include <signal.h>
#include <stdlib.h>

#include "suites.h"

int
main(void)
{
	Suite *s = suite_create("imap");
	SRunner *sr;
	int failed;

	suite_add_tcase(s, imap_frame_tests());
	suite_add_tcase(s, imap_grammar_tests());
	suite_add_tcase(s, imap_utf7_tests());
	suite_add_tcase(s, imap_front_tests());
	suite_add_tcase(s, imap_session_tests());
	/* As the supervisor does for all processes. */
	(void)signal(SIGPIPE, SIG_IGN);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
