#include "base/clk.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t wall_offset;

static int64_t
read_clock(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
clk_now(void)
{
	return read_clock(CLOCK_REALTIME) + wall_offset;
}

int64_t
clk_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
clk_set_offset(int64_t ms)
{
	wall_offset = ms;
}

/* Days since 1970-01-01 of a civil date; years are counted from March so
 * that the leap day is the last one of its year. */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void
clk_civil(int64_t secs, struct clk_tm *out)
{
	const int64_t lo = -62167219200, hi = 253402300799;
	int64_t days, rem, era, doe, yoe, doy, mp;

	secs = secs < lo ? lo : secs > hi ? hi : secs;
	days = secs / 86400;
	rem = secs % 86400;
	if (rem < 0) {
		rem += 86400;
		days--;
	}
	out->hour = (int)(rem / 3600);
	out->minute = (int)(rem / 60 % 60);
	out->second = (int)(rem % 60);
	out->weekday = (int)(((days + 4) % 7 + 7) % 7);
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	out->year = (int)(yoe + era * 400 + (out->month <= 2));
}

int64_t
clk_secs(const struct clk_tm *t)
{
	return days_from_civil(t->year, t->month, t->day) * 86400 +
	       t->hour * 3600 + t->minute * 60 + t->second;
}
