/* The answering side of lines: clients, and requests that outlive them. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ipc/msg_answer.h"
#include "ipc/server.h"
#include "test/unit/unit.h"

#define ASK 20 /* waits in the list below */
#define NOW 21 /* is answered at once */
#define CUT 22 /* is what it may not say */

struct client {
	struct ipc_client ipc;
	int fd; /* something of its own */
};

struct request {
	struct ipc_request ipc;
	struct request *next;
};

static struct ev_loop *loop;
static struct ipc_server *server;
static struct request *requests; /* the newest first */
static unsigned gone;

static void
on_msg(struct ipc_client *c, struct msg *m)
{
	struct request *r;
	struct msg reply;

	ck_assert_ptr_eq(c->arg, &loop);
	if (m->type == CUT) {
		ipc_client_cut(c);
	} else if (m->type == NOW) {
		msg_answer_make(&reply, 0, RC_EXISTS, "");
		ipc_client_answer(c, m->id, &reply);
	} else {
		r = xcalloc(1, sizeof *r);
		ipc_request_begin(&r->ipc, c, m);
		r->next = requests;
		requests = r;
	}
}

static void
on_gone(struct ipc_client *c)
{
	ck_assert_ptr_null(c->line);
	ck_assert_int_eq(((struct client *)c)->fd, 77);
	gone++;
}

static const struct ipc_server_ops ops = {
    .client_size = sizeof(struct client), .msg = on_msg, .gone = on_gone};

static void
setup(void)
{
	loop = ev_loop_new();
	server = ipc_server_new(loop, &ops, &loop);
	requests = NULL;
	gone = 0;
}

static void
end_newest(void)
{
	struct request *r = requests;

	requests = r->next;
	ipc_request_end(&r->ipc);
	free(r);
}

static void
teardown(void)
{
	while (requests != NULL)
		end_newest();
	ipc_server_free(&server);
	ck_assert_ptr_null(server);
	ev_loop_free(&loop);
}

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static void
turn(void)
{
	for (int i = 0; i < 3; i++) {
		(void)ev_timer_add(loop, 1, stop, NULL);
		ev_run(loop);
	}
}

/* A new client; our end of its line. */
static int
connect_client(void)
{
	int pair[2];

	ck_assert_int_eq(line_pair(pair), RC_OK);
	((struct client *)ipc_server_add(server, pair[0]))->fd = 77;
	return pair[1];
}

static void
say(int fd, uint16_t type, uint32_t id)
{
	struct msg m;

	msg_init(&m, type);
	m.id = id;
	ck_assert_int_eq(line_send_fd(fd, &m), RC_OK);
	turn();
}

static void
answer_newest(int rc)
{
	struct msg m;

	msg_answer_make(&m, 0, rc, "");
	ipc_request_answer(&requests->ipc, &m);
}

static void
expect(int fd, uint32_t id, int rc)
{
	char text[ERR_TEXT_MAX];
	struct msg m;

	ck_assert_int_eq(line_recv_fd(fd, &m), RC_OK);
	ck_assert_uint_eq(m.type, MSG_REPLY);
	ck_assert_uint_eq(m.id, id);
	ck_assert_int_eq(msg_answer_read(&m, RC_MORE, text), rc);
	msg_fini(&m);
}

static bool
is_silent(int fd)
{
	char b;

	return recv(fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

START_TEST(server__each_request_gets_its_answer)
{
	int one = connect_client(), two = connect_client();

	say(one, ASK, 5);
	say(two, ASK, 5);
	say(two, NOW, 6);
	expect(two, 6, RC_EXISTS);
	ck_assert_uint_eq(ipc_server_clients(server)->open, 1);
	ck_assert(ipc_request_is_awaited(&requests->ipc));
	answer_newest(RC_TEMP);
	ck_assert(!ipc_request_is_awaited(&requests->ipc));
	expect(two, 5, RC_TEMP);
	/* It counts until it has ended. */
	ck_assert_uint_eq(ipc_server_clients(server)->open, 1);
	end_newest();
	ck_assert_uint_eq(ipc_server_clients(server)->open, 0);
	ck_assert(is_silent(one));
	answer_newest(RC_OK);
	expect(one, 5, RC_OK);
	close(one);
	close(two);
	turn();
	ck_assert_uint_eq(gone, 2);
}
END_TEST

/* It outlives its client, which is not freed before it. */
START_TEST(server__a_request_outlives_its_client)
{
	int one = connect_client();

	say(one, ASK, 5);
	say(one, ASK, 6);
	close(one);
	turn();
	ck_assert_uint_eq(gone, 1);
	ck_assert_ptr_nonnull(ipc_server_clients(server));
	ck_assert(!ipc_request_is_awaited(&requests->ipc));
	answer_newest(RC_OK); /* nobody gets it */
	end_newest();
	ck_assert_ptr_nonnull(ipc_server_clients(server));
	end_newest();
	ck_assert_ptr_null(ipc_server_clients(server));
	ck_assert_uint_eq(gone, 1);
}
END_TEST

START_TEST(server__a_client_can_be_cut_in_its_own_message)
{
	int one = connect_client(), two = connect_client();
	struct msg m;

	say(one, ASK, 5);
	say(one, CUT, 6);
	say(two, CUT, 7);
	ck_assert_uint_eq(gone, 2);
	ck_assert_int_ne(line_recv_fd(one, &m), RC_OK);
	ck_assert_int_ne(line_recv_fd(two, &m), RC_OK);
	/* The one that waits for an answer is there, without a line. */
	ck_assert_ptr_null(ipc_server_clients(server)->line);
	ck_assert_ptr_null(ipc_server_clients(server)->next);
	ipc_client_cut(ipc_server_clients(server)); /* once more is nothing */
	ck_assert_uint_eq(gone, 1 + 1);
	msg_init(&m, NOW);
	ipc_client_tell(ipc_server_clients(server), &m);
	close(one);
	close(two);
}
END_TEST

START_TEST(server__its_end_cuts_its_clients)
{
	int one = connect_client();
	struct msg m;

	ipc_server_free(&server);
	ck_assert_uint_eq(gone, 1);
	ck_assert_int_ne(line_recv_fd(one, &m), RC_OK);
	close(one);
}
END_TEST

UNIT_TESTS(server)
{
	TCase *t = tcase_create("server");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, server__each_request_gets_its_answer);
	tcase_add_test(t, server__a_request_outlives_its_client);
	tcase_add_test(t, server__a_client_can_be_cut_in_its_own_message);
	tcase_add_test(t, server__its_end_cuts_its_clients);
	return t;
}
