#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/tally.h"
#include "ipc/msg_report.h"
#include "queue/spool/service_priv.h"
#include "queue/spool/report.h"

#define WHOLE_MAX	   (256u << 10) /* larger messages come back as headers only */
#define REPORT_MAX	   (2u << 20)
#define REPORT_RCPT_MAX	   500 /* with the longest words: half of that */
#define STEP_MS		   (60LL * 60 * 1000)
#define FEEDBACK_EXPIRY_MS (24LL * 3600 * 1000)
#define FEEDBACK_REST_SECS (28LL * 24 * 3600)

/* Nobody is told: it came from nobody, is itself such a telling, or is not from
 * whom it names. */
static bool
is_silent(const struct spool_item *it)
{
	return it->sender[0] == '\0' ||
	       (it->flags & (SPOOL_REPORT | SPOOL_JUNK)) != 0;
}

/* ---- reports ---- */

/* What is read says that, and will say it again. */
static bool
is_lost(int rc)
{
	return rc == RC_DAMAGED || rc == RC_NOTFOUND;
}

/*
 * The report may be the last copy: a body that cannot be read now is waited
 * for.  Without a body if that is lost, or the end is because of it.
 */
static int
compose(struct queue_service *q, const struct conf *c, struct report *r,
    const struct spool_item *it, struct buf *out, struct err *err)
{
	struct buf original;
	int rc;

	buf_init(&original, WHOLE_MAX);
	rc = spool_peek(q->spool, it, &original);
	if (rc != RC_OK)
		buf_reset(&original);
	if (rc != RC_OK && !r->lost && !is_lost(rc)) {
		buf_fini(&original);
		return err_set(err, rc, "the message cannot be read now");
	}
	r->hostname = c->hostname;
	r->domain = queue_domain(c);
	r->now = clk_now();
	r->arrived = it->arrived;
	r->original = buf_sv(&original);
	r->whole = rc == RC_OK && !r->delay && it->size <= WHOLE_MAX;
	report_compose(r, out);
	buf_fini(&original);
	return buf_ok(out) ? RC_OK
			   : err_set(err, RC_TOOBIG, "the report is too long");
}

/* A report is a message of its own. */
static void
note_report(struct queue_service *q, const struct spool_item *letter,
    const struct spool_item *about)
{
	struct queue_news news = {.kind = HISTORY_QUEUED,
	    .count = HISTORY_C_NONE,
	    .number = letter->seq};
	struct buf text;
	size_t i;

	buf_init(&text, 100);
	buf_adds(&text, "a report on the message with the id ");
	for (i = 0; i < sizeof about->delivery_id; i++)
		buf_addf(&text, "%02x", about->delivery_id[i]);
	news.text = buf_sv(&text);
	queue_note(q, letter, NULL, letter->nrcpt, &news);
	buf_fini(&text);
}

static void
note_returned(struct queue_service *q, const struct spool_item *it,
    const size_t *rcpt, const struct sv *reply_text, size_t n, bool told)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct queue_news news = {.kind = HISTORY_RETURNED,
		    .count = HISTORY_C_RETURNED,
		    .text = reply_text[i],
		    .told = told};

		queue_note(q, it, &rcpt[i], 1, &news);
	}
}

/* About n of the item's recipients. */
static int
write_report(struct queue_service *q, struct spool_item *it, struct report *r,
    const struct addressees *to, const size_t *rcpt, size_t n,
    enum spool_outcome outcome, struct err *err)
{
	struct conf *c = queue_conf(q);
	struct spool_put p = {.fd = -1,
	    .flags = SPOOL_REPORT | SPOOL_BARE,
	    .to = to->to,
	    .via = to->via,
	    .nto = to->n};
	struct spool_item *letter = NULL;
	struct buf text;
	int rc;

	randombytes_buf(p.delivery_id, sizeof p.delivery_id);
	r->id = p.delivery_id;
	buf_init(&text, REPORT_MAX);
	rc = compose(q, c, r, it, &text, err);
	p.bytes = buf_sv(&text);
	if (rc == RC_OK)
		rc = spool_report(
		    q->spool, &p, it, rcpt, n, outcome, &letter, err);
	if (rc == RC_OK) {
		queue_schedule(q, letter, false);
		note_report(q, letter, it);
	}
	buf_fini(&text);
	conf_free(&c);
	return rc;
}

/* A letter's own delivery id: the same whenever it is written again. */
static void
derive_id(const uint8_t about[16], const char *what, struct sv address,
    uint8_t out[16])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, NULL, 0, 16);
	(void)crypto_generichash_update(&h, about, 16);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)what, strlen(what) + 1);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)address.p, address.n);
	(void)crypto_generichash_final(&h, out, 16);
}

int
queue_tell(struct queue_service *q, const struct conf *c, struct report *r,
    const struct queue_cause *cause, const struct addressees *to,
    struct err *err)
{
	struct spool_put p = {.fd = -1,
	    .flags = SPOOL_REPORT | SPOOL_BARE,
	    .to = to->to,
	    .via = to->via,
	    .nto = to->n};
	struct spool_item *letter = NULL;
	struct queue_news news = {
	    .kind = HISTORY_QUEUED, .count = HISTORY_C_NONE};
	size_t before = spool_count(q->spool);
	struct buf text;
	int rc;

	derive_id(cause->about, "letter", cause->address, p.delivery_id);
	r->id = p.delivery_id;
	r->hostname = c->hostname;
	r->domain = queue_domain(c);
	r->now = clk_now();
	buf_init(&text, REPORT_MAX);
	report_compose(r, &text);
	p.bytes = buf_sv(&text);
	rc = buf_ok(&text) ? spool_put(q->spool, &p, &letter, err)
			   : err_set(err, RC_TOOBIG, "the report is too long");
	if (rc == RC_OK && spool_count(q->spool) > before) {
		queue_schedule(q, letter, false);
		news.number = letter->seq;
		news.text = SV("a report on a message that is forwarded");
		queue_note(q, letter, NULL, letter->nrcpt, &news);
	}
	buf_fini(&text);
	return rc;
}

static struct report_rcpt *
report_recipients(const struct spool_item *it, const size_t *rcpt,
    const struct sv *reply_text, size_t n)
{
	struct report_rcpt *to = xcalloc(n, sizeof *to);
	size_t i;

	for (i = 0; i < n; i++)
		to[i] =
		    (struct report_rcpt){.address = it->rcpt[rcpt[i]].address,
			.reply_text = reply_text[i],
			.tries = it->rcpt[rcpt[i]].attempts + 1};
	return to;
}

/* A report of ours that nobody takes is not sent there again for weeks. */
static void
let_rest(struct queue_service *q, const char *address)
{
	const struct feedback_rest rest = {
	    sv_str(address), clk_now() / 1000 + FEEDBACK_REST_SECS};
	struct msg m;

	msg_init(&m, FEEDBACK_REST);
	feedback_rest_put(&m, &rest);
	history_tell(q->o.history, &m);
}

/* Some of an item's recipients that failed, all of the same alias or of
 * none. */
struct failure {
	struct spool_item *it;
	const char *via;
	size_t *rcpt, n;
	struct sv *reply_text;
	enum queue_end end;
};

/* To the sender; RC_PERM: there is none to write to. */
static int
report_failure(
    struct queue_service *q, const struct failure *f, struct err *err)
{
	struct report_rcpt *to =
	    report_recipients(f->it, f->rcpt, f->reply_text, f->n);
	struct report r = {.to = f->it->sender,
	    .expired = f->end == QUEUE_EXPIRED,
	    .lost = f->end == QUEUE_UNREADABLE,
	    .rcpt = to,
	    .nrcpt = f->n};
	struct conf *c = queue_conf(q);
	struct addressees list;
	int rc;

	addressees_init(&list);
	addressees_add_sender(&list, c, sv_str(r.to));
	rc = is_silent(f->it) ? err_set(err, RC_PERM, "its sender is nobody")
			      : write_report(q, f->it, &r, &list, f->rcpt, f->n,
				    SPOOL_FAILED, err);
	addressees_fini(&list);
	conf_free(&c);
	free(to);
	return rc;
}

/*
 * A copy for those who answer for an alias: nobody else has the message, and it
 * is too large for a report.  It is in the spool before the report says how it
 * ended.  What cannot be read is not waited for.
 */
static int
keep_copy(struct queue_service *q, const struct failure *f,
    const struct addressees *owners, struct err *err)
{
	struct spool_put p = {.sender = sv_str(f->it->sender),
	    .results = sv_str(f->it->results),
	    .flags = SPOOL_BARE,
	    .to = owners->to,
	    .via = owners->via,
	    .nto = owners->n,
	    .fd = -1,
	    .of = f->it};
	size_t before = spool_count(q->spool);
	struct spool_item *copy = NULL;
	int rc;

	derive_id(f->it->delivery_id, "copy", sv_str(f->via), p.delivery_id);
	rc = spool_put(q->spool, &p, &copy, err);
	if (rc == RC_OK && spool_count(q->spool) > before)
		queue_schedule(q, copy, false);
	if (rc != RC_OK)
		mlog(LOG_ERROR, "queue.keep", "item=%llu text=\"%s\"",
		    (unsigned long long)f->it->seq, err->text);
	return is_lost(rc) ? RC_OK : rc;
}

/* The rows of a report on what an alias forwards: to its owner, each failure,
 * in words; to the author, that of the alias. */
static void
forward_rows(const struct failure *f, const struct conf_alias *a,
    struct report_rcpt *to, struct buf *words)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct spool_recipient *target = &f->it->rcpt[f->rcpt[i]];
		struct sv address = sv_str(target->address);
		size_t at = sv_rchr(address, '@');

		buf_init(&words[i], 16 * SPOOL_REPLY_TEXT_MAX);
		queue_hide(a, sv_first(f->reply_text[i], SPOOL_REPLY_TEXT_MAX),
		    &words[i]);
		to[i] = (struct report_rcpt){.address = f->via,
		    .reply_text = buf_sv(&words[i]),
		    .tries = target->attempts + 1,
		    .domain = target->address + (at < address.n ? at + 1 : 0)};
	}
}

/* *author_out: it is the author who is told. */
static int
report_forward(struct queue_service *q, const struct failure *f,
    bool *author_out, struct err *err)
{
	struct conf *c = queue_conf(q);
	struct forward_room room;
	const struct conf_alias *a =
	    queue_forward_via(c, sv_str(f->via), &room);
	enum forward_told told =
	    queue_forward_told(c, f->it, f->via, f->rcpt, f->n);
	bool author = told == FORWARD_TO_AUTHOR;
	struct report_rcpt *to = xcalloc(f->n, sizeof *to);
	struct buf *words = xcalloc(f->n, sizeof *words);
	struct report r = {.alias = f->via,
	    .to_owner = !author,
	    .to = author ? f->it->sender : f->via,
	    .author = f->it->sender,
	    .expired = f->end == QUEUE_EXPIRED,
	    .lost = f->end == QUEUE_UNREADABLE,
	    .rcpt = to,
	    .nrcpt = author ? 1 : f->n};
	struct addressees list;
	size_t i;
	int rc = RC_OK;

	*author_out = author;
	addressees_init(&list);
	if (author)
		addressees_add_sender(&list, c, sv_str(r.to));
	else
		addressees_add_owners(&list, c, a, NULL);
	forward_rows(f, a, to, words);
	if (told == FORWARD_TO_OWNER_WHOLE && f->it->size > WHOLE_MAX &&
	    f->end != QUEUE_UNREADABLE)
		rc = keep_copy(q, f, &list, err);
	if (rc == RC_OK)
		rc = write_report(
		    q, f->it, &r, &list, f->rcpt, f->n, SPOOL_FAILED, err);
	for (i = 0; i < f->n; i++)
		buf_fini(&words[i]);
	free(words);
	addressees_fini(&list);
	free(to);
	conf_free(&c);
	return rc;
}

/*
 * Nothing is let go before somebody has been told of it: it waits until that
 * can be written.  After a refusal it goes out again then; what has come to
 * its end is looked at with each sweep.
 */
static int64_t
keep_waiting(
    struct queue_service *q, const struct failure *f, const struct err *err)
{
	struct queue_news news = {.kind = HISTORY_TRIED,
	    .count = HISTORY_C_NONE,
	    .text = sv_str(err->text)};
	uint32_t chance = randombytes_random();
	int64_t delay = 0, one;
	size_t i;

	for (i = 0; i < f->n; i++) {
		one = sched_delay(f->it->rcpt[f->rcpt[i]].attempts + 1, chance);
		delay = one > delay ? one : delay;
	}
	for (i = 0; f->end == QUEUE_REFUSED && i < f->n; i++)
		spool_tried(q->spool, f->it, f->rcpt[i], clk_now() + delay,
		    f->reply_text[i]);
	news.number = (uint64_t)(clk_now() + delay);
	if (f->end == QUEUE_REFUSED)
		queue_note(q, f->it, f->rcpt, f->n, &news);
	mlog(LOG_ERROR, "queue.bounce",
	    "item=%llu recipients=%zu told=no ms=%lld text=\"%s\"",
	    (unsigned long long)f->it->seq, f->n, (long long)delay, err->text);
	return delay;
}

/* How long they wait; 0: they have failed. */
static int64_t
fail(struct queue_service *q, const struct failure *f)
{
	struct err err = {.text = ""};
	bool author = true;
	int rc = f->via != NULL ? report_forward(q, f, &author, &err)
				: report_failure(q, f, &err);
	size_t i;

	if (rc != RC_OK && rc != RC_PERM)
		return keep_waiting(q, f, &err);
	tally_add(TALLY_RETURNED, f->n);
	note_returned(
	    q, f->it, f->rcpt, f->reply_text, f->n, rc == RC_OK && author);
	mlog(LOG_WARN, "queue.bounce", "item=%llu recipients=%zu told=%s%s%s%s",
	    (unsigned long long)f->it->seq, f->n, rc == RC_OK ? "yes" : "no",
	    rc == RC_OK ? "" : " text=\"", rc == RC_OK ? "" : err.text,
	    rc == RC_OK ? "" : "\"");
	for (i = 0; rc != RC_OK && i < f->n; i++)
		spool_settle(q->spool, f->it, f->rcpt[i], SPOOL_FAILED,
		    f->reply_text[i]);
	return 0;
}

static bool
same_via(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int64_t
queue_bounce(struct queue_service *q, struct spool_item *it, const size_t *rcpt,
    const struct sv *reply_text, size_t n, enum queue_end end)
{
	struct failure f = {.it = it,
	    .rcpt = xcalloc(n, sizeof *f.rcpt),
	    .reply_text = xcalloc(n, sizeof *f.reply_text),
	    .end = end};
	bool *done = xcalloc(n, sizeof *done);
	int64_t delay = 0, one = 0;
	size_t i, j;

	for (i = 0; i < n; i++) {
		if (done[i])
			continue;
		f.n = 0;
		f.via = it->rcpt[rcpt[i]].via;
		for (j = i; j < n && f.n < REPORT_RCPT_MAX; j++)
			if (!done[j] &&
			    same_via(f.via, it->rcpt[rcpt[j]].via)) {
				done[j] = true;
				f.rcpt[f.n] = rcpt[j];
				f.reply_text[f.n++] = reply_text[j];
			}
		one = fail(q, &f);
		delay = one > delay ? one : delay;
	}
	for (i = 0; (it->flags & SPOOL_FEEDBACK) != 0 && i < n; i++)
		let_rest(q, it->rcpt[rcpt[i]].address);
	free(done);
	free(f.reply_text);
	free(f.rcpt);
	queue_commit(q);
	return delay;
}

/* ---- age ---- */

/* The last words on a recipient that waits. */
static struct sv
last_words(const struct spool_item *it, size_t rcpt)
{
	const struct sched_unit *u = it->rcpt[rcpt].unit;
	size_t i;

	if (u != NULL && u->dest->reply_text != NULL)
		return sv_str(u->dest->reply_text);
	for (i = it->nattempt; i-- > 0;)
		if (it->attempt[i].rcpt == rcpt)
			return sv_str(it->attempt[i].reply_text);
	return SV("");
}

/* Recipients that wait and whose unit ok() takes; local ones, too, or not. */
static size_t
choose(const struct spool_item *it, bool (*ok)(const struct sched_unit *u),
    bool local, size_t *rcpt, struct sv *reply_text)
{
	size_t i, n = 0;

	for (i = 0; i < it->nrcpt; i++) {
		const struct spool_recipient *to = &it->rcpt[i];

		if ((to->local && !local) || to->outcome != SPOOL_WAITS ||
		    to->held || to->unit == NULL || !ok(to->unit))
			continue;
		rcpt[n] = i;
		reply_text[n++] = last_words(it, i);
	}
	return n;
}

/*
 * Age alone proves nothing: the clock may have stepped, or the server was off
 * for a week.  It must have been tried often enough, and since we started.
 */
static bool
is_tried_out(const struct sched_unit *u)
{
	return u->state != SCHED_IN_FLIGHT && u->state != SCHED_HELD &&
	       sched_tries(u) >= SCHED_TRIES_MIN &&
	       sched_tries(u) > u->restored;
}

/* There is nothing to be tried with, since we started. */
static bool
is_unreadable(const struct sched_unit *u)
{
	return u->state != SCHED_IN_FLIGHT && u->state != SCHED_HELD &&
	       u->stumbles >= SCHED_TRIES_MIN;
}

static bool
is_waiting(const struct sched_unit *u)
{
	return u->state != SCHED_HELD &&
	       (sched_tries(u) > 0 || u->stumbles > 0);
}

static void
drop_settled(struct sched_unit *u, struct spool_item *it, void *arg)
{
	queue_drop_unit(arg, it, u);
}

static void
end_unreadable(struct queue_service *q, struct spool_item *it, size_t *rcpt,
    struct sv *reply_text)
{
	size_t i, n = choose(it, is_unreadable, true, rcpt, reply_text);

	for (i = 0; i < n; i++)
		reply_text[i] = SV(REPORT_UNREADABLE);
	if (n > 0)
		(void)queue_bounce(
		    q, it, rcpt, reply_text, n, QUEUE_UNREADABLE);
}

static void
end_tried_out(struct queue_service *q, struct spool_item *it, size_t *rcpt,
    struct sv *reply_text)
{
	size_t i, n = choose(it, is_tried_out, false, rcpt, reply_text);
	struct buf *words;

	if (n == 0)
		return;
	/* The destination's words go with its last unit. */
	words = xcalloc(n, sizeof *words);
	for (i = 0; i < n; i++) {
		buf_init(&words[i], SPOOL_REPLY_TEXT_MAX);
		buf_addsv(
		    &words[i], sv_first(reply_text[i], SPOOL_REPLY_TEXT_MAX));
		reply_text[i] = buf_sv(&words[i]);
	}
	(void)queue_bounce(q, it, rcpt, reply_text, n, QUEUE_EXPIRED);
	for (i = 0; i < n; i++)
		buf_fini(&words[i]);
	free(words);
}

static void
expire(struct queue_service *q, struct spool_item *it, size_t *rcpt,
    struct sv *reply_text)
{
	end_unreadable(q, it, rcpt, reply_text);
	end_tried_out(q, it, rcpt, reply_text);
	queue_each_unit(it, drop_settled, q);
	queue_drop_if_done(q, it);
}

/* Whom an alias forwards to is not the sender's business: of a delay there
 * nobody is told. */
static size_t
leave_out_forwarded(
    const struct spool_item *it, size_t *rcpt, struct sv *reply_text, size_t n)
{
	size_t i, left = 0;

	for (i = 0; i < n; i++) {
		if (it->rcpt[rcpt[i]].via != NULL)
			continue;
		rcpt[left] = rcpt[i];
		reply_text[left++] = reply_text[i];
	}
	return left;
}

static void
tell_history(struct queue_service *q, const struct spool_item *it,
    const size_t *rcpt, size_t n)
{
	const struct queue_news news = {
	    .kind = HISTORY_DELAYED, .count = HISTORY_C_NONE};

	mlog(LOG_INFO, "queue.notice",
	    "item=%llu text=\"its sender was told that it waits\"",
	    (unsigned long long)it->seq);
	queue_note(q, it, rcpt, n, &news);
}

/* About some of them. */
static void
report_delay(struct queue_service *q, struct spool_item *it, const size_t *rcpt,
    const struct sv *reply_text, size_t n)
{
	struct report_rcpt *to = report_recipients(it, rcpt, reply_text, n);
	struct report r = {
	    .delay = true, .to = it->sender, .rcpt = to, .nrcpt = n};
	struct conf *c = queue_conf(q);
	struct err err = {.text = ""};
	struct addressees list;

	addressees_init(&list);
	addressees_add_sender(&list, c, sv_str(r.to));
	if (write_report(q, it, &r, &list, rcpt, n, SPOOL_WAITS, &err) != RC_OK)
		mlog(LOG_WARN, "queue.notice", "item=%llu text=\"%s\"",
		    (unsigned long long)it->seq, err.text);
	else
		tell_history(q, it, rcpt, n);
	addressees_fini(&list);
	conf_free(&c);
	free(to);
}

static void
tell_delay(struct queue_service *q, struct spool_item *it, size_t *rcpt,
    struct sv *reply_text)
{
	size_t n = choose(it, is_waiting, false, rcpt, reply_text), i, k;

	n = leave_out_forwarded(it, rcpt, reply_text, n);
	if (n == 0)
		return;
	if (is_silent(it))
		spool_delay_reported(q->spool, it);
	for (i = 0; !is_silent(it) && i < n; i += k) {
		k = n - i < REPORT_RCPT_MAX ? n - i : REPORT_RCPT_MAX;
		report_delay(q, it, rcpt + i, reply_text + i, k);
	}
	queue_commit(q);
}

void
queue_look_at_clock(struct queue_service *q)
{
	int64_t now = clk_now() - clk_mono(), step = now - q->wall_minus_mono;

	q->wall_minus_mono = now;
	if (step < STEP_MS && step > -STEP_MS)
		return;
	mlog(LOG_WARN, "queue.clock",
	    "ms=%lld text=\"the clock was changed; this does not make waiting "
	    "mail older\"",
	    (long long)step);
	spool_stepped(q->spool, step);
	queue_commit(q);
}

void
queue_age(struct queue_service *q, struct spool_item *it)
{
	size_t *rcpt;
	struct sv *reply_text;
	int64_t age, most = (it->flags & SPOOL_FEEDBACK) != 0
				? FEEDBACK_EXPIRY_MS
				: SCHED_EXPIRY_MS;

	/* A step since the last sweep must not count. */
	queue_look_at_clock(q);
	age = clk_now() - it->arrived;
	if (age < SCHED_NOTICE_MS || (it->delay_reported && age < most))
		return;
	rcpt = xcalloc(it->nrcpt, sizeof *rcpt);
	reply_text = xcalloc(it->nrcpt, sizeof *reply_text);
	if (age >= most)
		expire(q, it, rcpt, reply_text);
	else
		tell_delay(q, it, rcpt, reply_text);
	free(rcpt);
	free(reply_text);
}

void
queue_sweep(struct queue_service *q)
{
	struct spool_item *it, *next;

	queue_look_at_clock(q);
	for (it = spool_first(q->spool); it != NULL; it = next) {
		next = it->next;
		queue_age(q, it);
	}
}
