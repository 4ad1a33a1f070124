/* Peers: requests, their answers, and what comes instead. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "ipc/line.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct peer *peer;
static int far; /* the other side's end */
static unsigned ups, news;
static int rcs[16];
static uint32_t values[16];
static unsigned nrcs;

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static void
run_for(int64_t ms)
{
	ev_timer_add(loop, ms, stop, NULL);
	ev_run(loop);
}

/* At least that long, and until the count is reached. */
static void
run_until(const unsigned *count, unsigned n, int64_t ms)
{
	int64_t end = clk_mono() + 60000;

	do
		run_for(ms);
	while (*count < n && clk_mono() < end);
	ck_assert_uint_eq(*count, n);
}

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	(void)l;
	(void)m;
	(void)arg;
	news++;
}

static void
on_up(void *arg)
{
	(void)arg;
	ups++;
}

static void
on_reply(int rc, struct msg *reply, void *arg)
{
	(void)arg;
	ck_assert((reply != NULL) == (rc == RC_OK));
	values[nrcs] = reply != NULL ? msg_get_u32(reply) : 0;
	rcs[nrcs++] = rc;
}

static void
join(void)
{
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	far = fd[1];
	peer_connect(peer, fd[0]);
}

static void
setup(void)
{
	loop = ev_loop_new();
	peer = peer_new(loop, "test", on_msg, on_up, NULL);
	far = -1;
	ups = news = nrcs = 0;
}

static void
teardown(void)
{
	peer_free(&peer);
	ev_loop_free(&loop);
	if (far >= 0)
		close(far);
}

static void
ask(int64_t timeout_ms)
{
	struct msg m;

	msg_init(&m, 20);
	peer_ask(peer, &m, timeout_ms, on_reply, NULL);
}

/* The id of the next request at the far side. */
static uint32_t
take_request(void)
{
	struct msg m;
	uint32_t id;

	ck_assert_int_eq(line_recv_fd(far, &m), RC_OK);
	id = m.id;
	msg_fini(&m);
	return id;
}

static void
answer(uint32_t id, uint32_t value, int with)
{
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	msg_put_u32(&m, value);
	if (with >= 0)
		msg_put_fd(&m, with);
	ck_assert_int_eq(line_send_fd(far, &m), RC_OK);
}

START_TEST(peer_ask__answers_find_their_requests)
{
	uint32_t a, b;

	join();
	ck_assert_uint_eq(ups, 1);
	ask(1000);
	ask(1000);
	a = take_request();
	b = take_request();
	answer(b, 2, -1);
	answer(a, 1, -1);
	answer(a, 3, -1); /* once only */
	run_until(&nrcs, 2, 30);
	ck_assert(values[0] == 2 && values[1] == 1);
}
END_TEST

START_TEST(peer_ask__without_a_line_fails_from_the_loop)
{
	ask(1000);
	ck_assert_uint_eq(nrcs, 0);
	run_until(&nrcs, 1, 10);
	ck_assert_int_eq(rcs[0], RC_TEMP);
}
END_TEST

START_TEST(peer_ask__eof_fails_all_that_is_open)
{
	join();
	ask(60000);
	ask(60000);
	close(far);
	far = -1;
	run_until(&nrcs, 2, 10);
	ck_assert(rcs[0] == RC_TEMP && rcs[1] == RC_TEMP);
	ck_assert(!peer_up(peer));
	join();
	ck_assert(peer_up(peer));
	ck_assert_uint_eq(ups, 2);
	ask(1000);
	answer(take_request(), 7, -1);
	run_until(&nrcs, 3, 10);
	ck_assert_uint_eq(values[2], 7);
}
END_TEST

START_TEST(peer_ask__deadlines_come_in_any_order)
{
	join();
	ask(60000);
	run_for(5);
	ask(20);
	while (nrcs < 1)
		run_for(5);
	ck_assert_int_eq(rcs[0], RC_TIMEOUT);
	ask(40000);
	run_for(5);
	ask(30);
	ask(10);
	while (nrcs < 3)
		run_for(5);
	ck_assert_int_eq(rcs[1], RC_TIMEOUT);
	ck_assert_int_eq(rcs[2], RC_TIMEOUT);
	ck_assert_uint_eq(nrcs, 3);
	close(far);
	far = -1;
	while (nrcs < 5)
		run_for(5);
	ck_assert(rcs[3] == RC_TEMP && rcs[4] == RC_TEMP);
}
END_TEST

START_TEST(peer_ask__late_answers_are_dropped_with_their_descriptors)
{
	int before, after;

	join();
	ask(50);
	run_until(&nrcs, 1, 250);
	ck_assert_int_eq(rcs[0], RC_TIMEOUT);
	before = dup(0);
	close(before);
	answer(take_request(), 1, open("/dev/null", O_RDONLY));
	run_for(20);
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
	ck_assert_uint_eq(nrcs, 1);
}
END_TEST

START_TEST(line__what_comes_after_its_deadline_is_thrown_away)
{
	struct msg m;

	join();
	msg_init(&m, 21);
	m.deadline = clk_mono() - 1;
	msg_put_fd(&m, open("/dev/null", O_RDONLY));
	ck_assert_int_eq(line_send_fd(far, &m), RC_OK);
	run_until(&news, 0, 20);
	msg_init(&m, 21);
	m.deadline = clk_mono() + 10000;
	ck_assert_int_eq(line_send_fd(far, &m), RC_OK);
	run_until(&news, 1, 20);
	/* A request carries its own. */
	ask(5000);
	ck_assert_int_eq(line_recv_fd(far, &m), RC_OK);
	ck_assert_int_gt(m.deadline, clk_mono() + 4000);
	ck_assert_int_le(m.deadline, clk_mono() + 5000);
	msg_fini(&m);
}
END_TEST

START_TEST(peer_connect__a_new_line_fails_what_was_asked_on_the_old)
{
	int old;

	join();
	ask(60000);
	old = far;
	join();
	ck_assert_uint_eq(nrcs, 1);
	ck_assert_int_eq(rcs[0], RC_TEMP);
	close(old);
	run_for(10);
	ck_assert(peer_up(peer));
	ask(1000);
	answer(take_request(), 9, -1);
	run_until(&nrcs, 2, 10);
	ck_assert_uint_eq(values[1], 9);
}
END_TEST

START_TEST(peer__what_is_no_answer_goes_to_its_function)
{
	struct msg m;

	join();
	msg_init(&m, 33);
	ck_assert_int_eq(line_send_fd(far, &m), RC_OK);
	run_until(&news, 1, 10);
	msg_init(&m, 34);
	ck_assert_int_eq(peer_tell(peer, &m), RC_OK);
	(void)take_request();
}
END_TEST

START_TEST(peer_free__fails_what_is_open)
{
	join();
	ask(60000);
	peer_free(&peer);
	ck_assert_uint_eq(nrcs, 1);
	ck_assert_int_eq(rcs[0], RC_TEMP);
}
END_TEST

/* ---- other threads ---- */

#define CALLS 300

static void *
far_side(void *arg)
{
	struct msg m;

	(void)arg;
	while (line_recv_fd(far, &m) == RC_OK) {
		struct msg r;

		msg_init(&r, MSG_REPLY);
		r.id = m.id;
		msg_put_u32(&r, msg_get_u32(&m) + 1);
		msg_fini(&m);
		if (line_send_fd(far, &r) != RC_OK)
			break;
	}
	return NULL;
}

static void *
caller(void *arg)
{
	uintptr_t wrong = 0;
	uint32_t i;

	(void)arg;
	for (i = 0; i < CALLS; i++) {
		struct msg m, r;

		msg_init(&m, 20);
		msg_put_u32(&m, i);
		wrong += peer_call(peer, &m, 5000, &r) != RC_OK ||
			 msg_get_u32(&r) != i + 1 || msg_end(&r) != RC_OK;
		msg_fini(&r);
	}
	return (void *)wrong;
}

static void *
callers(void *arg)
{
	pthread_t t[4];
	uintptr_t wrong = 0;
	int i;

	(void)arg;
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, caller, NULL), 0);
	for (i = 0; i < 4; i++) {
		void *w;

		pthread_join(t[i], &w);
		wrong += (uintptr_t)w;
	}
	ev_post(loop, stop, NULL);
	return (void *)wrong;
}

START_TEST(peer_call__from_many_threads)
{
	pthread_t t, f;
	void *wrong;

	join();
	ck_assert_int_eq(pthread_create(&f, NULL, far_side, NULL), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, callers, NULL), 0);
	ev_run(loop);
	pthread_join(t, &wrong);
	ck_assert_uint_eq((uintptr_t)wrong, 0);
	peer_free(&peer);
	pthread_join(f, NULL);
}
END_TEST

static void *
waiter(void *arg)
{
	int *r = arg;

	r[0] = peer_wait_up(peer, 20);
	r[1] = peer_wait_up(peer, 5000);
	ev_post(loop, stop, NULL);
	return NULL;
}

static void
join_later(void *arg)
{
	(void)arg;
	join();
}

START_TEST(peer_wait_up__waits)
{
	pthread_t t;
	int r[2];

	ev_timer_add(loop, 100, join_later, NULL);
	ck_assert_int_eq(pthread_create(&t, NULL, waiter, r), 0);
	ev_run(loop);
	pthread_join(t, NULL);
	ck_assert_int_eq(r[0], RC_TIMEOUT);
	ck_assert_int_eq(r[1], RC_OK);
}
END_TEST

static void
ask_later(int64_t timeout_ms)
{
	struct msg m;

	msg_init(&m, 99);
	peer_ask_later(peer, &m, timeout_ms, on_reply, NULL);
}

START_TEST(peer_ask_later__waits_for_a_line)
{
	struct msg m, r;

	ask_later(60000);
	ask_later(60000);
	run_until(&nrcs, 0, 300);
	join();
	ck_assert_int_eq(line_recv_fd(far, &m), RC_OK);
	ck_assert_uint_eq(m.type, 99);
	msg_init(&r, MSG_REPLY);
	r.id = m.id;
	msg_put_u32(&r, 7);
	ck_assert_int_eq(line_send_fd(far, &r), RC_OK);
	msg_fini(&m);
	while (nrcs < 1)
		run_for(5);
	ck_assert_int_eq(rcs[0], RC_OK);
	ck_assert_uint_eq(values[0], 7);
	/* What has been sent is not sent again. */
	close(far);
	while (nrcs < 2)
		run_for(5);
	ck_assert_int_eq(rcs[1], RC_TEMP);
	far = -1;
}
END_TEST

START_TEST(peer_ask_later__waits_up_to_its_deadline)
{
	ask_later(50);
	while (nrcs < 1)
		run_for(5);
	ck_assert_int_eq(rcs[0], RC_TIMEOUT);
	join();
	ask_later(60000);
	ck_assert_uint_eq(nrcs, 1);
}
END_TEST

UNIT_TESTS(peer)
{
	TCase *t = tcase_create("peer");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, peer_ask_later__waits_for_a_line);
	tcase_add_test(t, peer_ask_later__waits_up_to_its_deadline);
	tcase_add_test(t, peer_ask__answers_find_their_requests);
	tcase_add_test(t, peer_ask__without_a_line_fails_from_the_loop);
	tcase_add_test(t, peer_ask__eof_fails_all_that_is_open);
	tcase_add_test(
	    t, peer_ask__late_answers_are_dropped_with_their_descriptors);
	tcase_add_test(t, peer_ask__deadlines_come_in_any_order);
	tcase_add_test(t, line__what_comes_after_its_deadline_is_thrown_away);
	tcase_add_test(
	    t, peer_connect__a_new_line_fails_what_was_asked_on_the_old);
	tcase_add_test(t, peer__what_is_no_answer_goes_to_its_function);
	tcase_add_test(t, peer_free__fails_what_is_open);
	tcase_add_test(t, peer_call__from_many_threads);
	tcase_add_test(t, peer_wait_up__waits);
	return t;
}
