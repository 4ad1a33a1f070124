#ifndef TEST_IPC_SUITES_H
#define TEST_IPC_SUITES_H

#include <check.h>

TCase *msg_tests(void);
TCase *line_tests(void);
TCase *peer_tests(void);

#endif
