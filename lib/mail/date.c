#include "mail/date.h"

#include "base/ascii.h"
#include "base/clk.h"
#include "mail/lex.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

/* Index of the three-letter name in a list of them, -1 if it is none. */
static int
index_of(const char *list, size_t n, struct sv name)
{
	size_t i;

	if (name.n < 3)
		return -1;
	for (i = 0; i < n; i++)
		if (sv_ieq(sv_first(name, 3), sv_of(list + 3 * i, 3)))
			return (int)i;
	return -1;
}

/* 1 to 12 by the first three letters, 0 if it is none. */
static int
month_of(struct sv name)
{
	return index_of(months, 12, name) + 1;
}

/* obs-zone, in minutes; single letters count as UTC, since RFC 822 had their
 * sign wrong [RFC 5322 4.3] */
static int32_t
zone_of_name(struct sv name)
{
	static const struct {
		const char *name;
		int32_t minutes;
	} zone[] = {{"UT", 0}, {"GMT", 0}, {"UTC", 0}, {"EDT", -240},
	    {"EST", -300}, {"CDT", -300}, {"CST", -360}, {"MDT", -360},
	    {"MST", -420}, {"PDT", -420}, {"PST", -480}, {"BST", 60},
	    {"WET", 0}, {"CET", 60}, {"MET", 60}, {"CEST", 120}, {"MEST", 120},
	    {"EET", 120}, {"EEST", 180}, {"MSK", 180}, {"JST", 540},
	    {"KST", 540}, {"HST", -600}, {"AKST", -540}, {"AKDT", -480}};
	size_t i;

	for (i = 0; i < sizeof zone / sizeof zone[0]; i++)
		if (sv_ieq(name, sv_str(zone[i].name)))
			return zone[i].minutes;
	return 0;
}

/* A number of at most max_digits digits; its length into *digits. */
static int
take_number(struct sv *s, size_t max_digits, int *out, size_t *digits)
{
	struct sv head = *s;
	uint64_t v;

	if (sv_take_u64(&head, 99999999, &v) != RC_OK)
		return RC_SYNTAX;
	*digits = s->n - head.n;
	if (*digits > max_digits)
		return RC_SYNTAX;
	*s = head;
	*out = (int)v;
	return RC_OK;
}

static bool
take_char(struct sv *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = sv_skip(*s, 1);
	return true;
}

static struct sv
take_alpha(struct sv *s)
{
	struct sv w = *s;

	w.n = 0;
	while (w.n < s->n && ascii_is_alpha(s->p[w.n]))
		w.n++;
	*s = sv_skip(*s, w.n);
	return w;
}

static void
skip(struct sv *s)
{
	(void)mail_skip_cfws(s, NULL);
}

/* zone = (FWS ("+" / "-") 4DIGIT) / obs-zone; a missing one is UTC */
static int
take_zone(struct sv *s, int32_t *zone_out)
{
	bool west = s->n > 0 && s->p[0] == '-';
	size_t digits;
	int v;

	if (s->n == 0 || (s->p[0] != '+' && s->p[0] != '-')) {
		*zone_out = zone_of_name(take_alpha(s));
		return RC_OK;
	}
	*s = sv_skip(*s, 1);
	/* "+02:00" is not allowed but seen. */
	if (take_number(s, 4, &v, &digits) != RC_OK)
		return RC_SYNTAX;
	if (digits <= 2) {
		int hours = v, minutes = 0;

		if (take_char(s, ':') &&
		    (take_number(s, 2, &minutes, &digits) != RC_OK ||
			digits != 2))
			return RC_SYNTAX;
		v = hours * 100 + minutes;
	}
	if (v % 100 > 59 || v / 100 > 23)
		return RC_SYNTAX;
	v = v / 100 * 60 + v % 100;
	*zone_out = west ? -v : v;
	return RC_OK;
}

/* time-of-day = hour ":" minute [ ":" second ]; "." is seen for ":" */
static int
take_time(struct sv *s, struct clk_tm *t)
{
	size_t digits;

	if (take_number(s, 2, &t->hour, &digits) != RC_OK)
		return RC_SYNTAX;
	skip(s);
	if (!take_char(s, ':') && !take_char(s, '.'))
		return RC_SYNTAX;
	skip(s);
	if (take_number(s, 2, &t->minute, &digits) != RC_OK)
		return RC_SYNTAX;
	skip(s);
	if (take_char(s, ':') || take_char(s, '.')) {
		skip(s);
		if (take_number(s, 2, &t->second, &digits) != RC_OK)
			return RC_SYNTAX;
	}
	skip(s);
	return RC_OK;
}

/* year = (FWS 4*DIGIT FWS) / obs-year */
static int
take_year(struct sv *s, struct clk_tm *t)
{
	size_t digits;

	if (take_number(s, 4, &t->year, &digits) != RC_OK)
		return RC_SYNTAX;
	/* [RFC 5322 4.3]: 00-49 is 20xx; 50-99 and three digits are 19xx. */
	if (digits <= 2)
		t->year += t->year < 50 ? 2000 : 1900;
	else if (digits == 3)
		t->year += 1900;
	skip(s);
	return RC_OK;
}

static void
skip_sep(struct sv *s)
{
	skip(s);
	if (take_char(s, '-') || take_char(s, ','))
		skip(s);
}

static int
take_month(struct sv *s, struct clk_tm *t)
{
	t->month = month_of(take_alpha(s));
	skip_sep(s);
	return t->month == 0 ? RC_SYNTAX : RC_OK;
}

static int
take_day(struct sv *s, struct clk_tm *t)
{
	size_t digits;

	if (take_number(s, 2, &t->day, &digits) != RC_OK)
		return RC_SYNTAX;
	skip_sep(s);
	return RC_OK;
}

/* asctime: "Nov 24 11:36:46 2026", maybe a zone before or behind the year */
static int
take_asctime(struct sv *s, struct clk_tm *t, int32_t *zone_out)
{
	if (take_month(s, t) != RC_OK || take_day(s, t) != RC_OK ||
	    take_time(s, t) != RC_OK)
		return RC_SYNTAX;
	if (s->n > 0 && !ascii_is_digit(s->p[0])) {
		if (take_zone(s, zone_out) != RC_OK)
			return RC_SYNTAX;
		skip(s);
		return take_year(s, t);
	}
	if (take_year(s, t) != RC_OK)
		return RC_SYNTAX;
	return take_zone(s, zone_out);
}

static bool
in_range(const struct clk_tm *t)
{
	static const int last[] = {
	    31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return t->month >= 1 && t->month <= 12 && t->day >= 1 &&
	       t->day <= last[t->month - 1] && t->hour <= 23 &&
	       t->minute <= 59 && t->second <= 60;
}

/* date-time = [ day-of-week "," ] date time [CFWS] */
int
mail_date_parse(struct sv s, int64_t *secs_out, int32_t *zone_out)
{
	struct clk_tm t = {.second = 0};
	int32_t zone = 0;
	struct sv rest;

	skip(&s);
	rest = s;
	if (index_of(days, 7, take_alpha(&rest)) >= 0) {
		s = rest;
		(void)take_char(&s, '.');
		skip_sep(&s);
	}
	if (s.n > 0 && ascii_is_alpha(s.p[0])) {
		if (take_asctime(&s, &t, &zone) != RC_OK)
			return RC_SYNTAX;
	} else if (take_day(&s, &t) != RC_OK || take_month(&s, &t) != RC_OK ||
		   take_year(&s, &t) != RC_OK || take_time(&s, &t) != RC_OK ||
		   take_zone(&s, &zone) != RC_OK) {
		return RC_SYNTAX;
	}
	if (!in_range(&t))
		return RC_SYNTAX;
	*secs_out = clk_secs(&t) - (int64_t)zone * 60;
	*zone_out = zone;
	return RC_OK;
}

static void
put2(struct buf *out, int v)
{
	char d[2] = {(char)('0' + v / 10 % 10), (char)('0' + v % 10)};

	buf_add(out, d, 2);
}

static void
put_rest(struct buf *out, const struct clk_tm *t, int32_t zone)
{
	int32_t z = zone < 0 ? -zone : zone;

	put2(out, t->year / 100);
	put2(out, t->year % 100);
	buf_addc(out, ' ');
	put2(out, t->hour);
	buf_addc(out, ':');
	put2(out, t->minute);
	buf_addc(out, ':');
	put2(out, t->second);
	buf_addc(out, ' ');
	buf_addc(out, zone < 0 ? '-' : '+');
	put2(out, z / 60);
	put2(out, z % 60);
}

void
mail_date_print(int64_t secs, int32_t zone, struct buf *out)
{
	struct clk_tm t;

	clk_civil(secs + (int64_t)zone * 60, &t);
	buf_add(out, days + 3 * t.weekday, 3);
	buf_adds(out, ", ");
	buf_addu(out, (uint64_t)t.day);
	buf_addc(out, ' ');
	buf_add(out, months + 3 * (t.month - 1), 3);
	buf_addc(out, ' ');
	put_rest(out, &t, zone);
}
