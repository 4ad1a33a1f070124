#include "auth/rotation.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400

struct ring_entry *
rotation_awaited(const struct ring *r)
{
	return ring_find(r, RING_ANNOUNCED);
}

/* How long one retires. */
static int64_t
needed_s(const struct rotation_policy *p)
{
	return p->queue_s + ROTATION_WEEK_S;
}

int64_t
rotation_needed_until(
    const struct ring_entry *e, const struct rotation_policy *p, int64_t now)
{
	return e->seen < needed_s(p) ? now + needed_s(p) - e->seen : now;
}

/* A date: of one that retires, `seen` is none. */
static int64_t
newest_of(const struct ring_entry *e)
{
	int64_t t = e->since > e->told ? e->since : e->told;

	return e->state == RING_ANNOUNCED && e->seen > t ? e->seen : t;
}

bool
rotation_is_ahead(const struct ring *r, int64_t now)
{
	return rotation_today(r, now) > now + DAY_S;
}

int64_t
rotation_today(const struct ring *r, int64_t now)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (newest_of(&r->e[i]) > now)
			now = newest_of(&r->e[i]);
	return now;
}

int64_t
rotation_due_at(const struct ring *r, const struct rotation_policy *p)
{
	const struct ring_entry *e = ring_find(r, RING_ACTIVE);

	return e == NULL || p->rotate_s == 0 ? 0 : e->since + p->rotate_s;
}

/* Those that retire have done so for longer; true: by so much that it should
 * be kept. */
static bool
count(const struct ring *r, struct rotation *t, int64_t mono)
{
	int64_t s;
	bool any = false;
	size_t i;

	if (t->counted == 0)
		t->counted = mono;
	s = (mono - t->counted) / 1000;
	if (s < ROTATION_COUNT_S)
		return false;
	t->counted += s * 1000;
	for (i = 0; i < r->n; i++)
		if (r->e[i].state == RING_RETIRING) {
			r->e[i].seen += s;
			any = true;
		}
	return any;
}

/* What a date asks for, or the end of a count. */
static enum rotation_do
by_date(const struct ring *r, const struct rotation_policy *p, int64_t now,
    struct ring_entry **entry_out)
{
	int64_t due = rotation_due_at(r, p);
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->e[i].state == RING_RETIRING &&
		    r->e[i].seen >= needed_s(p)) {
			*entry_out = &r->e[i];
			return ROTATION_RETIRE;
		}
	if (due != 0 && now >= due && rotation_awaited(r) == NULL &&
	    ring_has_room(r))
		return ROTATION_MAKE;
	return ROTATION_NOTHING;
}

/* The first pair of a domain was not announced: the one who sets a server up is
 * told by what sets it up. */
static bool
is_to_be_told(const struct ring_entry *e, int64_t now)
{
	if (e->state == RING_RETIRING)
		return false; /* the one that took its place says so */
	return e->told == 0 || (e->state == RING_ANNOUNCED &&
				   now >= e->told + ROTATION_REMIND_S);
}

/* The clock is behind, or some date is wrong: see the header. */
static enum rotation_do
be_ahead(const struct ring *r, struct rotation *t, int64_t now, int64_t mono,
    struct ring_entry **entry_out)
{
	size_t i;

	t->due = 0;
	if (t->ahead == 0)
		t->ahead = mono;
	if (mono - t->ahead < ROTATION_AHEAD_MS)
		return ROTATION_NOTHING;
	for (i = 0; newest_of(&r->e[i]) <= now + DAY_S; i++)
		;
	*entry_out = &r->e[i];
	return ROTATION_DATE;
}

enum rotation_do
rotation_next(const struct ring *r, struct rotation *t,
    const struct rotation_policy *p, int64_t now, int64_t mono,
    struct ring_entry **entry_out)
{
	enum rotation_do what;
	size_t i;

	if (count(r, t, mono))
		return ROTATION_SAVE;
	if (rotation_is_ahead(r, now))
		return be_ahead(r, t, now, mono, entry_out);
	t->ahead = 0;
	what = by_date(r, p, now, entry_out);
	if (what == ROTATION_NOTHING) {
		t->due = 0;
	} else if (t->due == 0) {
		t->due = mono;
	} else if (mono - t->due >= p->settle_ms) {
		t->due = 0;
		return what;
	}
	for (i = 0; i < r->n; i++)
		if (is_to_be_told(&r->e[i], now)) {
			*entry_out = &r->e[i];
			return ROTATION_TELL;
		}
	return ROTATION_NOTHING;
}

int64_t
rotation_seen_for(const struct rotation *t, int64_t mono)
{
	return t->seen == 0 ? -1 : mono - t->seen + t->credit;
}

static void
begin(struct rotation *t, struct ring_entry *awaited, int64_t now, int64_t mono)
{
	t->seen = mono;
	t->wait = t->credit = 0;
	if (awaited->seen == 0 || awaited->seen > now)
		awaited->seen = now;
	else
		t->credit = (now - awaited->seen) * 1000;
}

bool
rotation_seen(struct rotation *t, struct ring_entry *awaited,
    const struct rotation_policy *p, enum rotation_seen seen,
    uint32_t negative_ttl_s, int64_t now, int64_t mono)
{
	const char *selector = awaited->pair.selector[0];
	int64_t wait = negative_ttl_s * 1000LL + p->margin_ms;

	if (strcmp(t->selector, selector) != 0) {
		(void)snprintf(t->selector, sizeof t->selector, "%s", selector);
		t->seen = 0;
	}
	if (seen == ROTATION_NOT_THERE)
		t->seen = awaited->seen = 0;
	if (seen != ROTATION_THERE)
		return false;
	if (t->seen == 0)
		begin(t, awaited, now, mono);
	if (t->wait < wait)
		t->wait = wait;
	return rotation_seen_for(t, mono) >= t->wait;
}

int64_t
rotation_ask_in(const struct rotation *t, int64_t mono)
{
	int64_t left = t->wait - rotation_seen_for(t, mono);

	return t->seen == 0 ? -1 : left > 0 ? left : 0;
}
