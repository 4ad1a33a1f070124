/* The queue's process without the process: lines of our own as smtp, keeper
 * and mx. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "queue/spool/service_priv.h"
#include "queue/spool/listing.h"
#include "msgauth/onward.h"
#include "queue/spool/spool_priv.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

START_TEST(queue__a_message_goes_out_and_is_forgotten)
{
	put_as("anna@example.org", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 250, "250 taken");
	ck_assert_uint_eq(spool_count(q->spool), 0);
	end();
	start();
	ck_assert_uint_eq(spool_count(q->spool), 0);
	ck_assert(is_silent(mx));
}
END_TEST

START_TEST(queue__a_refusal_becomes_a_report_at_home)
{
	put_as("anna@example.org", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	ck_assert_str_eq(only()->rcpt[0].address, "anna");
	ck_assert_str_eq(only()->sender, "");
	keeper_says(expect(keeper, DELIVER));
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

START_TEST(queue__nobody_is_told_of_what_came_from_nobody)
{
	put_as("", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	ck_assert_uint_eq(spool_count(q->spool), 0);
	ck_assert(is_silent(keeper));
}
END_TEST

START_TEST(queue__a_lost_mx_loses_no_message)
{
	put_as("anna@example.org", "x@example.test");
	(void)expect(mx, MX_JOB);
	io_close(&mx);
	turn(20);
	ck_assert_uint_eq(only()->nattempt, 1);
	connect_mx();
	listed();
	hurry();
	turn(20);
	mx_says(expect(mx, MX_JOB), true, 250, "250 taken");
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

START_TEST(queue__a_garbled_answer_is_no_delivery)
{
	struct mx_verdict v = {0, 250, SV("250 taken")};
	const struct mx_outcome o = {
	    .job = 1, .reached = true, .verdict = &v, .nverdict = 1};
	struct msg m;

	put_as("anna@example.org", "x@example.test");
	msg_init(&m, MSG_REPLY);
	m.id = expect(mx, MX_JOB);
	mx_outcome_put(&m, &o);
	buf_truncate(&m.b, m.b.n - 1);
	ck_assert_int_eq(line_send_fd(mx, &m), RC_OK);
	turn(20);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
}
END_TEST

START_TEST(queue__a_smarthost_is_another_place_for_another_user)
{
	static const char *const to[] = {
	    "x@a.test", "x@b.test", "x@c.test", "x@d.test", "x@e.test"};
	static const char *const place[] = {"relay r.test:587 as u",
	    "relay r.test:587 as v", "relay r.test:587 as u (tls require)",
	    "relay r.test:587 as u", "relay r.test:465 as u"};
	size_t i;

	configure("relay:\n"
		  "  a.test: { host: r.test, user: u, password_file: /x }\n"
		  "  b.test: { host: r.test, user: v, password_file: /x }\n"
		  "  c.test: { host: r.test, user: u, password_file: /x, "
		  "tls: require }\n"
		  "  d.test: { host: r.test, user: u, password_file: /x }\n"
		  "  e.test: { host: r.test, user: u, password_file: /x, "
		  "port: 465 }\n");
	for (i = 0; i < sizeof to / sizeof to[0]; i++) {
		struct spool_item *it;

		put_as("anna@example.org", to[i]);
		it = spool_first(q->spool);
		while (it->next != NULL)
			it = it->next;
		ck_assert_str_eq(it->units->dest->name, place[i]);
	}
}
END_TEST

/* Whom a job is for, in order, a blank behind each; its id. */
static uint32_t
expect_job(char *to, size_t size)
{
	struct mx_job job;
	uint32_t id, i;
	struct msg m;

	to[0] = '\0';
	ck_assert_int_eq(line_recv_fd(mx, &m), RC_OK);
	ck_assert_uint_eq(m.type, MX_JOB);
	id = m.id;
	ck_assert_int_eq(mx_job_get(&m, &job), RC_OK);
	for (i = 0; i < job.nrecipient; i++) {
		size_t at = strlen(to);

		(void)snprintf(to + at, size - at, "%.*s ",
		    SV_ARG(job.recipient[i].address));
	}
	mx_job_fini(&job);
	msg_fini(&m);
	return id;
}

/* They go to one place, so that they are one unit; or to two. */
START_TEST(queue_hold__is_for_those_who_are_meant)
{
	static const char *const to[] = {"x@a.test", "y@b.test"};
	char got[200];

	if (_i == 1)
		configure("relay: { host: r.test, tls: off }\n");
	io_close(&mx);
	turn(10);
	put_to("anna@example.org", to, 2);
	ck_assert_uint_eq(act(QUEUE_HOLD, QUEUE_PICK_DOMAIN, "a.test"), 1);
	ck_assert(only()->rcpt[0].held && !only()->rcpt[1].held);
	end();
	start();
	turn(20);
	mx_says(expect_job(got, sizeof got), true, 250, "250 taken");
	ck_assert_str_eq(got, "y@b.test ");
	ck_assert(is_silent(mx));
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	ck_assert_int_eq(only()->rcpt[0].unit->state, SCHED_HELD);
	ck_assert_uint_eq(act(QUEUE_RETRY, QUEUE_PICK_ALL, ""), 0);
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(act(QUEUE_RELEASE, QUEUE_PICK_DOMAIN, "b.test"), 0);
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(act(QUEUE_RELEASE, QUEUE_PICK_DOMAIN, "a.test"), 1);
	mx_says(expect_job(got, sizeof got), true, 250, "250 taken");
	ck_assert_str_eq(got, "x@a.test ");
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

/* One of two in flight is held: it is held when the try ends; and those who are
 * left of a place when others are removed. */
START_TEST(queue_hold__waits_for_the_outcome)
{
	static const char *const to[] = {"x@a.test", "y@a.test"};
	char got[200];
	uint32_t id;

	put_to("anna@example.org", to, 2);
	id = expect_job(got, sizeof got);
	ck_assert_str_eq(got, "x@a.test y@a.test ");
	ck_assert_uint_eq(act(QUEUE_HOLD, QUEUE_PICK_ADDRESS, "y@a.test"), 1);
	mx_says(id, false, 0, "no route to host");
	ck_assert_int_ne(only()->units->state, SCHED_HELD);
	ck_assert_uint_eq(act(QUEUE_REMOVE, QUEUE_PICK_ADDRESS, "x@a.test"), 1);
	ck_assert_int_eq(only()->units->state, SCHED_HELD);
	ck_assert_uint_eq(act(QUEUE_RELEASE, QUEUE_PICK_ALL, ""), 1);
	ck_assert_uint_eq(act(QUEUE_RETRY, QUEUE_PICK_ALL, ""), 1);
	id = expect_job(got, sizeof got);
	ck_assert_str_eq(got, "y@a.test ");
	ck_assert_uint_eq(act(QUEUE_HOLD, QUEUE_PICK_ALL, ""), 1);
	mx_says(id, false, 0, "no route to host");
	ck_assert_int_eq(only()->units->state, SCHED_HELD);
}

START_TEST(queue_remove__also_while_mx_is_full_or_away)
{
	uint32_t id[64], i;
	char to[40];

	for (i = 0; i < 70; i++) {
		(void)snprintf(to, sizeof to, "x@d%u.example.test", i);
		put_as("anna@example.org", to);
		if (i < 64)
			id[i] = expect(mx, MX_JOB);
	}
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(q->remote_in_flight, 64);
	ck_assert_uint_eq(act(QUEUE_REMOVE, QUEUE_PICK_ALL, ""), 6);
	for (i = 0; i < 64; i++)
		mx_says(id[i], true, 451, "451 later");
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(spool_count(q->spool), 64);
	ck_assert_uint_eq(q->remote_in_flight, 0);
	io_close(&mx);
	turn(5);
	ck_assert_uint_eq(act(QUEUE_RETRY, QUEUE_PICK_ALL, ""), 64);
	ck_assert_uint_eq(act(QUEUE_REMOVE, QUEUE_PICK_ALL, ""), 64);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	connect_mx();
	listed();
	turn(20);
	ck_assert(is_silent(mx));
	put_as("anna@example.org", "x@d1.example.test");
	mx_says(expect(mx, MX_JOB), true, 250, "250 taken");
}
END_TEST

/* What port 25 may ask for: mail for our people, in nobody's name. */
START_TEST(queue_put__port_25_sends_nothing_to_the_outside)
{
	static const struct {
		bool outside, local;
		const char *owner, *front;
		int rc;
	} rows[] = {
	    {false, true, "", "", RC_OK},
	    {false, false, "", "", RC_DENIED},
	    {false, true, "anna", "", RC_DENIED},
	    {false, true, "", "X: y\r\n", RC_OK},
	    {true, false, "anna", "X: y\r\n", RC_OK},
	};
	struct queue_to to = {
	    .address = rows[_i].local ? SV("anna") : SV("y@other.test"),
	    .local = rows[_i].local};
	const struct queue_mail mail = {
	    .delivery_id = {200},
	    .sender = SV("x@example.test"),
	    .owner = sv_str(rows[_i].owner),
	    .size = 7,
	    .front = sv_str(rows[_i].front),
	    .to = &to,
	    .nto = 1,
	    .fd = memfd_create("m", MFD_CLOEXEC),
	};
	struct msg m;
	int pair[2];

	ck_assert_int_eq(io_write_all(mail.fd, "hello\r\n", 7), RC_OK);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_add_client(q, pair[0], rows[_i].outside);
	msg_init(&m, QUEUE_PUT);
	m.id = 1;
	queue_mail_put(&m, &mail);
	ck_assert_int_eq(line_send_fd(pair[1], &m), RC_OK);
	await(pair[1]);
	ck_assert_int_eq(line_recv_fd(pair[1], &m), RC_OK);
	ck_assert_int_eq(answered(&m), rows[_i].rc);
	msg_fini(&m);
	close(pair[1]);
	turn(5);
	ck_assert_uint_eq(spool_count(q->spool), rows[_i].rc == RC_OK);
	ck_assert(rows[_i].outside || is_silent(mx));
}
END_TEST

static int
ask_known(int line, const char *address)
{
	const struct queue_known known = {SV(""), sv_str(address)};
	struct msg m;
	int r;

	msg_init(&m, QUEUE_KNOWN);
	m.id = 1;
	queue_known_put(&m, &known);
	ck_assert_int_eq(line_send_fd(line, &m), RC_OK);
	await(line);
	ck_assert_int_eq(line_recv_fd(line, &m), RC_OK);
	ck_assert_uint_eq(m.type, MSG_REPLY);
	r = answered(&m);
	msg_fini(&m);
	return r;
}

/* What a process remembers of the answers is never older than that. */
START_TEST(queue_known__who_has_asked_is_told_of_news)
{
	int asks[2], other[2];

	ck_assert_int_eq(line_pair(asks), RC_OK);
	ck_assert_int_eq(line_pair(other), RC_OK);
	queue_service_add_client(q, asks[0], false);
	queue_service_add_client(q, other[0], false);
	ck_assert_int_eq(ask_known(asks[1], "ben@out.test"), RC_NOTFOUND);
	put_as("anna@us.test", "ben@out.test");
	/* It is there before the sender has an answer. */
	ck_assert(!is_silent(asks[1]));
	(void)expect(asks[1], QUEUE_KNOWN_NEWS);
	ck_assert_int_eq(ask_known(asks[1], "ben@out.test"), RC_OK);
	put_as("anna@us.test", "ben@out.test");
	ck_assert(is_silent(asks[1]));
	/* A receipt makes nobody known. */
	put_as("", "cleo@out.test");
	ck_assert(is_silent(asks[1]));
	put_as("anna@us.test", "club-request@out.test");
	(void)expect(asks[1], QUEUE_KNOWN_NEWS);
	ck_assert(is_silent(other[1]));
	close(asks[1]);
	close(other[1]);
	turn(5);
}
END_TEST

static struct client *
newest_client(void)
{
	return (struct client *)ipc_server_clients(q->clients);
}

static int
ask_for_file(int line, int *fd_out)
{
	struct queue_file file;
	struct msg m;

	msg_init(&m, QUEUE_FILE);
	m.id = 1;
	ck_assert_int_eq(line_send_fd(line, &m), RC_OK);
	await(line);
	ck_assert_int_eq(line_recv_fd(line, &m), RC_OK);
	ck_assert_int_eq(queue_file_get(&m, &file), RC_OK);
	msg_fini(&m);
	*fd_out = file.fd;
	return file.rc;
}

/* A process that was taken over asks for files and gives none back. */
START_TEST(queue_file__a_process_holds_so_many)
{
	enum {
		MOST = 10 + 64 /* connections, and some more */
	};
	int pair[2], fd[MOST], more, copy;

	configure("limits: { connections: 10 }\n");
	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_add_client(q, pair[0], false);
	for (int i = 0; i < MOST; i++)
		ck_assert_int_eq(ask_for_file(pair[1], &fd[i]), RC_OK);
	ck_assert_int_eq(ask_for_file(pair[1], &more), RC_TEMP);
	ck_assert_int_eq(more, -1);
	/* The other processes have as many of their own. */
	ck_assert_int_eq(ask_for_file(smtp, &more), RC_OK);
	close(more);
	/* A copy is the file. */
	copy = dup(fd[0]);
	close(fd[0]);
	ck_assert_int_eq(ask_for_file(pair[1], &more), RC_TEMP);
	close(copy);
	ck_assert_int_eq(ask_for_file(pair[1], &fd[0]), RC_OK);
	for (int i = 0; i < MOST; i++)
		close(fd[i]);
	/* What is back is not kept, so that its bytes are free again. */
	while (newest_client()->lent.n > 0)
		turn(100);
	for (int i = 0; i < MOST; i++)
		ck_assert_int_eq(ask_for_file(pair[1], &fd[i]), RC_OK);
	close(pair[1]);
	turn(5);
	for (int i = 0; i < MOST; i++)
		close(fd[i]);
}
END_TEST

UNIT_TESTS(service)
{
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, queue__a_message_goes_out_and_is_forgotten);
	tcase_add_test(t, queue__a_refusal_becomes_a_report_at_home);
	tcase_add_test(t, queue__nobody_is_told_of_what_came_from_nobody);
	tcase_add_test(t, queue__a_lost_mx_loses_no_message);
	tcase_add_test(t, queue__a_garbled_answer_is_no_delivery);
	tcase_add_test(t, queue__a_smarthost_is_another_place_for_another_user);
	tcase_add_test(t, queue_remove__also_while_mx_is_full_or_away);
	tcase_add_loop_test(
	    t, queue_put__port_25_sends_nothing_to_the_outside, 0, 5);
	tcase_add_test(t, queue_known__who_has_asked_is_told_of_news);
	tcase_add_test(t, queue_file__a_process_holds_so_many);
	tcase_add_loop_test(t, queue_hold__is_for_those_who_are_meant, 0, 2);
	tcase_add_test(t, queue_hold__waits_for_the_outcome);
	return t;
}
