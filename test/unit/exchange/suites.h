#ifndef TEST_EXCHANGE_SUITES_H
#define TEST_EXCHANGE_SUITES_H

#include <check.h>

TCase *exchange_client_tests(void);
TCase *exchange_formats_tests(void);
TCase *exchange_from_imap_tests(void);
TCase *exchange_mbox_tests(void);
TCase *exchange_response_tests(void);
TCase *exchange_state_tests(void);

#endif
