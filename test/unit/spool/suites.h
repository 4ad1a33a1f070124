#ifndef TEST_SPOOL_SUITES_H
#define TEST_SPOOL_SUITES_H

#include <check.h>

TCase *listing_tests(void);
TCase *report_tests(void);
TCase *sched_tests(void);
TCase *service_tests(void);
TCase *spool_tests(void);

#endif
