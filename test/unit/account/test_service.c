/* How the account's process ends while a session is at work. */
#include <semaphore.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "account/junk.h"
#include "account/service.h"
#include "base/alloc.h"
#include "ipc/line.h"
#include "ipc/msg_account.h"
#include "ipc/proto.h"
#include "net/pool.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

static sem_t at_work, may_go_on, over;

struct session {
	struct pool_task task; /* must be first */
	void *junk;
};

/* A command that takes longer than anybody waits, and then is told of. */
static enum pool_next
work(struct pool_task *t)
{
	struct session *s = (struct session *)t;
	struct rangeset uids = RANGESET_EMPTY;

	ck_assert_int_eq(sem_post(&at_work), 0);
	while (sem_wait(&may_go_on) != 0)
		;
	rangeset_add(&uids, 1, 1);
	account_junk_appended(s->junk, "INBOX", &uids);
	rangeset_fini(&uids);
	return POOL_DONE;
}

static void
end_session(struct pool_task *t)
{
	(void)close(t->fd);
	free(t);
	ck_assert_int_eq(sem_post(&over), 0);
}

static struct pool_task *
session_new(const struct account_session *a)
{
	struct session *s = xcalloc(1, sizeof *s);

	s->junk = a->junk;
	s->task.fd = a->fd;
	s->task.run = work;
	s->task.end = end_session;
	return &s->task;
}

static void
leave(void *arg, int exit_code)
{
	(void)arg;
	(void)exit_code;
}

/* What threads use stays theirs: the process ends, and nothing else does. */
START_TEST(account__stops_beside_a_session_at_work)
{
	const struct account_opts o = {.name = "anna",
	    .hostname = "mail.home.test",
	    .session_new = session_new,
	    .sessions_max = 4,
	    .idle_ms = 60000};
	const struct account_ops ops = {.leave = leave};
	struct ev_loop *loop = ev_loop_new();
	struct session_local local = {.account = SV("anna"), .who = 7};
	struct conf_errors e = {0};
	struct account *a;
	struct store *st;
	struct conf *conf;
	struct msg m;
	int line[2], client[2];

	ck_assert_int_eq(sem_init(&at_work, 0, 0), 0);
	ck_assert_int_eq(sem_init(&may_go_on, 0, 0), 0);
	ck_assert_int_eq(sem_init(&over, 0, 0), 0);
	fixture_make();
	st = fixture_open();
	ck_assert_int_eq(conf_parse(SV("hostname: mail.home.test\n"
				       "domains: [home.test]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &conf, &e),
	    RC_OK);
	ck_assert_int_eq(line_pair(line), RC_OK);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
	a = account_new(loop, st, &o, &ops, NULL);
	account_set_conf(a, conf);
	account_start(a);
	account_set_keeper(a, line[0]);
	local.fd = client[0];
	msg_init(&m, SESSION_LOCAL);
	m.id = 1;
	session_local_put(&m, &local);
	ck_assert_int_eq(line_send_fd(line[1], &m), RC_OK);
	ck_assert_int_eq(send(client[1], "x", 1, 0), 1);
	while (sem_trywait(&at_work) != 0) {
		ev_post(loop, (ev_fn *)ev_stop, loop);
		ev_run(loop);
	}
	ck_assert(!account_stop(a));
	ck_assert_int_eq(sem_post(&may_go_on), 0);
	while (sem_wait(&over) != 0)
		;
	store_close(&st);
	fixture_remove();
	conf_free(&conf);
	(void)close(client[1]);
	(void)close(line[1]);
}
END_TEST

UNIT_TESTS(account_service)
{
	TCase *t = tcase_create("account_service");

	tcase_add_test(t, account__stops_beside_a_session_at_work);
	return t;
}
