/* Retry-After in both forms, and dates of RFC 3339. */
#include "acme/date.h"
#include "test/unit/unit.h"

#define NOW  1787217120 /* 2026-08-20T09:12:00Z */
#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct {
	const char *text;
	int64_t want;
} waits[] = {
    {"120", 120},
    {" 120 ", 120},
    {"0", 0},
    {"412345", 412345},
    {"99999999999999999999", ACME_WAIT_MAX_S},
    {"Thu, 20 Aug 2026 09:12:44 GMT", 44},
    {"thu, 20 aug 2026 09:12:44 gmt", 44},
    {"Thursday, 20-Aug-26 09:12:44 GMT", 44},
    {"Thu Aug 20 09:12:44 2026", 44},
    {"Sun Aug  2 09:12:44 2026", 0},
    {"Thu, 20 Aug 2026 09:11:44 GMT", 0},
    {"Thu, 20 Aug 2099 09:12:44 GMT", ACME_WAIT_MAX_S},
    {"", -1},
    {"-5", -1},
    {"1.5", -1},
    {"0x10", -1},
    {"soon", -1},
    {"Thu, 20 Aug 2026 09:12:44", -1},
    {"Thu, 20 Aug 2026 09:12:44 CET", -1},
    {"Thu, 20 Xyz 2026 09:12:44 GMT", -1},
    {"Thu, 20 Aug 2026 25:12:44 GMT", -1},
    {"Thu,", -1},
    {"Thu", -1},
};

START_TEST(date__retry_after_has_two_forms)
{
	ck_assert_msg(
	    acme_retry_after(sv_str(waits[_i].text), NOW) == waits[_i].want,
	    "%s: %lld", waits[_i].text,
	    (long long)acme_retry_after(sv_str(waits[_i].text), NOW));
}
END_TEST

static const struct {
	const char *text;
	int64_t want;
} dates[] = {
    {"2026-08-20T09:12:00Z", NOW},
    {"2026-08-20t09:12:00z", NOW},
    {"2026-08-20T09:12:00.123456789Z", NOW},
    {"2026-08-20T11:12:00+02:00", NOW},
    {"2026-08-20T04:42:00-04:30", NOW},
    {"2026-08-20 09:12:00Z", NOW},
    {"2026-08-20T09:12:00", -1},
    {"2026-08-20", -1},
    {"2026-13-20T09:12:00Z", -1},
    {"2026-08-20T09:12:00Zx", -1},
    {"1787217120", -1},
    {"", -1},
};

START_TEST(date__rfc3339)
{
	ck_assert_msg(acme_rfc3339(sv_str(dates[_i].text)) == dates[_i].want,
	    "%s: %lld", dates[_i].text,
	    (long long)acme_rfc3339(sv_str(dates[_i].text)));
}
END_TEST

UNIT_TESTS(date)
{
	TCase *t = tcase_create("date");

	tcase_add_loop_test(t, date__retry_after_has_two_forms, 0, N(waits));
	tcase_add_loop_test(t, date__rfc3339, 0, N(dates));
	return t;
}
