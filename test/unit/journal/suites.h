#ifndef TEST_JOURNAL_SUITES_H
#define TEST_JOURNAL_SUITES_H

#include <check.h>

TCase *crc32c_tests(void);
TCase *format_tests(void);
TCase *journal_tests(void);
TCase *damage_tests(void);

#endif
