#include "queue/spool/listing.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "queue/spool/spool.h"

#define MANY_MAX 100000 /* of anything in one message */
#define MINUTE	 60000LL
#define HOUR	 (60 * MINUTE)
#define DAY	 (24 * HOUR)

/* ---- records ---- */

static uint32_t
get_count(struct msg *m)
{
	uint32_t n = msg_get_u32(m);

	if (n > MANY_MAX)
		m->bad = true;
	return m->bad ? 0 : n;
}

static void
read_units(struct msg *m, struct queue_entry *e)
{
	size_t i;

	e->nunit = get_count(m);
	e->unit = xcalloc(e->nunit + 1, sizeof *e->unit);
	for (i = 0; i < e->nunit; i++) {
		struct queue_unit *u = &e->unit[i];
		uint8_t state = msg_get_u8(m);

		if (state >= QUEUE_STATES)
			m->bad = true;
		u->state = (enum queue_state)state;
		u->local = msg_get_u8(m) != 0;
		u->place = msg_get_sv(m);
		u->next = (int64_t)msg_get_u64(m);
		u->tries = msg_get_u32(m);
		u->reply_text = msg_get_sv(m);
	}
}

static void
read_recipients(struct msg *m, struct queue_entry *e)
{
	size_t i;

	e->held = true;
	e->nrcpt = get_count(m);
	e->rcpt = xcalloc(e->nrcpt + 1, sizeof *e->rcpt);
	for (i = 0; i < e->nrcpt; i++) {
		struct queue_rcpt *r = &e->rcpt[i];

		r->address = msg_get_sv(m);
		r->local = msg_get_u8(m) != 0;
		r->held = msg_get_u8(m) != 0;
		r->outcome = msg_get_u8(m);
		r->attempts = msg_get_u32(m);
		r->unit = msg_get_u32(m);
		if (r->unit != UINT32_MAX && r->unit >= e->nunit)
			m->bad = true;
		if (r->outcome == SPOOL_WAITS && !r->held)
			e->held = false;
	}
}

int
queue_entry_read(struct msg *m, struct queue_entry *e)
{
	size_t i;

	memset(e, 0, sizeof *e);
	e->id = msg_get_u64(m);
	e->size = msg_get_u64(m);
	e->arrived = (int64_t)msg_get_u64(m);
	e->flags = msg_get_u32(m);
	e->sender = msg_get_sv(m);
	e->owner = msg_get_sv(m);
	read_units(m, e);
	read_recipients(m, e);
	e->nattempt = get_count(m);
	e->attempt = xcalloc(e->nattempt + 1, sizeof *e->attempt);
	for (i = 0; i < e->nattempt; i++) {
		e->attempt[i].when = (int64_t)msg_get_u64(m);
		e->attempt[i].rcpt = msg_get_u32(m);
		e->attempt[i].reply_text = msg_get_sv(m);
		if (e->attempt[i].rcpt >= e->nrcpt)
			m->bad = true;
	}
	if (m->bad)
		queue_entry_fini(e);
	return m->bad ? RC_SYNTAX : RC_OK;
}

void
queue_entry_fini(struct queue_entry *e)
{
	free(e->attempt);
	free(e->rcpt);
	free(e->unit);
	memset(e, 0, sizeof *e);
}

/* ---- words ---- */

const char *
queue_state_name(enum queue_state s)
{
	static const char *const names[QUEUE_STATES] = {
	    "held", "delivering", "turn", "unreachable", "greylisted", "later"};

	return names[s];
}

void
queue_escape(struct sv s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_is_print(s.p[i]))
			buf_addc(out, s.p[i]);
		else
			buf_addf(out, "\\x%02x", (unsigned char)s.p[i]);
}

void
queue_time_words(const struct queue_clock *c, int64_t when, struct buf *out)
{
	struct clk_tm t, today;

	clk_civil(when / 1000 + c->offset, &t);
	clk_civil(c->now / 1000 + c->offset, &today);
	if (t.day != today.day || t.month != today.month ||
	    t.year != today.year)
		buf_addf(out, "%04d-%02d-%02d ", t.year, t.month, t.day);
	buf_addf(out, "%02d:%02d", t.hour, t.minute);
}

static void
count_words(int64_t n, const char *what, struct buf *out)
{
	buf_addf(out, "%lld %s%s", (long long)n, what, n == 1 ? "" : "s");
}

void
queue_span_words(int64_t ms, struct buf *out)
{
	if (ms < 0)
		ms = 0;
	if (ms < MINUTE)
		count_words((ms + 999) / 1000, "second", out);
	else if (ms < 2 * HOUR)
		count_words((ms + MINUTE / 2) / MINUTE, "minute", out);
	else if (ms < 2 * DAY)
		count_words((ms + HOUR / 2) / HOUR, "hour", out);
	else
		count_words((ms + DAY / 2) / DAY, "day", out);
}

static void
next_words(
    const struct queue_unit *u, const struct queue_clock *c, struct buf *out)
{
	if (u->next == 0)
		return;
	if (u->next <= c->now) {
		buf_adds(out, "; next try now");
		return;
	}
	buf_adds(out, "; next try at ");
	queue_time_words(c, u->next, out);
	buf_adds(out, ", in ");
	queue_span_words(u->next - c->now, out);
}

/* "example.test", "the smarthost relay.example.test:587", "the account anna" */
static void
place_words(const struct queue_unit *u, struct buf *out)
{
	struct sv relay = SV("relay ");

	if (u->local)
		buf_adds(out, "the account ");
	else if (sv_starts(u->place, relay))
		buf_adds(out, "the smarthost ");
	queue_escape(!u->local && sv_starts(u->place, relay)
			 ? sv_skip(u->place, relay.n)
			 : u->place,
	    out);
}

void
queue_unit_words(
    const struct queue_unit *u, const struct queue_clock *c, struct buf *out)
{
	switch (u->state) {
	case QUEUE_HELD:
		buf_adds(out, "on hold");
		return;
	case QUEUE_IN_FLIGHT:
		buf_adds(out, "is being delivered now");
		return;
	case QUEUE_TURN:
		buf_adds(
		    out, u->local ? "waits for " : "waits for its turn at ");
		place_words(u, out);
		return;
	case QUEUE_AWAY:
		place_words(u, out);
		buf_adds(out, " cannot be reached");
		break;
	case QUEUE_GREYLISTED:
		buf_adds(out, "greylisted");
		break;
	case QUEUE_LATER:
	case QUEUE_STATES:
		buf_adds(out, u->local ? "waits for " : "put off by ");
		place_words(u, out);
		break;
	}
	if (u->reply_text.n > 0) {
		buf_adds(out, ": ");
		queue_escape(u->reply_text, out);
	}
	next_words(u, c, out);
}

/* ---- selectors ---- */

int
queue_selector_parse(struct sv word, struct queue_selector *out)
{
	struct queue_selector s = {.pick = QUEUE_PICK_NAME, .text = word};

	if (word.n == 0)
		return RC_SYNTAX;
	if (sv_to_u64(word, UINT64_MAX, &s.id) == RC_OK) {
		s.pick = QUEUE_PICK_ID;
	} else if (word.p[0] == '@') {
		s.pick = QUEUE_PICK_DOMAIN;
		s.text = sv_skip(word, 1);
	} else if (sv_chr(word, '@') < word.n) {
		s.pick = QUEUE_PICK_ADDRESS;
	}
	if (s.text.n == 0)
		return RC_SYNTAX;
	*out = s;
	return RC_OK;
}

static bool
is_account(struct sv name, const struct spool_item *it, size_t rcpt)
{
	const struct spool_recipient *to = &it->rcpt[rcpt];

	return (it->owner != NULL && sv_eq(name, sv_str(it->owner))) ||
	       (to->local && sv_eq(name, sv_str(to->address)));
}

static bool
is_domain(struct sv name, const struct spool_recipient *to)
{
	struct sv a = sv_str(to->address);

	return !to->local && sv_ieq(name, sv_skip(a, sv_rchr(a, '@') + 1));
}

bool
queue_selector_matches(
    const struct queue_selector *s, const struct spool_item *it, size_t rcpt)
{
	const struct spool_recipient *to = &it->rcpt[rcpt];

	switch (s->pick) {
	case QUEUE_PICK_ALL:
		return true;
	case QUEUE_PICK_ID:
		return it->seq == s->id;
	case QUEUE_PICK_ACCOUNT:
		return is_account(s->text, it, rcpt);
	case QUEUE_PICK_DOMAIN:
		return is_domain(s->text, to);
	case QUEUE_PICK_ADDRESS:
		return sv_ieq(s->text, sv_str(it->sender)) ||
		       (!to->local && sv_ieq(s->text, sv_str(to->address)));
	case QUEUE_PICK_NAME:
		return is_account(s->text, it, rcpt) || is_domain(s->text, to);
	case QUEUE_PICKS:
		break;
	}
	return false;
}
