#ifndef TEST_AUTH_SUITES_H
#define TEST_AUTH_SUITES_H

#include <check.h>

TCase *credentials_tests(void);
TCase *memory_tests(void);
TCase *server_tests(void);
TCase *signer_tests(void);

#endif
