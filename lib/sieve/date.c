/* date and currentdate [RFC 5260]. */
#include "base/ascii.h"
#include "base/clk.h"
#include "mail/date.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fields.h"
#include "sieve/match.h"

#define MJD_OF_1970 40587

/* time-zone = ( "+" / "-" ) 4DIGIT: minutes */
static bool
read_zone(struct sv s, int32_t *out)
{
	uint32_t v;

	if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-') ||
	    sv_to_u32(sv_skip(s, 1), 9999, &v) != RC_OK || v % 100 > 59)
		return false;
	*out = (int32_t)(v / 100 * 60 + v % 100);
	if (s.p[0] == '-')
		*out = -*out;
	return true;
}

static bool
is_zone(struct sv s)
{
	int32_t zone;

	return read_zone(s, &zone);
}

enum part {
	YEAR,
	MONTH,
	DAY,
	DATE,
	JULIAN,
	HOUR,
	MINUTE,
	SECOND,
	TIME,
	ISO8601,
	STD11,
	ZONE,
	WEEKDAY,
	PARTS
};

static const char *const parts[PARTS] = {"year", "month", "day", "date",
    "julian", "hour", "minute", "second", "time", "iso8601", "std11", "zone",
    "weekday"};

static enum part
find_part(struct sv s)
{
	unsigned i = 0;

	while (i < PARTS && !sv_ieq(s, sv_str(parts[i])))
		i++;
	return (enum part)i;
}

static bool
is_part(struct sv s)
{
	return find_part(s) < PARTS;
}

static bool
check_parts(struct sieve_check *c, const struct sieve_node *n, size_t pos)
{
	const struct sieve_value *zone = sieve_tag_value(n, T_ZONE);

	return (zone == NULL ||
		   sieve_check_each(c, zone, is_zone,
		       "a time zone; expected \"+hhmm\" or \"-hhmm\"")) &&
	       sieve_check_each(c, n->pos[pos], is_part,
		   "a part of a date; expected year, month, day, date, julian, "
		   "hour, minute, second, time, iso8601, std11, zone or "
		   "weekday");
}

bool
sieve_check_date(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_fields(c, n) && check_parts(c, n, 1);
}

bool
sieve_check_currentdate(struct sieve_check *c, struct sieve_node *n)
{
	return check_parts(c, n, 0);
}

static void
put_zone(int32_t zone, const char *colon, struct buf *out)
{
	int32_t z = zone < 0 ? -zone : zone;

	buf_addf(out, "%c%02d%s%02d", zone < 0 ? '-' : '+', (int)(z / 60),
	    colon, (int)(z % 60));
}

static void
put_part(enum part part, int64_t secs, int32_t zone, struct buf *out)
{
	int64_t local = secs + (int64_t)zone * 60;
	struct clk_tm t;

	clk_civil(local, &t);
	switch (part) {
	case YEAR:
		buf_addf(out, "%04d", t.year);
		break;
	case MONTH:
		buf_addf(out, "%02d", t.month);
		break;
	case DAY:
		buf_addf(out, "%02d", t.day);
		break;
	case DATE:
		buf_addf(out, "%04d-%02d-%02d", t.year, t.month, t.day);
		break;
	case JULIAN:
		buf_addf(out, "%lld",
		    (long long)(local / 86400 - (local % 86400 < 0) +
				MJD_OF_1970));
		break;
	case HOUR:
		buf_addf(out, "%02d", t.hour);
		break;
	case MINUTE:
		buf_addf(out, "%02d", t.minute);
		break;
	case SECOND:
		buf_addf(out, "%02d", t.second);
		break;
	case TIME:
		buf_addf(out, "%02d:%02d:%02d", t.hour, t.minute, t.second);
		break;
	case ISO8601:
		buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d", t.year, t.month,
		    t.day, t.hour, t.minute, t.second);
		if (zone == 0)
			buf_addc(out, 'Z');
		else
			put_zone(zone, ":", out);
		break;
	case STD11:
		mail_date_print(secs, zone, out);
		break;
	case ZONE:
		put_zone(zone, "", out);
		break;
	case WEEKDAY:
		buf_addf(out, "%d", t.weekday);
		break;
	case PARTS:
		break;
	}
}

/* The zone to be used: that of the argument, the field's own, or mine. */
static enum sieve_flow
choose_zone(struct sieve_run *r, const struct sieve_node *n, int64_t at,
    int32_t original, int32_t *out)
{
	const struct sieve_value *v = sieve_tag_value(n, T_ZONE);
	struct sv text;
	enum sieve_flow f;

	*out = r->host->zone != NULL ? r->host->zone(r->arg, at) : 0;
	if (sieve_has_tag(n, T_ORIGINALZONE))
		*out = original;
	if (v == NULL)
		return FLOW_ON;
	f = sieve_expand(r, n, &v->s[0], &text);
	if (f == FLOW_ON && !read_zone(text, out))
		return sieve_fail(r, n,
		    "\"%s\" is not a time zone; expected "
		    "\"+hhmm\" or \"-hhmm\"",
		    QUOTE(text));
	return f;
}

static enum sieve_flow
match_part(struct sieve_matcher *m, size_t pos, int64_t secs, int32_t original)
{
	struct sieve_run *r = m->r;
	enum sieve_flow f;
	struct sv name;
	struct buf b;
	int32_t zone;

	f = sieve_expand(r, m->n, &m->n->pos[pos]->s[0], &name);
	if (f == FLOW_ON && !is_part(name))
		return sieve_fail(
		    r, m->n, "\"%s\" is not a part of a date", QUOTE(name));
	if (f == FLOW_ON)
		f = choose_zone(r, m->n, secs, original, &zone);
	if (f != FLOW_ON)
		return f;
	buf_init(&b, 64);
	put_part(find_part(name), secs, zone, &b);
	f = sieve_matcher_value(m, buf_sv(&b));
	buf_fini(&b);
	return f;
}

/*
 * Is the day one that the month has?  A day too many would be one of the next
 * month; a leap second is the first of the next day.
 */
static bool
day_exists(struct sv value, int64_t secs, int32_t zone)
{
	struct clk_tm now, before;
	uint64_t day = 0;
	size_t i = 0;

	while (i < value.n && !ascii_is_digit(value.p[i]))
		i++;
	for (; i < value.n && ascii_is_digit(value.p[i]) && day < 10000; i++)
		day = day * 10 + (uint64_t)(value.p[i] - '0');
	clk_civil(secs + (int64_t)zone * 60, &now);
	clk_civil(secs + (int64_t)zone * 60 - 1, &before);
	return day == (uint64_t)now.day ||
	       (day == (uint64_t)before.day &&
		   sv_find(value, SV(":60")) < value.n);
}

/* The whole field, or what is behind its last semicolon. */
static bool
read_date(struct sv value, int64_t *secs, int32_t *zone)
{
	size_t semicolon = sv_rchr(value, ';');

	if (semicolon < value.n)
		value = sv_skip(value, semicolon + 1);
	return mail_date_parse(sv_trim(value), secs, zone) == RC_OK &&
	       day_exists(value, *secs, *zone);
}

enum sieve_flow
sieve_test_date(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	struct sieve_fields found;
	struct sv name;
	int64_t secs;
	int32_t zone;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[2]);

	if (f == FLOW_ON)
		f = sieve_expand(r, n, &n->pos[0]->s[0], &name);
	if (f == FLOW_ON)
		f = sieve_fields_find(r, n, &name, 1, &found);
	if (f == FLOW_ON && found.n > 0 &&
	    read_date(found.value[0], &secs, &zone))
		f = match_part(&m, 1, secs, zone);
	return sieve_matcher_end(&m, f, out);
}

enum sieve_flow
sieve_test_currentdate(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = match_part(&m, 0, r->now, 0);
	return sieve_matcher_end(&m, f, out);
}
