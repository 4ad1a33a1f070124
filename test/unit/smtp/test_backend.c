/* Reports that are being read: so many bytes of them at a time. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "smtp/backend.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct smtp_backend backend;
static int reader = -1;

static void
wake(void *arg)
{
	(void)arg;
}

static void
setup(void)
{
	int pair[2];

	loop = ev_loop_new();
	ck_assert_int_eq(line_pair(pair), RC_OK);
	backend = (struct smtp_backend){.wake_report = wake};
	backend.report = peer_new(loop, "report", NULL, NULL, NULL);
	peer_connect(backend.report, pair[0]);
	reader = pair[1];
}

static void
teardown(void)
{
	peer_free(&backend.report);
	ev_loop_free(&loop);
	(void)close(reader);
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
	ev_timer_add(loop, 20, stop, NULL);
	ev_run(loop);
}

static void
bring(uint64_t size, unsigned n)
{
	struct smtp_report_mail m = {
	    .fd = memfd_create("mail", MFD_CLOEXEC), .size = size};

	ck_assert_int_ge(m.fd, 0);
	ck_assert_int_eq(ftruncate(m.fd, (off_t)size), 0);
	while (n-- > 0)
		smtp_backend_ops.report(&backend, &m);
	(void)close(m.fd);
	turn();
}

/* The reader takes and answers all that are there; how many had a message. */
static unsigned
answer_all(void)
{
	struct report_mail mail;
	struct msg m, reply;
	unsigned n = 0;
	char c;

	while (recv(reader, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
		ck_assert_int_eq(line_recv_fd(reader, &m), RC_OK);
		msg_answer_make(&reply, m.id, RC_OK, "");
		ck_assert_int_eq(report_mail_get(&m, &mail), RC_OK);
		n += mail.fd >= 0;
		report_mail_fini(&mail);
		msg_fini(&m);
		ck_assert_int_eq(line_send_fd(reader, &reply), RC_OK);
	}
	turn();
	return n;
}

START_TEST(backend_report__keeps_few_large_ones_in_memory)
{
	bring(REPORT_MAIL_MAX, 10);
	ck_assert_uint_eq(answer_all(), 3);
	/* Those that are read make room. */
	bring(REPORT_MAIL_MAX, 2);
	bring(REPORT_MAIL_MAX, 2);
	ck_assert_uint_eq(answer_all(), 3);
}
END_TEST

/* As they come when a day is over. */
START_TEST(backend_report__takes_more_small_ones)
{
	bring(5000, 100);
	ck_assert_uint_eq(answer_all(), 17);
	bring(5000, 1);
	ck_assert_uint_eq(answer_all(), 1);
}
END_TEST

UNIT_TESTS(smtp_backend)
{
	TCase *t = tcase_create("smtp_backend");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, backend_report__keeps_few_large_ones_in_memory);
	tcase_add_test(t, backend_report__takes_more_small_ones);
	return t;
}
