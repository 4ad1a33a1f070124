/* What auth remembers for a while. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/memory.h"
#include "test/unit/unit.h"

#define TRIES 40

static struct auth_memory *m;

static void
setup(void)
{
	m = auth_memory_new();
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
	auth_memory_note_login(m, SV("anna"), "192.0.2.1");
	auth_memory_note_login(m, SV("anna"), "2001:db8:1:2::3");
	ck_assert(auth_memory_known(m, SV("anna"), "192.0.2.200"));
	ck_assert(auth_memory_known(m, SV("anna"), "2001:db8:1:2:ffff::1"));
	ck_assert(!auth_memory_known(m, SV("anna"), "192.0.3.1"));
	ck_assert(!auth_memory_known(m, SV("anna"), "2001:db8:1:3::3"));
	ck_assert(!auth_memory_known(m, SV("ben"), "192.0.2.1"));
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
	auth_memory_note_login(m, SV("anna"), "192.0.2.1");
	auth_memory_save(m, path);
	auth_memory_free(&m);
	m = auth_memory_new();
	ck_assert(!auth_memory_known(m, SV("anna"), "192.0.2.1"));
	auth_memory_load(m, path);
	ck_assert(auth_memory_known(m, SV("anna"), "192.0.2.77"));
	ck_assert(!auth_memory_known(m, SV("ben"), "192.0.2.1"));
	ck_assert(!auth_memory_known(m, SV("anna"), "192.0.3.1"));
	/* A damaged one does no harm. */
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("hearthmail known 1\nshort", f);
	fclose(f);
	auth_memory_load(m, path);
	ck_assert(auth_memory_known(m, SV("anna"), "192.0.2.1"));
	unlink(path);
}
END_TEST

START_TEST(auth_memory_may_try__bounds_a_network)
{
	char name[20];
	int i;

	for (i = 0; i < TRIES; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		ck_assert(auth_memory_may_try(m, sv_str(name), "192.0.2.1"));
	}
	ck_assert(!auth_memory_may_try(m, SV("another"), "192.0.2.77"));
	ck_assert(auth_memory_may_try(m, SV("another"), "192.0.3.1"));
	auth_memory_give_back(m, SV("n1"), "192.0.2.1");
	ck_assert(auth_memory_may_try(m, SV("fresh"), "192.0.2.1"));
	ck_assert(!auth_memory_may_try(m, SV("fresh2"), "192.0.2.1"));
}
END_TEST

START_TEST(auth_memory_may_try__bounds_an_account)
{
	char peer[40];
	int i;

	for (i = 0; i < TRIES; i++) {
		(void)snprintf(peer, sizeof peer, "10.0.%d.1", i);
		ck_assert(auth_memory_may_try(m, SV("anna"), peer));
	}
	ck_assert(!auth_memory_may_try(m, SV("anna"), "10.1.0.1"));
	ck_assert(!auth_memory_may_try(m, SV("anna"), "127.0.0.1"));
	ck_assert(auth_memory_may_try(m, SV("ben"), "10.1.0.1"));
}
END_TEST

START_TEST(auth_memory_may_try__the_loopback_has_no_bucket_of_its_own)
{
	char name[20];
	int i;

	for (i = 0; i < 3 * TRIES; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		ck_assert(auth_memory_may_try(m, sv_str(name), "127.0.0.1"));
		ck_assert(auth_memory_may_try(m, sv_str(name), "::1"));
	}
}
END_TEST

START_TEST(auth_memory_give_back__never_goes_below_zero)
{
	int i, n = 0;

	for (i = 0; i < 10; i++)
		auth_memory_give_back(m, SV("anna"), "192.0.2.1");
	while (n < 100 && auth_memory_may_try(m, SV("anna"), "192.0.2.1"))
		n++;
	ck_assert_int_eq(n, TRIES);
}
END_TEST

START_TEST(auth_memory_penalty__grows_to_its_bound_and_ends_with_a_login)
{
	int64_t last = 0, first = auth_memory_penalty(m, "192.0.2.1");
	int i;

	ck_assert_int_gt(first, 0);
	for (i = 0; i < 40; i++) {
		int64_t p = auth_memory_penalty(m, "192.0.2.1");

		ck_assert_int_ge(p, last);
		ck_assert_int_le(p, 4000);
		last = p;
	}
	ck_assert_int_eq(last, 4000);
	ck_assert_int_eq(auth_memory_penalty(m, "198.51.100.1"), first);
	auth_memory_note_login(m, SV("anna"), "192.0.2.9");
	ck_assert_int_eq(auth_memory_penalty(m, "192.0.2.1"), first);
}
END_TEST

START_TEST(auth_memory__odd_peers_and_names_do_no_harm)
{
	static char big[5000];

	memset(big, 'x', sizeof big);
	auth_memory_note_login(m, sv_of(big, sizeof big), "");
	auth_memory_note_login(m, SV(""), "not an address");
	(void)auth_memory_may_try(m, sv_of(big, sizeof big), "::");
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
	tcase_add_test(t, auth_memory_may_try__bounds_an_account);
	tcase_add_test(
	    t, auth_memory_may_try__the_loopback_has_no_bucket_of_its_own);
	tcase_add_test(t, auth_memory_give_back__never_goes_below_zero);
	tcase_add_test(
	    t, auth_memory_penalty__grows_to_its_bound_and_ends_with_a_login);
	tcase_add_test(t, auth_memory__odd_peers_and_names_do_no_harm);
	return t;
}
