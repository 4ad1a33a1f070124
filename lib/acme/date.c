#include "acme/date.h"

#include "base/clk.h"

/* Exactly n digits from *s. */
static bool
take_digits(struct sv *s, size_t n, int *out)
{
	uint64_t v;

	if (s->n < n || sv_to_u64(sv_first(*s, n), 9999, &v) != RC_OK)
		return false;
	*s = sv_skip(*s, n);
	*out = (int)v;
	return true;
}

static bool
take(struct sv *s, struct sv text)
{
	if (!sv_istarts(*s, text))
		return false;
	*s = sv_skip(*s, text.n);
	return true;
}

static bool
take_month(struct sv *s, int *out)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int i;

	for (i = 0; i < 12; i++)
		if (take(s, sv_of(names + 3 * i, 3))) {
			*out = i + 1;
			return true;
		}
	return false;
}

static bool
take_clock(struct sv *s, struct clk_tm *t)
{
	return take_digits(s, 2, &t->hour) && take(s, SV(":")) &&
	       take_digits(s, 2, &t->minute) && take(s, SV(":")) &&
	       take_digits(s, 2, &t->second) && t->hour < 24 &&
	       t->minute < 60 && t->second <= 60;
}

static int64_t
seconds_of(const struct clk_tm *t)
{
	if (t->year < 1970 || t->month < 1 || t->month > 12 || t->day < 1 ||
	    t->day > 31)
		return -1;
	return clk_secs(t);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" and "Sunday, 06-Nov-94 08:49:37 GMT",
 * behind the comma. */
static int64_t
read_after_comma(struct sv s)
{
	struct clk_tm t = {.year = 0};
	bool old;

	s = sv_trim(s);
	if (!take_digits(&s, 2, &t.day))
		return -1;
	old = take(&s, SV("-"));
	if ((!old && !take(&s, SV(" "))) || !take_month(&s, &t.month) ||
	    !take(&s, old ? SV("-") : SV(" ")) ||
	    !take_digits(&s, old ? 2 : 4, &t.year) || !take(&s, SV(" ")) ||
	    !take_clock(&s, &t) || !sv_ieq(s, SV(" GMT")))
		return -1;
	if (old)
		t.year += t.year < 70 ? 2000 : 1900;
	return seconds_of(&t);
}

/* "Sun Nov  6 08:49:37 1994". */
static int64_t
read_asctime(struct sv s)
{
	struct clk_tm t = {.year = 0};

	s = sv_skip(s, 4);
	if (!take_month(&s, &t.month) || !take(&s, SV(" ")))
		return -1;
	if (!(take(&s, SV(" ")) ? take_digits(&s, 1, &t.day)
				: take_digits(&s, 2, &t.day)) ||
	    !take(&s, SV(" ")) || !take_clock(&s, &t) || !take(&s, SV(" ")) ||
	    !take_digits(&s, 4, &t.year) || s.n > 0)
		return -1;
	return seconds_of(&t);
}

int64_t
acme_http_date(struct sv text)
{
	size_t comma;

	text = sv_trim(text);
	comma = sv_chr(text, ',');
	return comma < text.n ? read_after_comma(sv_skip(text, comma + 1))
			      : read_asctime(text);
}

int64_t
acme_retry_after(struct sv value, int64_t now)
{
	int64_t wait;
	uint64_t v;
	int r;

	value = sv_trim(value);
	r = sv_to_u64(value, ACME_WAIT_MAX_S, &v);
	if (r == RC_OK)
		return (int64_t)v;
	if (r == RC_TOOBIG)
		return ACME_WAIT_MAX_S;
	wait = acme_http_date(value);
	if (wait < 0)
		return -1;
	wait = wait > now ? wait - now : 0;
	return wait < ACME_WAIT_MAX_S ? wait : ACME_WAIT_MAX_S;
}

/* "Z", "+01:00" */
static bool
take_zone(struct sv *s, int64_t *offset)
{
	int sign = 1, hour, minute;

	*offset = 0;
	if (take(s, SV("Z")))
		return true;
	if (take(s, SV("-")))
		sign = -1;
	else if (!take(s, SV("+")))
		return false;
	if (!take_digits(s, 2, &hour) || !take(s, SV(":")) ||
	    !take_digits(s, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*offset = sign * (hour * 3600 + minute * 60);
	return true;
}

int64_t
acme_rfc3339(struct sv s)
{
	struct clk_tm t = {.year = 0};
	int64_t offset, secs;

	if (!take_digits(&s, 4, &t.year) || !take(&s, SV("-")) ||
	    !take_digits(&s, 2, &t.month) || !take(&s, SV("-")) ||
	    !take_digits(&s, 2, &t.day) ||
	    (!take(&s, SV("T")) && !take(&s, SV(" "))) || !take_clock(&s, &t))
		return -1;
	if (take(&s, SV(".")))
		while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9')
			s = sv_skip(s, 1);
	if (!take_zone(&s, &offset) || s.n > 0)
		return -1;
	secs = seconds_of(&t);
	return secs < 0 ? -1 : secs - offset;
}
