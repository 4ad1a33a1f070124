#include "test/unit/unit.h"
#include "web/self/once.h"

static bool
take(struct self_once *o, uint64_t session, int64_t now, const char *ticket,
    bool stays, const char *expected)
{
	struct buf b;
	bool found;

	buf_init(&b, 1000);
	found = self_once_take(o, session, now, sv_str(ticket), stays, &b);
	ck_assert_str_eq(b.p, found ? expected : "");
	buf_fini(&b);
	return found;
}

START_TEST(once__is_shown_once_to_whom_it_is_for)
{
	struct self_once *o = self_once_new();
	char ticket[SELF_TICKET_MAX];

	self_once_put(o, 7, 1000, SV("secret"), ticket);
	ck_assert(!take(o, 8, 1000, ticket, false, ""));
	ck_assert(!take(o, 7, 1000, "", false, ""));
	ck_assert(!take(o, 7, 1000, "wrong", false, ""));
	ck_assert(take(o, 7, 1000, ticket, true, "secret"));
	ck_assert(take(o, 7, 1000, ticket, false, "secret"));
	ck_assert(!take(o, 7, 1000, ticket, false, ""));
	self_once_free(&o);
}
END_TEST

START_TEST(once__does_not_last)
{
	struct self_once *o = self_once_new();
	char ticket[SELF_TICKET_MAX], other[SELF_TICKET_MAX];
	unsigned i;

	self_once_put(o, 7, 1000, SV("secret"), ticket);
	ck_assert(!take(o, 7, 1001 + SELF_ONCE_MS, ticket, false, ""));
	/* The newest have room. */
	self_once_put(o, 7, 1000, SV("secret"), ticket);
	for (i = 0; i < 8; i++)
		self_once_put(o, 7, 1001 + i, SV("other"), other);
	ck_assert(!take(o, 7, 1010, ticket, false, ""));
	ck_assert(take(o, 7, 1010, other, false, "other"));
	self_once_free(&o);
}
END_TEST

UNIT_TESTS(once)
{
	TCase *t = tcase_create("once");

	tcase_add_test(t, once__is_shown_once_to_whom_it_is_for);
	tcase_add_test(t, once__does_not_last);
	return t;
}
