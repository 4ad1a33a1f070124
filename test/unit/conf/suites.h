#ifndef TEST_CONF_SUITES_H
#define TEST_CONF_SUITES_H

#include <check.h>

TCase *conf_tests(void);

#endif
