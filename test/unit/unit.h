/* What a file of unit tests gives to the common main(). */
#ifndef TEST_UNIT_UNIT_H
#define TEST_UNIT_UNIT_H

#include <check.h>

/*
 * UNIT_TESTS(pool)
 * {
 *	TCase *t = tcase_create("pool");
 *
 *	tcase_add_test(t, pool__runs_what_it_is_given);
 *	return t;
 * }
 *
 * puts them on main()'s list.
 */
#define UNIT_TESTS(name)                                                  \
	static TCase *name##_tests(void);                                 \
	__attribute__((constructor)) static void name##_tests_known(void) \
	{                                                                 \
		unit_add(name##_tests);                                   \
	}                                                                 \
	static TCase *name##_tests(void)

void unit_add(TCase *(*tests)(void));

/* If a folder has one, it is called before the first test. */
void unit_start(void) __attribute__((weak));

#endif
