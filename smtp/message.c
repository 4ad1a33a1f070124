#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "base/tally.h"
#include "mail/trace.h"
#include "smtp/smtp_priv.h"

#define PROGRESS_BYTES 16384
#define FLOOD_BYTES    (16u << 20)
#define SMTP_FRONT_MAX 16384

/* ---- receiving ---- */

static void
begin_message(struct smtp_session *s)
{
	struct smtp_transaction *t = &s->t;

	smtp_body_init(&t->body, s->c->budget, s->c->o->ops, s->c->o->ctx);
	smtp_submit_init(&t->submit);
	mail_field_counter_init(&t->hops, SV("received"));
	t->signs = s->c->o->submission && t->noutside + t->nforward > 0 &&
		   s->c->o->ops->sign != NULL;
	if (t->signs)
		smtp_signing_init(&t->signing);
	t->receiving = true;
	buf_init(&t->trace, SMTP_FRONT_MAX);
	buf_init(&t->results, SMTP_FRONT_MAX);
	if (!s->c->o->submission)
		t->judge = smtp_arrival_begin(s);
}

static bool
may_send(void *arg, struct sv address)
{
	const struct smtp_session *s = arg;

	return s->c->o->ops->may_send(s->c->o->ctx, &s->login, address);
}

/* The header of a submitted message is complete: check and complete it.
 * The verdict waits for the message's end. */
static int
edit_header(struct smtp_session *s, struct err *err)
{
	struct smtp_transaction *t = &s->t;
	struct smtp_submit_args a = {.hostname = s->c->o->hostname,
	    .now = clk_now() / 1000,
	    .id = t->id,
	    .may_send = may_send,
	    .arg = s};
	struct sv text = smtp_submit_text(&t->submit);
	struct buf out;
	int r;

	buf_init(&out, SMTP_SUBMIT_HEADER_MAX + SMTP_SUBMIT_ADDED_MAX);
	smtp_note_header(s, buf_sv(&t->submit.header));
	r = smtp_submit_edit(&t->submit, &a, &out, err);
	if (r == RC_OK) {
		smtp_note_header(s, buf_sv(&out));
		smtp_body_add(&t->body, buf_sv(&out));
		smtp_body_add(&t->body, text);
		if (t->signs) {
			smtp_signing_header(&t->signing, buf_sv(&out));
			smtp_signing_body(&t->signing, text);
		}
	}
	buf_fini(&out);
	buf_release(&t->submit.header);
	return r;
}

/* Bytes of the message, dots taken off. */
static void
take_submitted(
    struct smtp_session *s, struct sv bytes, int *verdict, struct err *err)
{
	struct smtp_transaction *t = &s->t;
	struct sv rest = bytes;

	if (!t->submit.over) {
		if (!smtp_submit_feed(&t->submit, bytes, &rest))
			return;
		*verdict = t->submit.too_big ? err_set(err, RC_TOOBIG,
						   "the header is too large")
					     : edit_header(s, err);
		if (*verdict != RC_OK)
			return;
	}
	smtp_body_add(&t->body, rest);
	if (t->signs)
		smtp_signing_body(&t->signing, rest);
}

/* The header is whole: who of those to whom it would be passed on has had it
 * already? */
static void
take_header(struct smtp_session *s)
{
	struct smtp_transaction *t = &s->t;
	struct sv kept = smtp_judge_kept(t->judge);
	size_t i;

	for (i = 0; i < t->nforward; i++)
		t->forward[i].looped = mail_trace_was_for(kept,
		    sv_str(s->c->o->hostname), sv_str(t->forward[i].address));
	smtp_note_header(s, kept);
	if (smtp_report_header(kept))
		t->report = SMTP_REPORT_YES;
	smtp_body_add(&t->body, kept);
	smtp_judge_let_go(t->judge);
}

static void
take_arriving(
    struct smtp_session *s, struct sv bytes, int *verdict, struct err *err)
{
	struct smtp_transaction *t = &s->t;
	struct sv rest = bytes;
	bool too_big;

	mail_field_counter_feed(&t->hops, bytes);
	if (!smtp_judge_header_over(t->judge)) {
		if (!smtp_judge_header(t->judge, bytes, &rest, &too_big))
			return;
		if (too_big) {
			*verdict = err_set(err, RC_TOOBIG,
			    "the header is larger than %u bytes",
			    SMTP_JUDGE_HEADER_MAX);
			return;
		}
		take_header(s);
	}
	smtp_body_add(&t->body, rest);
	smtp_judge_body(t->judge, rest);
}

static void
take_bytes(
    struct smtp_session *s, struct sv bytes, int *verdict, struct err *err)
{
	struct smtp_transaction *t = &s->t;

	/* A peer that drips bytes makes no progress. */
	if (t->received / PROGRESS_BYTES !=
	    (t->received + bytes.n) / PROGRESS_BYTES)
		smtp_progress(s);
	t->received += bytes.n;
	if (t->received > s->c->limits.message_size)
		t->too_big = true;
	if (t->too_big || *verdict != RC_OK)
		return; /* read on, keep nothing */
	if (s->c->o->submission)
		take_submitted(s, bytes, verdict, err);
	else
		take_arriving(s, bytes, verdict, err);
}

/* A message that is all header has no empty line. */
static void
end_bytes(struct smtp_session *s, int *verdict, struct err *err)
{
	struct smtp_transaction *t = &s->t;

	if (*verdict != RC_OK || t->too_big)
		return;
	if (!s->c->o->submission) {
		if (smtp_judge_header_over(t->judge))
			return;
		smtp_judge_header_end(t->judge);
		take_header(s);
		return;
	}
	if (t->submit.over)
		return;
	smtp_submit_end(&t->submit);
	*verdict = edit_header(s, err);
}

/* A peer that goes on and on far above the limit is not read to its end. */
static bool
is_flood(struct smtp_session *s)
{
	if (s->t.received / 2 <= s->c->limits.message_size + FLOOD_BYTES)
		return false;
	smtp_end(s, "the message is too large");
	return true;
}

/* ---- the end of a message ---- */

/* The signatures of what goes outside.  Unsigned it does not leave: others
 * would take it for forged. */
static int
sign(struct smtp_session *s, struct buf *out, struct err *err)
{
	struct smtp_transaction *t = &s->t;
	const struct smtp_server_opts *o = s->c->o;

	if (!t->signs)
		return RC_OK;
	if (smtp_signing_end(&t->signing) == RC_OK &&
	    o->ops->sign(o->ctx, &t->signing, out) == RC_OK && buf_ok(out))
		return RC_OK;
	return err_set(
	    err, RC_TEMP, "the message cannot be signed now; try again");
}

/*
 * In front of the message, from above: of one that leaves, its signatures; of
 * one that has arrived, Return-Path, which stays the first [RFC 5321 4.4], and
 * what was found out about it; then Received.  What is forwarded leaves without
 * the results: they are in its seal.
 */
static int
make_front(struct smtp_session *s, const struct verdict *v, struct buf *out,
    struct err *err)
{
	int r = sign(s, out, err);

	if (r != RC_OK)
		return r;
	smtp_trace_return_path(s, out);
	if (s->t.judge != NULL)
		smtp_judge_field(
		    s->t.judge, v, s->t.nforward > 0 ? &s->t.results : out);
	smtp_trace_received(s, out);
	return buf_ok(out) && buf_ok(&s->t.results)
		   ? RC_OK
		   : err_set(err, RC_TEMP,
			 "the trace fields are too large; try again");
}

/* Its author's domain may want to hear of it, whatever other reasons there were
 * to refuse it [RFC 9990 3.1]. */
static void
tell_feedback(struct smtp_session *s, enum report_done done, bool refused,
    const struct verdict *v)
{
	const struct smtp_server_opts *o = s->c->o;
	const struct smtp_judge *j = s->t.judge;
	struct smtp_feedback_done what = {.done = done, .refused = refused};
	struct smtp_feedback f;

	if (o->ops->feedback == NULL || j == NULL ||
	    smtp_judge_result(j) == NULL)
		return;
	/* The recipients' domains may have wanted different things: what was
	 * done with the first of them. */
	if (v != NULL)
		what.reason = sv_str(verdict_override_name(v->override));
	if (smtp_feedback_fill(smtp_judge_result(j), buf_sv(&s->t.sender),
		&what, clk_now() / 1000, &f))
		o->ops->feedback(o->ctx, &f);
}

/* What was done with it before anybody looked for viruses. */
static enum report_done
done_by_policy(const struct smtp_arrival *arrived)
{
	return arrived->junk && !arrived->unscanned ? REPORT_DONE_JUNK
						    : REPORT_DONE_NOTHING;
}

static void
hand_report_over(struct smtp_session *s)
{
	const struct smtp_server_opts *o = s->c->o;
	struct smtp_transaction *t = &s->t;
	struct smtp_report_mail m = {.expected = t->report == SMTP_REPORT_YES,
	    .fd = t->body.fd,
	    .size = t->body.size};

	if (t->report == SMTP_REPORT_NO || t->judge == NULL ||
	    o->ops->report == NULL)
		return;
	m.from = smtp_judge_author(t->judge);
	m.verified = smtp_judge_verified(t->judge);
	o->ops->report(o->ctx, &m);
}

static void
log_delivery(const struct smtp_session *s, const struct smtp_arrival *arrived,
    const struct smtp_delivery *d, const char *id, const char *judged, int r)
{
	char from[LOG_Q_MAX], to[LOG_Q_MAX];

	mlog(r == RC_OK ? LOG_INFO : LOG_WARN,
	    r == RC_OK ? "smtp.accept" : "smtp.defer",
	    "sid=%llx id=%s peer=%s from=%s rcpt=%s nrcpt=%u size=%llu "
	    "tls=%d%s%s%s%s rc=%s",
	    (unsigned long long)s->c->id, id, s->c->peer,
	    log_q(from, d->sender), log_q(to, buf_sv(&s->t.first_rcpt)),
	    s->t.nrcpt, (unsigned long long)(d->front.n + d->size),
	    stream_is_tls(s->st), s->authed ? " account=" : "",
	    s->authed ? s->login.account : "", judged,
	    arrived->junk ? " junk=1" : "", rc_name(r));
}

/* What it is, but for the fields in front. */
static struct smtp_delivery
delivery_of(const struct smtp_session *s, const struct smtp_arrival *arrived)
{
	const struct smtp_transaction *t = &s->t;
	struct smtp_delivery d = {.sender = buf_sv(&t->sender),
	    .fd = t->body.fd,
	    .size = t->body.size,
	    .account = t->account,
	    .naccount = t->naccount,
	    .outside = (const char *const *)t->outside,
	    .noutside = t->noutside,
	    .owner = s->authed ? s->login.account : NULL,
	    .bare = t->noutside + t->nforward > 0,
	    .forward = t->forward,
	    .nforward = t->nforward,
	    .known = t->judge != NULL ? smtp_judge_sender_known(t->judge)
				      : s->authed,
	    .verdict = arrived->judged ? &arrived->verdict : NULL,
	    .unscanned = arrived->unscanned};

	memcpy(d.id, t->id, sizeof d.id);
	return d;
}

static void
deliver(struct smtp_session *s, const struct smtp_arrival *arrived)
{
	struct smtp_transaction *t = &s->t;
	const struct smtp_server_opts *o = s->c->o;
	struct smtp_delivery d = delivery_of(s, arrived);
	char hex[33], judged[SMTP_JUDGE_LOG_MAX] = "";
	struct err err = {.text = "try again later"};
	const int64_t since = clk_now();
	size_t i;
	int r;

	r = make_front(s, d.verdict, &t->trace, &err);
	d.front = buf_sv(&t->trace);
	d.results = buf_sv(&t->results);
	if (r == RC_OK)
		r = o->ops->deliver(o->ctx, &d, &err);
	if (t->judge != NULL)
		smtp_judge_log(t->judge, d.verdict, judged);
	for (i = 0; i < sizeof t->id; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", t->id[i]);
	log_delivery(s, arrived, &d, hex, judged, r);
	if (r != RC_OK) {
		smtp_arrival_deferred(s);
		if (r == RC_NOSPACE)
			smtp_reply(s, 452, "4.3.1", "no room: %s", err.text);
		else
			smtp_reply(s, 451, "4.3.0", "%s", err.text);
		return;
	}
	if (s->authed)
		tally_add(TALLY_SUBMITTED, 1);
	smtp_note_accepted(s, since, d.front.n + d.size, judged, arrived);
	smtp_reply(s, 250, "2.0.0", "on the disk as %s", hex);
	tell_feedback(s, done_by_policy(arrived), false, d.verdict);
	hand_report_over(s);
}

/* Those of the recipients that have had the message are not sent it again;
 * false: that were all. */
static bool
end_loops(struct smtp_session *s)
{
	struct smtp_transaction *t = &s->t;
	size_t i, n = 0, looped = 0;

	for (i = 0; i < t->nforward; i++) {
		if (t->forward[i].looped) {
			looped += t->forward[i].nrcpt;
			free(t->forward[i].address);
			continue;
		}
		t->forward[n++] = t->forward[i];
	}
	t->nforward = n;
	return looped < t->nrcpt;
}

/* True: it may go on.  What cannot be looked at now comes again, for a while,
 * but not what our own people write: they would have to do it by hand. */
static bool
scan(struct smtp_session *s, struct smtp_arrival *arrived)
{
	const struct smtp_server_opts *o = s->c->o;
	struct smtp_transaction *t = &s->t;
	const struct smtp_scanned m = {.sender = buf_sv(&t->sender),
	    .recipients = buf_sv(&t->rcpts),
	    .fd = t->body.fd,
	    .size = t->body.size};
	struct clamd_answer a;
	char q[LOG_Q_MAX];

	if (o->ops->scan == NULL)
		return true;
	if (o->ops->scan(o->ctx, &m, &a) != RC_OK)
		return true;
	t->virus = a.says;
	if (a.says == CLAMD_FOUND) {
		mlog(LOG_INFO, "smtp.virus", "sid=%llx peer=%s name=%s",
		    (unsigned long long)s->c->id, s->c->peer,
		    log_q(q, sv_str(a.name)));
		tell_feedback(s, done_by_policy(arrived), true,
		    arrived->judged ? &arrived->verdict : NULL);
		smtp_refuse(s, 554, "5.7.1",
		    "the message contains a virus, says ClamAV: %s", a.name);
		return false;
	}
	if (o->submission || (s->c->loopback && !s->c->limits.loopback))
		return true;
	if (a.says == CLAMD_NEVER) {
		arrived->unscanned = !arrived->junk;
		smtp_arrival_junk(s, arrived);
	}
	if (a.says == CLAMD_FAILED) {
		smtp_arrival_deferred(s);
		smtp_reply(s, 451, "4.7.1",
		    "the message cannot be looked at for viruses now; try "
		    "again later");
		return false;
	}
	return true;
}

static void
note_refused(struct smtp_session *s)
{
	const struct smtp_server_opts *o = s->c->o;
	struct verdict v;

	if (o->ops->refused != NULL && smtp_judge_verdict(s->t.judge, &v))
		o->ops->refused(o->ctx, &v);
}

/* What has arrived is refused, kept, or kept with the junk. */
static void
judge_and_deliver(struct smtp_session *s)
{
	struct smtp_arrival a = {.action = SMTP_JUDGE_KEEP};
	char judged[SMTP_JUDGE_LOG_MAX], from[LOG_Q_MAX];

	if (s->t.judge != NULL)
		smtp_arrival_end(s, &a);
	if (a.action == SMTP_JUDGE_KEEP) {
		if (scan(s, &a))
			deliver(s, &a);
		return;
	}
	smtp_judge_log(s->t.judge, NULL, judged);
	mlog(LOG_INFO, "smtp.judged", "sid=%llx peer=%s from=%s%s text=%s",
	    (unsigned long long)s->c->id, s->c->peer,
	    log_q(from, buf_sv(&s->t.sender)), judged,
	    a.action == SMTP_JUDGE_REFUSE ? "refused" : "deferred");
	if (a.action == SMTP_JUDGE_REFUSE) {
		note_refused(s);
		tell_feedback(s, REPORT_DONE_REFUSED, true, NULL);
		smtp_refuse(s, 550, a.why.code, "%s", a.why.text);
	} else {
		smtp_arrival_deferred(s);
		smtp_reply(s, a.grey ? 450 : 451, a.why.code, "%s", a.why.text);
	}
}

/* Says what becomes of the message; the transaction is over. */
static void
end_message(struct smtp_session *s, const struct smtp_data *data, int verdict,
    const struct err *err)
{
	struct smtp_transaction *t = &s->t;

	if (data->bare) {
		smtp_refuse(s, 550, "5.6.0",
		    "the message has a CR without "
		    "LF or an LF without CR; lines end with CR LF");
	} else if (data->nul) {
		smtp_refuse(s, 550, "5.6.0", "the message has a NUL byte");
	} else if (data->long_line) {
		smtp_refuse(s, 550, "5.6.0", "a line is longer than %u bytes",
		    SMTP_DATA_LINE_MAX);
	} else if (t->too_big) {
		smtp_refuse(s, 552, "5.3.4", "at most %llu bytes",
		    (unsigned long long)s->c->limits.message_size);
	} else if (verdict != RC_OK) {
		smtp_refuse(s, verdict == RC_TOOBIG ? 552 : 550,
		    verdict == RC_DENIED   ? "5.7.1"
		    : verdict == RC_TOOBIG ? "5.3.4"
					   : "5.6.0",
		    "%s", err->text);
	} else if (t->hops.count >= MAIL_HOPS_MAX) {
		smtp_refuse(s, 554, "5.4.6",
		    "the message has passed %zu servers: mail loop",
		    t->hops.count);
	} else if (!end_loops(s)) {
		smtp_refuse(s, 554, "5.4.6",
		    "<%.200s> has had this message before: mail loop",
		    t->first_rcpt.p);
	} else if (t->body.error != RC_OK) {
		smtp_arrival_deferred(s);
		smtp_reply(s, t->body.error == RC_NOSPACE ? 452 : 451, "4.3.1",
		    "no room for the message now");
	} else {
		judge_and_deliver(s);
	}
	s->idle = 0;
	smtp_transaction_reset(s);
	smtp_set_state(s, SMTP_ST_READY);
}

/* ---- DATA ---- */

void
smtp_run_data(struct smtp_session *s, struct sv args)
{
	bool has_args = args.n > 0;
	struct smtp_data data;
	struct err err = {.text = ""};
	struct buf out;
	int verdict = RC_OK;

	smtp_line_done(s);
	if (has_args) {
		smtp_refuse(s, 501, "5.5.4", "DATA takes no argument");
		return;
	}
	smtp_reply(s, 354, "", "send the message; end with a single dot");
	begin_message(s);
	smtp_data_init(&data, SMTP_DATA_LINE_MAX);
	buf_init(&out, 2 * SMTP_INPUT_MAX);
	while (data.state != SMTP_DATA_END) {
		struct sv in = stream_input(s->st);

		if (in.n == 0) {
			/* Who is silent now costs nothing. */
			buf_release(&out);
			if (smtp_fill(s, s->c->limits.data_timeout) == RC_EOF) {
				s->over = true;
				break;
			}
			continue;
		}
		stream_consume(s->st, smtp_data_feed(&data, in, &out));
		take_bytes(s, buf_sv(&out), &verdict, &err);
		buf_reset(&out);
		if (is_flood(s))
			break;
	}
	buf_fini(&out);
	if (s->over) {
		smtp_note_broken_off(s);
		return;
	}
	end_bytes(s, &verdict, &err);
	end_message(s, &data, verdict, &err);
}

/* ---- BDAT [RFC 3030] ---- */

/*
 * Chunks are counted, not scanned for an end, but their bytes become the same
 * message that DATA brings: bare CR and LF are refused here, too.  (BINARYMIME
 * is not offered.)  The checker sees the chunks as one stream.
 */
static void
check_byte(struct smtp_chunks *ch, char c)
{
	if (ch->cr != (c == '\n'))
		ch->check.bare = true;
	if (c == '\0')
		ch->check.nul = true;
	ch->check.line = c == '\n' ? 0 : ch->check.line + 1;
	ch->cr = c == '\r';
}

static void
check_chunk(struct smtp_chunks *ch, struct sv in)
{
	while (in.n > 0) {
		size_t n = smtp_data_plain(in);

		/* The first byte of a run may come after a CR. */
		check_byte(ch, in.p[0]);
		if (n > 1)
			ch->check.line += n - 1;
		if (ch->check.line > SMTP_DATA_LINE_MAX)
			ch->check.long_line = true;
		in = sv_skip(in, n > 1 ? n : 1);
	}
}

/* Reads n bytes of the peer's; keep == NULL throws them away. */
static bool
read_chunk(struct smtp_session *s, uint64_t n, struct smtp_chunks *keep)
{
	while (n > 0) {
		struct sv in = stream_input(s->st);

		if (in.n == 0) {
			if (smtp_fill(s, s->c->limits.data_timeout) == RC_EOF) {
				s->over = true;
				return false;
			}
			continue;
		}
		in = sv_first(in, n < in.n ? (size_t)n : in.n);
		if (keep != NULL) {
			check_chunk(keep, in);
			take_bytes(s, in, &keep->verdict, &keep->err);
		} else {
			s->t.received += in.n;
		}
		stream_consume(s->st, in.n);
		n -= in.n;
		if (is_flood(s))
			return false;
	}
	return true;
}

/* A chunk out of order is read all the same: its bytes are not commands. */
static void
refuse_chunk(struct smtp_session *s, uint64_t size)
{
	s->t.received = 0;
	if (!read_chunk(s, size, NULL))
		return;
	s->t.received = 0;
	if (s->c->o->submission && !s->authed)
		smtp_refuse(s, 530, "5.7.0", "log in first");
	else
		smtp_refuse(s, 503, "5.5.1", "no valid recipients");
}

/* Its size is known, but not what it is meant to be: it is read, too, and the
 * message that lacks it is given up. */
static void
refuse_lost_chunk(struct smtp_session *s, uint64_t size)
{
	s->t.received = 0;
	if (!read_chunk(s, size, NULL))
		return;
	s->gives_up = s->t.nrcpt > 0;
	smtp_refuse(s, 501, "5.5.4", "as in BDAT 1000 LAST");
	s->gives_up = false;
	smtp_transaction_reset(s);
	if (s->state != SMTP_ST_START)
		smtp_set_state(s, SMTP_ST_READY);
}

void
smtp_run_bdat(struct smtp_session *s, struct sv args)
{
	struct smtp_chunks *ch = &s->t.chunks;
	uint64_t size = 0;
	bool last, legal = (s->state & (SMTP_ST_RCPT | SMTP_ST_BDAT)) != 0;
	enum smtp_arg_error e = smtp_bdat_parse(args, &size, &last);

	smtp_line_done(s);
	if (e == SMTP_ARG_PARAM) {
		refuse_lost_chunk(s, size);
		return;
	}
	if (e != SMTP_ARG_OK) {
		/* Where its bytes end is unknown: nothing behind it can be
		 * trusted. */
		s->gives_up = s->t.nrcpt > 0;
		smtp_refuse(s, 501, "5.5.4", "as in BDAT 1000 LAST");
		s->gives_up = false;
		if (!s->over)
			smtp_end(s, "lost track of the chunks");
		return;
	}
	if (!legal) {
		refuse_chunk(s, size);
		return;
	}
	if (s->state == SMTP_ST_RCPT) {
		begin_message(s);
		*ch = (struct smtp_chunks){.verdict = RC_OK};
		smtp_set_state(s, SMTP_ST_BDAT);
	}
	if (!read_chunk(s, size, ch)) {
		smtp_note_broken_off(s);
		return;
	}
	if (!last) {
		smtp_reply(s, 250, "2.0.0", "%llu bytes so far",
		    (unsigned long long)s->t.received);
		return;
	}
	if (ch->cr)
		ch->check.bare = true;
	end_bytes(s, &ch->verdict, &ch->err);
	end_message(s, &ch->check, ch->verdict, &ch->err);
}
