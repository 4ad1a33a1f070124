/* Answers that were had a moment ago. */
#include <stdio.h>

#include "smtp/names.h"
#include "test/unit/unit.h"

static struct names *n;

static void
start(void)
{
	n = names_new();
}

static void
stop(void)
{
	names_free(&n);
}

static void
put(const char *name, enum dns_type type, uint32_t ttl, int rc, size_t size)
{
	char bytes[3000] = "first, second";
	struct sv record[2] = {sv_of(bytes, 5), sv_of(bytes + 7, size)};
	struct dns_answer a = {.rc = rc,
	    .security = DNS_SECURE,
	    .ttl = ttl,
	    .canonical = "x.test",
	    .record = record,
	    .n = rc == RC_OK ? 2 : 0};

	names_put(n, name, type, 1000, &a);
}

static bool
has(const char *name, enum dns_type type, int64_t now)
{
	struct dns_answer a;

	if (!names_get(n, name, type, now, &a))
		return false;
	dns_answer_fini(&a);
	return true;
}

START_TEST(names__gives_what_it_got)
{
	struct dns_answer a;

	put("A.test", DNS_TXT, 300, RC_OK, 6);
	put("none.test", DNS_TXT, 300, RC_NOTFOUND, 0);
	ck_assert(names_get(n, "a.Test", DNS_TXT, 2000, &a));
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_int_eq(a.security, DNS_SECURE);
	ck_assert_str_eq(a.canonical, "x.test");
	ck_assert_uint_eq(a.n, 2);
	ck_assert(sv_eq(a.record[0], SV("first")));
	ck_assert(sv_eq(a.record[1], SV("second")));
	dns_answer_fini(&a);
	ck_assert(names_get(n, "none.test", DNS_TXT, 2000, &a));
	ck_assert_int_eq(a.rc, RC_NOTFOUND);
	ck_assert_uint_eq(a.n, 0);
	dns_answer_fini(&a);
	ck_assert(!has("a.test", DNS_A, 2000));
	ck_assert(!has("b.test", DNS_TXT, 2000));
}
END_TEST

START_TEST(names__keeps_no_longer_than_it_may)
{
	put("long.test", DNS_A, 86400, RC_OK, 6);
	put("short.test", DNS_A, 2, RC_OK, 6);
	put("zero.test", DNS_A, 0, RC_OK, 6);
	ck_assert(has("long.test", DNS_A, 1000 + NAMES_MS - 1));
	ck_assert(!has("long.test", DNS_A, 1000 + NAMES_MS));
	ck_assert(has("short.test", DNS_A, 2999));
	ck_assert(!has("short.test", DNS_A, 3000));
	ck_assert(!has("zero.test", DNS_A, 1000));
}
END_TEST

START_TEST(names__keeps_no_failures_and_nothing_large)
{
	struct dns_answer a = {.rc = RC_OK, .security = DNS_BOGUS, .ttl = 300};

	put("temp.test", DNS_A, 300, RC_TEMP, 0);
	put("timeout.test", DNS_A, 300, RC_TIMEOUT, 0);
	put("large.test", DNS_A, 300, RC_OK, NAMES_BYTES_MAX);
	names_put(n, "bogus.test", DNS_A, 1000, &a);
	ck_assert(!has("temp.test", DNS_A, 1000));
	ck_assert(!has("timeout.test", DNS_A, 1000));
	ck_assert(!has("large.test", DNS_A, 1000));
	ck_assert(!has("bogus.test", DNS_A, 1000));
}
END_TEST

/* One who makes us ask for many names pushes others out, and no more. */
START_TEST(names__is_bounded)
{
	char name[40];
	unsigned i, there = 0;

	for (i = 0; i < 10 * NAMES_MAX; i++) {
		(void)snprintf(name, sizeof name, "x%u.test", i);
		put(name, DNS_A, 300, RC_OK, 6);
		ck_assert(has(name, DNS_A, 1000));
	}
	for (i = 0; i < 10 * NAMES_MAX; i++) {
		(void)snprintf(name, sizeof name, "x%u.test", i);
		there += has(name, DNS_A, 1000);
	}
	ck_assert_uint_le(there, NAMES_MAX);
	ck_assert_uint_gt(there, NAMES_MAX / 2);
}
END_TEST

UNIT_TESTS(names)
{
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_test(tc, names__gives_what_it_got);
	tcase_add_test(tc, names__keeps_no_longer_than_it_may);
	tcase_add_test(tc, names__keeps_no_failures_and_nothing_large);
	tcase_add_test(tc, names__is_bounded);
	return tc;
}
