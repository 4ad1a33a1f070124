#include <stdlib.h>

#include "test/unit/mime/fixture.h"

int
main(void)
{
	Suite *s = suite_create("mime");
	SRunner *r;
	int failed;

	mime_charset_setup();
	suite_add_tcase(s, parse_tests());
	suite_add_tcase(s, header_tests());
	suite_add_tcase(s, body_tests());
	suite_add_tcase(s, imap_tests());
	suite_add_tcase(s, summary_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
