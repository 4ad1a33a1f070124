#include <stdio.h>
#include <stdlib.h>

#include "base/rc.h"
#include "test/unit/journal/suites.h"

int
main(void)
{
	Suite *s = suite_create("journal");
	SRunner *r;
	int failed;

	/* Damage is made by the thousand, and reported as often. */
	if (getenv("TEST_VERBOSE") == NULL)
		must(freopen("/dev/null", "w", stderr) != NULL);
	suite_add_tcase(s, crc32c_tests());
	suite_add_tcase(s, format_tests());
	suite_add_tcase(s, journal_tests());
	suite_add_tcase(s, damage_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
