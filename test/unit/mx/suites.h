#ifndef TEST_MX_SUITES_H
#define TEST_MX_SUITES_H

#include <check.h>

TCase *reply_tests(void);
TCase *route_tests(void);
TCase *service_tests(void);
TCase *stuff_tests(void);
TCase *client_tests(void);
TCase *deliver_tests(void);

#endif
