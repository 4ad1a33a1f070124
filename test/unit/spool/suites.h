#ifndef TEST_SPOOL_SUITES_H
#define TEST_SPOOL_SUITES_H

#include <check.h>

TCase *spool_tests(void);

#endif
