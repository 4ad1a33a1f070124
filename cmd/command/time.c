#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/plural.h"
#include "base/sv.h"
#include "cmd/command/command.h"

#define HOUR_MS	 (3600 * 1000ll)
#define DAY_MS	 (24 * HOUR_MS)
#define DAYS_MAX 36500

static bool
ago(struct sv s, int64_t *out)
{
	int64_t unit = s.p[s.n - 1] == 'd' ? DAY_MS : HOUR_MS;
	uint64_t v;

	if (sv_to_u64(sv_first(s, s.n - 1), DAYS_MAX, &v) != RC_OK)
		return false;
	*out = clk_now() - (int64_t)v * unit;
	return true;
}

/* Two or four digits and what must follow them. */
static bool
number(struct sv *s, size_t digits, char behind, uint64_t max, int *out)
{
	uint64_t v;

	if (s->n < digits || sv_to_u64(sv_first(*s, digits), max, &v) != RC_OK)
		return false;
	*s = sv_skip(*s, digits);
	if (behind != '\0') {
		if (s->n == 0 || s->p[0] != behind)
			return false;
		*s = sv_skip(*s, 1);
	}
	*out = (int)v;
	return true;
}

bool
command_duration(const char *text, int64_t *ms_out)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', HOUR_MS}, {'d', DAY_MS}};
	struct sv s = sv_str(text);
	uint64_t v;
	size_t i;

	if (s.n < 2 || sv_to_u64(sv_first(s, s.n - 1), DAYS_MAX, &v) != RC_OK)
		return false;
	for (i = 0; i < sizeof units / sizeof units[0]; i++)
		if (s.p[s.n - 1] == units[i].unit) {
			*ms_out = (int64_t)v * units[i].ms;
			return true;
		}
	return false;
}

const char *
command_span(int64_t ms, char out[COMMAND_SPAN_MAX])
{
	bool days = ms >= DAY_MS && ms % DAY_MS == 0;
	int64_t n = ms / (days ? DAY_MS : HOUR_MS);

	(void)snprintf(out, COMMAND_SPAN_MAX, "%lld %s%s", (long long)n,
	    days ? "day" : "hour", plural((uint64_t)n));
	return out;
}

bool
command_when(const char *text, bool end_of_day, int64_t *out)
{
	struct sv s = sv_str(text);
	struct clk_tm t = {.year = 0};

	if (s.n >= 2 && (s.p[s.n - 1] == 'd' || s.p[s.n - 1] == 'h'))
		return ago(s, out);
	if (!number(&s, 4, '-', 9999, &t.year) ||
	    !number(&s, 2, '-', 12, &t.month) ||
	    !number(&s, 2, s.n > 2 ? 'T' : '\0', 31, &t.day) || t.month < 1 ||
	    t.day < 1)
		return false;
	if (s.n == 0) {
		*out = clk_secs(&t) * 1000 +
		       (end_of_day ? DAY_MS - 1 : (int64_t)0);
		return true;
	}
	if (!number(&s, 2, ':', 23, &t.hour) ||
	    !number(&s, 2, '\0', 59, &t.minute) || s.n > 0)
		return false;
	*out = clk_secs(&t) * 1000;
	return true;
}
