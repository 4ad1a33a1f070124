#include "queue/spool/listing.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/plural.h"
#include "queue/spool/spool.h"

#define MANY_MAX 100000 /* of anything in one message */
#define MINUTE	 60000LL
#define HOUR	 (60 * MINUTE)
#define DAY	 (24 * HOUR)

/* ---- records ---- */

static void
unit_fields(struct codec *c, struct queue_unit *u)
{
	uint8_t state = (uint8_t)u->state;

	codec_below(c, &state, QUEUE_STATES);
	u->state = (enum queue_state)state;
	codec_bool(c, &u->local);
	codec_sv(c, &u->place);
	codec_i64(c, &u->next);
	codec_u32(c, &u->tries);
	codec_sv(c, &u->reply_text);
}

static void
rcpt_fields(struct codec *c, struct queue_rcpt *r, uint32_t nunit)
{
	codec_sv(c, &r->address);
	codec_sv(c, &r->via);
	codec_bool(c, &r->local);
	codec_bool(c, &r->held);
	codec_u8(c, &r->outcome);
	codec_u32(c, &r->attempts);
	codec_u32(c, &r->unit);
	if (c->way == CODEC_GET && r->unit != UINT32_MAX && r->unit >= nunit)
		c->m->bad = true;
}

static void
try_fields(struct codec *c, struct queue_try *t, uint32_t nrcpt)
{
	codec_i64(c, &t->when);
	codec_u32(c, &t->rcpt);
	codec_sv(c, &t->reply_text);
	if (c->way == CODEC_GET && t->rcpt >= nrcpt)
		c->m->bad = true;
}

static void
entry_fields(struct codec *c, struct queue_entry *e)
{
	uint32_t i, nunit, nrcpt;

	codec_u64(c, &e->id);
	codec_u64(c, &e->size);
	codec_i64(c, &e->arrived);
	codec_u32(c, &e->flags);
	codec_sv(c, &e->sender);
	codec_sv(c, &e->owner);
	codec_list(c, (void **)&e->unit, &e->nunit, sizeof *e->unit, MANY_MAX);
	nunit = e->nunit;
	for (i = 0; i < e->nunit; i++)
		unit_fields(c, &e->unit[i]);
	codec_list_end(c, (void **)&e->unit, &e->nunit);
	codec_list(c, (void **)&e->rcpt, &e->nrcpt, sizeof *e->rcpt, MANY_MAX);
	nrcpt = e->nrcpt;
	for (i = 0; i < e->nrcpt; i++)
		rcpt_fields(c, &e->rcpt[i], nunit);
	codec_list_end(c, (void **)&e->rcpt, &e->nrcpt);
	codec_list(c, (void **)&e->attempt, &e->nattempt, sizeof *e->attempt,
	    MANY_MAX);
	for (i = 0; i < e->nattempt; i++)
		try_fields(c, &e->attempt[i], nrcpt);
	codec_list_end(c, (void **)&e->attempt, &e->nattempt);
}

void
queue_entry_write(struct msg *m, struct queue_entry *e)
{
	struct codec c = {m, CODEC_PUT};

	entry_fields(&c, e);
}

int
queue_entry_read(struct msg *m, struct queue_entry *e)
{
	struct codec c = {m, CODEC_GET};
	uint32_t i;

	memset(e, 0, sizeof *e);
	entry_fields(&c, e);
	if (m->bad) {
		queue_entry_fini(e);
		return RC_SYNTAX;
	}
	e->held = true;
	for (i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].outcome == SPOOL_WAITS && !e->rcpt[i].held)
			e->held = false;
	return RC_OK;
}

void
queue_entry_fini(struct queue_entry *e)
{
	struct codec c = {NULL, CODEC_FREE};

	entry_fields(&c, e);
	memset(e, 0, sizeof *e);
}

/* ---- all of them ---- */

static struct queue_clock
local_clock(void)
{
	struct queue_clock c = {.now = clk_now()};
	time_t now = (time_t)(c.now / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		c.offset = (int)tm.tm_gmtoff;
	return c;
}

void
queue_listing_init(struct queue_listing *l, size_t max)
{
	*l = (struct queue_listing){.n = 0};
	msg_init(&l->m, 0);
	l->m.b.max = max;
}

int
queue_listing_read(struct queue_listing *l, const struct queue_listed *listed)
{
	size_t cap = 0;
	int r;

	r = lseek(listed->fd, 0, SEEK_SET) == 0
		? io_read_rest(listed->fd, &l->m.b)
		: RC_IO;
	while (r == RC_OK && l->n < listed->n) {
		l->e = xgrow(l->e, &cap, l->n + 1, sizeof *l->e);
		r = queue_entry_read(&l->m, &l->e[l->n]);
		l->n += r == RC_OK;
	}
	l->clock = local_clock();
	return r;
}

void
queue_listing_fini(struct queue_listing *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		queue_entry_fini(&l->e[i]);
	free(l->e);
	msg_fini(&l->m);
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
	buf_addf(out, "%lld %s%s", (long long)n, what, plural((uint64_t)n));
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

void
queue_sender_words(const struct queue_entry *e, struct buf *out)
{
	if (e->sender.n > 0)
		queue_escape(e->sender, out);
	else
		buf_adds(out,
		    (e->flags & SPOOL_REPORT) != 0 ? "(a report)" : "(nobody)");
}

void
queue_recipient_words(const struct queue_entry *e, size_t i,
    const struct queue_clock *c, struct buf *out)
{
	static const char *const outcomes[] = {
	    "delivered", "returned", "removed", "waits"};
	const struct queue_rcpt *r = &e->rcpt[i];

	queue_escape(r->address, out);
	if (r->local)
		buf_adds(out, " (account)");
	if (r->via.n > 0) {
		buf_adds(out, " (forwarded for ");
		queue_escape(r->via, out);
		buf_addc(out, ')');
	}
	buf_adds(out, ": ");
	if (r->unit != UINT32_MAX && r->held)
		buf_adds(out, "on hold");
	else if (r->unit != UINT32_MAX)
		queue_unit_words(&e->unit[r->unit], c, out);
	else
		buf_adds(out, outcomes[r->outcome < 4 ? r->outcome : 3]);
}

void
queue_done_words(enum queue_action action, const struct queue_done *d, bool all,
    struct buf *out)
{
	static const char *const done[QUEUE_ACTIONS] = {
	    [QUEUE_RETRY] = "tried now",
	    [QUEUE_HOLD] = "held",
	    [QUEUE_RELEASE] = "released",
	    [QUEUE_REMOVE] = "removed",
	    [QUEUE_BOUNCE] = "removed, with a report to the sender"};

	if (d->messages > 0 || all)
		buf_addf(out, "%u message%s for %u recipient%s: %s\n",
		    d->messages, plural(d->messages), d->recipients,
		    plural(d->recipients), done[action]);
	if (d->held > 0)
		buf_addf(out, "%u held: release them first\n", d->held);
	if (d->busy > 0 && action == QUEUE_HOLD)
		buf_addf(out,
		    "%u being delivered now: held if delivery fails\n",
		    d->busy);
}

void
queue_busy_words(
    enum queue_action action, const struct queue_done *d, struct buf *out)
{
	if (d->busy > 0 && (action == QUEUE_REMOVE || action == QUEUE_BOUNCE))
		buf_addf(out,
		    "%u being delivered now, left as %s; try again in a moment",
		    d->busy, d->busy == 1 ? "it is" : "they are");
}

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

	switch ((enum queue_pick)s->pick) {
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
