/* Answers that were had a moment ago. */
#include <stdio.h>

#include "dns/cache.h"
#include "test/unit/unit.h"

static struct dns_cache *c;

static void
start(void)
{
	c = dns_cache_new();
}

static void
stop(void)
{
	dns_cache_free(&c);
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
	    .n = rc == RC_OK && size > 0 ? 2 : 0};

	dns_cache_put(c, name, type, 1000, &a);
}

static bool
has(const char *name, enum dns_type type, int64_t now)
{
	struct dns_answer a;

	if (!dns_cache_get(c, name, type, now, &a))
		return false;
	dns_answer_fini(&a);
	return true;
}

START_TEST(cache__gives_what_it_got)
{
	struct dns_answer a;

	put("a.test", DNS_TXT, 300, RC_OK, 6);
	put("none.test", DNS_TXT, 300, RC_NOTFOUND, 0);
	put("empty.test", DNS_TXT, 300, RC_OK, 0);
	ck_assert(dns_cache_get(c, "a.test", DNS_TXT, 2000, &a));
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_int_eq(a.security, DNS_SECURE);
	ck_assert_uint_eq(a.ttl, 300);
	ck_assert_str_eq(a.canonical, "x.test");
	ck_assert_uint_eq(a.n, 2);
	ck_assert(sv_eq(a.record[0], SV("first")));
	ck_assert(sv_eq(a.record[1], SV("second")));
	dns_answer_fini(&a);
	ck_assert(dns_cache_get(c, "none.test", DNS_TXT, 2000, &a));
	ck_assert_int_eq(a.rc, RC_NOTFOUND);
	ck_assert_uint_eq(a.n, 0);
	dns_answer_fini(&a);
	ck_assert(dns_cache_get(c, "empty.test", DNS_TXT, 2000, &a));
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_uint_eq(a.n, 0);
	dns_answer_fini(&a);
	ck_assert(!has("a.test", DNS_A, 2000));
	ck_assert(!has("b.test", DNS_TXT, 2000));
	ck_assert(!has("test", DNS_TXT, 2000));
}
END_TEST

START_TEST(cache__keeps_the_newest_and_its_security)
{
	struct dns_answer a = {.rc = RC_NOTFOUND, .ttl = 300};

	put("a.test", DNS_TXT, 300, RC_OK, 6);
	dns_cache_put(c, "a.test", DNS_TXT, 1000, &a);
	ck_assert(dns_cache_get(c, "a.test", DNS_TXT, 1000, &a));
	ck_assert_int_eq(a.rc, RC_NOTFOUND);
	ck_assert_int_eq(a.security, DNS_INSECURE);
	dns_answer_fini(&a);
}
END_TEST

static const struct {
	const char *name;
	int rc;
	size_t size; /* 0: no record */
	uint32_t ttl;
	int64_t ms; /* that it is kept */
} times[] = {
    {"long", RC_OK, 6, 86400, DNS_CACHE_MS},
    {"largest", RC_OK, 6, UINT32_MAX, DNS_CACHE_MS},
    {"short", RC_OK, 6, 2, 2000},
    {"zero", RC_OK, 6, 0, 0},
    {"no name", RC_NOTFOUND, 0, 86400, DNS_CACHE_NO_MS},
    {"no record", RC_OK, 0, 86400, DNS_CACHE_NO_MS},
    {"short no", RC_NOTFOUND, 0, 5, 5000},
    {"no no", RC_NOTFOUND, 0, 0, 0},
    {"failure", RC_TEMP, 0, 300, 0},
    {"timeout", RC_TIMEOUT, 0, 300, 0},
    {"no such name to ask", RC_SYNTAX, 0, 300, 0},
    {"large", RC_OK, DNS_CACHE_ANSWER_MAX, 300, 0},
};

START_TEST(cache__keeps_no_longer_than_it_may)
{
	put(times[_i].name, DNS_A, times[_i].ttl, times[_i].rc, times[_i].size);
	if (times[_i].ms > 0) {
		ck_assert(has(times[_i].name, DNS_A, 1000));
		ck_assert(has(times[_i].name, DNS_A, 999 + times[_i].ms));
	}
	ck_assert(!has(times[_i].name, DNS_A, 1000 + times[_i].ms));
}
END_TEST

START_TEST(cache__keeps_nothing_bogus)
{
	struct dns_answer a = {.rc = RC_OK, .security = DNS_BOGUS, .ttl = 300};

	dns_cache_put(c, "bogus.test", DNS_A, 1000, &a);
	ck_assert(!has("bogus.test", DNS_A, 1000));
	ck_assert_uint_eq(dns_cache_bytes(c), 0);
}
END_TEST

/* One who makes us ask for many names pushes out those, and not what mail is
 * judged by all day. */
START_TEST(cache__is_bounded)
{
	unsigned i, there = 0, most = 0;
	char name[40];

	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "good%u.test", i);
		put(name, DNS_TXT, 300, RC_OK, 200);
		ck_assert(has(name, DNS_TXT, 1000));
	}
	for (i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof name, "x%u.test", i);
		put(name, DNS_TXT, 300, RC_OK, 1 + i % 1000);
		if (dns_cache_bytes(c) > most)
			most = (unsigned)dns_cache_bytes(c);
	}
	ck_assert(has("x19999.test", DNS_TXT, 1000));
	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "good%u.test", i);
		there += has(name, DNS_TXT, 1000);
	}
	ck_assert_uint_eq(there, 100);
	ck_assert_uint_le(most, DNS_CACHE_BYTES);
	ck_assert_uint_gt(most, DNS_CACHE_BYTES / 4 * 3);
	dns_cache_clear(c);
	ck_assert_uint_eq(dns_cache_bytes(c), 0);
	ck_assert(!has("good0.test", DNS_TXT, 1000));
}
END_TEST

/* Who asks twice for each has no more than three quarters of it either. */
START_TEST(cache__is_bounded_for_what_is_asked_again)
{
	char name[40];
	unsigned i;

	for (i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof name, "x%u.test", i);
		put(name, DNS_TXT, 300, RC_OK, 300);
		ck_assert(has(name, DNS_TXT, 1000));
		ck_assert_uint_le(dns_cache_bytes(c), DNS_CACHE_BYTES);
	}
	ck_assert(!has("x0.test", DNS_TXT, 1000));
	ck_assert(has("x4999.test", DNS_TXT, 1000));
}
END_TEST

UNIT_TESTS(cache)
{
	TCase *t = tcase_create("cache");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, cache__gives_what_it_got);
	tcase_add_test(t, cache__keeps_the_newest_and_its_security);
	tcase_add_loop_test(t, cache__keeps_no_longer_than_it_may, 0,
	    sizeof times / sizeof times[0]);
	tcase_add_test(t, cache__keeps_nothing_bogus);
	tcase_add_test(t, cache__is_bounded);
	tcase_add_test(t, cache__is_bounded_for_what_is_asked_again);
	return t;
}
