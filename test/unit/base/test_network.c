#include <check.h>

#include "base/network.h"
#include "test/unit/unit.h"

START_TEST(network__key_groups_what_one_host_has)
{
	static const struct {
		const char *a, *b;
		bool same, same_wide;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.1", true, true},
	    {"192.0.2.1", "192.0.2.2", false, true},
	    {"192.0.2.1", "192.0.3.1", false, false},
	    {"2001:db8::1", "2001:db8::2", true, true},
	    {"2001:db8::1", "2001:db8:0:0:ffff::2", true, true},
	    {"2001:db8::1", "2001:db8:0:1::1", false, false},
	    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", true, true},
	    {"::1", "::2", false, false},
	    {"192.0.2.1", "2001:db8::1", false, false},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct network_key a, b;

		network_key(rows[i].a, false, &a);
		network_key(rows[i].b, false, &b);
		ck_assert_msg(network_same(&a, &b) == rows[i].same, "%s %s",
		    rows[i].a, rows[i].b);
		network_key(rows[i].a, true, &a);
		network_key(rows[i].b, true, &b);
		ck_assert_msg(network_same(&a, &b) == rows[i].same_wide,
		    "wide %s %s", rows[i].a, rows[i].b);
	}
}
END_TEST

START_TEST(network__peer_names_are_checked)
{
	ck_assert(network_peer_valid(SV("192.0.2.1")));
	ck_assert(network_peer_valid(SV("2001:db8::1")));
	ck_assert(!network_peer_valid(SV("")));
	ck_assert(!network_peer_valid(SV("1.2.3.4\nforged")));
	ck_assert(!network_peer_valid(SV("example.org")));
	ck_assert(!network_peer_valid(
	    SV("1111:1111:1111:1111:1111:1111:1111:1111:1111:1111")));
}
END_TEST

UNIT_TESTS(network)
{
	TCase *t = tcase_create("network");

	tcase_add_test(t, network__key_groups_what_one_host_has);
	tcase_add_test(t, network__peer_names_are_checked);
	return t;
}
