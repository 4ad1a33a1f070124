/* The DMARC reports that we send. */
#include <check.h>
#include <unistd.h>

#include "queue/spool/sent.h"
#include "queue/spool/service_priv.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

static struct feedback_due
due_of(const char *domain, struct sv *to, uint32_t n)
{
	return (struct feedback_due){.begin = 1404086400,
	    .end = 1404172799,
	    .policy = {.domain = sv_str(domain)},
	    .to = to,
	    .nto = n};
}

/* Neither of them gets it if one is not to be trusted. */
START_TEST(queue__a_report_with_a_field_in_it_is_refused)
{
	struct sv to[] = {SV("x@a.test"), SV("y@a.test")};
	struct feedback_due due = due_of("a\r\nFrom: <boss@us.test>", to, 2);

	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_SYNTAX);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	due = due_of("a.test", to, 2);
	to[1] = SV("y@a.test>\r\nBcc: <z@a.test");
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_SYNTAX);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	due = due_of("b.test", to, 2);
	to[1] = SV("y@a.test");
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_OK);
	ck_assert_uint_eq(spool_count(q->spool), 2);
}
END_TEST

/* A history that cannot write says of the same ones again that they are due. */
START_TEST(queue__a_report_is_sent_once)
{
	struct sv to[] = {SV("x@a.test"), SV("y@a.test")};
	struct feedback_due due = due_of("a.test", to, 2);

	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_OK);
	ck_assert_uint_eq(spool_count(q->spool), 2);
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_TEMP);
	ck_assert_uint_eq(spool_count(q->spool), 2);
	due.policy.domain = SV("b.test");
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_OK);
	due.policy.domain = SV("A.Test");
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_TEMP);
	ck_assert_uint_eq(spool_count(q->spool), 4);
	/* That of the next day is another. */
	due.begin += 86400;
	due.end += 86400;
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_OK);
	ck_assert_uint_eq(spool_count(q->spool), 6);
	/* And a restart forgets neither. */
	end();
	start();
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_TEMP);
	due.policy.domain = SV("b.test");
	due.begin -= 86400;
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_TEMP);
	ck_assert_uint_eq(spool_count(q->spool), 6);
	/* A crash before it was written down, with both in the spool. */
	end();
	ck_assert_int_eq(unlink(SENT_FILE), 0);
	start();
	ck_assert_int_eq(queue_feedback_send(q->feedback, &due), RC_OK);
	ck_assert_uint_eq(spool_count(q->spool), 6);
}
END_TEST

START_TEST(sent__keeps_the_newest)
{
	struct sent s, read;
	uint8_t id[SENT_ID_BYTES];
	struct err err;
	int64_t i;

	sent_load(&s);
	ck_assert_uint_eq(s.n, 0);
	for (i = 0; i < SENT_MAX + 10; i++) {
		sent_id(i, SV("a.test"), id);
		ck_assert(!sent_has(&s, id));
		ck_assert_int_eq(sent_add(&s, id, i * 86400 / 2, &err), RC_OK);
	}
	sent_load(&read);
	for (i = 0; i < SENT_MAX + 10; i++) {
		sent_id(i, SV("A.Test"), id);
		ck_assert(sent_has(&s, id) == (i >= 10));
		ck_assert(sent_has(&read, id) == (i >= 10));
	}
	ck_assert_uint_eq(sent_on(&read, 20), 2);
	sent_parse(SV("\n12\n-1 00\n1 00112233445566778899aabbccddeeff\n"
		      "2 00112233445566778899aabbccddeef\n"
		      "3 0112233445566778899aabbccddeeffg\n"),
	    &read);
	ck_assert_uint_eq(read.n, 1);
}
END_TEST

UNIT_TESTS(feedback)
{
	TCase *t = tcase_create("feedback");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, queue__a_report_with_a_field_in_it_is_refused);
	tcase_add_test(t, queue__a_report_is_sent_once);
	tcase_add_test(t, sent__keeps_the_newest);
	return t;
}
