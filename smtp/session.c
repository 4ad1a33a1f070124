#include "smtp/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/log.h"
#include "smtp/internal.h"

#define SKIP_READS 1024 /* of an over-long line */
#define HELO_MAX   255	/* is kept of a name */
#define IDLE_MAX   100	/* commands between two messages that do nothing */

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
	if (code >= 400)
		log_refusal(s, code, enhanced, text);
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
		smtp_end(s, "waited too long");
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
		    "a command has no control characters and ends with "
		    "CR LF");
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

/* ---- commands without a file of their own ---- */

static void
run_ehlo(struct smtp_session *s, struct sv args, bool esmtp)
{
	if (!smtp_helo_valid(args)) {
		smtp_refuse(s, 501, "5.5.4", "%s needs your host's name",
		    esmtp ? "EHLO" : "HELO");
		return;
	}
	smtp_transaction_reset(s);
	buf_set(&s->helo, sv_first(args, HELO_MAX));
	s->esmtp = esmtp;
	smtp_set_state(s, SMTP_ST_READY);
	if (!esmtp) {
		smtp_reply(s, 250, "", "%s", s->c->o->hostname);
		return;
	}
	smtp_reply(s, 250, "",
	    "%s greets you\nPIPELINING\nSIZE %llu\n8BITMIME\n%s%s"
	    "ENHANCEDSTATUSCODES\nCHUNKING\nHELP",
	    s->c->o->hostname, (unsigned long long)s->c->limits.message_size,
	    s->c->o->tls != NULL && !stream_is_tls(s->st) ? "STARTTLS\n" : "",
	    smtp_may_auth(s) ? "AUTH PLAIN LOGIN\n" : "");
}

static void
run_rset(struct smtp_session *s)
{
	bool greeted = s->state != SMTP_ST_START;

	smtp_transaction_reset(s);
	if (greeted)
		smtp_set_state(s, SMTP_ST_READY);
	smtp_reply(s, 250, "2.0.0", "forgotten");
}

static void
run_help(struct smtp_session *s)
{
	struct buf names;
	size_t i;

	buf_init(&names, 400);
	for (i = 0; i < smtp_ncommands; i++)
		buf_addf(&names, " %s", smtp_commands[i].name);
	smtp_reply(s, 214, "2.0.0", "known here:%s\nsee RFC 5321", names.p);
	buf_fini(&names);
}

static void
run_vrfy(struct smtp_session *s, struct sv args)
{
	if (args.n == 0)
		smtp_refuse(s, 501, "5.5.4", "whom?");
	else /* [RFC 5321 7.3] who lives here is not told to strangers */
		smtp_reply(
		    s, 252, "2.1.5", "cannot say, but will take mail and try");
}

static void
run_command(struct smtp_session *s, enum smtp_verb verb, struct sv args)
{
	switch (verb) {
	case SMTP_AUTH:
		smtp_run_auth(s, args);
		break;
	case SMTP_BDAT:
		smtp_run_bdat(s, args);
		break;
	case SMTP_DATA:
		smtp_run_data(s, args);
		break;
	case SMTP_EHLO:
	case SMTP_HELO:
		run_ehlo(s, args, verb == SMTP_EHLO);
		break;
	case SMTP_EXPN:
		smtp_refuse(s, 502, "5.5.1", "lists are not shown");
		break;
	case SMTP_HELP:
		run_help(s);
		break;
	case SMTP_MAIL:
		smtp_run_mail(s, args);
		break;
	case SMTP_NOOP:
		smtp_reply(s, 250, "2.0.0", "fine");
		break;
	case SMTP_QUIT:
		smtp_reply(s, 221, "2.0.0", "goodbye");
		s->over = true;
		break;
	case SMTP_RCPT:
		smtp_run_rcpt(s, args);
		break;
	case SMTP_RSET:
		run_rset(s);
		break;
	case SMTP_STARTTLS:
		smtp_run_starttls(s, args);
		break;
	case SMTP_VRFY:
		run_vrfy(s, args);
		break;
	case SMTP_UNKNOWN:
		break;
	}
}

/* Why a command is not legal now; NULL: it is. */
static const char *
out_of_order(const struct smtp_session *s, const struct smtp_command *cmd)
{
	if ((cmd->states & s->state) != 0)
		return NULL;
	if (s->state == SMTP_ST_START)
		return "say EHLO first";
	if (s->state == SMTP_ST_BDAT)
		return "in the middle of BDAT chunks";
	if (cmd->verb == SMTP_MAIL)
		return "there is a sender already; RSET forgets it";
	if (cmd->verb == SMTP_RCPT)
		return "MAIL comes first";
	if (cmd->verb == SMTP_DATA)
		return "no valid recipients";
	return "not within a transaction";
}

/* NOOP, RSET and their like without end are errors, too. */
static bool
is_idling(struct smtp_session *s, const struct smtp_command *cmd)
{
	if ((cmd->flags & SMTP_IDLE) == 0 || ++s->idle <= IDLE_MAX)
		return false;
	smtp_line_done(s);
	smtp_refuse(s, 450, "4.7.0", "too many commands without a message");
	return true;
}

static void
dispatch(struct smtp_session *s, struct sv line)
{
	char q[LOG_Q_MAX];
	const struct smtp_command *cmd;
	const char *why;
	struct sv args;

	smtp_progress(s);
	cmd = smtp_command_find(line, &args);
	if (cmd == NULL) {
		mlog(LOG_DEBUG, "smtp.unknown", "sid=%llx line=%s",
		    (unsigned long long)s->c->id, log_q(q, line));
		smtp_line_done(s);
		smtp_refuse(s, 500, "5.5.1", "no such command");
		return;
	}
	why = out_of_order(s, cmd);
	if (why != NULL) {
		smtp_line_done(s);
		smtp_refuse(s, 503, "5.5.1", "%s", why);
		return;
	}
	if ((cmd->flags & SMTP_NEEDS_AUTH) != 0 && s->c->o->submission &&
	    !s->authed) {
		smtp_line_done(s);
		smtp_refuse(s, 530, "5.7.0", "log in first (AUTH%s)",
		    smtp_may_auth(s) ? "" : ", after STARTTLS");
		return;
	}
	if (is_idling(s, cmd))
		return;
	/* The arguments stay valid: handlers that read on copy them and
	 * consume the line themselves. */
	if (cmd->verb != SMTP_AUTH && cmd->verb != SMTP_BDAT &&
	    cmd->verb != SMTP_DATA && cmd->verb != SMTP_STARTTLS) {
		run_command(s, cmd->verb, args);
		smtp_line_done(s);
	} else {
		run_command(s, cmd->verb, args);
	}
}

static bool
begin(struct smtp_session *s)
{
	s->c->progress = clk_mono();
	if (s->c->implicit_tls && !smtp_handshake(s))
		return false;
	smtp_reply(s, 220, "", "%s ESMTP Hearthmail", s->c->o->hostname);
	return true;
}

void
smtp_session_run(struct smtp_conn *c)
{
	struct smtp_session *s = xcalloc(1, sizeof *s);
	struct sv line;
	int r;

	s->c = c;
	s->st = stream_new(c->fd, SMTP_INPUT_MAX);
	stream_set_write_timeout(s->st, c->limits.data_timeout);
	stream_set_names(s->st, NULL, c->peer);
	s->state = SMTP_ST_START;
	buf_init(&s->helo, 256);
	buf_init(&s->t.sender, 2 * MAIL_ADDRESS_MAX);
	buf_init(&s->t.first_rcpt, 2 * MAIL_ADDRESS_MAX);
	mlog(LOG_INFO, "smtp.connect", "sid=%llx peer=%s",
	    (unsigned long long)c->id, c->peer);
	if (!begin(s))
		s->over = true;
	while (!s->over && (r = smtp_line(s, &line)) != RC_EOF)
		if (r == RC_OK)
			dispatch(s, line);
	smtp_transaction_reset(s);
	stream_close(s->st);
	if (c->closing != NULL)
		c->closing(c->arg);
	stream_free(&s->st);
	buf_fini(&s->t.first_rcpt);
	buf_fini(&s->t.sender);
	free(s->t.account);
	free(s->t.outside);
	buf_fini(&s->helo);
	free(s);
}
