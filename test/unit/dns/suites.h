#ifndef TEST_DNS_SUITES_H
#define TEST_DNS_SUITES_H

#include <check.h>

TCase *client_tests(void);
TCase *ladder_tests(void);
TCase *name_tests(void);
TCase *packet_tests(void);
TCase *record_tests(void);
TCase *server_tests(void);
TCase *setup_tests(void);

#endif
