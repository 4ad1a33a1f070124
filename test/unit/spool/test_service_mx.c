/* What mx has in hand when another queue process starts, and what it says of
 * it. */
#include <string.h>

#include "base/io.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

static void
mx_has_open(uint64_t job, const uint8_t id[16], uint32_t rcpt)
{
	struct mx_open o = {.job = job, .which = &rcpt, .nwhich = 1};
	struct msg m;

	memcpy(o.delivery_id, id, sizeof o.delivery_id);
	msg_init(&m, MX_OPEN);
	mx_open_put(&m, &o);
	ck_assert_int_eq(line_send_fd(mx, &m), RC_OK);
}

static void
mx_says_late(uint64_t job, const uint8_t id[16], uint32_t rcpt, unsigned code)
{
	struct mx_verdict v = {
	    rcpt, code, code == 250 ? SV("250 taken") : SV("451 later")};
	struct mx_outcome o = {
	    .job = job,
	    .reached = code != 0,
	    .why = code != 0 ? SV("") : SV("no route to host"),
	    .verdict = &v,
	    .nverdict = code != 0,
	};
	struct msg m;

	memcpy(o.delivery_id, id, sizeof o.delivery_id);
	msg_init(&m, MX_LATE);
	mx_outcome_put(&m, &o);
	ck_assert_int_eq(line_send_fd(mx, &m), RC_OK);
	turn(20);
}

/* One message is in flight when the queue's process ends; another queue
 * starts and has heard nothing of mx yet. */
static void
start_anew(uint8_t id[16])
{
	put_as("anna@example.org", "x@example.test");
	(void)expect(mx, MX_JOB);
	memcpy(id, only()->delivery_id, 16);
	end();
	start_alone();
}

START_TEST(queue__waits_for_what_mx_has_in_hand)
{
	uint8_t id[16];

	start_anew(id);
	turn(50);
	ck_assert(is_silent(mx)); /* not before the list has come */
	mx_has_open(77, id, 0);
	listed();
	put_as("anna@example.org", "y@example.test");
	mx_says(expect(mx, MX_JOB), true, 250, "250 taken");
	ck_assert(is_silent(mx));
	ck_assert_int_eq(only()->units->state, SCHED_IN_FLIGHT);
	mx_says_late(77, id, 0, 250);
	expect_noted(77);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	end();
	start();
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

START_TEST(queue__takes_an_outcome_of_before_its_time)
{
	uint8_t id[16];

	start_anew(id);
	mx_says_late(78, id, 0, 250);
	listed();
	turn(20);
	expect_noted(78);
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(spool_count(q->spool), 0);
	/* Once more, and for what nobody knows: noted, and that is all. */
	mx_says_late(78, id, 0, 250);
	expect_noted(78);
	put_as("anna@example.org", "y@example.test");
	mx_says_late(79, only()->delivery_id, 5, 250);
	(void)expect(mx, MX_JOB);
	expect_noted(79);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
}
END_TEST

/* Two jobs for one recipient: at most one of them can be true. */
static void
start_with_two_jobs_for_one(uint8_t id[16])
{
	static const char *const to[] = {"x@a.test", "y@b.test"};

	put_to("anna@example.org", to, 2);
	memcpy(id, only()->delivery_id, 16);
	end();
	start_alone();
	turn(20);
	mx_has_open(1, id, 0);
	mx_has_open(2, id, 0);
	mx_has_open(3, id, 1);
	listed();
	turn(20);
}

START_TEST(queue__a_recipient_is_in_one_job)
{
	uint8_t id[16];

	start_with_two_jobs_for_one(id);
	ck_assert_uint_eq(q->remote_in_flight, 2);
	mx_says_late(1, id, 0, 250);
	mx_says_late(3, id, 1, 250);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	mx_says_late(2, id, 0, 250);
	ck_assert_uint_eq(q->remote_in_flight, 0);
}
END_TEST

START_TEST(queue__what_it_adopted_has_an_end)
{
	uint8_t id[16];
	int i;

	start_anew(id);
	q->try_ms = 50;
	mx_has_open(77, id, 0);
	listed();
	turn(20);
	ck_assert_int_eq(only()->units->state, SCHED_IN_FLIGHT);
	for (i = 0; i < 100 && q->remote_in_flight > 0; i++)
		turn(20);
	ck_assert_uint_eq(q->remote_in_flight, 0);
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	ck_assert_uint_eq(only()->rcpt[0].attempts, 1);
	/* It may be late all the same. */
	mx_says_late(77, id, 0, 250);
	expect_noted(77);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
}
END_TEST

START_TEST(queue__what_is_delivered_is_not_refused_afterwards)
{
	uint8_t id[16];

	start_with_two_jobs_for_one(id);
	mx_says_late(1, id, 0, 250);
	mx_says_late(2, id, 0, 550);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_DELIVERED);
	ck_assert_int_eq(only()->rcpt[1].outcome, SPOOL_WAITS);
	ck_assert(is_silent(keeper));
}
END_TEST

/* An mx that is not itself any more. */
START_TEST(queue__believes_mx_nothing_of_tries_of_its_own)
{
	uint8_t id[16];
	uint32_t job;

	put_as("anna@example.org", "x@example.test");
	job = expect(mx, MX_JOB);
	memcpy(id, only()->delivery_id, sizeof id);
	mx_has_open(90, id, 0);
	turn(20);
	mx_says_late(90, id, 0, 250);
	expect_noted(90);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	mx_says(job, true, 250, "250 taken");
	ck_assert_uint_eq(spool_count(q->spool), 0);
	ck_assert_uint_eq(q->remote_in_flight, 0);
}
END_TEST

/* The same while a report of ours is being signed, and mx is another. */
START_TEST(queue__believes_mx_nothing_of_what_is_being_signed)
{
	uint8_t id[16];
	struct msg m;

	put_as("y@other.test", "x@example.test");
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	memcpy(id, only()->delivery_id, sizeof id);
	connect_mx();
	mx_has_open(91, id, 0);
	mx_has_open(91, id, 0);
	mx_says_late(91, id, 0, 250);
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	listed();
	turn(20);
	auth_says(RC_NOTFOUND, false);
	auth_says(RC_OK, true);
	ck_assert_int_eq(line_recv_fd(mx, &m), RC_OK);
	while (m.type == MX_NOTED) {
		msg_fini(&m);
		ck_assert_int_eq(line_recv_fd(mx, &m), RC_OK);
	}
	ck_assert_uint_eq(m.type, MX_JOB);
	mx_says(m.id, true, 250, "250 taken");
	msg_fini(&m);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	ck_assert_uint_eq(q->remote_in_flight, 0);
}
END_TEST

START_TEST(queue__a_late_failure_is_one_try)
{
	static const unsigned code[] = {451, 0};
	uint8_t id[16];

	start_anew(id);
	mx_has_open(80, id, 0);
	listed();
	mx_says_late(80, id, 0, code[_i]);
	expect_noted(80);
	ck_assert(is_silent(mx));
	ck_assert_uint_eq(only()->rcpt[0].attempts, 1);
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	ck_assert_uint_eq(only()->units->dest->failures, 0);
	ck_assert_uint_eq(q->remote_in_flight, 0);
}
END_TEST

START_TEST(queue__what_it_adopted_is_lost_with_mx)
{
	uint8_t id[16];

	start_anew(id);
	mx_has_open(81, id, 0);
	listed();
	turn(20);
	io_close(&mx);
	turn(20);
	connect_mx();
	listed();
	turn(20);
	ck_assert_uint_eq(only()->nattempt, 1);
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	hurry();
	turn(20);
	mx_says(expect(mx, MX_JOB), true, 250, "250 taken");
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

UNIT_TESTS(service_mx)
{
	TCase *t = tcase_create("service_mx");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, queue__a_recipient_is_in_one_job);
	tcase_add_test(t, queue__what_it_adopted_has_an_end);
	tcase_add_test(t, queue__what_is_delivered_is_not_refused_afterwards);
	tcase_add_test(t, queue__waits_for_what_mx_has_in_hand);
	tcase_add_test(t, queue__takes_an_outcome_of_before_its_time);
	tcase_add_test(t, queue__believes_mx_nothing_of_tries_of_its_own);
	tcase_add_test(t, queue__believes_mx_nothing_of_what_is_being_signed);
	tcase_add_loop_test(t, queue__a_late_failure_is_one_try, 0, 2);
	tcase_add_test(t, queue__what_it_adopted_is_lost_with_mx);
	return t;
}
