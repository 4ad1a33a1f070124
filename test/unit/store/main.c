#include <stdlib.h>

#include "base/log.h"
#include "test/unit/store/suites.h"

int
main(void)
{
	Suite *s = suite_create("store");
	SRunner *r;
	int failed;

	log_setup("test", LOG_ERROR);
	suite_add_tcase(s, change_codec_tests());
	suite_add_tcase(s, mailbox_tests());
	suite_add_tcase(s, add_tests());
	suite_add_tcase(s, view_tests());
	suite_add_tcase(s, change_tests());
	suite_add_tcase(s, start_tests());
	suite_add_tcase(s, suspect_tests());
	suite_add_tcase(s, compact_tests());
	suite_add_tcase(s, restore_tree_tests());
	suite_add_tcase(s, quota_tests());
	suite_add_tcase(s, fsck_tests());
	suite_add_tcase(s, loss_tests());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
