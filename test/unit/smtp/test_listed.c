/* Block lists of what comes in: which are believed, and what they do. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/network.h"
#include "smtp/listed.h"
#include "test/unit/unit.h"

#define PEER "7.2.0.192."
#define TEST "2.0.0.127."
#define NONE "1.0.0.127."

/* What the name servers say; "" no such name, "?" nothing. */
static const struct {
	const char *name, *answer;
} zone[] = {
    {TEST "good.test", "127.0.0.2"},
    {PEER "good.test", "127.0.0.4"},
    {TEST "clean.test", "127.0.0.2"},
    {TEST "policy.test", "127.0.0.2"},
    {PEER "policy.test", "127.0.0.10"},
    {TEST "both.test", "127.0.0.2"},
    {PEER "both.test", "127.0.0.10 127.0.0.3"},
    {PEER "empty.test", "127.0.0.2"},
    {TEST "all.test", "127.0.0.2"},
    {NONE "all.test", "127.0.0.2"},
    {PEER "all.test", "127.0.0.2"},
    {TEST "refuses.test", "127.255.255.254"},
    {NONE "refuses.test", ""},
    {PEER "refuses.test", "127.255.255.254"},
    {TEST "parked.test", "127.0.0.2"},
    {PEER "parked.test", "192.0.2.80"},
    {TEST "odd.test", "127.0.0.2"},
    {PEER "odd.test", "127.0.0.2 127.0.1.255"},
    {TEST "away.test", "?"},
    {NONE "away.test", "?"},
    {PEER "away.test", "127.0.0.2"},
    {TEST "late.test", "127.0.0.2"},
    {PEER "late.test", "?"},
};

static const struct {
	const char *zones;
	bool junk, refuse;
	const char *text, *why; /* the list that is named */
} rows[] = {
    {"good.test", true, true, "good.test=127.0.0.4", "good.test"},
    {"clean.test", false, false, "", ""},
    /* A code that only makes it junk. */
    {"policy.test", true, false, "policy.test=127.0.0.10", "policy.test"},
    {"both.test", true, true, "both.test=127.0.0.3", "both.test"},
    {"policy.test good.test", true, true,
	"policy.test=127.0.0.10,good.test=127.0.0.4", "good.test"},
    {"empty.test", false, false, "", ""},
    {"all.test", false, false, "", ""},
    {"refuses.test", false, false, "", ""},
    {"parked.test", false, false, "", ""},
    {"odd.test", false, false, "", ""},
    {"away.test", false, false, "", ""},
    {"late.test", false, false, "", ""},
    {"away.test all.test good.test", true, true, "good.test=127.0.0.4",
	"good.test"},
};

static unsigned asked;

static void
start(void)
{
	smtp_listed_forget_health();
	asked = 0;
}

static void
put_addresses(struct dns_answer *a, const char *text)
{
	struct sv rest = sv_str(text);
	struct in6_addr ip;
	char word[NETWORK_PEER_MAX];

	a->rc = RC_OK;
	a->bytes = xcalloc(8, 4);
	a->record = xcalloc(8, sizeof *a->record);
	while (rest.n > 0) {
		sv_copy(sv_split(&rest, ' '), word, sizeof word);
		ck_assert(network_address(word, &ip));
		memcpy(a->bytes + 4 * a->n, ip.s6_addr + 12, 4);
		a->record[a->n] = sv_of(a->bytes + 4 * a->n, 4);
		a->n++;
	}
}

static void
answer(struct lookup *names, const struct lookup_question *q)
{
	struct dns_answer a;
	const char *text = "";
	size_t i;

	for (i = 0; i < sizeof zone / sizeof zone[0]; i++)
		if (strcmp(zone[i].name, q->name) == 0)
			text = zone[i].answer;
	dns_answer_init(&a);
	if (text[0] == '\0')
		a.rc = RC_NOTFOUND;
	else if (text[0] != '?')
		put_addresses(&a, text);
	lookup_answer(names, q->id, &a);
	dns_answer_fini(&a);
}

static void
look(const char *peer, const char *zones, struct smtp_listing *out)
{
	struct smtp_block_list *list =
	    xcalloc(SMTP_BLOCK_LISTS_MAX, sizeof *list);
	struct lookup *names = lookup_new();
	struct sv rest = sv_str(zones);
	struct lookup_question q;
	struct smtp_listed *l;
	struct in6_addr ip;
	size_t n = 0;

	while (rest.n > 0) {
		struct smtp_block_list *b = &list[n++];

		sv_copy(sv_split(&rest, ' '), b->zone, sizeof b->zone);
		b->code[0][0] = 0x7f000002;
		b->code[0][1] = 0x7f00000b;
		b->refuse[0][0] = 0x7f000002;
		b->refuse[0][1] = 0x7f000004;
		b->ncode = b->nrefuse = 1;
	}
	ck_assert(network_address(peer, &ip));
	l = smtp_listed_new(&ip, list, n);
	while (smtp_listed_evaluate(l, names) == RC_MORE) {
		ck_assert(lookup_waiting(names) > 0);
		while (lookup_open(names, &q)) {
			asked++;
			answer(names, &q);
		}
	}
	smtp_listed_result(l, out);
	smtp_listed_free(&l);
	lookup_free(&names);
}

START_TEST(smtp_listed__does_what_each_row_says)
{
	struct smtp_listing got;

	look("192.0.2.7", rows[_i].zones, &got);
	ck_assert_str_eq(got.text, rows[_i].text);
	ck_assert_str_eq(got.zone, rows[_i].why);
	ck_assert(got.junk == rows[_i].junk && got.refuse == rows[_i].refuse);
}
END_TEST

/* Tested once, then asked alone; one that has failed is not asked at all. */
START_TEST(smtp_listed__remembers_which_can_be_believed)
{
	struct smtp_listing got;

	look("192.0.2.7", "good.test all.test", &got);
	ck_assert_uint_eq(asked, 6);
	look("192.0.2.7", "good.test all.test", &got);
	ck_assert_uint_eq(asked, 7);
	ck_assert(got.refuse);
	/* Addresses of the other family have a test of their own. */
	look("2001:db8::7", "good.test", &got);
	ck_assert_uint_eq(asked, 10);
	ck_assert(!got.junk);
	look("2001:db8::7", "good.test", &got);
	ck_assert_uint_eq(asked, 10);
}
END_TEST

/* A list that was not waited for is left alone; the others still count. */
START_TEST(smtp_listed__gives_up_on_silent_lists)
{
	struct smtp_block_list *list = xcalloc(1, sizeof *list);
	struct lookup *names = lookup_new();
	struct smtp_listing got;
	struct smtp_listed *l;
	struct in6_addr ip;

	ck_assert(network_address("192.0.2.7", &ip));
	(void)snprintf(list->zone, sizeof list->zone, "good.test");
	l = smtp_listed_new(&ip, list, 1);
	ck_assert_int_eq(smtp_listed_evaluate(l, names), RC_MORE);
	smtp_listed_give_up(l);
	smtp_listed_result(l, &got);
	ck_assert(!got.junk);
	smtp_listed_free(&l);
	lookup_free(&names);
	look("192.0.2.7", "good.test", &got);
	ck_assert_uint_eq(asked, 0);
	ck_assert(!got.junk);
}
END_TEST

START_TEST(smtp_listed__status)
{
	struct smtp_listing got;
	struct buf b;

	look("192.0.2.7", "good.test all.test", &got);
	look("192.0.2.7", "good.test all.test", &got);
	look("192.0.2.8", "good.test", &got);
	look("2001:db8::7", "good.test", &got);
	buf_init(&b, 4096);
	smtp_listed_status(&b);
	ck_assert_str_eq(b.p,
	    "good.test: it can be believed; today asked 3, listed 2\n"
	    "all.test: it lists everybody, so it is dead, or a resolver on the "
	    "way rewrites answers; today asked 1, listed 0\n");
	buf_fini(&b);
}
END_TEST

/* So many questions a day, and no more. */
START_TEST(smtp_listed__has_a_budget)
{
	struct smtp_listing got;
	unsigned i;

	for (i = 0; i < SMTP_LISTED_A_DAY; i++)
		smtp_listed_count("good.test", false);
	look("192.0.2.7", "good.test clean.test", &got);
	ck_assert(!got.junk);
	ck_assert_uint_eq(asked, 3);
	look("2001:db8::7", "good.test", &got);
	ck_assert_uint_gt(asked, 3);
}
END_TEST

/* A day ends at midnight, whenever the machine was started. */
START_TEST(smtp_listed__a_day_ends_at_midnight)
{
	const int64_t day = 24 * 3600 * 1000;
	const int64_t left = day - clk_now() % day;
	struct buf b;
	unsigned i;

	/* Not just before midnight: a day's last hour, as it seems. */
	clk_set_offset(left - 3600 * 1000);
	for (i = 0; i < SMTP_LISTED_A_DAY; i++)
		ck_assert(smtp_listed_count("good.test", false));
	ck_assert(!smtp_listed_count("good.test", false));
	clk_set_offset(left + 1000);
	buf_init(&b, 4096);
	smtp_listed_status(&b);
	ck_assert_str_eq(
	    b.p, "good.test: is being tested; today asked 0, listed 0\n");
	ck_assert(smtp_listed_count("good.test", false));
	clk_set_offset(0);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(listed)
{
	TCase *tc = tcase_create("smtp_listed");

	tcase_add_checked_fixture(tc, start, NULL);
	tcase_add_test(tc, smtp_listed__status);
	tcase_add_test(tc, smtp_listed__has_a_budget);
	tcase_add_test(tc, smtp_listed__a_day_ends_at_midnight);
	tcase_add_loop_test(tc, smtp_listed__does_what_each_row_says, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, smtp_listed__remembers_which_can_be_believed);
	tcase_add_test(tc, smtp_listed__gives_up_on_silent_lists);
	return tc;
}
