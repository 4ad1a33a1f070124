#ifndef TEST_CMD_SUITES_H
#define TEST_CMD_SUITES_H

#include <check.h>

TCase *garden_tests(void);
TCase *publish_tests(void);

#endif
