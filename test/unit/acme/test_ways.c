/* Which port proves a name. */
#include "test/unit/acme/world.h"
#include "test/unit/unit.h"

/* Port 80 does not lead here: 443 does, at once, and first at each renewal. */
START_TEST(ways__the_other)
{
	struct world w;

	world_start(&w);
	w.able = 3;
	w.blocked = ACME_WAY_BIT(ACME_BY_HTTP);
	world_run(&w);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert_uint_eq(w.tries[ACME_BY_HTTP], 1);
	ck_assert_uint_eq(w.tries[ACME_BY_TLS], 1);
	ck_assert(world_says(&w, "proved over port 443"));
	world_run_until(&w, T0 + 64 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.tries[ACME_BY_HTTP], 1);
	/* And back. */
	w.blocked = ACME_WAY_BIT(ACME_BY_TLS);
	world_run_until(&w, T0 + 130 * DAY);
	ck_assert_uint_eq(w.issued, 3);
	ck_assert_uint_eq(w.tries[ACME_BY_HTTP], 2);
	ck_assert(!world_says(&w, "proved over port 443"));
	world_end(&w);
}
END_TEST

/* One way alone is set up: the other is never tried. */
START_TEST(ways__only_one_way)
{
	struct world w;

	world_start(&w);
	w.able = ACME_WAY_BIT(ACME_BY_TLS);
	w.blocked = ACME_WAY_BIT(ACME_BY_TLS);
	world_run_until(&w, T0 + DAY);
	ck_assert(world_says(&w, "port 443 must be open"));
	ck_assert_uint_eq(w.tries[ACME_BY_HTTP], 0);
	ck_assert_uint_ge(w.tries[ACME_BY_TLS], 3);
	w.blocked = 0;
	world_run_until(&w, T0 + 3 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	world_end(&w);
}
END_TEST

/* None is: nothing is ordered, and it is said. */
START_TEST(ways__no_way)
{
	struct world w;

	world_start(&w);
	w.able = 4;
	world_run_until(&w, T0 + DAY);
	ck_assert(world_says(&w, "no port is open"));
	ck_assert_uint_eq(w.orders, 0);
	w.able = 0;
	world_run_until(&w, T0 + 3 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	world_end(&w);
}
END_TEST

/* What is seen to be the only way comes first, but what has failed is not
 * believed because it is seen. */
START_TEST(ways__what_is_seen)
{
	struct world w;

	world_start(&w);
	w.able = 3;
	w.seen = ACME_WAY_BIT(ACME_BY_TLS);
	world_run(&w);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert_uint_eq(w.tries[ACME_BY_HTTP], 0);
	w.blocked = ACME_WAY_BIT(ACME_BY_TLS);
	world_run_until(&w, T0 + 64 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.tries[ACME_BY_HTTP], 1);
	world_end(&w);
}
END_TEST

/* Neither works: by turns, seldom, and both are named. */
START_TEST(ways__both_ways_in_vain)
{
	struct world w;

	world_start(&w);
	w.able = 3;
	w.blocked = 3;
	world_run(&w);
	ck_assert(world_says(&w, "over port 80 it was in vain, too"));
	ck_assert(world_says(&w, "port 443 must be open"));
	world_run_until(&w, T0 + HOUR);
	ck_assert_uint_le(w.orders, 5);
	world_run_until(&w, T0 + 10 * DAY);
	ck_assert_uint_le(w.orders, 22);
	ck_assert_uint_ge(w.tries[ACME_BY_HTTP], 4);
	ck_assert_uint_ge(w.tries[ACME_BY_TLS], 4);
	w.blocked = ACME_WAY_BIT(ACME_BY_HTTP);
	world_run_until(&w, T0 + 13 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert(!world_says(&w, "in vain"));
	world_end(&w);
}
END_TEST

/* One name leads elsewhere on port 80: it is proved over 443, or over neither
 * and then left out; the others have their certificate. */
START_TEST(ways__a_name_that_goes_another_way)
{
	static const char *const domain[] = {"a.test"};
	struct world w;

	world_start(&w);
	w.able = 3;
	w.blocked = _i == 0 ? ACME_WAY_BIT(ACME_BY_HTTP) : 3;
	w.blocked_of = "autoconfig.a.test";
	world_run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.issued, 2);
	if (_i == 0) {
		ck_assert_str_eq(w.given, "mta-sts.a.test autoconfig.a.test "
					  "autodiscover.a.test ");
	} else {
		ck_assert_str_eq(
		    w.given, "mta-sts.a.test autodiscover.a.test ");
		ck_assert(
		    world_says(&w, "autoconfig.a.test is in no certificate: "
				   "over port 80 it was in vain, too"));
	}
	world_end(&w);
}
END_TEST

UNIT_TESTS(ways)
{
	TCase *t = tcase_create("ways");

	tcase_add_test(t, ways__the_other);
	tcase_add_test(t, ways__only_one_way);
	tcase_add_test(t, ways__no_way);
	tcase_add_test(t, ways__what_is_seen);
	tcase_add_test(t, ways__both_ways_in_vain);
	tcase_add_loop_test(t, ways__a_name_that_goes_another_way, 0, 2);
	return t;
}
