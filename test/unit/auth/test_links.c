/* Links to profiles: spent by a button, and only by it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "auth/links.h"
#include "test/unit/unit.h"

static int64_t clock_ms;
static struct auth_links *links;
static struct buf token, ticket;

static int64_t
now(void)
{
	return clock_ms;
}

static void
add_of(const char *account, const char *device, const char *password,
    struct buf *out)
{
	const struct auth_link what = {sv_str(account), sv_str(device),
	    SV("mum@example.org"), sv_str(password), 0};

	auth_links_add(links, &what, out);
}

static void
add(const char *device, const char *password, struct buf *out)
{
	add_of("anna", device, password, out);
}

static void
setup(void)
{
	clock_ms = 1000;
	links = auth_links_new(now);
	buf_init(&token, 100);
	buf_init(&ticket, 100);
	add("anna's phone", "k7fq-secret", &token);
}

static void
teardown(void)
{
	auth_links_free(&links);
	buf_fini(&token);
	buf_fini(&ticket);
}

START_TEST(links__looking_spends_nothing)
{
	struct auth_link l;
	int i;

	ck_assert_uint_eq(token.n, LINK_TOKEN_LEN);
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(
		    auth_links_look(links, buf_sv(&token), &l), RC_OK);
		ck_assert(sv_eq(l.account, SV("anna")));
		ck_assert(sv_eq(l.device, SV("anna's phone")));
		ck_assert(sv_eq(l.address, SV("mum@example.org")));
		ck_assert_uint_eq(l.password.n, 0);
	}
	/* The token is not a ticket. */
	ck_assert_int_eq(
	    auth_links_take(links, buf_sv(&token), &l), RC_NOTFOUND);
	ck_assert_int_eq(
	    auth_links_press(links, buf_sv(&token), &l, &ticket), RC_OK);
}
END_TEST

START_TEST(links__are_pressed_once_and_taken_often)
{
	struct auth_link l;
	struct buf again;
	int i;

	buf_init(&again, 100);
	ck_assert_int_eq(
	    auth_links_press(links, buf_sv(&token), &l, &ticket), RC_OK);
	ck_assert_uint_eq(l.password.n, 0);
	ck_assert_uint_eq(ticket.n, LINK_TOKEN_LEN);
	ck_assert_str_ne(ticket.p, token.p);
	ck_assert_int_eq(
	    auth_links_press(links, buf_sv(&token), &l, &again), RC_EXISTS);
	ck_assert_int_eq(auth_links_look(links, buf_sv(&token), &l), RC_EXISTS);
	ck_assert_uint_eq(again.n, 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(
		    auth_links_take(links, buf_sv(&ticket), &l), RC_OK);
		ck_assert(sv_eq(l.password, SV("k7fq-secret")));
	}
	/* The ticket is not a token. */
	ck_assert_int_eq(
	    auth_links_look(links, buf_sv(&ticket), &l), RC_NOTFOUND);
	ck_assert_int_eq(
	    auth_links_press(links, buf_sv(&ticket), &l, &again), RC_NOTFOUND);
	buf_fini(&again);
}
END_TEST

START_TEST(links__end_after_their_time)
{
	struct auth_link l;

	clock_ms += LINK_LIFE_MS - 1;
	ck_assert_int_eq(
	    auth_links_press(links, buf_sv(&token), &l, &ticket), RC_OK);
	ck_assert_int_eq(l.left_ms, 1);
	ck_assert_int_eq(auth_links_take(links, buf_sv(&ticket), &l), RC_OK);
	clock_ms++;
	/* The time is the link's: pressing does not lengthen it. */
	ck_assert_int_eq(
	    auth_links_take(links, buf_sv(&ticket), &l), RC_NOTFOUND);
	ck_assert_int_eq(
	    auth_links_look(links, buf_sv(&token), &l), RC_NOTFOUND);
	ck_assert_uint_eq(auth_links_sweep(links), 0);
}
END_TEST

static const char *const strangers[] = {"", "x",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "../../../../../../../../../../x", "\xff\xff\xff\xff"};

START_TEST(links__of_strangers_are_unknown)
{
	struct sv s = sv_str(strangers[_i]);
	struct auth_link l;

	ck_assert_int_eq(auth_links_look(links, s, &l), RC_NOTFOUND);
	ck_assert_int_eq(auth_links_press(links, s, &l, &ticket), RC_NOTFOUND);
	ck_assert_int_eq(auth_links_take(links, s, &l), RC_NOTFOUND);
	/* Nor does one of nulls match what has no ticket yet. */
	ck_assert_int_eq(auth_links_look(links, buf_sv(&token), &l), RC_OK);
	ck_assert_int_eq(
	    auth_links_look(links, sv_first(buf_sv(&token), 31), &l),
	    RC_NOTFOUND);
}
END_TEST

START_TEST(links__die_with_their_device)
{
	struct auth_link l;
	struct buf other;

	buf_init(&other, 100);
	add("tablet", "pw", &other);
	ck_assert_int_eq(
	    auth_links_press(links, buf_sv(&token), &l, &ticket), RC_OK);
	auth_links_forget(links, SV("ben"), SV("anna's phone"));
	ck_assert_int_eq(auth_links_take(links, buf_sv(&ticket), &l), RC_OK);
	auth_links_forget(links, SV("anna"), SV("anna's phone"));
	ck_assert_int_eq(
	    auth_links_take(links, buf_sv(&ticket), &l), RC_NOTFOUND);
	ck_assert_int_eq(
	    auth_links_look(links, buf_sv(&token), &l), RC_NOTFOUND);
	ck_assert_int_eq(auth_links_look(links, buf_sv(&other), &l), RC_OK);
	buf_fini(&other);
}
END_TEST

START_TEST(links__the_oldest_gives_way)
{
	struct auth_link l;
	struct buf t;
	char name[20];
	int i;

	buf_init(&t, 100);
	for (i = 0; i < LINKS_MAX; i++) {
		if (i == LINKS_MAX - 1)
			ck_assert_int_eq(
			    auth_links_look(links, buf_sv(&token), &l), RC_OK);
		clock_ms++;
		buf_reset(&t);
		(void)snprintf(name, sizeof name, "%d", i);
		add_of(name, "phone", "p", &t);
		ck_assert_int_eq(auth_links_look(links, buf_sv(&t), &l), RC_OK);
	}
	ck_assert_int_eq(
	    auth_links_look(links, buf_sv(&token), &l), RC_NOTFOUND);
	ck_assert_uint_eq(auth_links_sweep(links), LINKS_MAX);
	buf_fini(&t);
}
END_TEST

START_TEST(links__an_account_pushes_out_its_own)
{
	struct auth_link l;
	struct buf first, t;
	int i;

	buf_init(&first, 100);
	buf_init(&t, 100);
	for (i = 0; i < 100; i++) {
		clock_ms++;
		buf_reset(&t);
		add_of("ben", "phone", "p", i == 0 ? &first : &t);
		if (i == LINKS_OF_ACCOUNT - 1)
			ck_assert_int_eq(
			    auth_links_look(links, buf_sv(&first), &l), RC_OK);
	}
	ck_assert_int_eq(
	    auth_links_look(links, buf_sv(&first), &l), RC_NOTFOUND);
	ck_assert_int_eq(auth_links_look(links, buf_sv(&t), &l), RC_OK);
	ck_assert_int_eq(auth_links_look(links, buf_sv(&token), &l), RC_OK);
	ck_assert_uint_eq(auth_links_sweep(links), LINKS_OF_ACCOUNT + 1);
	buf_fini(&first);
	buf_fini(&t);
}
END_TEST

UNIT_TESTS(links)
{
	TCase *t = tcase_create("links");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, links__looking_spends_nothing);
	tcase_add_test(t, links__are_pressed_once_and_taken_often);
	tcase_add_test(t, links__end_after_their_time);
	tcase_add_test(t, links__an_account_pushes_out_its_own);
	tcase_add_loop_test(t, links__of_strangers_are_unknown, 0,
	    (int)(sizeof strangers / sizeof strangers[0]));
	tcase_add_test(t, links__die_with_their_device);
	tcase_add_test(t, links__the_oldest_gives_way);
	return t;
}
