#include "mail/trace.h"

#include "test/unit/unit.h"

#define HOST   "mail.us.test"
#define CLUB   "club@us.test"
#define PASSED "Received: by mail.us.test for <club@us.test>; x\r\n"

static const struct {
	const char *header;
	bool want;
} rows[] = {
    {"Received: from x ([192.0.2.1])\r\n\tby mail.us.test with ESMTP id 12\r\n"
     "\t(TLSv1.3)\r\n\tfor <club@us.test>;\r\n\tMon, 30 Nov 2026\r\n",
	true},
    {"Subject: x\r\nReceived: by other.test for <club@us.test>; x\r\n"
     "RECEIVED: from y by MAIL.US.TEST for <Club@US.test>; x\r\n",
	true},
    {"Received: by mail.us.test for <club@us.test>\r\n", true},
    {"", false},
    {"Received: by mail.us.test with ESMTP id 1; x\r\n", false},
    {"Received: by mail.us.test for <team@us.test>; x\r\n", false},
    {"Received: by mail.us.test for <aclub@us.test>; x\r\n", false},
    {"Received: by mail.us.test for club@us.test; x\r\n", false},
    {"Received: by other.test for <club@us.test>; x\r\n", false},
    {"Received: from mail.us.test by other.test for <club@us.test>; x\r\n",
	false},
    {"Received: by amail.us.test for <club@us.test>; x\r\n", false},
    /* Two halves are not one. */
    {"Received: by mail.us.test; x\r\nReceived: by y for <club@us.test>; x\r\n",
	false},
    {"X-Received: by mail.us.test for <club@us.test>; x\r\n", false},
    {"Subject: x\r\n\r\nReceived: by mail.us.test for <club@us.test>\r\n",
	false},
    /* Somebody has sent it there again, once and twice. */
    {"Received: by y; x\r\nResent-From: <ben@y>\r\nResent-To: "
     "<club@us.test>\r\n"
     "Received: by y for <ben@y>; x\r\n" PASSED,
	false},
    {"resent-date: x\r\n" PASSED "Resent-Date: x\r\n" PASSED, false},
    {"Resent-Date: x\r\n" PASSED PASSED PASSED, true},
    /* It has come back since. */
    {PASSED "Resent-Date: x\r\n", true},
    {PASSED "Resent-Date: x\r\n" PASSED, true},
    {"X-Resent-Date: x\r\n" PASSED, true},
    {"Received: by\r\nReceived: for\r\n", false},
    {"Received:\r\n", false},
};

START_TEST(mail_trace__row)
{
	ck_assert(mail_trace_was_for(sv_str(rows[_i].header), SV(HOST),
		      SV(CLUB)) == rows[_i].want);
}
END_TEST

static const struct {
	const char *header;
	const char *name, *address; /* NULL: nothing is told */
} peers[] = {
    {"Received: from x ([192.0.2.1])\r\n\tby mail.us.test with ESMTP id 12\r\n"
     "\t(TLSv1.3)\r\n\tfor <club@us.test>;\r\n\tMon, 30 Nov 2026\r\n",
	"", "192.0.2.1"},
    {"Return-Path: <a@b.test>\r\nReceived: from x (a.test "
     "[IPv6:2001:db8::1])\r\n\tby MAIL.us.test with SMTP id 1; x\r\n"
     "Received: from y ([192.0.2.9]) by mail.us.test; x\r\n",
	"a.test", "2001:db8::1"},
    {"received: from [192.0.2.1] ([192.0.2.2]) by mail.us.test;x\r\n", "",
	"192.0.2.2"},
    /* Who writes through submission. */
    {"Received: from x\r\n\tby mail.us.test with ESMTPSA id 1\r\n\t(TLSv1.3)"
     "; x\r\n",
	NULL, NULL},
    /* Only the topmost is ours. */
    {"Received: from x by other.test; x\r\n"
     "Received: from x ([192.0.2.1]) by mail.us.test; x\r\n",
	NULL, NULL},
    {"Received: from x ([192.0.2.1]) by other.test; x\r\n", NULL, NULL},
    {"Received: from x ([192.0.2.1]) by\r\n", NULL, NULL},
    {"Received: from x (192.0.2.1) by mail.us.test; x\r\n", NULL, NULL},
    {"Received: from x ([192.0.2.1 ]) by mail.us.test; x\r\n", NULL, NULL},
    {"Received: from x (\r\n", NULL, NULL},
    {"Received: ([192.0.2.1]) by mail.us.test\r\n", NULL, NULL},
    {"Received: by mail.us.test\r\n", NULL, NULL},
    {"Received:\r\n", NULL, NULL},
    {"Subject: x\r\n\r\nReceived: from x ([192.0.2.1]) by mail.us.test\r\n",
	NULL, NULL},
    {"", NULL, NULL},
};

START_TEST(mail_trace__peer)
{
	struct sv name = SV("-"), address = SV("-");

	if (!mail_trace_peer(
		sv_str(peers[_i].header), SV(HOST), &name, &address)) {
		ck_assert_msg(
		    peers[_i].address == NULL, "%s", peers[_i].header);
		ck_assert(sv_eq(name, SV("-")) && sv_eq(address, SV("-")));
		return;
	}
	ck_assert_msg(peers[_i].address != NULL, "%s", peers[_i].header);
	ck_assert(sv_eq(name, sv_str(peers[_i].name)));
	ck_assert(sv_eq(address, sv_str(peers[_i].address)));
}
END_TEST

UNIT_TESTS(trace)
{
	TCase *t = tcase_create("trace");

	tcase_add_loop_test(
	    t, mail_trace__row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(
	    t, mail_trace__peer, 0, sizeof peers / sizeof peers[0]);
	return t;
}
