#ifndef TEST_IMAP_SUITES_H
#define TEST_IMAP_SUITES_H

#include <check.h>

TCase *imap_frame_tests(void);
TCase *imap_grammar_tests(void);
TCase *imap_utf7_tests(void);
TCase *imap_front_tests(void);
TCase *imap_session_tests(void);

#endif
