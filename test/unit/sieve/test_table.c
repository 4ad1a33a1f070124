#include <glob.h>
#include <stdio.h>

#include "test/unit/sieve/table.h"
#include "test/unit/unit.h"

START_TEST(sieve__decides_what_each_row_says)
{
	struct table t = {0};
	glob_t g;

	must(glob(TEST_DATA "/*.txt", 0, NULL, &g) == 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		table_run(&t, g.gl_pathv[i]);
	globfree(&g);
	ck_assert_uint_ge(t.rows, 5);
	ck_assert_msg(t.failed == 0, "%u of %u rows failed, see stderr",
	    t.failed, t.rows);
	table_fini(&t);
}
END_TEST

UNIT_TESTS(table)
{
	TCase *t = tcase_create("table");

	tcase_add_test(t, sieve__decides_what_each_row_says);
	return t;
}
