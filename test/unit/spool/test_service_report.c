/* Reports to senders, and messages that cannot be read any more. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

END_TEST

/* The body of a job, from its beginning; its id. */
static uint32_t
expect_body_of_job(char *out, size_t size)
{
	uint32_t id;
	struct msg m;
	int fd;

	memset(out, 0, size);
	ck_assert_int_eq(line_recv_fd(mx, &m), RC_OK);
	ck_assert_uint_eq(m.type, MX_JOB);
	id = m.id;
	fd = msg_take_fd(&m);
	ck_assert_int_ge(pread(fd, out, size - 1, 0), 0);
	close(fd);
	msg_fini(&m);
	return id;
}

START_TEST(queue__a_report_that_goes_outside_is_signed)
{
	char text[4000];

	put_as("y@other.test", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	ck_assert_str_eq(only()->rcpt[0].address, "y@other.test");
	auth_says(RC_NOTFOUND, false);
	auth_says(RC_OK, true);
	mx_says(expect_body_of_job(text, sizeof text), true, 250, "250 ok");
	ck_assert_ptr_eq(strstr(text, "DKIM-Signature: v=1; "), text);
	ck_assert_ptr_nonnull(strstr(text, "s=e;"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nFrom: Mail server"));
	ck_assert_ptr_null(strstr(text, "Return-Path"));
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

START_TEST(queue__a_report_waits_for_its_signature)
{
	char text[4000];

	put_as("y@other.test", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	auth_says(RC_TEMP, false);
	ck_assert(is_silent(mx));
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	hurry();
	turn(20);
	/* mx goes away while auth signs: nobody has tried. */
	io_close(&mx);
	turn(20);
	auth_says(RC_NOTFOUND, false);
	auth_says(RC_OK, true);
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	ck_assert_uint_eq(only()->rcpt[0].attempts, 0);
	connect_mx();
	listed();
	turn(20);
	hurry();
	turn(20);
	auth_says(RC_NOTFOUND, false);
	/* The domain is not ours any more. */
	auth_says(RC_DENIED, true);
	mx_says(expect_body_of_job(text, sizeof text), true, 250, "250 ok");
	ck_assert_ptr_eq(strstr(text, "From: Mail server"), text);
	/* And the process may end in the middle of it. */
	put_as("y@other.test", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	end();
	start();
	ck_assert_uint_eq(spool_count(q->spool), 1);
}
END_TEST

/* Bytes of the message are wrong on the disk: one bit would be mended. */
static void
spoil(void)
{
	static char all[1 << 20];
	int fd = open("log/000001", O_RDWR);
	ssize_t n = pread(fd, all, sizeof all, 0);
	size_t at = 0, found = 0;

	ck_assert_int_gt(n, 0);
	while ((at += sv_find(sv_of(all + at, (size_t)n - at), SV("hello"))) <
	       (size_t)n) {
		ck_assert_int_eq(pwrite(fd, "\x17\x29", 2, (off_t)at), 2);
		at += 5;
		found++;
	}
	ck_assert_uint_gt(found, 0);
	close(fd);
}

static void
put_many(size_t n)
{
	static char address[200][40];
	const char *to[200];
	size_t i;

	for (i = 0; i < n; i++) {
		(void)snprintf(
		    address[i], sizeof address[i], "x%zu@example.test", i);
		to[i] = address[i];
	}
	put_to("anna@example.org", to, (uint32_t)n);
}

/* Fewer than a job has, as many, and more. */
START_TEST(queue__an_unreadable_message_is_seen_and_not_given_up)
{
	static const size_t many[] = {1, 100, 101, 150};
	struct spool_item *it;
	unsigned i;

	io_close(&mx);
	turn(5);
	put_many(many[_i]);
	it = only();
	spoil();
	connect_mx();
	listed();
	turn(20);
	ck_assert(is_silent(mx));
	ck_assert_uint_ge(it->nattempt, 1);
	ck_assert(sv_find(sv_str(it->attempt[0].reply_text),
		      SV("cannot be copied")) < 100);
	for (i = 0; i < 20; i++) {
		hurry();
		turn(2);
	}
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(it->rcpt[0].attempts, 0);
	ck_assert_uint_eq(sched_tries(it->units), 0);
	ck_assert_uint_eq(q->remote_in_flight, 0);
	ck_assert_int_eq(it->units->state, SCHED_WAITS);
	/* It waits longer and longer. */
	ck_assert_int_gt(it->units->node.key - clk_mono(), 10 * 60000);
}
END_TEST

/* The notice that it waits is written within a turn of tries. */
START_TEST(queue__a_notice_is_on_the_disk_before_it_leaves)
{
	static const char *const to[] = {"ben", "x@example.test"};

	io_close(&keeper);
	turn(5);
	put_to("anna@example.org", to, 2);
	spoil();
	mx_says(expect(mx, MX_JOB), true, 451, "451 later");
	only()->arrived -= SCHED_NOTICE_MS;
	connect_keeper();
	while (spool_count(q->spool) < 2)
		turn(0);
	ck_assert(spool_pending(q->spool));
	ck_assert(is_silent(keeper));
	turn(20);
	(void)expect(keeper, DELIVER);
}
END_TEST

/* At home and elsewhere. */
START_TEST(queue__an_unreadable_message_ends_after_five_days)
{
	static const char *const to[] = {"ben", "x@example.test"};
	struct buf text;
	int i;

	io_close(&mx);
	io_close(&keeper);
	turn(5);
	put_to("anna@example.org", to, 2);
	spoil();
	connect_mx();
	listed();
	connect_keeper();
	for (i = 0; i < SCHED_TRIES_MIN; i++) {
		(void)act(QUEUE_RETRY, QUEUE_PICK_ALL, "");
		turn(5);
	}
	ck_assert_uint_eq(only()->nrcpt, 2);
	ck_assert(is_silent(keeper));
	only()->arrived -= SCHED_EXPIRY_MS;
	only()->delay_reported = true;
	queue_sweep(q);
	turn(20);
	ck_assert_str_eq(only()->sender, "");
	ck_assert_str_eq(only()->rcpt[0].address, "anna");
	buf_init(&text, 65536);
	ck_assert_int_eq(spool_peek(q->spool, only(), &text), RC_OK);
	ck_assert_uint_lt(
	    sv_find(buf_sv(&text), SV("Status: 5.3.0\r\n")), text.n);
	ck_assert_uint_lt(
	    sv_find(buf_sv(&text), SV("no longer be read on our disk")),
	    text.n);
	ck_assert_uint_lt(
	    sv_find(buf_sv(&text), SV("Nothing of your message is attached")),
	    text.n);
	ck_assert_uint_eq(sv_find(buf_sv(&text), SV("message/rfc822")), text.n);
	buf_fini(&text);
	keeper_says(expect(keeper, DELIVER));
	ck_assert_uint_eq(spool_count(q->spool), 0);
	ck_assert(is_silent(mx));
}
END_TEST

START_TEST(queue__a_report_that_cannot_be_signed_ends)
{
	int i;

	put_as("y@other.test", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	auth_says(RC_TEMP, false);
	spoil();
	for (i = 1; i < 9; i++) {
		hurry();
		turn(5);
	}
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	hurry();
	turn(20);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	ck_assert(is_silent(mx));
	ck_assert(is_silent(keeper));
}
END_TEST

UNIT_TESTS(service_report)
{
	TCase *t = tcase_create("service_report");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, queue__a_notice_is_on_the_disk_before_it_leaves);
	tcase_add_test(t, queue__an_unreadable_message_ends_after_five_days);
	tcase_add_test(t, queue__a_report_that_cannot_be_signed_ends);
	tcase_add_test(t, queue__a_report_that_goes_outside_is_signed);
	tcase_add_test(t, queue__a_report_waits_for_its_signature);
	tcase_add_loop_test(
	    t, queue__an_unreadable_message_is_seen_and_not_given_up, 0, 4);
	return t;
}
