/* Sessions on the web: when they end, and who ends them. */
#include <stdio.h>

#include "auth/visits.h"
#include "test/unit/unit.h"

static int64_t clock_ms;
static struct auth_visits *visits;
static struct buf token;

static int64_t
now(void)
{
	return clock_ms;
}

static void
setup(void)
{
	clock_ms = 1000;
	visits = auth_visits_new(now);
	buf_init(&token, 100);
}

static void
teardown(void)
{
	auth_visits_free(&visits);
	buf_fini(&token);
}

static uint64_t
begin(const char *account, struct buf *out)
{
	buf_reset(out);
	return auth_visits_begin(
	    visits, sv_str(account), "192.0.2.1", SV("Browser"), out);
}

static int
use(const struct buf *t)
{
	struct auth_visit a;

	return auth_visits_use(visits, buf_sv(t), "192.0.2.2", SV("Other"), &a);
}

START_TEST(visits__are_known_by_their_token)
{
	const uint64_t number = begin("anna", &token);
	struct auth_visit a, b;

	ck_assert_uint_eq(token.n, VISIT_TOKEN_LEN);
	clock_ms += 5000;
	ck_assert_int_eq(auth_visits_use(visits, buf_sv(&token), "192.0.2.9",
			     SV("Other"), &a),
	    RC_OK);
	ck_assert(sv_eq(a.account, SV("anna")));
	ck_assert(sv_eq(a.peer, SV("192.0.2.9")));
	ck_assert(sv_eq(a.agent, SV("Other")));
	ck_assert_uint_eq(a.csrf.n, VISIT_TOKEN_LEN);
	ck_assert(!sv_eq(a.csrf, buf_sv(&token)));
	ck_assert_uint_eq(a.csrf_admin.n, VISIT_TOKEN_LEN);
	ck_assert(!sv_eq(a.csrf_admin, a.csrf));
	ck_assert(!sv_eq(a.csrf_admin, buf_sv(&token)));
	ck_assert_uint_eq(a.number, number);
	ck_assert_int_eq(a.begun_ms, 5000);
	ck_assert_int_eq(a.used_ms, 0);
	ck_assert_int_eq(auth_visits_look(visits, number, &b), RC_OK);
	ck_assert(sv_eq(b.csrf, a.csrf));
	ck_assert_int_eq(auth_visits_look(visits, number + 1, &b), RC_NOTFOUND);
	auth_visits_end(visits, buf_sv(&token));
	ck_assert_int_eq(use(&token), RC_NOTFOUND);
	ck_assert_uint_eq(auth_visits_sweep(visits), 0);
}
END_TEST

static const char *const strangers[] = {"", "x",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "\xff\xff\xff\xff"};

START_TEST(visits__of_strangers_are_unknown)
{
	struct auth_visit a;
	enum auth_step kind;
	struct sv account;

	(void)begin("anna", &token);
	ck_assert_int_eq(
	    auth_visits_use(visits, sv_str(strangers[_i]), "x", SV(""), &a),
	    RC_NOTFOUND);
	/* Nor is a session a step, or a part of it enough. */
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&token), &kind, &account),
	    RC_NOTFOUND);
	ck_assert_int_eq(auth_visits_use(visits, sv_first(buf_sv(&token), 31),
			     "x", SV(""), &a),
	    RC_NOTFOUND);
}
END_TEST

START_TEST(visits__end_when_nobody_comes)
{
	(void)begin("anna", &token);
	clock_ms += VISIT_IDLE_MS - 1;
	ck_assert_int_eq(use(&token), RC_OK);
	clock_ms += VISIT_IDLE_MS;
	ck_assert_int_eq(use(&token), RC_NOTFOUND);
}
END_TEST

START_TEST(visits__end_after_half_a_day)
{
	const int64_t end = clock_ms + VISIT_LIFE_MS;

	(void)begin("anna", &token);
	while (clock_ms + VISIT_IDLE_MS / 2 < end) {
		clock_ms += VISIT_IDLE_MS / 2;
		ck_assert_int_eq(use(&token), RC_OK);
	}
	clock_ms = end - 1;
	ck_assert_int_eq(use(&token), RC_OK);
	clock_ms = end;
	ck_assert_int_eq(use(&token), RC_NOTFOUND);
}
END_TEST

START_TEST(visits__end_with_the_password)
{
	struct buf other, bens;
	enum auth_step kind;
	struct sv account;
	uint64_t mine;
	struct buf step;

	buf_init(&other, 100);
	buf_init(&bens, 100);
	buf_init(&step, 100);
	mine = begin("anna", &token);
	(void)begin("anna", &other);
	(void)begin("ben", &bens);
	auth_visits_step(visits, AUTH_STEP_CODE, SV("anna"), &step);
	auth_visits_end_account(visits, SV("anna"), mine);
	ck_assert_int_eq(use(&token), RC_OK);
	ck_assert_int_eq(use(&other), RC_NOTFOUND);
	ck_assert_int_eq(use(&bens), RC_OK);
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&step), &kind, &account),
	    RC_NOTFOUND);
	ck_assert_int_eq(
	    auth_visits_end_number(visits, SV("ben"), mine), RC_NOTFOUND);
	ck_assert_int_eq(
	    auth_visits_end_number(visits, SV("anna"), mine), RC_OK);
	ck_assert_int_eq(use(&token), RC_NOTFOUND);
	auth_visits_end_account(visits, SV("ben"), 0);
	ck_assert_uint_eq(auth_visits_sweep(visits), 0);
	buf_fini(&step);
	buf_fini(&bens);
	buf_fini(&other);
}
END_TEST

START_TEST(visits__end_with_their_account)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf bens, link;

	buf_init(&bens, 100);
	buf_init(&link, 100);
	ck_assert_int_eq(conf_parse(SV("hostname: mail.example.org\n"
				       "domains: [example.org]\n"
				       "accounts: { ben: {} }\n"),
			     "f", &c, &e),
	    RC_OK);
	(void)begin("anna", &token);
	(void)begin("ben", &bens);
	auth_visits_step(visits, AUTH_STEP_LINK, SV(""), &link);
	auth_visits_set_conf(visits, c);
	ck_assert_int_eq(use(&token), RC_NOTFOUND);
	ck_assert_int_eq(use(&bens), RC_OK);
	ck_assert_uint_eq(auth_visits_sweep(visits), 2);
	conf_free(&c);
	buf_fini(&link);
	buf_fini(&bens);
}
END_TEST

static void
count(const struct auth_visit *a, void *arg)
{
	unsigned *n = arg;

	ck_assert(sv_eq(a->account, SV("anna")));
	(*n)++;
}

START_TEST(visits__the_oldest_gives_way)
{
	struct buf bens, more;
	unsigned n = 0, i;
	char name[20];

	buf_init(&bens, 100);
	buf_init(&more, 100);
	(void)begin("ben", &bens);
	(void)begin("anna", &token);
	for (i = 1; i < VISITS_OF_ACCOUNT; i++)
		(void)begin("anna", &more);
	ck_assert_int_eq(use(&token), RC_OK);
	(void)begin("anna", &more);
	ck_assert_int_eq(use(&token), RC_NOTFOUND);
	ck_assert_int_eq(use(&more), RC_OK);
	auth_visits_each(visits, SV("anna"), count, &n);
	ck_assert_uint_eq(n, VISITS_OF_ACCOUNT);
	ck_assert_int_eq(use(&bens), RC_OK);
	for (i = 0; i < VISITS_MAX; i++) {
		(void)snprintf(name, sizeof name, "a%u", i);
		(void)begin(name, &more);
	}
	ck_assert_int_eq(use(&bens), RC_NOTFOUND);
	ck_assert_uint_eq(auth_visits_sweep(visits), VISITS_MAX);
	buf_fini(&more);
	buf_fini(&bens);
}
END_TEST

START_TEST(visits__steps_end)
{
	struct auth_visit a;
	enum auth_step kind;
	struct sv account;
	int i;

	auth_visits_step(visits, AUTH_STEP_CODE, SV("anna"), &token);
	ck_assert_int_eq(
	    auth_visits_use(visits, buf_sv(&token), "x", SV(""), &a),
	    RC_NOTFOUND);
	for (i = 1; i < STEP_TRIES; i++)
		auth_visits_step_wrong(visits, buf_sv(&token));
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&token), &kind, &account),
	    RC_OK);
	ck_assert(kind == AUTH_STEP_CODE && sv_eq(account, SV("anna")));
	auth_visits_step_wrong(visits, buf_sv(&token));
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&token), &kind, &account),
	    RC_NOTFOUND);
	buf_reset(&token);
	auth_visits_step(visits, AUTH_STEP_CODE, SV("anna"), &token);
	clock_ms += STEP_LIFE_MS;
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&token), &kind, &account),
	    RC_NOTFOUND);
	buf_reset(&token);
	auth_visits_step(visits, AUTH_STEP_LINK, SV(""), &token);
	clock_ms += WEB_LINK_LIFE_MS - 1;
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&token), &kind, &account),
	    RC_OK);
	ck_assert(kind == AUTH_STEP_LINK && account.n == 0);
	auth_visits_step_end(visits, buf_sv(&token));
	ck_assert_int_eq(
	    auth_visits_step_find(visits, buf_sv(&token), &kind, &account),
	    RC_NOTFOUND);
}
END_TEST

START_TEST(visits__keep_a_secret_for_a_while)
{
	const unsigned char secret[VISIT_SECRET] = "abc";
	unsigned char out[VISIT_SECRET];
	uint64_t number = begin("anna", &token);

	ck_assert(!auth_visits_secret(visits, number, out));
	ck_assert(auth_visits_keep_secret(visits, number, secret));
	ck_assert(!auth_visits_keep_secret(visits, number + 1, secret));
	ck_assert(auth_visits_secret(visits, number, out));
	ck_assert_mem_eq(out, secret, sizeof out);
	auth_visits_forget_secret(visits, number);
	ck_assert(!auth_visits_secret(visits, number, out));
}
END_TEST

UNIT_TESTS(visits)
{
	TCase *t = tcase_create("visits");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, visits__are_known_by_their_token);
	tcase_add_loop_test(t, visits__of_strangers_are_unknown, 0,
	    (int)(sizeof strangers / sizeof strangers[0]));
	tcase_add_test(t, visits__end_when_nobody_comes);
	tcase_add_test(t, visits__end_after_half_a_day);
	tcase_add_test(t, visits__end_with_the_password);
	tcase_add_test(t, visits__end_with_their_account);
	tcase_add_test(t, visits__the_oldest_gives_way);
	tcase_add_test(t, visits__steps_end);
	tcase_add_test(t, visits__keep_a_secret_for_a_while);
	return t;
}
