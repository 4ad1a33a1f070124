/* What auth remembers for a while. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/memory.h"
#include "test/unit/unit.h"

#define OF_NETWORK 20
#define OF_NAME	   40
#define OF_KNOWN   25

static struct auth_memory *m;
static int64_t now;

static int64_t
clock_of_test(void)
{
	return now;
}

static void
fresh(void)
{
	m = auth_memory_new();
	auth_memory_set_clock(m, clock_of_test);
}

static void
setup(void)
{
	now = 1000000;
	fresh();
}

static unsigned
may_try_at(unsigned door, const char *name, const char *peer)
{
	const struct auth_who w = {
	    .door = door, .name = sv_str(name), .peer = peer};

	return auth_memory_may_try(m, &w);
}

static unsigned
may_try(const char *name, const char *peer)
{
	return may_try_at(0, name, peer);
}

/* How many of n may be tried. */
static unsigned
count(const char *name, const char *peer, unsigned n)
{
	unsigned i, ok = 0;

	for (i = 0; i < n; i++)
		ok += may_try(name, peer) != 0;
	return ok;
}

static void
teardown(void)
{
	auth_memory_free(&m);
	auth_memory_free(&m);
}

START_TEST(auth_memory__recalls_what_it_learnt)
{
	struct sv a = SV("anna"), p = SV("secret");

	ck_assert_int_eq(auth_memory_recall(m, a, p, "s"), AUTH_UNKNOWN);
	auth_memory_learn(m, a, p, "s", true);
	ck_assert_int_eq(auth_memory_recall(m, a, p, "s"), AUTH_RIGHT);
	ck_assert_int_eq(auth_memory_recall(m, a, p, "t"), AUTH_UNKNOWN);
	ck_assert_int_eq(
	    auth_memory_recall(m, SV("ben"), p, "s"), AUTH_UNKNOWN);
	/* Name and password are not simply joined. */
	ck_assert_int_eq(
	    auth_memory_recall(m, SV("annas"), SV("ecret"), "s"), AUTH_UNKNOWN);
	auth_memory_learn(m, a, SV("wrong"), "s", false);
	ck_assert_int_eq(
	    auth_memory_recall(m, a, SV("wrong"), "s"), AUTH_WRONG);
	auth_memory_learn(m, a, SV("wrong"), "s", true);
	ck_assert_int_eq(
	    auth_memory_recall(m, a, SV("wrong"), "s"), AUTH_RIGHT);
}
END_TEST

START_TEST(auth_memory__wrong_guesses_do_not_push_out_what_is_right)
{
	char guess[20];
	int i;

	auth_memory_learn(m, SV("anna"), SV("secret"), "s", true);
	for (i = 0; i < 50000; i++) {
		(void)snprintf(guess, sizeof guess, "guess%d", i);
		auth_memory_learn(m, SV("anna"), sv_str(guess), "s", false);
		if (auth_memory_recall(m, SV("anna"), sv_str(guess), "s") !=
		    AUTH_WRONG)
			continue; /* forgotten is fine, wrong is not */
	}
	ck_assert_int_eq(
	    auth_memory_recall(m, SV("anna"), SV("secret"), "s"), AUTH_RIGHT);
}
END_TEST

START_TEST(auth_memory_known__goes_by_network)
{
	auth_memory_note_login(m, "192.0.2.1");
	auth_memory_note_login(m, "2001:db8:1:2::3");
	ck_assert(auth_memory_known(m, "192.0.2.200"));
	ck_assert(auth_memory_known(m, "2001:db8:1:2:ffff::1"));
	ck_assert(!auth_memory_known(m, "192.0.3.1"));
	ck_assert(!auth_memory_known(m, "2001:db8:1:3::3"));
}
END_TEST

START_TEST(auth_memory_known__outlives_the_process)
{
	char path[] = "/tmp/test-known.XXXXXX";
	int fd = mkstemp(path);
	FILE *f;

	ck_assert_int_ge(fd, 0);
	close(fd);
	auth_memory_load(m, path); /* empty: as none */
	auth_memory_note_login(m, "192.0.2.1");
	auth_memory_save(m, path);
	auth_memory_free(&m);
	fresh();
	ck_assert(!auth_memory_known(m, "192.0.2.1"));
	auth_memory_load(m, path);
	ck_assert(auth_memory_known(m, "192.0.2.77"));
	ck_assert(!auth_memory_known(m, "192.0.3.1"));
	/* A damaged one does no harm. */
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("hearthmail known 1\nshort", f);
	fclose(f);
	auth_memory_load(m, path);
	ck_assert(auth_memory_known(m, "192.0.2.1"));
	unlink(path);
}
END_TEST

START_TEST(auth_memory_may_try__bounds_a_network)
{
	struct auth_who w = {.name = SV("n1"), .peer = "192.0.2.1"};
	char name[20];
	unsigned i, took = 0;

	for (i = 0; i < OF_NETWORK; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		took = may_try(name, "192.0.2.1");
		ck_assert_uint_ne(took, 0);
	}
	/* What is kept for each host, and then no more. */
	for (i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof name, "m%u", i);
		ck_assert_uint_ne(may_try(name, "192.0.2.77"), 0);
	}
	ck_assert_uint_eq(may_try("another", "192.0.2.77"), 0);
	ck_assert_uint_ne(may_try("another", "192.0.2.78"), 0);
	ck_assert_uint_ne(may_try("another", "192.0.3.1"), 0);
	auth_memory_give_back(m, &w, took);
	ck_assert_uint_ne(may_try("fresh", "192.0.2.77"), 0);
	ck_assert_uint_eq(may_try("fresh2", "192.0.2.77"), 0);
	now += 6000;
	ck_assert_uint_ne(may_try("fresh2", "192.0.2.77"), 0);
	ck_assert_uint_eq(may_try("fresh3", "192.0.2.77"), 0);
}
END_TEST

START_TEST(auth_memory_may_try__a_network_of_ipv6_is_a_48)
{
	char name[20], peer[40];
	unsigned i, ok = 0;

	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		(void)snprintf(peer, sizeof peer, "2001:db8:1:%x::1", i);
		ok += may_try(name, peer) != 0;
	}
	/* All of them in one /56, which has its share. */
	ck_assert_uint_eq(ok, OF_NETWORK + 4);
	ck_assert_uint_ne(may_try("x", "2001:db8:1:100::1"), 0);
	ck_assert_uint_ne(may_try("x", "2001:db8:2:1::1"), 0);
}
END_TEST

START_TEST(auth_memory_may_try__bounds_a_name_and_locks_nobody_out)
{
	char peer[40];
	unsigned i;

	for (i = 0; i < OF_NAME; i++) {
		(void)snprintf(peer, sizeof peer, "10.0.%u.1", i);
		ck_assert_uint_ne(may_try("anna", peer), 0);
	}
	/* Each other network has its share, and in it each host. */
	ck_assert_uint_eq(count("anna", "10.1.0.1", 10), 5);
	ck_assert_uint_eq(count("anna", "10.1.0.2", 10), 1);
	ck_assert_uint_eq(count("anna", "127.0.0.1", 10), 5);
	ck_assert_uint_ne(may_try("ben", "10.1.0.1"), 0);
	ck_assert_uint_eq(count("anna", "2001:db8::1", 10), 5);
	ck_assert_uint_eq(count("anna", "2001:db8:0:1::1", 10), 0);
	now += 6000;
	ck_assert_uint_eq(count("anna", "10.1.0.1", 10), 1);
}
END_TEST

START_TEST(auth_memory_may_try__bounds_a_known_network)
{
	auth_memory_note_login(m, "192.0.2.1");
	ck_assert_uint_eq(count("anna", "192.0.2.9", 100), OF_KNOWN + 1);
	/* Others there, at other names and other hosts, have theirs. */
	ck_assert_uint_eq(count("ben", "192.0.2.9", 1), 1);
	ck_assert_uint_eq(count("anna", "192.0.2.1", 1), 1);
	ck_assert_uint_eq(count("anna", "192.0.2.1", 1), 0);
	/* And it is nothing to the rest of the world. */
	ck_assert_uint_eq(count("anna", "198.51.100.1", 10), 10);
	now += 12000;
	ck_assert_uint_eq(count("anna", "192.0.2.9", 10), 2);
}
END_TEST

START_TEST(auth_memory_may_try__a_known_network_of_ipv6_is_a_48)
{
	char peer[40];
	unsigned i, ok = 0;

	for (i = 0; i < 100; i++) {
		(void)snprintf(peer, sizeof peer, "2001:db8:1:%x::1", i);
		auth_memory_note_login(m, peer);
		ok += may_try("anna", peer) != 0;
	}
	/* All of them in one /56, which has its share. */
	ck_assert_uint_eq(ok, OF_KNOWN + 1);
}
END_TEST

START_TEST(auth_memory_may_try__the_loopback_has_no_bucket_of_its_own)
{
	char name[20];
	unsigned i;

	for (i = 0; i < 120; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		ck_assert_uint_ne(may_try(name, "127.0.0.1"), 0);
		ck_assert_uint_ne(may_try(name, "::1"), 0);
	}
}
END_TEST

START_TEST(auth_memory_may_try__each_door_has_its_own)
{
	ck_assert_uint_eq(count("anna", "192.0.2.1", 100), OF_NETWORK + 4);
	ck_assert_uint_ne(may_try_at(1, "anna", "192.0.2.1"), 0);
	(void)auth_memory_penalty(m, 0, "192.0.2.1");
	ck_assert_int_eq(auth_memory_penalty(m, 1, "192.0.2.1"), 250);
}
END_TEST

START_TEST(auth_memory_give_back__never_goes_below_zero)
{
	struct auth_who w = {.name = SV("anna"), .peer = "192.0.2.1"};
	int i;

	for (i = 0; i < 10; i++)
		auth_memory_give_back(m, &w, ~0u);
	ck_assert_uint_eq(count("anna", "192.0.2.1", 100), OF_NETWORK + 4);
}
END_TEST

START_TEST(auth_memory_penalty__grows_to_its_bound_and_ends_with_a_login)
{
	int64_t last = 0, first = auth_memory_penalty(m, 0, "192.0.2.1");
	int i;

	ck_assert_int_gt(first, 0);
	for (i = 0; i < 40; i++) {
		int64_t p = auth_memory_penalty(m, 0, "192.0.2.1");

		ck_assert_int_ge(p, last);
		ck_assert_int_le(p, 4000);
		last = p;
	}
	ck_assert_int_eq(last, 4000);
	ck_assert_int_eq(auth_memory_penalty(m, 0, "198.51.100.1"), first);
	auth_memory_forgive(m, 0, "192.0.2.9");
	ck_assert_int_eq(auth_memory_penalty(m, 0, "192.0.2.1"), first);
}
END_TEST

/* How many of 100. */
static unsigned
count_who(const struct auth_who *w)
{
	unsigned i, ok = 0;

	for (i = 0; i < 100; i++)
		ok += auth_memory_may_try(m, w) != 0;
	return ok;
}

START_TEST(auth_memory__a_known_browser_is_not_a_stranger)
{
	struct auth_who w = {.name = SV("anna"), .peer = "192.0.2.1"};

	/* Strangers have used up all that is theirs. */
	while (may_try("anna", "192.0.2.1") != 0)
		;
	ck_assert_uint_eq(count_who(&w), 0);
	w.browser = SV("12345678");
	ck_assert_uint_eq(count_who(&w), 25);
	now += 6000;
	ck_assert_uint_eq(count_who(&w), 1);
	/* One that has been stolen uses up its own, wherever it goes. */
	w.peer = "198.51.100.7";
	ck_assert_uint_eq(count_who(&w), 0);
	w.browser = SV("87654321");
	ck_assert_uint_eq(count_who(&w), 25);
}
END_TEST

START_TEST(auth_memory__codes_are_few)
{
	struct auth_who w = {
	    .name = SV("anna"), .peer = "192.0.2.1", .code = true};
	unsigned took;

	took = auth_memory_may_try(m, &w);
	ck_assert_uint_ne(took, 0);
	auth_memory_give_back(m, &w, took);
	ck_assert_uint_eq(count_who(&w), 6);
	/* All strangers together; passwords are counted by themselves. */
	w.peer = "198.51.100.7";
	ck_assert_uint_eq(count_who(&w), 0);
	ck_assert_uint_ne(may_try("anna", "192.0.2.1"), 0);
	w.browser = SV("12345678");
	ck_assert_uint_eq(count_who(&w), 6);
	w.browser = SV("");
	auth_memory_note_login(m, "198.51.100.7");
	ck_assert_uint_eq(count_who(&w), 6);
	/* All known networks together. */
	auth_memory_note_login(m, "203.0.113.1");
	w.peer = "203.0.113.1";
	ck_assert_uint_eq(count_who(&w), 0);
	w.name = SV("ben");
	ck_assert_uint_eq(count_who(&w), 6);
	now += 600000;
	ck_assert_uint_eq(count_who(&w), 1);
}
END_TEST

START_TEST(auth_memory__many_names_do_not_push_out_spent_codes)
{
	struct auth_who w = {
	    .name = SV("anna"), .peer = "192.0.2.1", .code = true};
	char name[20];
	unsigned i;

	ck_assert_uint_eq(count_who(&w), 6);
	for (i = 0; i < 80000; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		(void)may_try(name, "127.0.0.1");
	}
	ck_assert_uint_eq(count_who(&w), 0);
}
END_TEST

START_TEST(auth_memory__odd_peers_and_names_do_no_harm)
{
	static char big[5000];
	const struct auth_who w = {
	    .name = sv_of(big, sizeof big), .peer = "::"};

	memset(big, 'x', sizeof big);
	auth_memory_note_login(m, "");
	auth_memory_note_login(m, "not an address");
	(void)auth_memory_may_try(m, &w);
	auth_memory_learn(m, sv_of(big, sizeof big), SV(""), "", true);
	ck_assert_int_eq(
	    auth_memory_recall(m, sv_of(big, sizeof big), SV(""), ""),
	    AUTH_RIGHT);
}
END_TEST

UNIT_TESTS(memory)
{
	TCase *t = tcase_create("memory");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, auth_memory__recalls_what_it_learnt);
	tcase_add_test(
	    t, auth_memory__wrong_guesses_do_not_push_out_what_is_right);
	tcase_add_test(t, auth_memory_known__goes_by_network);
	tcase_add_test(t, auth_memory_known__outlives_the_process);
	tcase_add_test(t, auth_memory_may_try__bounds_a_network);
	tcase_add_test(t, auth_memory_may_try__a_network_of_ipv6_is_a_48);
	tcase_add_test(
	    t, auth_memory_may_try__bounds_a_name_and_locks_nobody_out);
	tcase_add_test(t, auth_memory_may_try__bounds_a_known_network);
	tcase_add_test(t, auth_memory_may_try__a_known_network_of_ipv6_is_a_48);
	tcase_add_test(t, auth_memory_may_try__each_door_has_its_own);
	tcase_add_test(
	    t, auth_memory_may_try__the_loopback_has_no_bucket_of_its_own);
	tcase_add_test(t, auth_memory_give_back__never_goes_below_zero);
	tcase_add_test(
	    t, auth_memory_penalty__grows_to_its_bound_and_ends_with_a_login);
	tcase_add_test(t, auth_memory__a_known_browser_is_not_a_stranger);
	tcase_add_test(t, auth_memory__codes_are_few);
	tcase_add_test(t, auth_memory__many_names_do_not_push_out_spent_codes);
	tcase_add_test(t, auth_memory__odd_peers_and_names_do_no_harm);
	return t;
}
