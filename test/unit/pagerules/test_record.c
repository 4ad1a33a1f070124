/* The records of pages: there and back, and their limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pagerules/pagerules.h"
#include "test/unit/unit.h"

#define EVIL "a&b=c%20\n\"'<b>\\ \xc3\xa4 100% + ;"

static struct pagerules a, b;

static void
setup(void)
{
	pagerules_init(&a);
	pagerules_init(&b);
}

static void
teardown(void)
{
	pagerules_fini(&b);
	pagerules_fini(&a);
}

/* a to b. */
static void
carry_over(void)
{
	struct buf record;

	for (unsigned i = 0; i < PAGERULES_PARTS; i++) {
		buf_init(&record, 1 << 20);
		pagerules_write(&a, (enum pagerules_part)i, &record);
		ck_assert(buf_ok(&record));
		pagerules_read(&b, (enum pagerules_part)i, buf_sv(&record));
		buf_fini(&record);
	}
}

START_TEST(pagerules__there_and_back)
{
	struct pagerules_filter *f;
	uint8_t secret[PAGERULES_SECRET];

	ck_assert_int_eq(pagerules_block(&a, SV("Eve@Spam.Example")), RC_OK);
	ck_assert_int_eq(pagerules_block(&a, SV(" spam.example ")), RC_OK);
	f = pagerules_add(&a);
	pagerules_set(&f->from, SV(EVIL));
	pagerules_set(&f->to, SV("club@lists.example"));
	pagerules_set(&f->folder, SV("Clubs/" EVIL));
	f->action = PAGERULES_MOVES;
	f->seen = f->goes_on = true;
	f = pagerules_add(&a);
	pagerules_set(&f->subject, SV("x"));
	f->on = false;
	f->action = PAGERULES_DELETES;
	f->starred = true;
	pagerules_set(&a.forward.to, SV("x@far.example"));
	ck_assert_int_eq(pagerules_ask(&a.forward, 1000, secret), RC_OK);
	a.forward.on = true;
	a.forward.keep = false;
	pagerules_set(&a.vacation.subject, SV(EVIL));
	pagerules_set(&a.vacation.text, SV(EVIL "\n\nx"));
	pagerules_set(&a.vacation.zone, SV("Europe/Berlin"));
	a.vacation.on = a.vacation.contacts = true;
	a.vacation.from = 20000;
	a.vacation.until = 20010;
	a.vacation.days = 3;
	carry_over();
	ck_assert_uint_eq(b.nblocked, 2);
	ck_assert_str_eq(b.blocked[0], "eve@spam.example");
	ck_assert_str_eq(b.blocked[1], "@spam.example");
	ck_assert_uint_eq(b.nfilter, 2);
	ck_assert_uint_eq(b.last_id, 2);
	ck_assert_str_eq(b.filter[0].from, EVIL);
	ck_assert_str_eq(b.filter[0].to, "club@lists.example");
	ck_assert_str_eq(b.filter[0].folder, "Clubs/" EVIL);
	ck_assert_uint_eq(b.filter[0].action, PAGERULES_MOVES);
	ck_assert(b.filter[0].on && b.filter[0].seen && b.filter[0].goes_on);
	ck_assert(!b.filter[0].starred);
	ck_assert(!b.filter[1].on && b.filter[1].starred);
	ck_assert_uint_eq(b.filter[1].action, PAGERULES_DELETES);
	ck_assert_str_eq(b.forward.to, "x@far.example");
	ck_assert(b.forward.on && !b.forward.keep && !b.forward.confirmed);
	ck_assert_int_eq(pagerules_look(&b.forward, 1001, secret), RC_OK);
	ck_assert_str_eq(b.vacation.text, EVIL "\n\nx");
	ck_assert_str_eq(b.vacation.subject, EVIL);
	ck_assert_str_eq(b.vacation.zone, "Europe/Berlin");
	ck_assert(b.vacation.on && b.vacation.contacts);
	ck_assert_int_eq(b.vacation.from, 20000);
	ck_assert_int_eq(b.vacation.until, 20010);
	ck_assert_uint_eq(b.vacation.days, 3);
}
END_TEST

/* A number is not given again, so that an old page changes nothing else. */
START_TEST(pagerules__numbers_of_filters)
{
	pagerules_remove(&a, pagerules_add(&a));
	carry_over();
	ck_assert_uint_eq(b.nfilter, 0);
	ck_assert_uint_eq(pagerules_add(&b)->id, 2);
	ck_assert_uint_eq(pagerules_add(&b)->id, 3);
	pagerules_raise(&b, pagerules_find(&b, 3));
	ck_assert_uint_eq(b.filter[0].id, 3);
	pagerules_raise(&b, pagerules_find(&b, 3));
	ck_assert_uint_eq(b.filter[0].id, 3);
	ck_assert_ptr_null(pagerules_find(&b, 1));
}
END_TEST

START_TEST(pagerules__limits)
{
	char who[64];

	for (unsigned i = 0; i < PAGERULES_FILTERS_MAX; i++)
		ck_assert_ptr_nonnull(pagerules_add(&a));
	ck_assert_ptr_null(pagerules_add(&a));
	for (unsigned i = 0; i < PAGERULES_BLOCKED_MAX; i++) {
		(void)snprintf(who, sizeof who, "x%u@spam.example", i);
		ck_assert_int_eq(pagerules_block(&a, sv_str(who)), RC_OK);
	}
	ck_assert_int_eq(pagerules_block(&a, SV("y@spam.example")), RC_TOOBIG);
	ck_assert_int_eq(pagerules_block(&a, SV("X1@spam.example")), RC_EXISTS);
	ck_assert_int_eq(pagerules_unblock(&a, SV("x1@spam.example")), RC_OK);
	ck_assert_int_eq(
	    pagerules_unblock(&a, SV("x1@spam.example")), RC_NOTFOUND);
	carry_over();
	ck_assert_uint_eq(b.nblocked, PAGERULES_BLOCKED_MAX - 1);
	ck_assert_uint_eq(b.nfilter, PAGERULES_FILTERS_MAX);
}
END_TEST

START_TEST(pagerules__what_can_be_blocked)
{
	static const struct {
		const char *who;
		int want;
	} row[] = {
	    {"a@b.example", RC_OK},
	    {"@b.example", RC_OK},
	    {"c.example", RC_OK},
	    {"b.example", RC_EXISTS},
	    {"B.Example", RC_EXISTS},
	    {"", RC_SYNTAX},
	    {"@", RC_SYNTAX},
	    {"a@", RC_SYNTAX},
	    {"@@b.example", RC_SYNTAX},
	    {"a@b@c.example", RC_SYNTAX},
	    {"example", RC_SYNTAX},
	    {"*@b.example", RC_OK}, /* an address like another */
	    {"*.example", RC_SYNTAX},
	    {"a b@c.example", RC_SYNTAX},
	    {"<a@b.example>", RC_SYNTAX},
	    {"a@b.example, c@d.example", RC_SYNTAX},
	    {"a\n@b.example", RC_SYNTAX},
	    {"x@B\xc3\x9c"
	     "cher.example",
		RC_OK},
	    {"x@xn--bcher-kva.example", RC_EXISTS},
	    {"@b\xc3\xbc"
	     "cher.example",
		RC_OK},
	    {"xn--bcher-kva.example", RC_EXISTS},
	    {"x@b\xc3.example", RC_SYNTAX},
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		ck_assert_msg(
		    pagerules_block(&a, sv_str(row[i].who)) == row[i].want,
		    "%s", row[i].who);
}
END_TEST

START_TEST(pagerules__texts_are_fit_for_a_script)
{
	char *text = NULL;

	pagerules_set(&text, SV("a\xff\x01z\n\t\xc3\xa4\x00q\x7f"));
	ck_assert_str_eq(text, "a\xef\xbf\xbd z\n\t\xc3\xa4 q ");
	free(text);
}
END_TEST

/* Whatever is in the journal is read as far as it can be. */
START_TEST(pagerules__damaged_records)
{
	static const char *const records[] = {"", "\n\n\n", "&&&&=", "who=%zz",
	    "id=1&action=9\nid=1\nid=99999999999999999999\n",
	    "id=0&last=5\nid=4294967295&action=1\n",
	    "on=1&from=2026-99-99&until=x&days=100000\n",
	    "to=x&hash=AAAA&asked=-1\n", "\x01\xff\xfe=\x80\n"};

	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		for (unsigned p = 0; p < PAGERULES_PARTS; p++)
			pagerules_read(
			    &a, (enum pagerules_part)p, sv_str(records[i]));
	ck_assert_uint_eq(a.vacation.days, PAGERULES_DAYS);
	/* A filter that has lost a condition does nothing. */
	pagerules_read(&a, PAGERULES_FILTERS,
	    SV("id=7&on=1&from=%zz&subject=x&action=2\n"
	       "id=8&on=1&subject=x&action=2\n"));
	ck_assert(!pagerules_find(&a, 7)->on && pagerules_find(&a, 8)->on);
	pagerules_read(&a, PAGERULES_FORWARD, SV("to=x&on=1&hash=AAAA\n"));
	ck_assert_str_eq(a.forward.to, "");
	ck_assert(!a.forward.asked);
}
END_TEST

START_TEST(pagerules__confirmations)
{
	uint8_t secret[PAGERULES_SECRET], other[PAGERULES_SECRET];
	struct pagerules_forward *f = &a.forward;
	const int64_t now = 1795440309;

	memset(other, 7, sizeof other);
	ck_assert_int_eq(pagerules_look(f, now, other), RC_NOTFOUND);
	ck_assert_int_eq(pagerules_ask(f, now, secret), RC_OK);
	ck_assert_int_eq(pagerules_look(f, now, other), RC_NOTFOUND);
	ck_assert_int_eq(pagerules_look(f, now, secret), RC_OK);
	ck_assert_int_eq(
	    pagerules_look(f, now + PAGERULES_CONFIRM_S - 1, secret), RC_OK);
	ck_assert_int_eq(
	    pagerules_look(f, now + PAGERULES_CONFIRM_S, secret), RC_NOTFOUND);
	f->confirmed = true;
	ck_assert_int_eq(pagerules_look(f, now, secret), RC_EXISTS);
	/* A new letter makes the one before void. */
	ck_assert_int_eq(pagerules_ask(f, now, other), RC_OK);
	ck_assert(!f->confirmed);
	ck_assert_int_eq(pagerules_look(f, now, secret), RC_NOTFOUND);
	ck_assert_int_eq(pagerules_look(f, now, other), RC_OK);
	ck_assert_int_eq(pagerules_ask(f, now + 1, secret), RC_OK);
	ck_assert_int_eq(pagerules_ask(f, now + 2, other), RC_DENIED);
	ck_assert_int_eq(pagerules_look(f, now + 2, secret), RC_OK);
	ck_assert_int_eq(pagerules_ask(f, now + 86400, other), RC_OK);
}
END_TEST

START_TEST(pagerules__are_they_there)
{
	struct pagerules_filter *f;

	ck_assert(!pagerules_present(&a));
	f = pagerules_add(&a);
	f->seen = true;
	ck_assert(!pagerules_present(&a)); /* it looks for nothing */
	pagerules_set(&f->from, SV("x"));
	ck_assert(pagerules_present(&a));
	f->on = false;
	ck_assert(!pagerules_present(&a));
	a.vacation.on = true;
	ck_assert(!pagerules_present(&a)); /* it says nothing */
	pagerules_set(&a.forward.to, SV("x@far.example"));
	a.forward.on = true;
	ck_assert(!pagerules_present(&a)); /* it is not confirmed */
	a.forward.confirmed = true;
	ck_assert(pagerules_present(&a));
}
END_TEST

UNIT_TESTS(pagerules)
{
	TCase *t = tcase_create("pagerules");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pagerules__there_and_back);
	tcase_add_test(t, pagerules__numbers_of_filters);
	tcase_add_test(t, pagerules__limits);
	tcase_add_test(t, pagerules__what_can_be_blocked);
	tcase_add_test(t, pagerules__texts_are_fit_for_a_script);
	tcase_add_test(t, pagerules__damaged_records);
	tcase_add_test(t, pagerules__confirmations);
	tcase_add_test(t, pagerules__are_they_there);
	return t;
}
