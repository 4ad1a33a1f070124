#include "base/believed.h"

#include "base/rc.h"
#include "base/sv.h"
#include "test/unit/unit.h"

#define HOUR   (60LL * 60 * 1000)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define T0     (56 * YEAR)
#define LOOKS  5
#define SETTLE BELIEVED_SETTLE_MS

/* Looks at both clocks: ms since the start, what the wall clock is off by, and
 * what comes out is off by. */
struct look {
	int64_t mono, off, want;
};

static const struct {
	const char *name;
	int64_t before; /* what an earlier process believed; 0: nothing */
	struct look look[LOOKS];
} rows[] = {
    {"a new history", 0, {{0, 0, 0}, {HOUR, 0, 0}, {30 * DAY, 0, 0}}},
    {"a new one, with a wrong clock", 0, {{0, YEAR, YEAR}, {HOUR, 0, 0}}},
    {"it was off for a weekend", T0 - 2 * DAY, {{0, 0, 0}, {HOUR, 0, 0}}},
    {"it was off for a month", T0 - 30 * DAY,
	{{0, 0, -30 * DAY}, {SETTLE - 1, 0, -30 * DAY}, {SETTLE, 0, 0},
	    {SETTLE + HOUR, 0, 0}}},
    {"years ahead at the boot, then set", T0,
	{{0, 10 * YEAR, 0}, {HOUR, 10 * YEAR, 0}, {2 * HOUR, 0, 0},
	    {20 * HOUR, 0, 0}}},
    {"ahead, set, and ahead again", T0,
	{{0, 0, 0}, {HOUR, YEAR, 0}, {5 * HOUR, 0, 0}, {6 * HOUR, YEAR, 0},
	    {11 * HOUR, YEAR, 0}}},
    {"ahead for good", T0,
	{{0, YEAR, 0}, {HOUR, YEAR, 0}, {SETTLE, YEAR, YEAR},
	    {SETTLE + HOUR, YEAR, YEAR}}},
    {"ahead for good, and set at last", T0,
	{{0, YEAR, 0}, {SETTLE, YEAR, YEAR}, {SETTLE + 1, 0, 0},
	    {SETTLE + DAY, 0, 0}}},
    {"behind at the boot, then set", T0,
	{{0, -50 * YEAR, -50 * YEAR}, {HOUR, 0, -50 * YEAR},
	    {HOUR + SETTLE, 0, 0}}},
    {"looked at once a month", T0,
	{{0, 0, 0}, {30 * DAY, 0, 0}, {60 * DAY, 0, 0}}},
};

START_TEST(believed__row)
{
	struct believed c = {.time = rows[_i].before, .mono = 777};
	size_t i;

	for (i = 0; i < LOOKS; i++) {
		const struct look *l = &rows[_i].look[i];
		int64_t got;

		if (i > 0 && l->mono == 0)
			break;
		got = believed_look(&c, T0 + l->mono + l->off, 777 + l->mono);
		ck_assert_msg(got == T0 + l->mono + l->want,
		    "%s, %zu: off by %lld", rows[_i].name, i,
		    (long long)(got - T0 - l->mono));
	}
}
END_TEST

/* What an earlier process has written. */
static const struct {
	const char *line;
	int64_t mono;
	int rc;
	struct believed want;
} lines[] = {
    {"1000 5 0\n", 9, RC_OK, {1000, 5, 0, false}},
    {"1000 5 4\n", 9, RC_OK, {1000, 5, 4, false}},
    {"1000 5 4 1\n", 9, RC_OK, {1000, 5, 4, true}},
    {"1000 50 40\n", 9, RC_OK, {1000, 9, 0, true}}, /* booted since then */
    {"1000 50 40 1\n", 9, RC_OK, {1000, 9, 0, true}},
    {"1000 5 4 2\n", 9, RC_SYNTAX, {0, 0, 0, false}},
    {"1000 5 4 1 1\n", 9, RC_SYNTAX, {0, 0, 0, false}},
    {"1000 5\n", 9, RC_SYNTAX, {0, 0, 0, false}},
    {"1000 5 x\n", 9, RC_SYNTAX, {0, 0, 0, false}},
    {"-1 5 0\n", 9, RC_SYNTAX, {0, 0, 0, false}},
    {"", 9, RC_SYNTAX, {0, 0, 0, false}},
};

START_TEST(believed__line)
{
	struct believed c = {0, 0, 0, false};
	struct buf b;

	ck_assert_int_eq(
	    believed_parse(sv_str(lines[_i].line), lines[_i].mono, &c),
	    lines[_i].rc);
	ck_assert_int_eq(c.time, lines[_i].want.time);
	ck_assert_int_eq(c.mono, lines[_i].want.mono);
	ck_assert_int_eq(c.ahead, lines[_i].want.ahead);
	ck_assert(c.anew == lines[_i].want.anew);
	buf_init(&b, 100);
	believed_print(&c, &b);
	ck_assert(_i > 2 || sv_eq(buf_sv(&b), sv_str(lines[_i].line)));
	buf_fini(&b);
}
END_TEST

/* Started anew after days in which nobody looked: it is ahead, but it need not
 * have leapt, until it is believed again or leaps later. */
START_TEST(believed__started_anew)
{
	struct believed c;

	ck_assert_int_eq(believed_parse(SV("1000 50 0\n"), 9, &c), RC_OK);
	ck_assert_int_eq(believed_look(&c, 1000 + 5 * DAY, 10), 1001);
	ck_assert(c.ahead != 0 && c.anew);
	ck_assert_int_eq(
	    believed_look(&c, 1000 + 5 * DAY, 10 + SETTLE), 1000 + 5 * DAY);
	ck_assert(c.ahead == 0 && !c.anew);
	ck_assert_int_eq(believed_look(&c, YEAR, 11 + SETTLE), 1001 + 5 * DAY);
	ck_assert(c.ahead != 0 && !c.anew);
	ck_assert_int_eq(believed_parse(SV("1000 50 0\n"), 9, &c), RC_OK);
	ck_assert_int_eq(believed_look(&c, 1000 + DAY, 10), 1000 + DAY);
	ck_assert(!c.anew);
}
END_TEST

UNIT_TESTS(believed)
{
	TCase *tc = tcase_create("believed");

	tcase_add_loop_test(
	    tc, believed__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_loop_test(
	    tc, believed__line, 0, (int)(sizeof lines / sizeof lines[0]));
	tcase_add_test(tc, believed__started_anew);
	return tc;
}
