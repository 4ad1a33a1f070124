/* Logins as the auth process answers them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/server.h"
#include "base/clk.h"
#include "test/unit/auth/cheap.h"
#include "test/unit/folder.h"
#include "test/unit/unit.h"

static char dir[UNIT_FOLDER_MAX], path[96];
static struct ev_loop *loop;
static struct conf *conf;
static struct auth_server *s;
static struct auth_result last;
static unsigned answers, granted, denied, busy;
static unsigned denied_before; /* the last that was granted */

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static struct conf *
parse(const char *accounts)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b;

	buf_init(&b, 1000);
	buf_addf(&b,
	    "hostname: mail.example.org\ndomains: [example.org]\n"
	    "accounts: %s\n",
	    accounts);
	ck_assert_int_eq(conf_parse(buf_sv(&b), "f", &c, &e), RC_OK);
	buf_fini(&b);
	return c;
}

static void
setup(void)
{
	struct err err = {0};

	cheap_hashes(true);
	unit_folder(dir, "auth");
	(void)snprintf(path, sizeof path, "%s/credentials", dir);
	loop = ev_loop_new();
	conf = parse("{ anna: {}, ben: {} }");
	ck_assert_int_eq(auth_server_new(loop, path, conf, &s, &err), RC_OK);
	answers = granted = denied = busy = denied_before = 0;
}

static void
teardown(void)
{
	/* What the hashing threads posted still names the server. */
	ev_timer_add(loop, 1, stop, NULL);
	ev_run(loop);
	auth_server_free(&s);
	cheap_hashes(false);
	ev_loop_free(&loop);
	conf_free(&conf);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void
on_done(const struct auth_result *r, void *arg)
{
	(void)arg;
	last = *r;
	answers++;
	granted += r->rc == RC_OK;
	denied += r->rc == RC_DENIED;
	if (r->rc == RC_OK)
		denied_before = denied;
	busy += r->rc == RC_TEMP;
}

static void
ask_sasl(struct sv sasl, const char *peer)
{
	struct auth_login l = {.sasl = sasl, .peer = peer};

	auth_server_login(s, &l, on_done, NULL);
}

static void
ask(const char *name, const char *password, const char *peer)
{
	struct buf b;

	buf_init(&b, 4000);
	buf_addc(&b, '\0');
	buf_adds(&b, name);
	buf_addc(&b, '\0');
	buf_adds(&b, password);
	ask_sasl(buf_sv(&b), peer);
	buf_fini(&b);
}

static void
turn(void)
{
	ev_timer_add(loop, 5, stop, NULL);
	ev_run(loop);
}

static void
wait_for(unsigned n)
{
	int64_t until = clk_mono() + 200000;

	while (answers < n && clk_mono() < until)
		turn();
	ck_assert_uint_eq(answers, n);
}

static int
login(const char *name, const char *password)
{
	unsigned n = answers;

	ask(name, password, "192.0.2.1");
	wait_for(n + 1);
	return last.rc;
}

static void
set_password(const char *name, const char *password)
{
	struct err err = {0};

	ck_assert_int_eq(
	    auth_server_passwd(s, sv_str(name), sv_str(password), false, &err),
	    RC_OK);
}

START_TEST(auth_server__lets_in_who_knows_the_password)
{
	set_password("ben", "good morning");
	auth_server_start(s);
	ck_assert_int_eq(login("ben", "good morning"), RC_OK);
	ck_assert_uint_eq(last.account, 1);
	ck_assert_uint_eq(last.credential, AUTH_CREDENTIAL_PASSWORD);
	ck_assert_int_eq(login("Ben@Example.org", "good morning"), RC_OK);
	ck_assert_int_eq(login("ben", "good evening"), RC_DENIED);
	ck_assert_int_eq(login("anna", "good morning"), RC_DENIED);
	ck_assert_int_eq(login("zoe", "good morning"), RC_DENIED);
}
END_TEST

START_TEST(auth_server__a_known_password_is_answered_at_once)
{
	set_password("ben", "good morning");
	auth_server_start(s);
	ck_assert_int_eq(login("ben", "good morning"), RC_OK);
	ask("ben", "good morning", "198.51.100.7");
	ck_assert_uint_eq(granted, 2); /* no turn of the loop needed */
	set_password("ben", "good evening");
	ask("ben", "good morning", "198.51.100.7");
	ck_assert_uint_eq(granted, 2);
	wait_for(3);
	ck_assert_int_eq(last.rc, RC_DENIED);
}
END_TEST

START_TEST(auth_server__failures_are_answered_late)
{
	int64_t start;

	set_password("ben", "good morning");
	auth_server_start(s);
	ck_assert_int_eq(login("ben", "wrong wrong"), RC_DENIED);
	start = clk_mono();
	ask("ben", "wrong wrong", "192.0.2.1");
	ck_assert_uint_eq(denied, 1);
	wait_for(2);
	ck_assert_int_ge(clk_mono() - start, 250);
}
END_TEST

START_TEST(auth_server__what_waits_for_a_hash_is_bounded)
{
	char name[20];
	unsigned i;

	/* The threads do not run yet: all of it waits. */
	for (i = 0; i < 100; i++) {
		char peer[40];

		(void)snprintf(name, sizeof name, "n%u", i);
		(void)snprintf(peer, sizeof peer, "10.0.%u.1", i);
		ask(name, "whatever else", peer);
	}
	ck_assert_uint_eq(busy, 36);
	ck_assert_uint_eq(answers, 36);
}
END_TEST

START_TEST(auth_server__a_household_passes_a_queue_of_strangers)
{
	unsigned i;

	set_password("anna", "good morning");
	set_password("ben", "good evening");
	auth_server_start(s);
	ck_assert_int_eq(login("anna", "good morning"), RC_OK);
	set_password("anna", "good weekend");
	cheap_hold(true);
	for (i = 0; i < 20; i++) {
		char peer[40];

		(void)snprintf(peer, sizeof peer, "10.0.%u.1", i);
		ask("zoe", "whatever else", peer);
	}
	ask("anna", "good weekend", "192.0.2.1");
	cheap_hold(false);
	while (granted < 2 && answers < 22)
		turn();
	ck_assert_uint_eq(granted, 2);
	ck_assert_uint_lt(denied_before, 15);
	wait_for(22);
}
END_TEST

/* Distinct guesses, none of which has been answered by wrong or right. */
static void
guess(const char *name, const char *peer, unsigned n)
{
	static unsigned all;
	char password[40];

	while (n-- > 0) {
		(void)snprintf(
		    password, sizeof password, "guess number %u", all++);
		ask(name, password, peer);
	}
}

/* Whether there is such a person, and under which of their names, makes no
 * difference to the answers. */
static const char *const names[] = {
    "zoe", "Zoe@Example.org", "ben", "BEN@example.ORG", "zoe@elsewhere.test"};

START_TEST(auth_server__strangers_have_a_budget)
{
	set_password("ben", "good morning");
	guess(names[_i], "192.0.2.1", 60);
	ck_assert_uint_eq(busy, 36);
	ck_assert(sv_starts(sv_str(last.text), SV("too many failed logins")));
	/* The same name in other letters is the same name. */
	if (_i == 0)
		guess("ZOE", "192.0.2.1", 1);
	if (_i == 2)
		guess("bEN", "192.0.2.1", 1);
	if (_i == 0 || _i == 2)
		ck_assert_uint_eq(busy, 37);
}
END_TEST

START_TEST(auth_server__names_of_one_account_tell_nothing)
{
	static const char *const pairs[][2] = {
	    {"ben", "ben@example.org"}, {"zoe", "zoe@example.org"}};
	unsigned i;

	set_password("ben", "good morning");
	/* From everywhere, so that the name's budget is used up. */
	for (i = 0; i < 40; i++) {
		char peer[40];

		(void)snprintf(peer, sizeof peer, "127.0.%u.1", i);
		guess(pairs[_i][0], peer, 1);
	}
	ck_assert_uint_eq(busy, 0);
	guess(pairs[_i][0], "127.9.9.9", 10);
	ck_assert_uint_eq(busy, 5);
	guess(pairs[_i][1], "127.9.9.9", 10);
	ck_assert_uint_eq(busy, 5);
}
END_TEST

/* A wrong password is known by the name that was typed: in any case, for
 * those who live here and those who do not. */
START_TEST(auth_server__what_was_wrong_is_recalled_alike)
{
	static const char *const rows[][3] = {{"ben", "BEN", "ben@example.org"},
	    {"ben@example.org", "Ben@EXAMPLE.org", "ben"},
	    {"zoe", "ZOE", "zoe@example.org"},
	    {"zoe@example.org", "Zoe@EXAMPLE.org", "zoe"}};

	set_password("ben", "good morning");
	auth_server_start(s);
	ck_assert_int_eq(login(rows[_i][0], "a wrong one"), RC_DENIED);
	ck_assert_uint_eq(auth_server_hashes(s), 1);
	ck_assert_int_eq(login(rows[_i][1], "a wrong one"), RC_DENIED);
	ck_assert_uint_eq(auth_server_hashes(s), 1);
	ck_assert_int_eq(login(rows[_i][2], "a wrong one"), RC_DENIED);
	ck_assert_uint_eq(auth_server_hashes(s), 2);
}
END_TEST

START_TEST(auth_server__guesses_lock_nobody_out)
{
	unsigned i;

	set_password("anna", "good morning");
	for (i = 0; i < 8; i++) {
		char peer[40];

		(void)snprintf(peer, sizeof peer, "10.0.%u.1", i);
		guess("anna", peer, 30);
	}
	ck_assert_uint_gt(busy, 100);
	auth_server_start(s);
	ask("anna", "good morning", "198.51.100.1");
	while (granted == 0 && answers < 8 * 30 + 1)
		turn();
	ck_assert_uint_eq(granted, 1);
	/* Also from where they come from. */
	set_password("anna", "good evening");
	ask("anna", "good evening", "10.0.0.77");
	while (granted == 1 && answers < 8 * 30 + 2)
		turn();
	ck_assert_uint_eq(granted, 2);
	wait_for(8 * 30 + 2);
}
END_TEST

START_TEST(auth_server__another_person_of_a_known_network_has_their_turn)
{
	unsigned before;

	set_password("anna", "good morning");
	set_password("ben", "good evening");
	auth_server_start(s);
	ck_assert_int_eq(login("anna", "good morning"), RC_OK);
	cheap_hold(true);
	guess("anna", "192.0.2.9", 57);
	ck_assert_uint_eq(busy, 57 - 26);
	before = denied;
	ask("ben", "good evening", "192.0.2.9");
	cheap_hold(false);
	while (granted == 1 && answers < 59)
		turn();
	ck_assert_uint_eq(granted, 2);
	ck_assert_uint_lt(denied_before - before, 10);
	wait_for(59);
}
END_TEST

START_TEST(auth_server__a_full_queue_makes_room_for_others)
{
	char name[20];
	unsigned i;

	set_password("ben", "good evening");
	/* The threads do not run yet: all of it waits. */
	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		guess(name, "127.0.0.1", 1);
	}
	ck_assert_uint_eq(busy, 36);
	ask("ben", "good evening", "127.0.0.2");
	ask("ben", "good evening", "127.1.0.1");
	ck_assert_uint_eq(busy, 38);
	auth_server_start(s);
	while (granted < 2 && answers < 102)
		turn();
	ck_assert_uint_eq(granted, 2);
	ck_assert_uint_lt(denied_before, 20);
	wait_for(102);
}
END_TEST

START_TEST(auth_server__doors_do_not_use_up_each_other)
{
	struct auth_login l = {.peer = "192.0.2.1", .door = 1};
	char sasl[60];
	unsigned i;

	set_password("ben", "good evening");
	/* A listener that names whatever peers it likes. */
	for (i = 0; i < 300; i++) {
		char peer[40];
		int n = snprintf(sasl, sizeof sasl, "%cben%cguess %u", 0, 0, i);

		(void)snprintf(peer, sizeof peer, "10.%u.0.1", i % 200);
		l.peer = peer;
		l.sasl = sv_of(sasl, (size_t)n);
		auth_server_login(s, &l, on_done, NULL);
	}
	ask("ben", "good evening", "10.1.0.1");
	auth_server_start(s);
	while (granted < 1 && answers < 301)
		turn();
	ck_assert_uint_eq(granted, 1);
	ck_assert_uint_lt(denied_before, 20);
	wait_for(301);
}
END_TEST

static const struct {
	const char *name;
	struct sv sasl;
} bad_sasl[] = {
    {"empty", SV("")},
    {"no NUL", SV("anna")},
    {"one NUL", SV("\0anna")},
    {"no name", SV("\0\0good morning")},
    {"no password", SV("\0ben\0")},
    {"NUL in the password", SV("\0ben\0good\0morning")},
    {"somebody else", SV("anna\0ben\0good morning")},
    {"nobody", SV("zoe\0ben\0good morning")},
};

START_TEST(auth_server__refuses_other_messages)
{
	set_password("ben", "good morning");
	auth_server_start(s);
	ask_sasl(bad_sasl[_i].sasl, "192.0.2.1");
	wait_for(1);
	ck_assert_msg(last.rc == RC_DENIED, "%s", bad_sasl[_i].name);
}
END_TEST

START_TEST(auth_server__acting_for_oneself_is_fine)
{
	set_password("ben", "good morning");
	auth_server_start(s);
	ask_sasl(SV("ben@example.org\0ben\0good morning"), "192.0.2.1");
	wait_for(1);
	ck_assert_int_eq(last.rc, RC_OK);
}
END_TEST

START_TEST(auth_server__app_passwords_need_no_hash)
{
	struct err err = {0};
	struct buf pw;
	uint64_t id = 0;

	buf_init(&pw, 100);
	ck_assert_int_eq(
	    auth_server_app_add(s, SV("anna"), SV("phone"), &pw, &err), RC_OK);
	ask("anna", pw.p, "192.0.2.1");
	ck_assert_uint_eq(granted, 1);
	ck_assert_uint_gt(last.credential, AUTH_CREDENTIAL_PASSWORD);
	ck_assert_int_eq(
	    auth_server_app_revoke(s, SV("anna"), SV("phone"), &id, &err),
	    RC_OK);
	ck_assert_uint_eq(id, last.credential);
	auth_server_start(s);
	ck_assert_int_eq(login("anna", pw.p), RC_DENIED);
	ck_assert_int_eq(
	    auth_server_app_revoke(s, SV("anna"), SV("phone"), &id, &err),
	    RC_NOTFOUND);
	buf_fini(&pw);
}
END_TEST

START_TEST(auth_server__a_removed_account_is_out)
{
	struct conf *fresh = parse("{ anna: {} }");

	set_password("ben", "good morning");
	auth_server_start(s);
	ck_assert_int_eq(login("ben", "good morning"), RC_OK);
	auth_server_set_conf(s, fresh);
	conf_free(&fresh);
	ck_assert_int_eq(login("ben", "good morning"), RC_DENIED);
	ck_assert_int_eq(
	    auth_server_passwd(s, SV("ben"), SV("good evening"), false, NULL),
	    RC_NOTFOUND);
}
END_TEST

START_TEST(auth_server_passwd__weak_ones_need_insistence)
{
	ck_assert_int_eq(
	    auth_server_passwd(s, SV("ben"), SV("12345678"), false, NULL),
	    RC_DENIED);
	ck_assert_int_eq(
	    auth_server_passwd(s, SV("ben"), SV("12345678"), true, NULL),
	    RC_OK);
}
END_TEST

START_TEST(auth_server__what_is_not_on_the_disk_does_not_count)
{
	struct buf pw;
	struct err err = {0};

	buf_init(&pw, 100);
	ck_assert_int_eq(
	    auth_server_app_add(s, SV("anna"), SV("phone"), &pw, &err), RC_OK);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_ne(
	    auth_server_passwd(s, SV("ben"), SV("good morning"), false, &err),
	    RC_OK);
	ck_assert_ptr_null(
	    credentials_password_hash(auth_server_credentials(s), SV("ben")));
	ck_assert_int_ne(
	    auth_server_app_add(s, SV("ben"), SV("phone"), &pw, &err), RC_OK);
	ck_assert_uint_eq(
	    credentials_app_count(auth_server_credentials(s), SV("ben")), 0);
	buf_fini(&pw);
}
END_TEST

UNIT_TESTS(server)
{
	TCase *t = tcase_create("server");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, auth_server__lets_in_who_knows_the_password);
	tcase_add_test(t, auth_server__a_known_password_is_answered_at_once);
	tcase_add_test(t, auth_server__failures_are_answered_late);
	tcase_add_test(t, auth_server__what_waits_for_a_hash_is_bounded);
	tcase_add_test(t, auth_server__a_household_passes_a_queue_of_strangers);
	tcase_add_loop_test(t, auth_server__strangers_have_a_budget, 0,
	    sizeof names / sizeof names[0]);
	tcase_add_loop_test(
	    t, auth_server__names_of_one_account_tell_nothing, 0, 2);
	tcase_add_loop_test(
	    t, auth_server__what_was_wrong_is_recalled_alike, 0, 4);
	tcase_add_test(t, auth_server__guesses_lock_nobody_out);
	tcase_add_test(
	    t, auth_server__another_person_of_a_known_network_has_their_turn);
	tcase_add_test(t, auth_server__a_full_queue_makes_room_for_others);
	tcase_add_test(t, auth_server__doors_do_not_use_up_each_other);
	tcase_add_loop_test(t, auth_server__refuses_other_messages, 0,
	    sizeof bad_sasl / sizeof bad_sasl[0]);
	tcase_add_test(t, auth_server__acting_for_oneself_is_fine);
	tcase_add_test(t, auth_server__app_passwords_need_no_hash);
	tcase_add_test(t, auth_server__a_removed_account_is_out);
	tcase_add_test(t, auth_server_passwd__weak_ones_need_insistence);
	tcase_add_test(t, auth_server__what_is_not_on_the_disk_does_not_count);
	return t;
}
