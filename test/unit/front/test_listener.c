/*
 * The listener with a protocol of three words, an auth that takes everybody,
 * and this test as the session: "login" logs in, "wait" holds the loop until
 * the test lets it go, anything else is swallowed.
 */
#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/io.h"
#include "front/front_priv.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"

#define PER_PEER    20
#define TALK	    1000 /* bytes of an answer */
#define NARROW	    4608 /* bytes that a socket of the narrow port holds */
#define FEW	    50
#define STALLED_MAX 1000

static struct listener *listener;
static struct tls_ctx *tls;
static struct peer *auth;
static struct ev_loop *loop;
static SSL_CTX *client_ctx;
static pthread_t auth_thread, loop_thread;
static int auth_fd[2], sessions[2];
static sem_t waiting, go, drained;
static atomic_bool leave_off; /* auth answers what it has stalled */
static uint16_t plain, secure, narrow;

/* ---- the protocol ---- */

/* Of the last connection: "later" waits for it. */
static struct front_opts opened;
static atomic_int closed;

static void *
stub_open(const struct front_opts *o, struct buf *out)
{
	opened = *o;
	buf_adds(out, "hello\r\n");
	return calloc(1, sizeof(bool));
}

static void
stub_close(void *f)
{
	closed++;
	free(f);
}

static size_t
stub_input(void *f, struct sv in, struct buf *out, struct front_action *act)
{
	bool *asked = f;
	size_t took = 0, n;

	if (*asked)
		buf_adds(out, "asked\r\n");
	*asked = false;
	while ((n = sv_chr(in, '\n')) < in.n && act->what == FRONT_GO_ON &&
	       out->n < FRONT_OUTPUT) {
		if (sv_eq(sv_first(in, n), SV("wait"))) {
			sem_post(&waiting);
			while (sem_wait(&go) != 0)
				;
		} else if (sv_eq(sv_first(in, n), SV("talk"))) {
			buf_addf(out, "%0*d", TALK, 0);
		} else if (sv_eq(sv_first(in, n), SV("later"))) {
			*asked = true;
			act->what = FRONT_LATER;
			sem_post(&waiting);
		} else if (sv_eq(sv_first(in, n), SV("login"))) {
			act->what = FRONT_LOGIN;
			buf_adds(&act->sasl, "x");
			buf_adds(&act->tag, "t");
		} else if (sv_eq(sv_first(in, n), SV("stall"))) {
			act->what = FRONT_LOGIN;
			buf_adds(&act->sasl, "stall");
		}
		in = sv_skip(in, n + 1);
		took += n + 1;
	}
	return took;
}

static void
stub_tls_started(void *f)
{
	(void)f;
}

static enum front_do
stub_failed(void *f, enum front_failure why, const char *text, struct buf *out)
{
	(void)f;
	(void)why;
	buf_addf(out, "no, %s\r\n", text);
	return FRONT_GO_ON;
}

static void
stub_bye(void *f, const char *text, struct buf *out)
{
	(void)f;
	buf_addf(out, "bye, %s\r\n", text);
}

static struct front_proto stub = {.name = "stub",
    .idle_bye = "idle\r\n",
    .open = stub_open,
    .input = stub_input,
    .tls_started = stub_tls_started,
    .failed = stub_failed,
    .bye = stub_bye,
    .close = stub_close};

/* ---- auth and sessions ---- */

static void
answer(uint32_t id, int rc)
{
	const struct login_done done = {.rc = rc, .account = SV("anna")};
	struct msg r;

	msg_init(&r, MSG_REPLY);
	r.id = id;
	login_done_put(&r, &done);
	ck_assert_int_eq(line_send_fd(auth_fd[1], &r), RC_OK);
}

/* "stall" is denied, but not before the end. */
static void *
auth_main(void *arg)
{
	uint32_t stalled[STALLED_MAX];
	size_t n = 0;
	struct msg m;

	(void)arg;
	while (line_recv_fd(auth_fd[1], &m) == RC_OK) {
		struct login_ask asked;

		ck_assert_int_eq(login_ask_get(&m, &asked), RC_OK);
		if (sv_eq(asked.sasl, SV("stall"))) {
			login_ask_fini(&asked);
			ck_assert_uint_lt(n, STALLED_MAX);
			stalled[n++] = m.id;
			sem_post(&waiting);
			msg_fini(&m);
			continue;
		}
		while (leave_off && n > 0)
			answer(stalled[--n], RC_DENIED);
		/* First the session, so that nobody waits for one in vain. */
		ck_assert(write(sessions[1], &asked.fd, sizeof asked.fd) ==
			  sizeof asked.fd);
		answer(m.id, RC_OK);
		msg_fini(&m);
	}
	return NULL;
}

/* The session that a login has made; it blocks. */
static int
session(void)
{
	int fd;

	ck_assert(read(sessions[0], &fd, sizeof fd) == sizeof fd);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

static void *
loop_main(void *arg)
{
	ev_run(arg);
	return NULL;
}

/* ---- the surroundings ---- */

static uint16_t
listen_on(enum conf_service service, int room)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (room > 0)
		ck_assert_int_eq(
		    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room),
		    0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(fd, 100), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	listener_add(listener, service, fd);
	return ntohs(a.sin_port);
}

static void
make_tls(void)
{
	struct buf cert, key;
	struct err err;

	tls_library_setup();
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(
	    tls_self_signed("mail.example.org", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &tls, &err), RC_OK);
	buf_fini(&cert);
	buf_fini(&key);
	client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(client_ctx, TLS1_3_VERSION);
}

static void
setup_for(int64_t idle_ms, uint32_t connections)
{
	struct listener_opts o = {.proto = &stub,
	    .hostname = "mail.example.org",
	    .threads = 1,
	    .connections = connections,
	    .connections_per_peer = PER_PEER,
	    .limit_loopback = true};

	stub.idle_ms = idle_ms;
	(void)signal(SIGPIPE, SIG_IGN);
	make_tls();
	ck_assert_int_eq(line_pair(auth_fd), RC_OK);
	ck_assert_int_eq(pipe(sessions), 0);
	sem_init(&waiting, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&drained, 0, 0);
	loop = ev_loop_new();
	auth = peer_new(loop, "auth", NULL, NULL, NULL);
	peer_connect(auth, auth_fd[0]);
	pthread_create(&auth_thread, NULL, auth_main, NULL);
	pthread_create(&loop_thread, NULL, loop_main, loop);
	o.tls = tls;
	o.auth = auth;
	listener = listener_new(&o);
	plain = listen_on(CONF_IMAP, 0);
	secure = listen_on(CONF_IMAPS, 0);
	narrow = listen_on(CONF_IMAPS, NARROW);
	listener_start(listener);
	listener_let_in(listener);
}

static void
setup(void)
{
	setup_for(600000, 1000);
}

static void
setup_impatient(void)
{
	setup_for(1, 1000);
}

static void
setup_few(void)
{
	setup_for(600000, FEW);
}

static void
on_drained(void *arg)
{
	sem_post(arg);
}

static void
stop_loop(void *arg)
{
	ev_stop(arg);
}

static void
teardown(void)
{
	listener_drain(listener, 0, on_drained, &drained);
	while (sem_wait(&drained) != 0)
		;
	pthread_join(listener->shard[0].thread, NULL);
	ev_post(loop, stop_loop, loop);
	pthread_join(loop_thread, NULL);
	peer_free(&auth);
	pthread_join(auth_thread, NULL);
	close(auth_fd[1]);
	close(sessions[0]);
	close(sessions[1]);
	SSL_CTX_free(client_ctx);
}

/* ---- clients ---- */

static int
dial_from(const char *address, uint16_t port, int room)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(port)};
	struct timeval patience = {.tv_sec = 10};
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	ck_assert_int_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
	if (room > 0)
		ck_assert_int_eq(
		    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room),
		    0);
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static int
dial(uint16_t port, int room)
{
	return dial_from("127.0.0.1", port, room);
}

static void
say(int fd, const char *text)
{
	ssize_t n = (ssize_t)strlen(text);

	ck_assert_int_eq(write(fd, text, (size_t)n), n);
}

/* All until the other side's end, or n bytes. */
static size_t
hear(int fd, char *out, size_t n)
{
	size_t have = 0;
	ssize_t k = 1;

	while (have < n && (k = read(fd, out + have, n - have)) > 0)
		have += (size_t)k;
	ck_assert_msg(k >= 0, "nothing comes any more");
	return have;
}

static void
expect(int fd, const char *text)
{
	char got[200];
	size_t n = hear(fd, got, strlen(text));

	ck_assert_msg(n == strlen(text) && memcmp(got, text, n) == 0, "%.*s",
	    (int)n, got);
}

static void
expect_last(int fd, const char *text)
{
	char more;

	expect(fd, text);
	ck_assert_uint_eq(hear(fd, &more, 1), 0);
}

static int
logged_in(int *session_out)
{
	int fd = dial(plain, 0);

	expect(fd, "hello\r\n");
	say(fd, "login\n");
	*session_out = session();
	return fd;
}

static SSL *
tls_client(int fd)
{
	SSL *s = SSL_new(client_ctx);
	char got[7];

	SSL_set_fd(s, fd);
	ck_assert_int_eq(SSL_connect(s), 1);
	ck_assert_int_eq(SSL_read(s, got, sizeof got), sizeof got);
	return s;
}

/* ---- tests ---- */

START_TEST(listener__a_connection_that_has_ended_counts_no_more)
{
	for (int i = 0; i < 3 * PER_PEER; i++) {
		int fd = dial(plain, 0);

		expect(fd, "hello\r\n");
		close(fd);
		/* At its end, not at the next sweep; Check ends what hangs. */
		while (listener_count(listener) > 0)
			(void)poll(NULL, 0, 1);
	}
}
END_TEST

static char large[300000];

static void *
send_large(void *arg)
{
	int *fd = arg;

	ck_assert_int_eq(write(*fd, large, sizeof large), sizeof large);
	close(*fd);
	return NULL;
}

START_TEST(listener__the_answer_comes_whole_after_half_a_close)
{
	static char got[sizeof large];
	int s, fd = logged_in(&s);
	pthread_t t;

	say(fd, "fetch\r\n");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_uint_eq(hear(s, got, 100), 7);
	memset(large, 'x', sizeof large);
	ck_assert_int_eq(pthread_create(&t, NULL, send_large, &s), 0);
	ck_assert_uint_eq(hear(fd, got, sizeof got), sizeof got);
	ck_assert_int_eq(memcmp(got, large, sizeof got), 0);
	expect_last(fd, "");
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	close(fd);
}
END_TEST

START_TEST(listener__last_words_come_though_the_client_speaks_too)
{
	int s, fd = logged_in(&s), other = dial(plain, 0);

	expect(other, "hello\r\n");
	say(s, "first\r\n");
	expect(fd, "first\r\n");
	/* Both are there when the loop looks next, the client's first. */
	say(other, "wait\n");
	ck_assert_int_eq(sem_wait(&waiting), 0);
	say(fd, "done\r\n");
	say(s, "* BYE why\r\n");
	close(s);
	sem_post(&go);
	expect_last(fd, "* BYE why\r\n");
	close(fd);
	close(other);
}
END_TEST

START_TEST(listener__a_session_that_dies_without_a_word_is_told_of)
{
	int s, fd = logged_in(&s);

	close(s);
	expect_last(fd, "no, the mailbox is not available now; try again\r\n");
	close(fd);
}
END_TEST

/* Before login, where anybody may be. */
START_TEST(listener__a_flood_of_new_keys_is_ended)
{
	int fd = dial(secure, 0);
	SSL *s = tls_client(fd);
	char c;
	int i, ok = 1;

	for (i = 0; i < 10000 && ok == 1; i++) {
		SSL_key_update(s, SSL_KEY_UPDATE_NOT_REQUESTED);
		ok = SSL_do_handshake(s);
	}
	ck_assert_int_le(SSL_read(s, &c, 1), 0);
	ck_assert_msg(errno != EAGAIN, "it is still there");
	SSL_free(s);
	close(fd);
}
END_TEST

START_TEST(listener__some_new_keys_are_nothing_bad)
{
	int fd = dial(secure, 0), ses;
	SSL *s = tls_client(fd);
	char got[6];

	for (int i = 0; i < 10; i++) {
		SSL_key_update(s, SSL_KEY_UPDATE_REQUESTED);
		ck_assert_int_eq(SSL_write(s, "nothing\n", 8), 8);
	}
	ck_assert_int_eq(SSL_write(s, "login\n", 6), 6);
	ses = session();
	say(ses, "hello!");
	ck_assert_int_eq(SSL_read(s, got, sizeof got), sizeof got);
	close(ses);
	SSL_free(s);
	close(fd);
}
END_TEST

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* The session sends byte by byte to a client that reads nothing, at most so
 * many; how many were taken. */
static int
fill(int s, int most)
{
	int i, left = 0;

	for (i = 0; i < most && left == 0; i++) {
		say(s, "x");
		for (int k = 0; k < 200; k++) {
			ck_assert_int_eq(ioctl(s, SIOCOUTQ, &left), 0);
			if (left == 0)
				break;
			usleep(1000);
		}
	}
	return left == 0 ? i : i - 1;
}

/* The goodbye of TLS finds too little room: the end of the session must not
 * be reported again and again meanwhile. */
START_TEST(listener__a_full_client_costs_nothing)
{
	int most = 100000;

	for (int less = 0; less < 5; less++) {
		int s, fd = dial(narrow, NARROW / 2);
		SSL *c = tls_client(fd);
		double before;

		ck_assert_int_eq(SSL_write(c, "login\n", 6), 6);
		s = session();
		most = fill(s, less == 0 ? most : most - 1);
		close(s);
		before = cpu_seconds();
		usleep(100000);
		ck_assert(cpu_seconds() - before < 0.05);
		SSL_free(c);
		close(fd);
	}
}
END_TEST

/* Many commands at once have more answers than fit anywhere: they come, and the
 * next commands wait for it; a login among them is seen, too. */
START_TEST(listener__many_commands_at_once_are_all_answered)
{
	enum {
		COUNT = 3000
	};
	static char all[COUNT * 5 + 6], got[COUNT * TALK];
	int fd, under_tls, s;
	size_t n = 0;
	SSL *ssl;
	int i;

	for (i = 0; i < COUNT; i++)
		memcpy(all + 5 * i, "talk\n", 5);
	memcpy(all + 5 * COUNT, "login\n", 6);
	fd = dial(plain, 0);
	expect(fd, "hello\r\n");
	ck_assert_int_eq(write(fd, all, sizeof all), sizeof all);
	ck_assert_uint_eq(hear(fd, got, sizeof got), sizeof got);
	s = session();
	close(s);
	close(fd);
	under_tls = dial(secure, 0);
	ssl = tls_client(under_tls);
	ck_assert_int_eq(SSL_write(ssl, all, sizeof all), sizeof all);
	while (n < sizeof got) {
		int k = SSL_read(ssl, got + n, (int)(sizeof got - n));

		ck_assert_int_gt(k, 0);
		n += (size_t)k;
	}
	s = session();
	close(s);
	SSL_free(ssl);
	close(under_tls);
}
END_TEST

START_TEST(listener__who_is_silent_for_too_long_hears_the_protocols_word)
{
	int fd = dial(plain, 0), under_tls = dial(secure, 0);
	SSL *ssl = tls_client(under_tls);
	char got[7];

	expect_last(fd, "hello\r\nidle\r\n");
	ck_assert_int_eq(SSL_read(ssl, got, sizeof got), 6);
	ck_assert_int_eq(memcmp(got, "idle\r\n", 6), 0);
	ck_assert_int_eq(SSL_read(ssl, got, sizeof got), 0);
	SSL_free(ssl);
	close(under_tls);
	close(fd);
}
END_TEST

/* A login from there, and out again. */
static void
has_been_here(const char *address)
{
	int fd = dial_from(address, plain, 0), s;

	expect(fd, "hello\r\n");
	say(fd, "login\n");
	s = session();
	close(fd);
	close(s);
	while (listener_count(listener) > 0)
		(void)poll(NULL, 0, 1);
}

/* Guessers of as many networks, each of whom waits for auth's answer, and
 * comes anew when sent away. */
static void
besiege(int networks, int times)
{
	for (int i = 0; i < times; i++) {
		char address[20], hello[7];
		int fd;

		(void)snprintf(
		    address, sizeof address, "127.%d.0.1", 1 + i % networks);
		fd = dial_from(address, plain, 0);
		if (hear(fd, hello, sizeof hello) == sizeof hello &&
		    memcmp(hello, "hello\r\n", sizeof hello) == 0) {
			say(fd, "stall\n");
			while (sem_wait(&waiting) != 0)
				;
		}
	}
}

/* Whoever waits for auth, be it for long, holds nobody's place. */
START_TEST(listener__those_who_wait_for_auth_keep_nobody_out)
{
	static const int networks[] = {10, 25, 100};
	int home, other, fd, s;

	has_been_here("127.201.0.1");
	/* It has come and not yet said who it is. */
	home = dial_from("127.201.0.2", plain, 0);
	expect(home, "hello\r\n");
	besiege(networks[_i], 2 * FEW);
	say(home, "login\n");
	s = session();
	close(s);
	fd = dial_from("127.201.0.3", plain, 0);
	expect(fd, "hello\r\n");
	leave_off = true;
	say(fd, "login\n");
	s = session();
	/* Its answer comes behind theirs. */
	say(s, "first\r\n");
	expect(fd, "first\r\n");
	close(s);
	/* And who has never been here before. */
	other = dial_from("127.202.0.1", plain, 0);
	expect(other, "hello\r\n");
	say(other, "login\n");
	s = session();
	close(s);
	close(home);
	close(fd);
	close(other);
}
END_TEST

/* What comes meanwhile waits; the answer comes once. */
START_TEST(listener__an_answer_may_come_later)
{
	char more[TALK];
	int fd = dial(plain, 0);

	expect(fd, "hello\r\n");
	say(fd, "later\ntalk\nlater\n");
	ck_assert_int_eq(sem_wait(&waiting), 0);
	if (_i == 1)
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ev_post(opened.loop, opened.resume, opened.conn);
	expect(fd, "asked\r\n");
	ck_assert_uint_eq(hear(fd, more, sizeof more), TALK);
	ck_assert_int_eq(sem_wait(&waiting), 0);
	ev_post(opened.loop, opened.resume, opened.conn);
	expect(fd, "asked\r\n");
	if (_i == 1)
		ck_assert_uint_eq(hear(fd, more, 1), 0);
	close(fd);
}
END_TEST

START_TEST(listener__a_client_may_leave_before_its_answer)
{
	const struct linger hard = {.l_onoff = 1};
	int fd = dial(plain, 0);

	closed = 0;
	expect(fd, "hello\r\n");
	say(fd, "later\n");
	ck_assert_int_eq(sem_wait(&waiting), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(fd);
	while (closed == 0)
		(void)poll(NULL, 0, 1);
	ck_assert_uint_eq(listener_count(listener), 0);
}
END_TEST

UNIT_TESTS(listener_few)
{
	TCase *t = tcase_create("listener-few");

	tcase_add_checked_fixture(t, setup_few, teardown);
	tcase_add_loop_test(
	    t, listener__those_who_wait_for_auth_keep_nobody_out, 0, 3);
	return t;
}

UNIT_TESTS(listener_idle)
{
	TCase *t = tcase_create("listener-idle");

	tcase_add_checked_fixture(t, setup_impatient, teardown);
	tcase_add_test(
	    t, listener__who_is_silent_for_too_long_hears_the_protocols_word);
	return t;
}

UNIT_TESTS(listener)
{
	TCase *t = tcase_create("listener");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, listener__a_connection_that_has_ended_counts_no_more);
	tcase_add_test(t, listener__the_answer_comes_whole_after_half_a_close);
	tcase_add_test(
	    t, listener__last_words_come_though_the_client_speaks_too);
	tcase_add_test(
	    t, listener__a_session_that_dies_without_a_word_is_told_of);
	tcase_add_test(t, listener__a_flood_of_new_keys_is_ended);
	tcase_add_test(t, listener__some_new_keys_are_nothing_bad);
	tcase_add_test(t, listener__a_full_client_costs_nothing);
	tcase_add_test(t, listener__many_commands_at_once_are_all_answered);
	tcase_add_loop_test(t, listener__an_answer_may_come_later, 0, 2);
	tcase_add_test(t, listener__a_client_may_leave_before_its_answer);
	return t;
}
