/*
 * What a session reads and writes: replies, lines, and the state in which they
 * are.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/ascii.h"
#include "base/clk.h"
#include "base/log.h"
#include "smtp/smtp_priv.h"

#define SKIP_READS 1024 /* of an over-long line */

/* ---- replies ---- */

/*
 * One line for each refusal, so that an owner whose friend says "your server
 * refuses me" finds who was refused, as whom, and why.
 */
static void
log_refusal(
    struct smtp_session *s, int code, const char *enhanced, const char *text)
{
	char helo[LOG_Q_MAX], from[LOG_Q_MAX], rcpt[LOG_Q_MAX], q[LOG_Q_MAX];
	bool is_rcpt = s->refused_rcpt.n > 0;
	struct buf words;
	unsigned missed;

	if (!log_peer_may(s->c->peer, &missed))
		return;
	if (missed > 0)
		mlog(LOG_INFO, "smtp.refuse.more", "peer=%s lines=%u",
		    s->c->peer, missed);
	buf_init(&words, 1024);
	buf_addf(
	    &words, "%s%s%s", enhanced, enhanced[0] != '\0' ? " " : "", text);
	mlog(LOG_INFO, is_rcpt ? "smtp.rcpt.reject" : "smtp.refuse",
	    "sid=%llx peer=%s helo=%s from=%s%s%s%s%s code=%d text=%s",
	    (unsigned long long)s->c->id, s->c->peer,
	    log_q(helo, buf_sv(&s->helo)),
	    log_q(from,
		s->refused_mail.n > 0 ? s->refused_mail : buf_sv(&s->t.sender)),
	    is_rcpt ? " rcpt=" : "",
	    is_rcpt ? log_q(rcpt, s->refused_rcpt) : "",
	    s->authed ? " account=" : "", s->authed ? s->login.account : "",
	    code, log_q(q, buf_sv(&words)));
	buf_fini(&words);
}

static void
reply_lines(struct smtp_session *s, int code, const char *enhanced,
    const char *fmt, va_list ap)
{
	char text[512];
	struct sv rest;

	(void)vsnprintf(text, sizeof text, fmt, ap);
	if (code >= 400) {
		log_refusal(s, code, enhanced, text);
		smtp_note_refusal(s, code, enhanced, text);
	}
	rest = sv_str(text);
	do {
		struct sv line = sv_split(&rest, '\n');

		stream_printf(s->st, "%d%c%s%s%.*s\r\n", code,
		    rest.p != NULL ? '-' : ' ', enhanced,
		    enhanced[0] != '\0' ? " " : "", SV_ARG(line));
	} while (rest.p != NULL);
}

void
smtp_reply(struct smtp_session *s, int code, const char *enhanced,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply_lines(s, code, enhanced, fmt, ap);
	va_end(ap);
}

void
smtp_end(struct smtp_session *s, const char *why)
{
	smtp_reply(s, 421, "4.3.2", "%s %s", s->c->o->hostname, why);
	s->over = true;
}

void
smtp_refuse(struct smtp_session *s, int code, const char *enhanced,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply_lines(s, code, enhanced, fmt, ap);
	va_end(ap);
	if (++s->errors < s->c->limits.errors || s->over)
		return;
	smtp_reply(s, 421, "4.7.0", "%s too many errors", s->c->o->hostname);
	s->over = true;
}

/* ---- input ---- */

void
smtp_progress(struct smtp_session *s)
{
	s->c->progress = clk_mono();
}

int
smtp_fill(struct smtp_session *s, int64_t timeout)
{
	int r;

	if (stream_flush(s->st) != RC_OK)
		return RC_EOF;
	if (stream_input(s->st).n == 0)
		stream_park(s->st);
	r = atomic_load(&s->c->leave) ? RC_EOF : stream_fill(s->st, timeout);
	if (atomic_load(&s->c->leave)) {
		smtp_end(s, "has to end this session; try again later");
		return RC_EOF;
	}
	if (r == RC_TIMEOUT)
		smtp_end(s, "timed out");
	return r == RC_OK || r == RC_TOOBIG ? r : RC_EOF;
}

/* Throws the rest of an over-long line away, if it has an end. */
static int
skip_line(struct smtp_session *s)
{
	int i;

	for (i = 0; i < SKIP_READS; i++) {
		struct sv in = stream_input(s->st);
		size_t n = sv_chr(in, '\n');

		stream_consume(s->st, n < in.n ? n + 1 : in.n);
		if (n < in.n)
			return RC_SYNTAX;
		if (smtp_fill(s, s->c->limits.command_timeout) == RC_EOF)
			return RC_EOF;
	}
	smtp_end(s, "the line does not end");
	return RC_EOF;
}

/* CR LF and nothing else ends a command; control characters have no place in
 * one.  8-bit bytes have: in names of computers. */
static bool
line_is_clean(struct sv line)
{
	size_t i;

	for (i = 0; i < line.n; i++)
		if (ascii_is_ctl(line.p[i]) && line.p[i] != '\t')
			return false;
	return true;
}

int
smtp_line(struct smtp_session *s, struct sv *out)
{
	size_t n;
	struct sv in;

	for (;;) {
		in = stream_input(s->st);
		n = sv_chr(in, '\n');
		if (n < in.n)
			break;
		if (in.n > SMTP_LINE_MAX) {
			if (skip_line(s) == RC_EOF)
				return RC_EOF;
			smtp_refuse(s, 500, "5.5.2", "the line is too long");
			return RC_SYNTAX;
		}
		if (smtp_fill(s, s->c->limits.command_timeout) == RC_EOF)
			return RC_EOF;
	}
	if (n == 0 || in.p[n - 1] != '\r' ||
	    !line_is_clean(sv_first(in, n - 1))) {
		stream_consume(s->st, n + 1);
		smtp_refuse(s, 500, "5.5.2",
		    "a command must not contain control characters and must "
		    "end with CR LF");
		return RC_SYNTAX;
	}
	/* [RFC 5321 4.1.1] white space at the end is tolerated */
	*out = sv_first(in, n - 1);
	while (out->n > 0 &&
	       (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == '\t'))
		out->n--;
	return RC_OK;
}

void
smtp_line_done(struct smtp_session *s)
{
	struct sv in = stream_input(s->st);

	stream_consume(s->st, sv_chr(in, '\n') + 1);
}

/* ---- state ---- */

void
smtp_set_state(struct smtp_session *s, unsigned state)
{
	/* From each state only to these: an illegal move is a bug. */
	static const struct {
		unsigned from, to;
	} moves[] = {
	    {SMTP_ST_START, SMTP_ST_START | SMTP_ST_READY},
	    {SMTP_ST_READY, SMTP_ST_START | SMTP_ST_READY | SMTP_ST_MAIL},
	    {SMTP_ST_MAIL, SMTP_ST_READY | SMTP_ST_RCPT},
	    {SMTP_ST_RCPT, SMTP_ST_READY | SMTP_ST_BDAT},
	    {SMTP_ST_BDAT, SMTP_ST_READY},
	};
	size_t i;

	for (i = 0; i < sizeof moves / sizeof moves[0]; i++)
		if (moves[i].from == s->state)
			must((moves[i].to & state) != 0);
	s->state = state;
}
