/* Routing, with lines that pretend to be accounts and askers. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "keeper/keeper.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct keeper *keeper;
static struct conf *conf;
static int client;     /* the asker's end */
static int account[8]; /* the ends of anna's processes, one after another */
static unsigned naccount, starts;

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static void
turn(void)
{
	ev_timer_add(loop, 15, stop, NULL);
	ev_run(loop);
}

static void
on_start(void *arg, uint32_t number)
{
	(void)arg;
	ck_assert_uint_eq(number, 0);
	starts++;
}

static const struct keeper_ops ops = {.start = on_start};

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
	int fd[2];

	loop = ev_loop_new();
	conf = parse("{ anna: {}, ben: {} }");
	keeper = keeper_new(loop, conf, &ops, NULL);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	keeper_add_client(
	    keeper, fd[0], KEEPER_MAY_DELIVER | KEEPER_MAY_SESSION);
	client = fd[1];
	naccount = starts = 0;
}

static void
teardown(void)
{
	unsigned i;

	keeper_free(&keeper);
	conf_free(&conf);
	ev_loop_free(&loop);
	close(client);
	for (i = 0; i < naccount; i++)
		if (account[i] >= 0)
			close(account[i]);
}

/* Another process of anna's, which has not opened its store. */
static void
come_up_shut(void)
{
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	keeper_add_account(keeper, "anna", fd[0]);
	account[naccount++] = fd[1];
}

/* And one that has. */
static void
come_up(void)
{
	struct msg m;

	come_up_shut();
	msg_init(&m, ACCOUNT_OPEN);
	ck_assert_int_eq(line_send_fd(account[naccount - 1], &m), RC_OK);
}

static void
die(void)
{
	close(account[naccount - 1]);
	account[naccount - 1] = -1;
	turn();
}

static void
ask(uint16_t type, uint32_t id, const char *name)
{
	int fd = open("/dev/null", O_RDONLY);
	const struct mail_delivery d = {.account = sv_str(name),
	    .delivery_id = "0123456789abcde",
	    .size = 5,
	    .fd = fd};
	struct msg m;

	msg_init(&m, type);
	m.id = id;
	if (type == DELIVER) {
		mail_delivery_put(&m, &d);
	} else {
		/* The keeper reads no more of the others. */
		msg_put_str(&m, name);
		msg_put_fd(&m, fd);
		if (type == PAGE_OPEN)
			msg_put_fd(&m, dup(fd));
	}
	ck_assert_int_eq(line_send_fd(client, &m), RC_OK);
	turn();
}

static bool
has_message(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* What the account got: its id; checks type and the flags of a delivery. */
static uint32_t
received(uint16_t type, uint8_t flags)
{
	int fd = account[naccount - 1];
	char name[ACCOUNT_NAME_MAX];
	struct mail_delivery d;
	struct msg m;
	uint32_t r;

	ck_assert(has_message(fd));
	ck_assert_int_eq(line_recv_fd(fd, &m), RC_OK);
	ck_assert_uint_eq(m.type, type);
	ck_assert_uint_eq(m.nfd, type == PAGE_OPEN ? 2 : 1);
	ck_assert_int_eq(msg_account_name(&m, name), RC_OK);
	ck_assert_str_eq(name, "anna");
	if (type == DELIVER) {
		ck_assert_int_eq(mail_delivery_get(&m, &d), RC_OK);
		ck_assert_int_eq(
		    memcmp(d.delivery_id, "0123456789abcde", 16), 0);
		ck_assert_uint_eq(d.size, 5);
		ck_assert_uint_eq(d.flags, flags);
		ck_assert_int_ge(d.fd, 0);
		mail_delivery_fini(&d);
	} else {
		ck_assert_uint_eq(m.b.n, 4 + strlen(name));
	}
	r = m.id;
	msg_fini(&m);
	return r;
}

static void
answer(uint32_t id)
{
	struct msg m;

	msg_answer_make(&m, id, RC_OK, "stored");
	ck_assert_int_eq(line_send_fd(account[naccount - 1], &m), RC_OK);
	turn();
}

static void
expect_reply(int fd, uint32_t id, int rc)
{
	char text[ERR_TEXT_MAX];
	struct msg m;
	int got;

	ck_assert(has_message(fd));
	ck_assert_int_eq(line_recv_fd(fd, &m), RC_OK);
	ck_assert_uint_eq(m.type, MSG_REPLY);
	ck_assert_uint_eq(m.id, id);
	got = msg_answer_read(&m, RC_MORE, text);
	ck_assert_msg(got == rc, "%s", rc_name(got));
	msg_fini(&m);
}

START_TEST(keeper__a_delivery_waits_until_the_account_is_up)
{
	ask(DELIVER, 7, "anna");
	ask(DELIVER, 8, "anna");
	ck_assert_uint_eq(starts, 1);
	ck_assert(!has_message(client));
	come_up();
	turn();
	answer(received(DELIVER, 0));
	expect_reply(client, 7, RC_OK);
	answer(received(DELIVER, 0));
	expect_reply(client, 8, RC_OK);
	ask(DELIVER, 9, "anna");
	ck_assert_uint_eq(starts, 1);
	answer(received(DELIVER, 0));
	expect_reply(client, 9, RC_OK);
}
END_TEST

START_TEST(keeper__a_delivery_is_sent_again_and_opaque_after_two_deaths)
{
	ask(DELIVER, 7, "anna");
	come_up();
	(void)received(DELIVER, 0);
	die();
	ck_assert_uint_eq(starts, 2);
	come_up();
	(void)received(DELIVER, 0);
	die();
	ck_assert_uint_eq(starts, 3);
	come_up();
	answer(received(DELIVER, DELIVER_OPAQUE));
	expect_reply(client, 7, RC_OK);
	ck_assert(!has_message(client));
}
END_TEST

START_TEST(keeper__only_the_guilty_message_is_stored_unparsed)
{
	ask(DELIVER, 7, "anna");
	ask(DELIVER, 8, "anna");
	ask(DELIVER, 9, "anna");
	come_up();
	turn();
	(void)received(DELIVER, 0);
	(void)received(DELIVER, 0);
	(void)received(DELIVER, 0);
	die();
	come_up();
	turn();
	/* One at a time now, and nothing new between. */
	ask(DELIVER, 10, "anna");
	answer(received(DELIVER, 0));
	expect_reply(client, 7, RC_OK);
	(void)received(DELIVER, 0);
	ck_assert(!has_message(account[naccount - 1]));
	die(); /* of the second */
	come_up();
	turn();
	answer(received(DELIVER, DELIVER_OPAQUE));
	expect_reply(client, 8, RC_OK);
	answer(received(DELIVER, 0));
	expect_reply(client, 9, RC_OK);
	answer(received(DELIVER, 0));
	expect_reply(client, 10, RC_OK);
	ask(DELIVER, 11, "anna");
	ask(DELIVER, 12, "anna");
	(void)received(DELIVER, 0);
	(void)received(DELIVER, 0);
}
END_TEST

START_TEST(keeper__a_death_without_a_message_in_hand_blames_none)
{
	ask(DELIVER, 7, "anna");
	come_up();
	answer(received(DELIVER, 0));
	expect_reply(client, 7, RC_OK);
	die();
	ck_assert_uint_eq(starts, 1);
	ask(DELIVER, 8, "anna");
	ck_assert_uint_eq(starts, 2);
	come_up();
	answer(received(DELIVER, 0));
	expect_reply(client, 8, RC_OK);
}
END_TEST

/* A store of a newer version, a disk that cannot be read: no message is to
 * blame, be it sent to however many processes. */
START_TEST(keeper__a_store_that_does_not_open_is_no_messages_fault)
{
	struct buf text;
	int i;

	buf_init(&text, 4096);
	ask(DELIVER, 7, "anna");
	for (i = 0; i < 4; i++) {
		come_up_shut();
		(void)received(DELIVER, 0);
		die();
		ck_assert_uint_eq(starts, 2u + (unsigned)i);
	}
	keeper_status(keeper, &text);
	ck_assert_ptr_nonnull(strstr(text.p, "anna: " KEEPER_STATUS_SHUT));
	come_up();
	answer(received(DELIVER, 0));
	expect_reply(client, 7, RC_OK);
	buf_reset(&text);
	keeper_status(keeper, &text);
	ck_assert_uint_eq(text.n, 0);
	buf_fini(&text);
}
END_TEST

START_TEST(keeper__a_session_dies_with_its_process)
{
	ask(SESSION_OPEN, 7, "anna");
	come_up();
	turn();
	(void)received(SESSION_OPEN, 0);
	die();
	expect_reply(client, 7, RC_IO);
	ck_assert_uint_eq(starts, 1);
}
END_TEST

/* It died before the session was sent, and nobody has noticed yet. */
START_TEST(keeper__a_session_is_too_late_for_its_process)
{
	ask(DELIVER, 6, "anna");
	come_up();
	turn();
	answer(received(DELIVER, 0));
	expect_reply(client, 6, RC_OK);
	ck_assert_int_eq(shutdown(account[naccount - 1], SHUT_RD), 0);
	ask(SESSION_OPEN, 7, "anna");
	turn();
	expect_reply(client, 7, RC_IO);
}
END_TEST

START_TEST(keeper__a_page_dies_with_its_process)
{
	struct msg m;

	ask(PAGE_OPEN, 7, "anna");
	come_up();
	turn();
	(void)received(PAGE_OPEN, 0);
	die();
	expect_reply(client, 7, RC_IO);
	/* One of its two lines was lost on the way. */
	come_up();
	msg_init(&m, PAGE_OPEN);
	m.id = 8;
	msg_put_str(&m, "anna");
	msg_put_fd(&m, open("/dev/null", O_RDONLY));
	ck_assert_int_eq(line_send_fd(client, &m), RC_OK);
	turn();
	expect_reply(client, 8, RC_TEMP);
	ck_assert(!has_message(account[naccount - 1]));
}
END_TEST

START_TEST(keeper__a_new_line_may_come_before_the_old_ones_end)
{
	ask(DELIVER, 7, "anna");
	ask(SESSION_OPEN, 8, "anna");
	come_up();
	turn();
	(void)received(DELIVER, 0);
	come_up();
	turn();
	answer(received(DELIVER, 0));
	expect_reply(client, 8, RC_IO);
	expect_reply(client, 7, RC_OK);
}
END_TEST

START_TEST(keeper__refused_accounts_fail_for_now)
{
	ask(DELIVER, 7, "anna");
	keeper_account_refused(keeper, "anna");
	expect_reply(client, 7, RC_TEMP);
	ask(DELIVER, 8, "anna");
	ck_assert_uint_eq(starts, 2);
}
END_TEST

START_TEST(keeper__a_refusal_that_comes_late_hurts_no_one)
{
	come_up();
	keeper_account_refused(keeper, "anna");
	keeper_account_refused(keeper, "nobody");
	ask(DELIVER, 8, "anna");
	answer(received(DELIVER, 0));
	expect_reply(client, 8, RC_OK);
}
END_TEST

START_TEST(keeper__unknown_accounts_are_refused)
{
	struct msg m;

	ask(DELIVER, 7, "zoe");
	expect_reply(client, 7, RC_NOTFOUND);
	msg_init(&m, DELIVER); /* no descriptor */
	m.id = 9;
	msg_put_str(&m, "anna");
	ck_assert_int_eq(line_send_fd(client, &m), RC_OK);
	turn();
	expect_reply(client, 9, RC_TEMP);
	ck_assert_uint_eq(starts, 0);
}
END_TEST

static bool
is_cut(int fd)
{
	struct msg m;

	return has_message(fd) && line_recv_fd(fd, &m) == RC_EOF;
}

/* A taken-over listener must not open a mailbox, nor anybody a door that is
 * not theirs. */
START_TEST(keeper__a_forbidden_message_cuts_the_line)
{
	static const struct {
		unsigned may;
		uint16_t type;
		bool ok;
	} rows[] = {
	    {KEEPER_MAY_DELIVER, DELIVER, true},
	    {KEEPER_MAY_DELIVER, SESSION_OPEN, false},
	    {KEEPER_MAY_DELIVER, SESSION_KICK, false},
	    {KEEPER_MAY_SESSION, SESSION_OPEN, true},
	    {KEEPER_MAY_SESSION, SESSION_KICK, true},
	    {KEEPER_MAY_SESSION, DELIVER, false},
	    {KEEPER_MAY_SESSION, SESSION_LOCAL, false},
	    {KEEPER_MAY_DELIVER, SESSION_LOCAL, false},
	    {KEEPER_MAY_LOCAL, SESSION_LOCAL, true},
	    {KEEPER_MAY_LOCAL, SESSION_OPEN, false},
	    {KEEPER_MAY_LOCAL, SESSION_KICK, false},
	    {KEEPER_MAY_LOCAL, DELIVER, false},
	    {KEEPER_MAY_SESSION, PAGE_OPEN, true},
	    {KEEPER_MAY_DELIVER, PAGE_OPEN, false},
	    {KEEPER_MAY_LOCAL, PAGE_OPEN, false},
	    {KEEPER_MAY_SESSION, LINK_OPEN, true},
	    {KEEPER_MAY_DELIVER, LINK_OPEN, false},
	    {KEEPER_MAY_LOCAL, LINK_OPEN, false},
	    {KEEPER_MAY_DELIVER | KEEPER_MAY_SESSION, ACCOUNT_LEAVE, false},
	    {KEEPER_MAY_DELIVER | KEEPER_MAY_SESSION, MSG_REPLY, false},
	};
	size_t i;

	come_up();
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int fd[2], old = client;

		ck_assert_int_eq(line_pair(fd), RC_OK);
		keeper_add_client(keeper, fd[0], rows[i].may);
		client = fd[1];
		ask(rows[i].type, 5, "anna");
		ck_assert_msg(is_cut(client) == !rows[i].ok, "row %zu", i);
		ck_assert_msg(
		    has_message(account[0]) == rows[i].ok, "row %zu", i);
		if (rows[i].ok) {
			struct msg m;

			ck_assert_int_eq(line_recv_fd(account[0], &m), RC_OK);
			msg_fini(&m);
		}
		close(client);
		client = old;
		turn();
	}
}
END_TEST

START_TEST(keeper__a_kick_fails_sessions_that_wait)
{
	ask(SESSION_OPEN, 3, "anna");
	ask(DELIVER, 4, "anna");
	ask(SESSION_KICK, 0, "anna");
	expect_reply(client, 3, RC_TEMP);
	come_up();
	(void)received(DELIVER, 0);
	ck_assert(!has_message(account[0]));
}
END_TEST

START_TEST(keeper__a_removed_account_is_told_for_good)
{
	struct conf *fresh = parse("{ ben: {} }");

	ask(DELIVER, 7, "anna");
	keeper_set_conf(keeper, fresh);
	conf_free(&fresh);
	turn();
	expect_reply(client, 7, RC_PERM);
	ask(DELIVER, 8, "anna");
	expect_reply(client, 8, RC_NOTFOUND);
	ck_assert_uint_eq(starts, 1);
}
END_TEST

START_TEST(keeper__an_account_may_leave_when_nothing_waits)
{
	struct msg m;

	come_up();
	ask(DELIVER, 7, "anna");
	msg_init(&m, ACCOUNT_LEAVE);
	m.id = 55;
	ck_assert_int_eq(line_send_fd(account[0], &m), RC_OK);
	turn();
	answer(received(DELIVER, 0));
	expect_reply(account[0], 55, RC_TEMP);
	expect_reply(client, 7, RC_OK);
	msg_init(&m, ACCOUNT_LEAVE);
	m.id = 56;
	ck_assert_int_eq(line_send_fd(account[0], &m), RC_OK);
	turn();
	expect_reply(account[0], 56, RC_OK);
	/* What comes now waits for the next process. */
	ask(DELIVER, 8, "anna");
	ck_assert(!has_message(account[0]));
	ck_assert_uint_eq(starts, 0);
	die();
	ck_assert_uint_eq(starts, 1);
	come_up();
	answer(received(DELIVER, 0));
	expect_reply(client, 8, RC_OK);
}
END_TEST

START_TEST(keeper__what_waits_is_bounded)
{
	uint32_t i;
	struct msg m;

	for (i = 0; i < 1001; i++) {
		msg_init(&m, DELIVER);
		m.id = i;
		msg_put_str(&m, "anna");
		msg_put_u8(&m, 0);
		msg_put_fd(&m, dup(0));
		ck_assert_int_eq(line_send_fd(client, &m), RC_OK);
		if (i % 100 == 0)
			turn();
	}
	turn();
	expect_reply(client, 1000, RC_TEMP);
	ck_assert(!has_message(client));
}
END_TEST

START_TEST(keeper__a_client_may_leave_before_its_answer)
{
	ask(DELIVER, 7, "anna");
	come_up();
	close(client);
	turn();
	client = dup(0);
	answer(received(DELIVER, 0));
}
END_TEST

START_TEST(keeper__a_kick_reaches_a_living_account_only)
{
	struct msg m;

	ask(SESSION_KICK, 0, "anna");
	ck_assert_uint_eq(starts, 0);
	come_up();
	ask(SESSION_KICK, 0, "anna");
	ck_assert(has_message(account[0]));
	ck_assert_int_eq(line_recv_fd(account[0], &m), RC_OK);
	ck_assert_uint_eq(m.type, SESSION_KICK);
	msg_fini(&m);
	ck_assert(!has_message(client));
}
END_TEST

static void
use(uint64_t bytes, uint64_t quota)
{
	const struct account_usage u = {bytes, quota};
	struct msg m;

	msg_init(&m, ACCOUNT_USAGE);
	account_usage_put(&m, &u);
	ck_assert_int_eq(line_send_fd(account[naccount - 1], &m), RC_OK);
	turn();
}

static void
expect_full(int fd, bool full)
{
	struct account_full f;
	struct msg m;

	ck_assert(has_message(fd));
	ck_assert_int_eq(line_recv_fd(fd, &m), RC_OK);
	ck_assert_uint_eq(m.type, ACCOUNT_FULL);
	ck_assert_int_eq(account_full_get(&m, &f), RC_OK);
	ck_assert(sv_eq(f.account, SV("anna")));
	ck_assert_uint_eq(f.full, full);
	msg_fini(&m);
}

START_TEST(keeper__who_delivers_hears_who_is_full)
{
	struct conf *other = parse("{ anna: { quota: 1M }, ben: {} }");
	struct buf text;
	int late[2], auth[2];

	ck_assert_int_eq(line_pair(auth), RC_OK);
	keeper_add_client(keeper, auth[0], KEEPER_MAY_SESSION);
	come_up();
	use(99, 100);
	ck_assert(!has_message(client));
	use(100, 100);
	expect_full(client, true);
	use(150, 100);
	ck_assert(!has_message(client));
	/* Who comes later hears it, too, also when the account has gone. */
	die();
	ck_assert_int_eq(line_pair(late), RC_OK);
	keeper_add_client(keeper, late[0], KEEPER_MAY_DELIVER);
	turn();
	expect_full(late[1], true);
	buf_init(&text, 1000);
	keeper_status(keeper, &text);
	ck_assert_str_eq(
	    text.p, "anna: 150 of 100 (150 %): FULL, gets no mail\n");
	buf_fini(&text);
	come_up();
	use(50, 100);
	expect_full(client, false);
	expect_full(late[1], false);
	/* Another configuration: nobody is full until an account says so. */
	use(100, 100);
	expect_full(client, true);
	keeper_set_conf(keeper, other);
	turn();
	expect_full(client, false);
	ck_assert(!has_message(auth[1]));
	conf_free(&other);
	close(late[1]);
	close(auth[1]);
}
END_TEST

/* Anna's process sends something in ben's name. */
static void
send_rule_mail(void)
{
	const struct account_mail mail = {.account = SV("ben"),
	    .id = {5},
	    .to = SV("x@example.test"),
	    .size = 5,
	    .fd = open("/dev/null", O_RDONLY)};
	struct msg m;

	msg_init(&m, ACCOUNT_SEND);
	account_mail_put(&m, &mail);
	ck_assert_int_eq(line_send_fd(account[naccount - 1], &m), RC_OK);
	turn();
}

static void
say_sent(int fd)
{
	const struct account_sent sent = {
	    .account = SV("anna"), .id = {5}, .text = SV("taken")};
	struct msg m;

	msg_init(&m, ACCOUNT_SENT);
	account_sent_put(&m, &sent);
	ck_assert_int_eq(line_send_fd(fd, &m), RC_OK);
	turn();
}

static void
expect_sent(int rc)
{
	struct account_sent sent;
	struct msg m;

	ck_assert(has_message(account[naccount - 1]));
	ck_assert_int_eq(line_recv_fd(account[naccount - 1], &m), RC_OK);
	ck_assert_uint_eq(m.type, ACCOUNT_SENT);
	ck_assert_int_eq(account_sent_get(&m, &sent), RC_OK);
	ck_assert(sv_eq(sent.account, SV("anna")));
	ck_assert_uint_eq(sent.id[0], 5);
	ck_assert_int_eq(sent.rc, rc);
	account_sent_fini(&sent);
}

START_TEST(keeper__what_rules_send_goes_to_the_queue)
{
	struct account_mail mail;
	struct msg m;
	int queue[2];

	come_up();
	send_rule_mail();
	expect_sent(RC_TEMP);
	ck_assert_int_eq(line_pair(queue), RC_OK);
	keeper_add_client(
	    keeper, queue[0], KEEPER_MAY_DELIVER | KEEPER_IS_QUEUE);
	send_rule_mail();
	ck_assert(has_message(queue[1]));
	ck_assert(!has_message(client));
	ck_assert_int_eq(line_recv_fd(queue[1], &m), RC_OK);
	ck_assert_uint_eq(m.type, ACCOUNT_SEND);
	ck_assert_int_eq(account_mail_get(&m, &mail), RC_OK);
	/* Whoever it says it is. */
	ck_assert(sv_eq(mail.account, SV("anna")));
	ck_assert(sv_eq(mail.to, SV("x@example.test")));
	ck_assert_int_ge(mail.fd, 0);
	account_mail_fini(&mail);
	say_sent(queue[1]);
	expect_sent(RC_OK);
	/* Nobody else says that. */
	say_sent(client);
	ck_assert(!has_message(account[naccount - 1]));
	ck_assert(has_message(client));
	ck_assert_int_eq(line_recv_fd(client, &m), RC_EOF);
	close(queue[1]);
}
END_TEST

UNIT_TESTS(keeper)
{
	TCase *t = tcase_create("keeper");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, keeper__a_delivery_waits_until_the_account_is_up);
	tcase_add_test(
	    t, keeper__a_delivery_is_sent_again_and_opaque_after_two_deaths);
	tcase_add_test(t, keeper__only_the_guilty_message_is_stored_unparsed);
	tcase_add_test(
	    t, keeper__a_death_without_a_message_in_hand_blames_none);
	tcase_add_test(
	    t, keeper__a_store_that_does_not_open_is_no_messages_fault);
	tcase_add_test(t, keeper__a_session_dies_with_its_process);
	tcase_add_test(t, keeper__a_session_is_too_late_for_its_process);
	tcase_add_test(t, keeper__a_page_dies_with_its_process);
	tcase_add_test(t, keeper__a_new_line_may_come_before_the_old_ones_end);
	tcase_add_test(t, keeper__refused_accounts_fail_for_now);
	tcase_add_test(t, keeper__a_refusal_that_comes_late_hurts_no_one);
	tcase_add_test(t, keeper__unknown_accounts_are_refused);
	tcase_add_test(t, keeper__a_forbidden_message_cuts_the_line);
	tcase_add_test(t, keeper__a_kick_fails_sessions_that_wait);
	tcase_add_test(t, keeper__a_removed_account_is_told_for_good);
	tcase_add_test(t, keeper__an_account_may_leave_when_nothing_waits);
	tcase_add_test(t, keeper__who_delivers_hears_who_is_full);
	tcase_add_test(t, keeper__what_waits_is_bounded);
	tcase_add_test(t, keeper__a_client_may_leave_before_its_answer);
	tcase_add_test(t, keeper__a_kick_reaches_a_living_account_only);
	tcase_add_test(t, keeper__what_rules_send_goes_to_the_queue);
	return t;
}
