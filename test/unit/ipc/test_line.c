/* Lines. */
#include <check.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"
#include "ipc/line.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static int fd[2];
static struct line *line;
static unsigned got, eofs, free_after;
static uint32_t sum;
static int got_fd;

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

/* Until so many have come, and a moment longer for what must not. */
static void
run_until(unsigned n)
{
	int64_t end = clk_mono() + 60000;

	do
		run_for(20);
	while (got < n && clk_mono() < end);
	ck_assert_uint_eq(got, n);
}

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	(void)arg;
	got++;
	sum += m->id;
	if (m->nfd > 0)
		got_fd = msg_take_fd(m);
	if (got == free_after) {
		line_free(&l);
		line = NULL;
	}
}

static void
on_eof(struct line *l, void *arg)
{
	(void)arg;
	ck_assert_ptr_eq(l, line);
	eofs++;
	line_free(&line);
}

static void
setup(void)
{
	loop = ev_loop_new();
	ck_assert_int_eq(line_pair(fd), RC_OK);
	line = line_new(loop, fd[0], on_msg, on_eof, NULL);
	got = eofs = free_after = 0;
	sum = 0;
	got_fd = -1;
}

static void
teardown(void)
{
	line_free(&line);
	ev_loop_free(&loop);
	if (fd[1] >= 0)
		close(fd[1]);
}

static int
send_one(int to, uint32_t id, size_t n, int with)
{
	static char bytes[MSG_MAX];
	struct msg m;

	msg_init(&m, 20);
	m.id = id;
	buf_add(&m.b, bytes, n);
	if (with >= 0)
		msg_put_fd(&m, with);
	return line_send_fd(to, &m);
}

START_TEST(line__carries_messages_and_descriptors)
{
	struct msg m;
	int null = open("/dev/null", O_RDWR), copy;

	ck_assert_int_eq(send_one(fd[1], 4711, 100, null), RC_OK);
	run_until(1);
	ck_assert_uint_eq(sum, 4711);
	ck_assert_int_ge(got_fd, 0);
	ck_assert_int_ne(fcntl(got_fd, F_GETFD) & FD_CLOEXEC, 0);
	msg_init(&m, 9);
	m.id = 5;
	msg_put_str(&m, "hello");
	msg_put_fd(&m, got_fd);
	ck_assert_int_eq(line_send(line, &m), RC_OK);
	ck_assert_int_eq(line_recv_fd(fd[1], &m), RC_OK);
	ck_assert_uint_eq(m.type, 9);
	ck_assert_uint_eq(m.id, 5);
	ck_assert(sv_eq(msg_get_sv(&m), SV("hello")));
	copy = msg_take_fd(&m);
	ck_assert_int_ge(copy, 0);
	ck_assert_int_eq(msg_end(&m), RC_OK);
	msg_fini(&m);
	close(copy);
}
END_TEST

START_TEST(line__carries_the_largest_message)
{
	struct msg m;

	ck_assert_int_eq(send_one(fd[1], 1, MSG_MAX, -1), RC_OK);
	run_until(1);
	msg_init(&m, 1);
	msg_put_sv(&m, SV(""));
	m.b.failed = true; /* somebody put in too much */
	ck_assert_int_eq(line_send(line, &m), RC_TEMP);
	msg_init(&m, 1);
	m.b.failed = true;
	ck_assert_int_eq(line_send_fd(fd[1], &m), RC_TEMP);
	run_until(1);
}
END_TEST

START_TEST(line__an_oversized_packet_is_the_end)
{
	static char big[MSG_MAX + 100];

	ck_assert_int_eq(send(fd[1], big, sizeof big, 0), (ssize_t)sizeof big);
	run_until(0);
	ck_assert_uint_eq(eofs, 1);
}
END_TEST

START_TEST(line__a_packet_without_a_header_is_the_end)
{
	ck_assert_int_eq(send(fd[1], "1234567", 7, 0), 7);
	run_until(0);
	ck_assert_uint_eq(eofs, 1);
}
END_TEST

START_TEST(line__what_came_before_the_end_is_read)
{
	int i;

	for (i = 0; i < 100; i++)
		ck_assert_int_eq(send_one(fd[1], 1, 10, -1), RC_OK);
	close(fd[1]);
	fd[1] = -1;
	run_until(100);
	ck_assert_uint_eq(eofs, 1);
}
END_TEST

START_TEST(line__can_be_freed_while_it_reads)
{
	int i;

	free_after = 3;
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(send_one(fd[1], 1, 10, -1), RC_OK);
	run_until(3);
	ck_assert_uint_eq(eofs, 0);
}
END_TEST

START_TEST(line__queues_up_to_its_bound_and_in_order)
{
	static char bytes[2000];
	unsigned sent = 0, seen = 0;
	struct msg m;
	int r;

	do {
		msg_init(&m, 20);
		m.id = ++sent;
		buf_add(&m.b, bytes, sizeof bytes);
		r = line_send(line, &m);
	} while (r == RC_OK && sent < 100000);
	ck_assert_int_eq(r, RC_TEMP);
	ck_assert_uint_ge(sent, 4096);
	sent--;
	while (seen < sent) {
		ck_assert_int_eq(line_recv_fd(fd[1], &m), RC_OK);
		ck_assert_uint_eq(m.id, ++seen);
		msg_fini(&m);
		if (seen % 20 == 0)
			run_for(1);
	}
	msg_init(&m, 20);
	ck_assert_int_eq(line_send(line, &m), RC_OK);
}
END_TEST

START_TEST(line__sending_to_nobody_fails)
{
	struct msg m;

	close(fd[1]);
	fd[1] = -1;
	msg_init(&m, 20);
	msg_put_fd(&m, open("/dev/null", O_RDONLY));
	ck_assert_int_eq(line_send(line, &m), RC_TEMP);
	ck_assert_uint_eq(m.nfd, 0);
	msg_init(&m, 20);
	line_tell(line, &m);
}
END_TEST

/* Of a failure nobody needs to hear if the other side has just ended. */
START_TEST(line__is_gone_with_its_other_side_only)
{
	struct msg m;

	msg_init(&m, 20);
	buf_fini(&m.b);
	buf_init(&m.b, 1);
	buf_adds(&m.b, "too large");
	ck_assert_int_eq(line_send(line, &m), RC_TEMP);
	ck_assert(!line_gone(line));
	close(fd[1]);
	fd[1] = -1;
	ck_assert(!line_gone(line)); /* nobody has looked */
	msg_init(&m, 20);
	ck_assert_int_eq(line_send(line, &m), RC_TEMP);
	ck_assert(line_gone(line));
}
END_TEST

/* A thread that waits, and what may keep it from its answer. */
START_TEST(line__a_bare_descriptor_can_ask)
{
	int pair[2];
	struct msg m, reply;

	ck_assert_int_eq(line_pair(pair), RC_OK);
	msg_init(&m, 20);
	ck_assert_int_eq(line_ask_fd(pair[0], &m, 1, &reply), RC_TIMEOUT);
	msg_init(&m, MSG_REPLY);
	m.id = 1;
	ck_assert_int_eq(line_send_fd(pair[1], &m), RC_OK);
	msg_init(&m, 20);
	ck_assert_int_eq(line_ask_fd(pair[0], &m, 60000, &reply), RC_OK);
	ck_assert_uint_eq(reply.type, MSG_REPLY);
	msg_fini(&reply);
	msg_init(&m, 21); /* that is not an answer */
	ck_assert_int_eq(line_send_fd(pair[1], &m), RC_OK);
	msg_init(&m, 20);
	ck_assert_int_eq(line_ask_fd(pair[0], &m, 60000, &reply), RC_SYNTAX);
	ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
	msg_init(&m, 20);
	ck_assert_int_eq(line_ask_fd(pair[0], &m, 60000, &reply), RC_EOF);
	(void)close(pair[1]);
	msg_init(&m, 20);
	ck_assert_int_eq(line_ask_fd(pair[0], &m, 60000, &reply), RC_TEMP);
	(void)close(pair[0]);
}
END_TEST

UNIT_TESTS(line)
{
	TCase *t = tcase_create("line");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, line__carries_messages_and_descriptors);
	tcase_add_test(t, line__carries_the_largest_message);
	tcase_add_test(t, line__an_oversized_packet_is_the_end);
	tcase_add_test(t, line__a_packet_without_a_header_is_the_end);
	tcase_add_test(t, line__what_came_before_the_end_is_read);
	tcase_add_test(t, line__can_be_freed_while_it_reads);
	tcase_add_test(t, line__queues_up_to_its_bound_and_in_order);
	tcase_add_test(t, line__sending_to_nobody_fails);
	tcase_add_test(t, line__is_gone_with_its_other_side_only);
	tcase_add_test(t, line__a_bare_descriptor_can_ask);
	return t;
}
