#ifndef TEST_MSGAUTH_SUITES_H
#define TEST_MSGAUTH_SUITES_H

#include <check.h>

TCase *canon_tests(void);
TCase *dkim_tests(void);
TCase *key_tests(void);

#endif
