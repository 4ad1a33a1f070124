#include "smtp/session.h"

#include <stdlib.h>

#include "auth/sasl.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "smtp/smtp_priv.h"

#define HELO_MAX 255 /* is kept of a name */
#define IDLE_MAX 100 /* commands between two messages that do nothing */

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
	    smtp_may_auth(s) ? "AUTH " SASL_MECHANISMS "\n" : "");
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
	smtp_reply(s, 214, "2.0.0", "known commands:%s\nsee RFC 5321", names.p);
	buf_fini(&names);
}

static void
run_vrfy(struct smtp_session *s, struct sv args)
{
	if (args.n == 0)
		smtp_refuse(s, 501, "5.5.4", "whom?");
	else /* [RFC 5321 7.3] who lives here is not told to strangers */
		smtp_reply(s, 252, "2.1.5",
		    "cannot verify, but will accept mail and try");
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
		return "there is already a sender; use RSET first";
	if (cmd->verb == SMTP_RCPT)
		return "send MAIL first";
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
	smtp_note_init(&s->t);
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
	smtp_note_fini(&s->t);
	buf_fini(&s->t.first_rcpt);
	buf_fini(&s->t.sender);
	free(s->t.account);
	free(s->t.home);
	free(s->t.way);
	free(s->t.outside);
	free(s->t.forward);
	buf_fini(&s->helo);
	free(s);
}
