#ifndef TEST_BASE_SUITES_H
#define TEST_BASE_SUITES_H

#include <check.h>

TCase *bytes_tests(void);
TCase *numbers_tests(void);
TCase *loop_tests(void);
TCase *files_tests(void);
TCase *trace_tests(void);
TCase *log_tests(void);
TCase *network_tests(void);

#endif
