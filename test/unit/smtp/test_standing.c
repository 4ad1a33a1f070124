/* How mail of a domain and of a network has fared. */
#include <stdio.h>

#include "base/network.h"
#include "smtp/standing.h"
#include "test/unit/unit.h"

static struct smtp_standing *s;

static void
start(void)
{
	s = smtp_standing_new();
}

static void
stop(void)
{
	smtp_standing_free(&s);
}

static struct verdict
from(const char *org, const char *peer, bool verified)
{
	struct verdict v = {.verified = verified};

	(void)snprintf(v.org, sizeof v.org, "%s", org);
	ck_assert(network_address(peer, &v.peer));
	return v;
}

static struct verdict
look(struct verdict v)
{
	smtp_standing_look(s, &v);
	return v;
}

static const struct {
	unsigned good, bad;
	enum smtp_standing_is is;
} rows[] = {
    {0, 0, SMTP_STANDING_NONE},
    {1, 0, SMTP_STANDING_GOOD_FEW},
    {4, 0, SMTP_STANDING_GOOD_FEW},
    {5, 0, SMTP_STANDING_GOOD},
    {50, 5, SMTP_STANDING_GOOD},
    {50, 20, SMTP_STANDING_MIXED},
    {1, 1, SMTP_STANDING_MIXED},
    {1, 3, SMTP_STANDING_MIXED_BAD},
    {0, 1, SMTP_STANDING_BAD_FEW},
    {0, 5, SMTP_STANDING_BAD},
    {5, 50, SMTP_STANDING_BAD},
    {0, 10000, SMTP_STANDING_BAD},
    {10000, 0, SMTP_STANDING_GOOD},
};

START_TEST(smtp_standing__rows)
{
	struct verdict v = from("a.test", "192.0.2.7", true);
	unsigned i;

	for (i = 0; i < rows[_i].good; i++)
		smtp_standing_note(s, &v, false);
	for (i = 0; i < rows[_i].bad; i++)
		smtp_standing_note(s, &v, true);
	v = look(v);
	ck_assert_uint_eq(v.domain_standing, rows[_i].is);
	ck_assert_uint_eq(v.network_standing, rows[_i].is);
}
END_TEST

/* Who only claims a domain neither uses its history nor makes it. */
START_TEST(smtp_standing__of_whom)
{
	struct verdict v = from("a.test", "192.0.2.7", true), w;

	smtp_standing_note(s, &v, false);
	w = look(from("a.test", "198.51.100.7", false));
	ck_assert_uint_eq(w.domain_standing + w.network_standing, 0);
	w = look(from("a.test", "198.51.100.7", true));
	ck_assert_uint_eq(w.domain_standing, SMTP_STANDING_GOOD_FEW);
	w = look(from("b.test", "192.0.2.250", true));
	ck_assert_uint_eq(w.domain_standing, 0);
	ck_assert_uint_eq(w.network_standing, SMTP_STANDING_GOOD_FEW);
	w = look(from("b.test", "192.0.3.7", true));
	ck_assert_uint_eq(w.network_standing, 0);
	v = from("c.test", "2001:db8:1:2::7", false);
	smtp_standing_note(s, &v, true);
	w = look(from("c.test", "2001:db8:1:3::9", true));
	ck_assert_uint_eq(w.domain_standing, 0);
	ck_assert_uint_eq(w.network_standing, SMTP_STANDING_BAD_FEW);
	w = look(from("c.test", "2001:db8:2:2::7", true));
	ck_assert_uint_eq(w.network_standing, 0);
}
END_TEST

START_TEST(smtp_standing__is_bounded)
{
	struct verdict v = from("a.test", "192.0.2.7", true);
	char name[32];
	unsigned i;

	for (i = 0; i < 4 * SMTP_STANDING_ROWS; i++) {
		(void)snprintf(name, sizeof name, "d%u.test", i);
		v = from(name, "198.51.100.7", true);
		smtp_standing_note(s, &v, true);
		v = from("keeps.test", "192.0.2.7", true);
		if (i % 64 == 0)
			smtp_standing_note(s, &v, false);
	}
	ck_assert_uint_eq(look(v).domain_standing, SMTP_STANDING_GOOD);
}
END_TEST

UNIT_TESTS(standing)
{
	TCase *tc = tcase_create("standing");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(
	    tc, smtp_standing__rows, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, smtp_standing__of_whom);
	tcase_add_test(tc, smtp_standing__is_bounded);
	return tc;
}
