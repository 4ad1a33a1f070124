#ifndef TEST_CMD_SUITES_H
#define TEST_CMD_SUITES_H

#include <check.h>

TCase *publish_tests(void);

#endif
