/* What every folder of unit tests gives to the common main(). */
#ifndef TEST_UNIT_UNIT_H
#define TEST_UNIT_UNIT_H

#include <check.h>

/* All test cases of the folder. */
Suite *unit_suite(void);

#endif
