#include <check.h>

#include "mail/date.h"
#include "test/unit/unit.h"

#define BAD INT32_MAX

static const struct {
	const char *in;
	int64_t secs;
	int32_t zone; /* BAD: refused */
} rows[] = {
    {"Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120},
    {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360},
    {"Thu,\r\n   13\r\n  Feb\r\n    1969\r\n  23:32\r\n  -0330 (Newfoundland)",
	-27723480, -210},
    {"Tue, 1 Jul 2003 ((tricky)\n comment) 10:52:37 +0200", 1057049557, 120},
    {"21 Nov 97 09:55:06 GMT", 880106106, 0},
    {"Sun, 27 Oct 2002 23:57:07 EST", 1035781027, -300},
    {"Thu, 10 Jul 1997 14:53:31 A", 868546411, 0},
    {"17 May 2026 22:15:15 +1345", 1779006615, 825},
    {"Tue Jul  1 10:52:37 2003", 1057056757, 0},
    {"Tue Jul  1 10:52:37 +0200 2003", 1057049557, 120},
    {"Tue, 1-Jul-2003 10:52:37 +02:00", 1057049557, 120},
    {"Tuesday, 1 July 103 10:52:37", 1057056757, 0},
    {"1 Jul 2003 10.52 +0200", 1057049520, 120},
    {"29 Feb 2024 00:00:60 +0000", 1709164860, 0},
    {"1 Jan 49 00:00 +0000", 2493072000, 0},
    {"1 Jan 50 00:00 +0000", -631152000, 0},
    {"", 0, BAD},
    {"yesterday", 0, BAD},
    {"Tue, 7 Bog 2026 19:14:51 +0000", 0, BAD},
    {"32 Jan 2026 19:14:51 +0000", 0, BAD},
    {"30 Feb 2026 19:14:51 +0000", 0, BAD},
    {"0 Jan 2026 19:14:51 +0000", 0, BAD},
    {"1 Jan 2026 24:00:00 +0000", 0, BAD},
    {"1 Jan 2026 19:60:00 +0000", 0, BAD},
    {"1 Jan 2026 19:00:00 +9999", 0, BAD},
    {"1 Jan 20260 19:00:00 +0000", 0, BAD},
    {"1 Jan 2026 1900 +0000", 0, BAD},
    {"99999999999999999999 Jan 2026 19:00:00 +0000", 0, BAD},
};

START_TEST(mail_date_parse__reads_each_row)
{
	int64_t secs = -1;
	int32_t zone = -1;
	int r = mail_date_parse(sv_str(rows[_i].in), &secs, &zone);

	if (rows[_i].zone == BAD) {
		ck_assert_msg(r == RC_SYNTAX, "%s", rows[_i].in);
		ck_assert_int_eq(secs, -1);
		return;
	}
	ck_assert_msg(r == RC_OK, "%s", rows[_i].in);
	ck_assert_msg(secs == rows[_i].secs && zone == rows[_i].zone,
	    "%s: %lld %d", rows[_i].in, (long long)secs, zone);
}
END_TEST

START_TEST(mail_date_print__is_read_back)
{
	static const int64_t secs[] = {
	    0, 1057049557, -75426, 253402300799, -62167219200, 1795521406};
	static const int32_t zones[] = {0, 60, -210, 825, -720};
	struct buf out;
	size_t i, k;

	buf_init(&out, 100);
	for (i = 1; i < sizeof secs / sizeof secs[0]; i++)
		for (k = 0; k < sizeof zones / sizeof zones[0]; k++) {
			int64_t s;
			int32_t z;

			if (secs[i] > 250000000000 || secs[i] < -60000000000)
				continue;
			buf_reset(&out);
			mail_date_print(secs[i], zones[k], &out);
			ck_assert_int_eq(
			    mail_date_parse(buf_sv(&out), &s, &z), RC_OK);
			ck_assert_int_eq(s, secs[i]);
			ck_assert_int_eq(z, zones[k]);
		}
	buf_reset(&out);
	mail_date_print(1795521406, 60, &out);
	ck_assert_str_eq(out.p, "Tue, 24 Nov 2026 12:56:46 +0100");
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(date)
{
	TCase *tc = tcase_create("date");

	tcase_add_loop_test(tc, mail_date_parse__reads_each_row, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, mail_date_print__is_read_back);
	return tc;
}
