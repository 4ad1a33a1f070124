#ifndef TEST_KEEPER_SUITES_H
#define TEST_KEEPER_SUITES_H

#include <check.h>

TCase *keeper_tests(void);

#endif
