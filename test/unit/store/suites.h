#ifndef TEST_STORE_SUITES_H
#define TEST_STORE_SUITES_H

#include <check.h>

TCase *mailbox_tests(void);
TCase *add_tests(void);
TCase *view_tests(void);
TCase *change_tests(void);
TCase *change_codec_tests(void);
TCase *start_tests(void);
TCase *suspect_tests(void);
TCase *compact_tests(void);
TCase *restore_tree_tests(void);
TCase *quota_tests(void);
TCase *fsck_tests(void);
TCase *loss_tests(void);

#endif
