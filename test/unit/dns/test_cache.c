/* Answers that were had a moment ago. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
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
	ck_assert_uint_eq(a.ttl, 299);
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

static const struct {
	const char *name;
	uint32_t ttl;
	int64_t ms; /* since it was put */
	uint32_t left;
} lefts[] = {
    {"at once", 300, 0, 300},
    {"a second that has begun", 300, 1, 299},
    {"its end", 300, 1000, 299},
    {"the next", 300, 1001, 298},
    {"the last moment", 300, 299999, 0},
    {"longer than it is kept", 86400, 299999, 86100},
    {"the longest", UINT32_MAX, 10000, UINT32_MAX - 10},
    {"the shortest", 1, 999, 0},
};

START_TEST(cache__tells_what_is_left_of_the_ttl)
{
	struct dns_answer a;

	put(lefts[_i].name, DNS_TXT, lefts[_i].ttl, RC_OK, 6);
	ck_assert(
	    dns_cache_get(c, lefts[_i].name, DNS_TXT, 1000 + lefts[_i].ms, &a));
	ck_assert_msg(a.ttl == lefts[_i].left, "%s: %u", lefts[_i].name, a.ttl);
	dns_answer_fini(&a);
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

/* ---- several threads ---- */

#define THREADS 4
#define ROUNDS	3000

static atomic_uint wrong;

/* Each puts under a name what says that name, and reads what the others put. */
static void *
use(void *arg)
{
	unsigned start = (unsigned)(uintptr_t)arg, i;
	struct dns_answer a;
	char name[40];
	struct sv record;

	for (i = 0; i < ROUNDS; i++) {
		(void)snprintf(
		    name, sizeof name, "x%u.test", (i * 7 + start * 11) % 1500);
		if (dns_cache_get(c, name, DNS_TXT, 1000, &a)) {
			if (a.n != 1 || !sv_eq(a.record[0], sv_str(name)))
				atomic_fetch_add(&wrong, 1);
			dns_answer_fini(&a);
			continue;
		}
		record = sv_str(name);
		a = (struct dns_answer){
		    .ttl = 300, .record = &record, .n = 1, .rc = RC_OK};
		dns_cache_put(c, name, DNS_TXT, 1000, &a);
		if (dns_cache_bytes(c) > DNS_CACHE_BYTES)
			atomic_fetch_add(&wrong, 1);
		if (i % 1000 == 999)
			dns_cache_clear(c);
	}
	return NULL;
}

START_TEST(cache__is_for_several_threads)
{
	pthread_t t[THREADS];
	uintptr_t i;

	atomic_store(&wrong, 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&t[i], NULL, use, (void *)i), 0);
	for (i = 0; i < THREADS; i++)
		(void)pthread_join(t[i], NULL);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
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
	tcase_add_loop_test(t, cache__tells_what_is_left_of_the_ttl, 0,
	    sizeof lefts / sizeof lefts[0]);
	tcase_add_test(t, cache__keeps_nothing_bogus);
	tcase_add_test(t, cache__is_bounded);
	tcase_add_test(t, cache__is_bounded_for_what_is_asked_again);
	tcase_add_test(t, cache__is_for_several_threads);
	return t;
}
