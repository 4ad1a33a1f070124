/*
 * Signing in, visits and persons' lines, with this test as web, as keeper and
 * as who answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "auth/totp.h"
#include "auth/web_door.h"
#include "base/clk.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_page.h"
#include "ipc/msg_person.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"

#define PASSWORD "correct horse battery"

static char folder[] = "/tmp/auth-door-XXXXXX";
static struct ev_loop *loop;
static struct conf *conf;
static struct auth_server *server;
static struct auth_devices *devices;
static struct web_door *door;
static struct ipc_server *lines;
static struct peer *keeper, *web;
static struct line *keeper_line;
static int kicks, wakes;

/* What the keeper was asked last. */
static struct page_open opened;
static char csrf[PAGE_TOKEN_MAX], account[64];
static int keeper_says;

/* ---- the loop ---- */

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static void
turn(void)
{
	(void)ev_timer_add(loop, 2, stop, NULL);
	ev_run(loop);
}

struct asked {
	bool done;
	int rc;
	struct msg reply;
};

static void
on_reply(int rc, struct msg *reply, void *arg)
{
	struct asked *a = arg;

	a->done = true;
	a->rc = rc;
	msg_init(&a->reply, 0);
	if (reply != NULL) {
		a->reply = *reply;
		msg_init(reply, 0);
	}
}

/* Waits for it. */
static int
ask(struct peer *p, struct msg *m, struct msg *reply)
{
	const int64_t until = clk_mono() + 200000;
	struct asked a = {.done = false};

	peer_ask(p, m, 100000, on_reply, &a);
	while (!a.done && clk_mono() < until)
		turn();
	ck_assert(a.done);
	*reply = a.reply;
	return a.rc;
}

/* ---- the surroundings ---- */

static void
on_web_msg(struct ipc_client *c, struct msg *m)
{
	ck_assert(web_door_msg(door, c, m));
}

static const struct ipc_server_ops ops = {
    .client_size = sizeof(struct ipc_client), .msg = on_web_msg};

static void
on_keeper_msg(struct line *l, struct msg *m, void *arg)
{
	struct msg a;

	(void)arg;
	ck_assert_int_eq(page_open_get(m, &opened), RC_OK);
	ck_assert_int_eq(m->type, opened.stranger ? LINK_OPEN : PAGE_OPEN);
	sv_copy(opened.csrf, csrf, sizeof csrf);
	sv_copy(opened.account, account, sizeof account);
	msg_answer_make(&a, m->id, keeper_says, "");
	ck_assert_int_eq(line_send(l, &a), RC_OK);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
}

static void
on_kick(void *arg, struct sv who, uint64_t credential)
{
	(void)arg;
	(void)credential;
	ck_assert(sv_eq(who, SV("anna")));
	kicks++;
}

static void
on_wake(void *arg)
{
	(void)arg;
	wakes++;
}

static void
setup(void)
{
	struct conf_errors e = {0};
	struct err err = {0};
	int fd[2];

	strcpy(folder, "/tmp/auth-door-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_ge(sodium_init(), 0);
	ck_assert_int_eq(conf_parse(SV("hostname: mail.example.org\n"
				       "domains: [example.org]\n"
				       "accounts: { anna: {}, ben: {} }\n"
				       "admins: [ben]\n"
				       "listen: { https: [443] }\n"),
			     "f", &conf, &e),
	    RC_OK);
	loop = ev_loop_new();
	ck_assert_int_eq(
	    auth_server_new(loop, "credentials", conf, &server, &err), RC_OK);
	auth_server_start(server);
	ck_assert_int_eq(
	    auth_server_passwd(server, SV("anna"), SV(PASSWORD), false, &err),
	    RC_OK);
	ck_assert_int_eq(
	    auth_server_passwd(server, SV("ben"), SV(PASSWORD), false, &err),
	    RC_OK);
	devices = auth_devices_new(loop, server);
	keeper = peer_new(loop, "keeper", NULL, NULL, NULL);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	peer_connect(keeper, fd[0]);
	keeper_line = line_new(loop, fd[1], on_keeper_msg, on_eof, NULL);
	door = web_door_new(&(struct web_door_opts){.loop = loop,
				.server = server,
				.devices = devices,
				.keeper = keeper,
				.door = 3,
				.kick = on_kick},
	    conf);
	web_door_set_wake(door, on_wake, NULL);
	lines = ipc_server_new(loop, &ops, NULL);
	web = peer_new(loop, "auth", NULL, NULL, NULL);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	peer_connect(web, fd[0]);
	(void)ipc_server_add(lines, fd[1]);
	kicks = wakes = 0;
	keeper_says = RC_OK;
	opened = (struct page_open){.fd = -1, .person = -1};
}

static void
teardown(void)
{
	static const char *const files[] = {
	    "credentials", "uses", "logins", "browsers"};
	size_t i;

	page_open_fini(&opened);
	peer_free(&web);
	turn();
	peer_free(&keeper);
	turn();
	ipc_server_free(&lines);
	web_door_free(&door);
	line_free(&keeper_line);
	auth_devices_free(&devices);
	auth_server_free(&server);
	turn();
	ev_loop_free(&loop);
	conf_free(&conf);
	for (i = 0; i < sizeof files / sizeof files[0]; i++)
		(void)unlink(files[i]);
	(void)chdir("/");
	(void)rmdir(folder);
}

/* ---- web ---- */

static char token[PAGE_TOKEN_MAX], browser[PAGE_TOKEN_MAX];

/* Its rc; token and browser are what was given. */
static int
sign_in_with(const struct sign_in_ask *a)
{
	struct sign_in_done d = {.rc = RC_IO};
	struct msg m, reply;

	msg_init(&m, AUTH_SIGN_IN);
	sign_in_ask_put(&m, a);
	ck_assert_int_eq(ask(web, &m, &reply), RC_OK);
	ck_assert_int_eq(sign_in_done_get(&reply, &d), RC_OK);
	token[0] = browser[0] = '\0';
	if (d.rc == RC_OK || d.rc == RC_EXISTS)
		sv_copy(d.session, token, sizeof token);
	if (d.rc == RC_OK)
		sv_copy(d.browser, browser, sizeof browser);
	msg_fini(&reply);
	return d.rc;
}

static int
sign_in(const char *name, const char *password)
{
	return sign_in_with(&(struct sign_in_ask){.name = sv_str(name),
	    .password = sv_str(password),
	    .peer = SV("192.0.2.1"),
	    .agent = SV("Browser/1")});
}

static int
give_code(const char *step, const char *code)
{
	return sign_in_with(&(struct sign_in_ask){.step = sv_str(step),
	    .code = sv_str(code),
	    .peer = SV("192.0.2.1")});
}

static int
visit(uint8_t room, const char *session)
{
	struct visit_ask v = {.room = room,
	    .session = sv_str(session),
	    .peer = SV("192.0.2.1"),
	    .agent = SV("Browser/1")};
	char text[ERR_TEXT_MAX];
	struct msg m, reply;
	int fd[2], r;

	page_open_fini(&opened);
	opened = (struct page_open){.fd = -1, .person = -1};
	ck_assert_int_eq(line_pair(fd), RC_OK);
	v.fd = fd[1];
	msg_init(&m, AUTH_VISIT);
	visit_ask_put(&m, &v);
	ck_assert_int_eq(ask(web, &m, &reply), RC_OK);
	r = msg_answer_read(&reply, RC_SYNTAX, text);
	msg_fini(&reply);
	(void)close(fd[0]);
	return r;
}

/* The person's line of the page that was opened last. */
static struct peer *
person(void)
{
	struct peer *p = peer_new(loop, "auth", NULL, NULL, NULL);

	ck_assert_int_ge(opened.person, 0);
	peer_connect(p, opened.person);
	opened.person = -1;
	return p;
}

static int
order(struct peer *p, const struct person_order *o, char secret[512])
{
	struct person_done d = {.rc = RC_IO};
	struct msg m, reply;
	int r;

	msg_init(&m, PERSON_ORDER);
	person_order_put(&m, o);
	r = ask(p, &m, &reply);
	if (r != RC_OK)
		return RC_EOF;
	ck_assert_int_eq(person_done_get(&reply, &d), RC_OK);
	if (secret != NULL && d.rc == RC_OK)
		sv_copy(d.secret, secret, 512);
	msg_fini(&reply);
	return d.rc;
}

/* ---- tests ---- */

/* A link's token says whose it is; whether it is right the account knows. */
START_TEST(web_door__hands_a_link_on)
{
	const uint8_t secret[PAGE_LINK_SECRET] = {1, 2, 3};
	uint8_t back[PAGE_LINK_SECRET];
	struct buf t;

	buf_init(&t, PAGE_TOKEN_MAX - 1);
	page_link_put(SV("anna"), secret, &t);
	ck_assert(buf_ok(&t) && page_link_is_of(buf_sv(&t), SV("anna")) &&
		  !page_link_is_of(buf_sv(&t), SV("ben")));
	ck_assert(page_link_secret(buf_sv(&t), back));
	ck_assert_int_eq(memcmp(secret, back, sizeof back), 0);
	ck_assert_int_eq(visit(PAGE_LINK, t.p), RC_OK);
	ck_assert_str_eq(account, "anna");
	ck_assert(opened.stranger && !opened.admin && opened.person < 0);
	ck_assert_uint_eq(opened.csrf.n, 0);
	ck_assert_int_eq(visit(PAGE_LINK, ""), RC_NOTFOUND);
	ck_assert_int_eq(visit(PAGE_LINK, "AAAA"), RC_NOTFOUND);
	/* It is not a session. */
	ck_assert_int_eq(visit(PAGE_SELF, t.p), RC_NOTFOUND);
	ck_assert_int_eq(visit(PAGE_ADMIN, t.p), RC_NOTFOUND);
	t.p[0] = 'x';
	ck_assert_int_eq(visit(PAGE_LINK, t.p), RC_NOTFOUND);
	t.p[t.n - 1] = 'x';
	ck_assert(!page_link_secret(buf_sv(&t), back));
	buf_reset(&t);
	page_link_put(SV("nobody"), secret, &t);
	ck_assert_int_eq(visit(PAGE_LINK, t.p), RC_NOTFOUND);
	buf_fini(&t);
}
END_TEST

START_TEST(web_door__hands_the_page_on)
{
	const struct sign_out out = {SV("x")};
	struct person_state s;
	char first[PAGE_TOKEN_MAX];
	struct msg m, reply;
	struct peer *p;

	ck_assert_int_eq(visit(PAGE_SELF, "AAAA"), RC_NOTFOUND);
	ck_assert_int_eq(visit(PAGE_SELF, ""), RC_NOTFOUND);
	ck_assert_int_eq(sign_in("anna", "wrong horse"), RC_DENIED);
	ck_assert_int_eq(sign_in("zoe", PASSWORD), RC_DENIED);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	ck_assert_uint_gt(strlen(browser), 0);
	sv_copy(sv_str(token), first, sizeof first);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	ck_assert_str_eq(account, "anna");
	ck_assert_uint_eq(strlen(csrf), 32);
	ck_assert_str_ne(csrf, token);
	ck_assert(!opened.admin && opened.fd >= 0);
	ck_assert_int_eq(visit(PAGE_ADMIN, token), RC_DENIED);
	ck_assert_int_eq(wakes, 0);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	p = person();
	msg_init(&m, PERSON_STATE);
	ck_assert_int_eq(ask(p, &m, &reply), RC_OK);
	ck_assert_int_eq(person_state_get(&reply, &s), RC_OK);
	ck_assert(s.password && !s.totp && s.session == opened.session);
	msg_fini(&reply);
	/* With the session its lines end. */
	msg_init(&m, AUTH_SIGN_OUT);
	sign_out_put(&m, &out);
	ck_assert_int_eq(peer_tell(web, &m), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, first), RC_OK);
	msg_init(&m, AUTH_SIGN_OUT);
	sign_out_put(&m, &(struct sign_out){sv_str(first)});
	ck_assert_int_eq(peer_tell(web, &m), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, first), RC_NOTFOUND);
	msg_init(&m, PERSON_STATE);
	ck_assert_int_ne(ask(p, &m, &reply), RC_OK);
	peer_free(&p);
}
END_TEST

static const struct {
	int says, gets;
} answers[] = {
    {RC_OK, RC_OK}, {RC_IO, RC_IO}, /* ask again */
    {RC_TEMP, RC_TEMP}, {RC_DENIED, RC_TEMP},
    {RC_NOTFOUND, RC_TEMP}, /* of the account, not of the session */
};

START_TEST(web_door__says_what_became_of_it)
{
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	keeper_says = answers[_i].says;
	ck_assert_int_eq(visit(PAGE_SELF, token), answers[_i].gets);
}
END_TEST

START_TEST(web_door__lets_admins_and_the_owner_to_admin)
{
	char secret[PAGE_TOKEN_MAX];
	struct buf link;
	struct asked a = {.done = false};
	struct visit_ask v = {
	    .room = PAGE_ADMIN, .peer = SV("192.0.2.1"), .fd = -1};
	struct line *admin;
	struct msg m;
	int fd[2], pair[2];

	buf_init(&link, 100);
	web_door_link(door, &link);
	ck_assert_int_eq(give_code(link.p, ""), RC_OK);
	ck_assert_str_eq(browser, "");
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_DENIED);
	/* It waits until admin is there. */
	ck_assert_int_eq(line_pair(pair), RC_OK);
	v.session = sv_str(token);
	v.fd = pair[1];
	msg_init(&m, AUTH_VISIT);
	visit_ask_put(&m, &v);
	peer_ask(web, &m, 100000, on_reply, &a);
	while (wakes == 0)
		turn();
	ck_assert(!a.done);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	web_door_set_admin(door, fd[0]);
	admin = line_new(loop, fd[1], on_keeper_msg, on_eof, NULL);
	while (!a.done)
		turn();
	ck_assert_int_eq(a.rc, RC_OK);
	msg_fini(&a.reply);
	ck_assert_str_eq(account, "");
	ck_assert(opened.admin && opened.person < 0 && opened.fd >= 0);
	ck_assert_int_eq(give_code(link.p, ""), RC_NOTFOUND);
	ck_assert_int_eq(sign_in("ben", PASSWORD), RC_OK);
	ck_assert_int_eq(visit(PAGE_ADMIN, token), RC_OK);
	ck_assert_str_eq(account, "ben");
	/* The account's process cannot write the admin's forms. */
	sv_copy(sv_str(csrf), secret, sizeof secret);
	ck_assert_uint_eq(strlen(secret), 32);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	ck_assert_uint_eq(strlen(csrf), 32);
	ck_assert_str_ne(csrf, secret);
	(void)close(pair[0]);
	line_free(&admin);
	buf_fini(&link);
}
END_TEST

/* The code of now, of a secret in base32. */
static void
code_of(const char *text, char out[16])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned char secret[TOTP_SECRET];
	unsigned bits = 0;
	uint32_t have = 0;
	size_t n = 0;

	for (; *text != '\0'; text++) {
		have =
		    (have << 5 | (uint32_t)(strchr(letters, *text) - letters)) &
		    0xffff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			secret[n++] = (unsigned char)(have >> bits & 0xff);
		}
	}
	(void)snprintf(out, 16, "%06u",
	    totp_code(
		sv_of(secret, n), (uint64_t)clk_now() / 1000 / TOTP_STEP_S));
}

START_TEST(web_door__asks_for_a_code)
{
	char secret[512] = "", codes[512] = "", code[16], step[PAGE_TOKEN_MAX];
	char other[PAGE_TOKEN_MAX];
	struct person_order o = {.what = PERSON_TOTP_BEGIN};
	struct peer *p;

	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	sv_copy(sv_str(token), other, sizeof other);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	p = person();
	o.what = PERSON_TOTP_CONFIRM;
	o.code = SV("123456");
	ck_assert_int_eq(order(p, &o, NULL), RC_NOTFOUND);
	o.what = PERSON_TOTP_BEGIN;
	ck_assert_int_eq(order(p, &o, secret), RC_OK);
	ck_assert_uint_eq(strlen(secret), 32);
	o.what = PERSON_TOTP_CONFIRM;
	o.code = SV("12345");
	ck_assert_int_eq(order(p, &o, NULL), RC_DENIED);
	code_of(secret, code);
	o.code = sv_str(code);
	ck_assert_int_eq(order(p, &o, codes), RC_OK);
	ck_assert_uint_eq(strlen(codes), 200);
	ck_assert_int_eq(visit(PAGE_SELF, other), RC_NOTFOUND);
	ck_assert_int_eq(sign_in("anna", "wrong horse"), RC_DENIED);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_EXISTS);
	sv_copy(sv_str(token), step, sizeof step);
	/* The step is not a session. */
	ck_assert_int_eq(visit(PAGE_SELF, step), RC_NOTFOUND);
	ck_assert_int_eq(give_code(step, code), RC_DENIED);
	ck_assert_int_eq(give_code(step, ""), RC_DENIED);
	codes[19] = '\0';
	ck_assert_int_eq(give_code(step, codes), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	codes[39] = '\0';
	ck_assert_int_eq(give_code(step, codes + 20), RC_NOTFOUND);
	/* New codes need one that is good, too. */
	o = (struct person_order){
	    .what = PERSON_RECOVERY_NEW, .password = SV(PASSWORD)};
	ck_assert_int_eq(order(p, &o, NULL), RC_DENIED);
	o.code = sv_of(codes + 20, 19);
	ck_assert_int_eq(order(p, &o, codes), RC_OK);
	ck_assert_uint_eq(strlen(codes), 200);
	o = (struct person_order){.what = PERSON_TOTP_OFF,
	    .password = SV("wrong horse"),
	    .code = sv_of(codes + 20, 19)};
	ck_assert_int_eq(order(p, &o, NULL), RC_DENIED);
	o.password = SV(PASSWORD);
	ck_assert_int_eq(order(p, &o, NULL), RC_OK);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	peer_free(&p);
}
END_TEST

START_TEST(web_door__a_person_changes_their_own)
{
	char secret[512] = "", other[PAGE_TOKEN_MAX], mine[PAGE_TOKEN_MAX];
	struct person_order o = {.what = PERSON_DEVICE_ADD,
	    .text = SV("phone"),
	    .address = SV("ben@example.org")};
	struct peer *p;

	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	sv_copy(sv_str(token), other, sizeof other);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	sv_copy(sv_str(token), mine, sizeof mine);
	ck_assert_int_eq(visit(PAGE_SELF, mine), RC_OK);
	p = person();
	/* Not an address of hers. */
	ck_assert_int_eq(order(p, &o, NULL), RC_DENIED);
	o.address = SV("anna@example.org");
	ck_assert_int_eq(order(p, &o, secret), RC_OK);
	ck_assert_uint_eq(
	    credentials_app_count(auth_server_credentials(server), SV("anna")),
	    1);
	ck_assert_int_eq(order(p, &o, NULL), RC_EXISTS);
	/* App passwords are for programs. */
	ck_assert_int_eq(sign_in("anna", secret), RC_DENIED);
	o = (struct person_order){
	    .what = PERSON_DEVICE_REVOKE, .text = SV("phone")};
	ck_assert_int_eq(order(p, &o, NULL), RC_OK);
	ck_assert_int_eq(kicks, 1);
	ck_assert_int_eq(order(p, &o, NULL), RC_NOTFOUND);
	o = (struct person_order){.what = PERSON_PASSWORD,
	    .text = SV("another horse"),
	    .password = SV("wrong horse")};
	ck_assert_int_eq(order(p, &o, NULL), RC_DENIED);
	o.password = SV(PASSWORD);
	o.text = SV("12345678");
	ck_assert_int_eq(order(p, &o, NULL), RC_DENIED);
	o.text = SV("another horse");
	ck_assert_int_eq(order(p, &o, NULL), RC_OK);
	ck_assert_int_eq(kicks, 2);
	ck_assert_int_eq(visit(PAGE_SELF, mine), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, other), RC_NOTFOUND);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_DENIED);
	ck_assert_int_eq(sign_in("anna", "another horse"), RC_OK);
	web_door_end_account(door, SV("anna"));
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_NOTFOUND);
	peer_free(&p);
}
END_TEST

START_TEST(web_door__orders_are_paced)
{
	const struct person_order o = {.what = PERSON_SESSIONS_END};
	const int64_t begun = clk_mono();
	struct peer *p;
	int64_t n = 0;

	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	p = person();
	while (n < 1000 && order(p, &o, NULL) == RC_OK)
		n++;
	ck_assert_int_ge(n, 20);
	ck_assert_int_le(n, 21 + (clk_mono() - begun) / 1000);
	peer_free(&p);
	/* Others have theirs. */
	ck_assert_int_eq(sign_in("ben", PASSWORD), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	p = person();
	ck_assert_int_eq(order(p, &o, NULL), RC_OK);
	peer_free(&p);
}
END_TEST

/* More strangers at a time than are let in to wait: they put off neither known
 * browsers nor links. */
START_TEST(web_door__strangers_put_off_strangers_only)
{
	static struct asked a[300];
	const struct sign_in_ask empty = {
	    .name = SV("zoe"), .peer = SV("198.51.100.1")};
	struct sign_in_ask known = {.name = SV("anna"),
	    .password = SV(PASSWORD),
	    .peer = SV("203.0.113.1")};
	char cookie[PAGE_TOKEN_MAX];
	struct buf link;
	struct msg m;
	size_t i;

	memset(a, 0, sizeof a);
	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	sv_copy(sv_str(browser), cookie, sizeof cookie);
	known.browser = sv_str(cookie);
	buf_init(&link, 100);
	web_door_link(door, &link);
	for (i = 0; i < sizeof a / sizeof a[0]; i++) {
		msg_init(&m, AUTH_SIGN_IN);
		sign_in_ask_put(&m, &empty);
		peer_ask(web, &m, 100000, on_reply, &a[i]);
	}
	ck_assert_int_eq(sign_in_with(&known), RC_OK);
	ck_assert_int_eq(sign_in_with(&(struct sign_in_ask){
			     .step = buf_sv(&link), .peer = SV("203.0.113.2")}),
	    RC_OK);
	for (i = 0; i < sizeof a / sizeof a[0]; i++) {
		while (!a[i].done)
			turn();
		ck_assert_int_eq(a[i].rc, RC_OK);
		msg_fini(&a[i].reply);
	}
	buf_fini(&link);
}
END_TEST

/* Whoever asks may die with the question in hand. */
START_TEST(web_door__askers_may_leave)
{
	const struct person_order o = {.what = PERSON_PASSWORD,
	    .text = SV("another horse"),
	    .password = SV(PASSWORD)};
	struct sign_in_ask a = {.name = SV("ben"),
	    .password = SV("wrong horse"),
	    .peer = SV("192.0.2.1")};
	struct asked one = {.done = false}, two = {.done = false};
	struct peer *p;
	struct msg m;
	int i;

	ck_assert_int_eq(sign_in("anna", PASSWORD), RC_OK);
	ck_assert_int_eq(visit(PAGE_SELF, token), RC_OK);
	p = person();
	msg_init(&m, PERSON_ORDER);
	person_order_put(&m, &o);
	peer_ask(p, &m, 100000, on_reply, &one);
	msg_init(&m, AUTH_SIGN_IN);
	sign_in_ask_put(&m, &a);
	peer_ask(web, &m, 100000, on_reply, &two);
	turn();
	peer_free(&p);
	peer_free(&web);
	for (i = 0; i < 500; i++)
		turn();
	msg_fini(&one.reply);
	msg_fini(&two.reply);
}
END_TEST

UNIT_TESTS(web_door)
{
	TCase *t = tcase_create("web_door");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, web_door__hands_the_page_on);
	tcase_add_test(t, web_door__hands_a_link_on);
	tcase_add_loop_test(t, web_door__says_what_became_of_it, 0,
	    (int)(sizeof answers / sizeof answers[0]));
	tcase_add_test(t, web_door__lets_admins_and_the_owner_to_admin);
	tcase_add_test(t, web_door__asks_for_a_code);
	tcase_add_test(t, web_door__a_person_changes_their_own);
	tcase_add_test(t, web_door__orders_are_paced);
	tcase_add_test(t, web_door__strangers_put_off_strangers_only);
	tcase_add_test(t, web_door__askers_may_leave);
	return t;
}
