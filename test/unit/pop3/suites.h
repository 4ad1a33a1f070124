#ifndef TEST_POP3_SUITES_H
#define TEST_POP3_SUITES_H

#include <check.h>

TCase *front_tests(void);
TCase *session_tests(void);

#endif
