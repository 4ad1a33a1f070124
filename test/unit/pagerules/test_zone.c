/* Days of people, on both sides of each change of clocks. */
#include <string.h>

#include "base/clk.h"
#include "base/io.h"
#include "pagerules/pagerules.h"
#include "pagerules/zone.h"
#include "test/unit/unit.h"

#define DATA "test/data/zones/some.zi"

static struct buf text;

static void
setup(void)
{
	struct err err = {.text = ""};

	buf_init(&text, 1 << 20);
	ck_assert_msg(io_read_file(DATA, &text, &err) == RC_OK, "%s", err.text);
}

static void
teardown(void)
{
	buf_fini(&text);
}

/* "2026-10-25 00:59:59", UTC */
static int64_t
utc(const char *s)
{
	int64_t day;
	uint32_t h, m, sec;

	ck_assert_int_eq(zone_day_parse(sv_of(s, 10), &day), RC_OK);
	ck_assert_int_eq(sv_to_u32(sv_of(s + 11, 2), 23, &h), RC_OK);
	ck_assert_int_eq(sv_to_u32(sv_of(s + 14, 2), 59, &m), RC_OK);
	ck_assert_int_eq(sv_to_u32(sv_of(s + 17, 2), 59, &sec), RC_OK);
	return day * 86400 + h * 3600 + m * 60 + sec;
}

START_TEST(zone__offsets)
{
	static const struct {
		const char *zone, *at;
		int minutes;
	} row[] = {
	    {"Europe/Berlin", "2026-03-29 00:59:59", 60},
	    {"Europe/Berlin", "2026-03-29 01:00:00", 120},
	    {"Europe/Berlin", "2026-10-25 00:59:59", 120},
	    {"Europe/Berlin", "2026-10-25 01:00:00", 60},
	    {"Europe/Berlin", "2026-01-01 00:00:00", 60},
	    {"Europe/Berlin", "2026-12-31 23:59:59", 60},
	    {"Europe/Berlin", "2099-07-01 12:00:00", 120},
	    {"America/New_York", "2026-03-08 06:59:59", -300},
	    {"America/New_York", "2026-03-08 07:00:00", -240},
	    {"America/New_York", "2026-11-01 05:59:59", -240},
	    {"America/New_York", "2026-11-01 06:00:00", -300},
	    /* Winter is what is saved there. */
	    {"Europe/Dublin", "2026-07-01 12:00:00", 60},
	    {"Europe/Dublin", "2026-12-01 12:00:00", 0},
	    /* In the south, and by half an hour. */
	    {"Australia/Lord_Howe", "2026-01-01 00:00:00", 660},
	    {"Australia/Lord_Howe", "2026-04-04 14:59:59", 660},
	    {"Australia/Lord_Howe", "2026-04-04 15:00:00", 630},
	    {"Asia/Kolkata", "2026-07-01 00:00:00", 330},
	    /* Zones whose standard time has changed. */
	    {"Asia/Almaty", "2024-02-29 17:59:59", 360},
	    {"Asia/Almaty", "2024-02-29 19:00:00", 300},
	    {"Pacific/Apia", "2026-01-01 00:00:00", 780},
	    /* Another name of one. */
	    {"US/Eastern", "2026-07-01 12:00:00", -240},
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct zone *z = NULL;

		ck_assert_msg(
		    zone_parse(buf_sv(&text), sv_str(row[i].zone), &z) == RC_OK,
		    "%s", row[i].zone);
		ck_assert_msg(
		    zone_offset(z, utc(row[i].at)) == row[i].minutes * 60,
		    "%s at %s: %d", row[i].zone, row[i].at,
		    zone_offset(z, utc(row[i].at)) / 60);
		zone_free(&z);
	}
}
END_TEST

/* "Away from the 24th to the 26th": the last second of the day before, the
 * first, the last, and the first of the day after. */
START_TEST(zone__days_of_an_absence)
{
	static const struct {
		const char *zone, *from, *until;
		const char *first, *last; /* instants, UTC */
	} row[] = {
	    {"Europe/Berlin", "2026-03-28", "2026-03-30", "2026-03-27 23:00:00",
		"2026-03-30 21:59:59"},
	    {"Europe/Berlin", "2026-03-29", "2026-03-29", "2026-03-28 23:00:00",
		"2026-03-29 21:59:59"},
	    {"Europe/Berlin", "2026-10-24", "2026-10-26", "2026-10-23 22:00:00",
		"2026-10-26 22:59:59"},
	    {"Europe/Berlin", "2026-10-25", "2026-10-25", "2026-10-24 22:00:00",
		"2026-10-25 22:59:59"},
	    {"Europe/Berlin", "2026-07-15", "2026-07-30", "2026-07-14 22:00:00",
		"2026-07-30 21:59:59"},
	    {"Europe/Berlin", "2026-12-20", "2027-01-06", "2026-12-19 23:00:00",
		"2027-01-06 22:59:59"},
	    {"America/New_York", "2026-03-07", "2026-03-09",
		"2026-03-07 05:00:00", "2026-03-10 03:59:59"},
	    {"America/New_York", "2026-10-31", "2026-11-01",
		"2026-10-31 04:00:00", "2026-11-02 04:59:59"},
	    {"America/New_York", "2026-11-01", "2026-11-01",
		"2026-11-01 04:00:00", "2026-11-02 04:59:59"},
	    {"Pacific/Apia", "2026-01-02", "2026-01-02", "2026-01-01 11:00:00",
		"2026-01-02 10:59:59"},
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct pagerules_vacation v = {.on = true};
		struct zone *z = NULL;
		int64_t first = utc(row[i].first), last = utc(row[i].last);

		ck_assert_int_eq(
		    zone_parse(buf_sv(&text), sv_str(row[i].zone), &z), RC_OK);
		ck_assert_int_eq(
		    zone_day_parse(sv_str(row[i].from), &v.from), RC_OK);
		ck_assert_int_eq(
		    zone_day_parse(sv_str(row[i].until), &v.until), RC_OK);
		ck_assert_msg(!pagerules_away(&v, zone_day(z, first - 1)) &&
				  pagerules_away(&v, zone_day(z, first)),
		    "begin of %s in %s", row[i].from, row[i].zone);
		ck_assert_msg(pagerules_away(&v, zone_day(z, last)) &&
				  !pagerules_away(&v, zone_day(z, last + 1)),
		    "end of %s in %s", row[i].until, row[i].zone);
		zone_free(&z);
	}
}
END_TEST

START_TEST(zone__open_ends)
{
	struct pagerules_vacation v = {
	    .from = PAGERULES_NO_DAY, .until = PAGERULES_NO_DAY};

	ck_assert(pagerules_away(&v, 0));
	v.until = 10;
	ck_assert(pagerules_away(&v, 10) && !pagerules_away(&v, 11));
	v.until = PAGERULES_NO_DAY;
	v.from = 10;
	ck_assert(pagerules_away(&v, 10) && !pagerules_away(&v, 9));
}
END_TEST

START_TEST(zone__what_is_not_one)
{
	static const char *const bad[] = {"", "Europe/Atlantis", "R", "Europe",
	    "europe/berlin", "../../etc/passwd", "-", "%z"};
	static const struct {
		const char *text;
		int want;
	} odd[] = {
	    {"Z X 1 - X\n", RC_OK},
	    {"Z X 1 - X", RC_OK},
	    {"Z X 1\n", RC_OK},
	    {"Z X\n", RC_SYNTAX},
	    {"Z X one - X\n", RC_SYNTAX},
	    {"Z X 1 - X 1999 Foo\n", RC_SYNTAX},
	    {"Z X 1 - X 1999 M\n", RC_SYNTAX},
	    {"R A 1999 ma - Mar lastXy 1 1 -\nZ X 1 A X\n", RC_SYNTAX},
	    {"R A 1999 ma - Mar 32 1 1 -\nZ X 1 A X\n", RC_SYNTAX},
	    {"L X X\n", RC_NOTFOUND},
	    {"L Y X\nL X Y\n", RC_NOTFOUND},
	    {"", RC_NOTFOUND},
	};
	struct zone *z = NULL;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(zone_parse(buf_sv(&text), sv_str(bad[i]), &z) ==
				  RC_NOTFOUND,
		    "%s", bad[i]);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		ck_assert_msg(
		    zone_parse(sv_str(odd[i].text), SV("X"), &z) == odd[i].want,
		    "%s", odd[i].text);
		zone_free(&z);
	}
}
END_TEST

START_TEST(zone__of_the_system)
{
	struct zones *z = zones_open(DATA, "Europe/Berlin");
	struct zones *none = zones_open("test/data/zones/none", "X/Y");
	struct zone *one = NULL;
	struct buf names;

	buf_init(&names, 1 << 16);
	zones_list(z, &names);
	ck_assert_ptr_nonnull(strstr(names.p, "Europe/Berlin\n"));
	ck_assert_ptr_nonnull(strstr(names.p, "Atlantic/Jan_Mayen\n"));
	ck_assert_ptr_nonnull(strstr(names.p, "UTC\n"));
	ck_assert_ptr_null(strstr(names.p, "US/Eastern"));
	ck_assert_str_eq(zones_local(z), "Europe/Berlin");
	ck_assert_int_eq(zones_load(none, SV("UTC"), &one), RC_OK);
	ck_assert_int_eq(zone_offset(one, 1795440309), 0);
	zone_free(&one);
	ck_assert_int_eq(zones_load(none, SV("X/Y"), &one), RC_NOTFOUND);
	buf_fini(&names);
	zones_free(&none);
	zones_free(&z);
}
END_TEST

START_TEST(zone__days_as_text)
{
	static const char *const bad[] = {"", "2026", "2026-02-29",
	    "2026-13-01", "2026-00-10", "2026-01-00", "26-01-01", "2026-1-1x",
	    "1969-12-31", "2026-01-01-01", "-2026-01-01"};
	int64_t day = 0;
	struct buf b;

	buf_init(&b, 64);
	ck_assert_int_eq(zone_day_parse(SV("2028-02-29"), &day), RC_OK);
	zone_day_print(day, &b);
	ck_assert_str_eq(b.p, "2028-02-29");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(zone_day_parse(sv_str(bad[i]), &day) == RC_SYNTAX,
		    "%s", bad[i]);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(zone)
{
	TCase *t = tcase_create("zone");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, zone__offsets);
	tcase_add_test(t, zone__days_of_an_absence);
	tcase_add_test(t, zone__open_ends);
	tcase_add_test(t, zone__what_is_not_one);
	tcase_add_test(t, zone__of_the_system);
	tcase_add_test(t, zone__days_as_text);
	return t;
}
