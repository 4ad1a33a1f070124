#ifndef TEST_NET_SUITES_H
#define TEST_NET_SUITES_H

#include <check.h>

TCase *stream_tests(void);
TCase *pool_tests(void);

#endif
