#ifndef TEST_MAIL_SUITES_H
#define TEST_MAIL_SUITES_H

#include <check.h>

TCase *addrlist_tests(void);
TCase *date_tests(void);
TCase *field_tests(void);
TCase *path_tests(void);

#endif
