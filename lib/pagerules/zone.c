/* What zic's input says of one zone, and the offset at an instant. */
#include "pagerules/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"

#define DAY	    86400
#define RULES_MAX   1024 /* of one zone */
#define PERIODS_MAX 128
#define LINKS_MAX   4 /* in a row */
#define YEAR_MAX    9999
#define YEARS_BACK  200

/* Against which clock a time is given. */
enum clock {
	CLOCK_WALL,
	CLOCK_STANDARD,
	CLOCK_UTC
};

/* A day of a month, and a time of it. */
struct moment {
	int month; /* from 1 */
	int day;   /* 0: the last such weekday */
	int weekday;
	enum {
		ON_DAY,
		ON_LAST,
		ON_OR_AFTER,
		ON_OR_BEFORE
	} on;
	int32_t seconds;
	enum clock clock;
};

struct rule {
	struct sv name;
	int from, to; /* years */
	struct moment at;
	int32_t save;
};

struct period {
	int32_t offset; /* standard time */
	struct sv rules;
	int32_t save; /* where there are no rules */
	bool ends;
	int year;
	struct moment until;
};

struct zone {
	char *text; /* names point into it */
	struct rule *rule;
	size_t nrule, rule_cap;
	struct period *period;
	size_t nperiod, period_cap;
};

/* ---- words of a line ---- */

static struct sv
next_word(struct sv *line)
{
	struct sv word = {NULL, 0};

	while (line->n > 0 && word.n == 0)
		word = sv_split(line, ' ');
	return word;
}

/* [-]H[:MM[:SS]], and whose clock that is. */
static bool
read_time(struct sv s, int32_t *out, enum clock *clock)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	uint32_t part[3] = {0, 0, 0};

	*clock = CLOCK_WALL;
	if (sv_eq(s, SV("-"))) {
		*out = 0;
		return true;
	}
	if (minus)
		s = sv_skip(s, 1);
	if (s.n > 0 && strchr("wsugzd", s.p[s.n - 1]) != NULL) {
		char c = s.p[s.n - 1];

		*clock = c == 's'		? CLOCK_STANDARD
			 : c == 'w' || c == 'd' ? CLOCK_WALL
						: CLOCK_UTC;
		s = sv_first(s, s.n - 1);
	}
	for (size_t i = 0; i < 3 && (i == 0 || s.n > 0); i++)
		if (sv_to_u32(sv_split(&s, ':'), i == 0 ? 999 : 59, &part[i]) !=
		    RC_OK)
			return false;
	*out = (int32_t)(part[0] * 3600 + part[1] * 60 + part[2]);
	if (minus)
		*out = -*out;
	return s.n == 0;
}

/* By its first letters; names_n if it is none or several. */
static int
find_name(const char *const *names, int n, struct sv s)
{
	int found = n;

	for (int i = 0; i < n; i++)
		if (s.n > 0 && sv_istarts(sv_str(names[i]), s)) {
			if (found < n)
				return n;
			found = i;
		}
	return found;
}

static const char *const months[] = {"January", "February", "March", "April",
    "May", "June", "July", "August", "September", "October", "November",
    "December"};
static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday"};

static bool
read_weekday(struct sv s, int *out)
{
	*out = find_name(weekdays, 7, s);
	return *out < 7;
}

/* "8", "lastSu", "Su>=8" */
static bool
read_day(struct sv s, struct moment *m)
{
	size_t sign = sv_chr(s, '=');
	uint32_t day = 0;

	if (sv_starts(s, SV("last"))) {
		m->on = ON_LAST;
		return read_weekday(sv_skip(s, 4), &m->weekday);
	}
	m->on = ON_DAY;
	if (sign < s.n && sign > 1) {
		m->on = s.p[sign - 1] == '>' ? ON_OR_AFTER : ON_OR_BEFORE;
		if (!read_weekday(sv_first(s, sign - 1), &m->weekday))
			return false;
		s = sv_skip(s, sign + 1);
	}
	if (sv_to_u32(s, 31, &day) != RC_OK || day == 0)
		return false;
	m->day = (int)day;
	return true;
}

/* MONTH [DAY [TIME]] */
static bool
read_moment(struct sv *line, struct moment *m)
{
	struct sv month = next_word(line), day = next_word(line),
		  time = next_word(line);

	*m = (struct moment){.month = 1, .day = 1, .on = ON_DAY};
	if (month.n > 0 && (m->month = find_name(months, 12, month) + 1) > 12)
		return false;
	if (day.n > 0 && !read_day(day, m))
		return false;
	return time.n == 0 || read_time(time, &m->seconds, &m->clock);
}

static bool
read_year(struct sv s, int *out)
{
	uint32_t year = 0;

	if (sv_to_u32(s, YEAR_MAX, &year) != RC_OK)
		return false;
	*out = (int)year;
	return true;
}

/* ---- lines ---- */

/* NAME FROM TO - IN ON AT SAVE LETTER */
static bool
read_rule(struct sv line, struct rule *r)
{
	struct sv from, to;
	enum clock clock;

	r->name = next_word(&line);
	from = next_word(&line);
	to = next_word(&line);
	(void)next_word(&line);
	if (!read_year(from, &r->from))
		return false;
	r->to = r->from;
	if (sv_starts(to, SV("ma")))
		r->to = YEAR_MAX;
	else if (!sv_starts(to, SV("o")) && !read_year(to, &r->to))
		return false;
	return read_moment(&line, &r->at) &&
	       read_time(next_word(&line), &r->save, &clock);
}

/* STDOFF RULES FORMAT [UNTIL] */
static bool
read_period(struct sv line, struct period *p)
{
	struct sv offset = next_word(&line), rules = next_word(&line), year;
	enum clock clock;

	*p = (struct period){.offset = 0};
	if (!read_time(offset, &p->offset, &clock))
		return false;
	if (!read_time(rules, &p->save, &clock)) {
		p->save = 0;
		p->rules = rules;
	}
	(void)next_word(&line);
	year = next_word(&line);
	p->ends = year.n > 0;
	return !p->ends ||
	       (read_year(year, &p->year) && read_moment(&line, &p->until));
}

static void
add_period(struct zone *z, const struct period *p)
{
	z->period =
	    xgrow(z->period, &z->period_cap, z->nperiod + 1, sizeof *z->period);
	z->period[z->nperiod++] = *p;
}

/* The zone's own lines; its name may be a link's. */
static int
read_periods(struct zone *z, struct sv text, struct sv name)
{
	bool ours = false, linked = false;

	while (text.n > 0 && (z->nperiod == 0 || ours)) {
		struct sv line = sv_split(&text, '\n'), rest = line, kind;
		struct period p;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		kind = next_word(&rest);
		if (sv_eq(kind, SV("Z"))) {
			ours = sv_eq(next_word(&rest), name);
		} else if (sv_eq(kind, SV("L"))) {
			ours = false;
			(void)next_word(&rest);
			linked |= sv_eq(next_word(&rest), name);
		} else if (sv_eq(kind, SV("R"))) {
			ours = false;
		} else {
			rest = line;
		}
		if (!ours)
			continue;
		if (!read_period(rest, &p) || z->nperiod >= PERIODS_MAX)
			return RC_SYNTAX;
		add_period(z, &p);
		ours = p.ends;
	}
	if (z->nperiod > 0)
		return RC_OK;
	return linked ? RC_EXISTS : RC_NOTFOUND;
}

static struct sv
link_of(struct sv text, struct sv name)
{
	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');
		struct sv kind = next_word(&line), target = next_word(&line);

		if (sv_eq(kind, SV("L")) && sv_eq(next_word(&line), name))
			return target;
	}
	return SV("");
}

static bool
needs_rule(const struct zone *z, struct sv name)
{
	for (size_t i = 0; i < z->nperiod; i++)
		if (sv_eq(z->period[i].rules, name))
			return true;
	return false;
}

static int
read_rules(struct zone *z, struct sv text)
{
	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');
		struct rule r = {.save = 0};

		if (!sv_starts(line, SV("R ")))
			continue;
		line = sv_skip(line, 2);
		if (!needs_rule(z, sv_first(line, sv_chr(line, ' '))))
			continue;
		if (!read_rule(line, &r) || z->nrule >= RULES_MAX)
			return RC_SYNTAX;
		z->rule =
		    xgrow(z->rule, &z->rule_cap, z->nrule + 1, sizeof *z->rule);
		z->rule[z->nrule++] = r;
	}
	return RC_OK;
}

/* Names are kept in memory of its own, since the text goes. */
static void
keep_names(struct zone *z)
{
	struct buf names;
	size_t at = 0;

	buf_init(&names, 1 << 20);
	for (size_t i = 0; i < z->nrule; i++)
		buf_addsv(&names, z->rule[i].name);
	for (size_t i = 0; i < z->nperiod; i++)
		buf_addsv(&names, z->period[i].rules);
	z->text = xmemdup0(names.p, names.n);
	for (size_t i = 0; i < z->nrule; i++) {
		z->rule[i].name.p = z->text + at;
		at += z->rule[i].name.n;
	}
	for (size_t i = 0; i < z->nperiod; i++) {
		z->period[i].rules.p = z->text + at;
		at += z->period[i].rules.n;
	}
	buf_fini(&names);
}

int
zone_parse(struct sv text, struct sv name, struct zone **out)
{
	struct zone *z = xcalloc(1, sizeof *z);
	int r = name.n > 0 && name.n <= ZONE_NAME_MAX ? RC_EXISTS : RC_NOTFOUND;

	for (unsigned i = 0; r == RC_EXISTS && i < LINKS_MAX; i++) {
		r = read_periods(z, text, name);
		if (r == RC_EXISTS)
			name = link_of(text, name);
	}
	if (r == RC_EXISTS)
		r = RC_NOTFOUND;
	if (r == RC_OK)
		r = read_rules(z, text);
	if (r != RC_OK) {
		zone_free(&z);
		return r;
	}
	keep_names(z);
	*out = z;
	return RC_OK;
}

void
zone_free(struct zone **zp)
{
	struct zone *z = *zp;

	if (z == NULL)
		return;
	free(z->period);
	free(z->rule);
	free(z->text);
	free(z);
	*zp = NULL;
}

/* ---- when ---- */

/* As if it were UTC. */
static int64_t
moment_in(const struct moment *m, int year)
{
	struct clk_tm first = {.year = year, .month = m->month, .day = m->day},
		      got;
	int64_t at;
	int days;

	if (m->on == ON_LAST) {
		first.month++;
		first.day = 0;
	}
	at = clk_secs(&first);
	clk_civil(at, &got);
	days = m->weekday - got.weekday;
	if (m->on == ON_OR_AFTER && days < 0)
		days += 7;
	else if ((m->on == ON_OR_BEFORE || m->on == ON_LAST) && days > 0)
		days -= 7;
	else if (m->on == ON_DAY)
		days = 0;
	return at + (int64_t)days * DAY + m->seconds;
}

static int64_t
to_utc(int64_t local, enum clock clock, int32_t offset, int32_t save)
{
	if (clock == CLOCK_UTC)
		return local;
	return local - offset - (clock == CLOCK_WALL ? save : 0);
}

static int
year_of(int64_t at)
{
	struct clk_tm t;

	clk_civil(at, &t);
	return t.year;
}

static bool
is_of(const struct rule *r, struct sv name, int year)
{
	return sv_eq(r->name, name) && year >= r->from && year <= r->to;
}

/* The last rule that comes into force in that year; NULL: none does. */
static const struct rule *
last_rule_of(const struct zone *z, struct sv name, int year)
{
	const struct rule *last = NULL;
	int64_t at = 0;

	for (size_t i = 0; i < z->nrule; i++) {
		const struct rule *r = &z->rule[i];
		int64_t t;

		if (!is_of(r, name, year))
			continue;
		t = moment_in(&r->at, year);
		if (last == NULL || t > at) {
			last = r;
			at = t;
		}
	}
	return last;
}

/* What was in force before that year. */
static int32_t
save_before(const struct zone *z, struct sv name, int year)
{
	for (int y = year - 1; y > year - YEARS_BACK; y--) {
		const struct rule *r = last_rule_of(z, name, y);

		if (r != NULL)
			return r->save;
	}
	return 0;
}

/* The first rule of that year behind `after`, as if it were UTC. */
static const struct rule *
next_rule(const struct zone *z, struct sv name, int year, int64_t after,
    int64_t *at_out)
{
	const struct rule *next = NULL;

	for (size_t i = 0; i < z->nrule; i++) {
		const struct rule *r = &z->rule[i];
		int64_t t;

		if (!is_of(r, name, year))
			continue;
		t = moment_in(&r->at, year);
		if (t > after && (next == NULL || t < *at_out)) {
			next = r;
			*at_out = t;
		}
	}
	return next;
}

static int32_t
save_at(const struct zone *z, const struct period *p, int64_t at)
{
	int year = year_of(at + p->offset);
	const struct rule *r;
	int32_t save;

	if (p->rules.n == 0)
		return p->save;
	/* From the year before, since a year begins earlier or later there. */
	save = save_before(z, p->rules, year - 1);
	for (int y = year - 1; y <= year + 1; y++)
		for (int64_t local = INT64_MIN;
		     (r = next_rule(z, p->rules, y, local, &local)) != NULL;) {
			if (to_utc(local, r->at.clock, p->offset, save) > at)
				return save;
			save = r->save;
		}
	return save;
}

int32_t
zone_offset(const struct zone *z, int64_t at)
{
	for (size_t i = 0; i < z->nperiod; i++) {
		const struct period *p = &z->period[i];
		int64_t local, end;

		if (!p->ends)
			return p->offset + save_at(z, p, at);
		local = moment_in(&p->until, p->year);
		end = to_utc(local, p->until.clock, p->offset,
		    save_at(z, p, local - p->offset - 1));
		if (at < end)
			return p->offset + save_at(z, p, at);
	}
	return 0;
}

int64_t
zone_day(const struct zone *z, int64_t at)
{
	int64_t local = at + zone_offset(z, at);

	return local >= 0 ? local / DAY : -((-local + DAY - 1) / DAY);
}

/* ---- days ---- */

int
zone_day_parse(struct sv text, int64_t *day_out)
{
	struct sv y = sv_split(&text, '-'), m = sv_split(&text, '-');
	struct clk_tm t = {.year = 0}, back;
	uint32_t year, month, day;
	int64_t at;

	if (y.n != 4 || sv_to_u32(y, YEAR_MAX, &year) != RC_OK || year < 1970 ||
	    sv_to_u32(m, 12, &month) != RC_OK || month == 0 ||
	    sv_to_u32(text, 31, &day) != RC_OK || day == 0)
		return RC_SYNTAX;
	t.year = (int)year;
	t.month = (int)month;
	t.day = (int)day;
	at = clk_secs(&t);
	clk_civil(at, &back);
	if (back.month != t.month || back.day != t.day)
		return RC_SYNTAX;
	*day_out = at / DAY;
	return RC_OK;
}

void
zone_day_print(int64_t day, struct buf *out)
{
	struct clk_tm t;

	clk_civil(day * DAY, &t);
	buf_addf(out, "%04d-%02d-%02d", t.year, t.month, t.day);
}
