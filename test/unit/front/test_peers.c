/* How many connections one network may have. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "front/front_priv.h"
#include "test/unit/unit.h"

static struct listener l;

static void
setup(void)
{
	memset(&l, 0, sizeof l);
	ck_assert_int_eq(pthread_mutex_init(&l.lock, NULL), 0);
	listener_set_limits(&l, 100, 2, false);
}

static void
teardown(void)
{
	free(l.peers);
	pthread_mutex_destroy(&l.lock);
}

START_TEST(peers__an_address_has_its_limit)
{
	ck_assert(peers_enter(&l, "192.0.2.1"));
	ck_assert(peers_enter(&l, "192.0.2.1"));
	ck_assert(!peers_enter(&l, "192.0.2.1"));
	ck_assert(peers_enter(&l, "192.0.2.2"));
	peers_leave(&l, "192.0.2.1");
	ck_assert(peers_enter(&l, "192.0.2.1"));
	ck_assert(!peers_enter(&l, "192.0.2.1"));
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} networks[] = {
    {"2001:db8:1:2::3", "2001:db8:1:2:3:4:5:6", true},
    {"2001:db8:1:2::3", "2001:db8:1:3::3", false},
    {"2001:db8::1", "2001:db8::2", true},
    {"2001:db8::1", "2001:db8::1:0:0:1", true},
    {"2001:db8::1", "2001:db8:0:1::1", false},
    {"::2", "::3", true},
    {"192.0.2.1", "192.0.2.10", false},
};

START_TEST(peers__a_64_counts_as_one)
{
	ck_assert(peers_enter(&l, networks[_i].a));
	ck_assert(peers_enter(&l, networks[_i].a));
	ck_assert(peers_enter(&l, networks[_i].b) == !networks[_i].same);
}
END_TEST

START_TEST(peers__the_loopback_has_none_unless_asked)
{
	int i;

	for (i = 0; i < 10; i++) {
		ck_assert(peers_enter(&l, "127.0.0.1"));
		ck_assert(peers_enter(&l, "::1"));
	}
	listener_set_limits(&l, 100, 2, true);
	ck_assert(!peers_enter(&l, "127.0.0.1"));
	ck_assert(!peers_enter(&l, "::1"));
	for (i = 0; i < 9; i++)
		peers_leave(&l, "127.0.0.1");
	ck_assert(peers_enter(&l, "127.0.0.1"));
	ck_assert(!peers_enter(&l, "127.0.0.1"));
}
END_TEST

START_TEST(peers__all_gone_leaves_nothing)
{
	int i;

	for (i = 0; i < 100; i++)
		ck_assert(peers_enter(&l, i % 2 ? "192.0.2.1" : "::1") ==
			  (i % 2 == 0 || i < 4));
	for (i = 0; i < 50; i++)
		peers_leave(&l, "::1");
	peers_leave(&l, "192.0.2.1");
	peers_leave(&l, "192.0.2.1");
	peers_leave(&l, "192.0.2.1"); /* who was not there */
	ck_assert_uint_eq(l.npeers, 0);
}
END_TEST

static void *
come_and_go(void *arg)
{
	int i;

	for (i = 0; i < 20000; i++)
		if (peers_enter(&l, arg))
			peers_leave(&l, arg);
	return NULL;
}

START_TEST(peers__limits_may_change_meanwhile)
{
	static char a[] = "127.0.0.1", b[] = "192.0.2.1";
	pthread_t t[2];
	int i;

	ck_assert_int_eq(pthread_create(&t[0], NULL, come_and_go, a), 0);
	ck_assert_int_eq(pthread_create(&t[1], NULL, come_and_go, b), 0);
	for (i = 0; i < 20000; i++)
		listener_set_limits(&l, 100, 1 + (uint32_t)i % 2, i % 3 == 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	ck_assert_uint_eq(l.npeers, 0);
}
END_TEST

UNIT_TESTS(peers)
{
	TCase *t = tcase_create("peers");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, peers__an_address_has_its_limit);
	tcase_add_loop_test(t, peers__a_64_counts_as_one, 0,
	    sizeof networks / sizeof networks[0]);
	tcase_add_test(t, peers__the_loopback_has_none_unless_asked);
	tcase_add_test(t, peers__all_gone_leaves_nothing);
	tcase_add_test(t, peers__limits_may_change_meanwhile);
	return t;
}
