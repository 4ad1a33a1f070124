#ifndef TEST_FRONT_SUITES_H
#define TEST_FRONT_SUITES_H

#include <check.h>

TCase *listener_idle_tests(void);
TCase *listener_tests(void);
TCase *peers_tests(void);

#endif
