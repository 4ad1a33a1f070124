#include "auth/sasl.h"
#include "base/log.h"
#include "smtp/smtp_priv.h"

/* A mail program tries what was typed by up to three ways, more than once. */
#define AUTH_FAILURES_MAX 10
#define HANDSHAKE_MS	  60000

/* ---- TLS ---- */

bool
smtp_handshake(struct smtp_session *s)
{
	struct err err;
	size_t dropped;
	int r;

	r = stream_start_tls(s->st, s->c->o->tls, HANDSHAKE_MS, &dropped, &err);
	/* [RFC 3207 4.2, 6] what came in the clear behind STARTTLS is gone. */
	if (dropped > 0)
		mlog(LOG_WARN, "starttls.dropped",
		    "sid=%llx peer=%s "
		    "bytes=%zu",
		    (unsigned long long)s->c->id, s->c->peer, dropped);
	if (r != RC_OK) {
		mlog(LOG_INFO, "smtp.tls.fail", "sid=%llx peer=%s text=\"%s\"",
		    (unsigned long long)s->c->id, s->c->peer, err.text);
		return false;
	}
	return true;
}

void
smtp_run_starttls(struct smtp_session *s, struct sv args)
{
	bool has_args = args.n > 0;

	smtp_line_done(s);
	if (has_args || s->c->o->tls == NULL || stream_is_tls(s->st)) {
		smtp_refuse(s, has_args ? 501 : 503, "5.5.1", "%s",
		    has_args		   ? "STARTTLS takes no argument"
		    : stream_is_tls(s->st) ? "TLS is already active"
					   : "TLS is not available");
		return;
	}
	smtp_reply(s, 220, "2.0.0", "begin TLS now");
	if (stream_flush(s->st) != RC_OK || !smtp_handshake(s)) {
		s->over = true;
		return;
	}
	/* Nothing that was said in the clear counts any more. */
	smtp_transaction_reset(s);
	buf_reset(&s->helo);
	s->esmtp = false;
	s->authed = false;
	atomic_store(&s->c->authed, false);
	smtp_set_state(s, SMTP_ST_START);
}

/* ---- AUTH [RFC 4954] ---- */

bool
smtp_may_auth(const struct smtp_session *s)
{
	return s->c->o->submission && !s->authed &&
	       (stream_is_tls(s->st) || s->c->loopback);
}

/* The rest of an exchange that sasl_start has begun; true: message is whole.
 * False after having answered. */
static bool
exchange(struct smtp_session *s, struct sasl *sasl, enum sasl_next next,
    struct buf *message)
{
	struct sv line;

	while (next == SASL_CHALLENGE) {
		stream_printf(s->st, "334 %s\r\n", sasl->challenge);
		/* RC_SYNTAX was answered with an error. */
		if (smtp_line(s, &line) != RC_OK)
			return false;
		if (sv_eq(line, SV("*"))) {
			smtp_line_done(s);
			smtp_refuse(s, 501, "5.7.0", "cancelled");
			return false;
		}
		next = sasl_respond(sasl, line, message);
		smtp_line_done(s);
		stream_wipe_consumed(s->st);
	}
	if (next == SASL_NO_MECHANISM)
		smtp_refuse(s, 504, "5.5.4", "only PLAIN and LOGIN");
	else if (next == SASL_NO_BASE64)
		smtp_refuse(s, 501, "5.5.2", "not valid base64");
	else if (next == SASL_NO_NAME)
		smtp_refuse(s, 501, "5.5.2", "not a name or password");
	return next == SASL_MESSAGE;
}

static void
finish_auth(struct smtp_session *s, struct sv sasl)
{
	struct smtp_conn *c = s->c;

	enum smtp_tls tls = !stream_is_tls(s->st) ? SMTP_TLS_NONE
			    : c->implicit_tls	  ? SMTP_TLS_IMPLICIT
						  : SMTP_TLS_STARTED;
	unsigned before = c->kicks != NULL ? c->kicks(c->arg) : 0;
	int r = c->o->ops->login(c->o->ctx, sasl, c->peer, tls, &s->login);

	if (r == RC_OK) {
		c->login = s->login;
		atomic_store(&c->authed, true);
		/* Was its password changed while the answer was coming? */
		if (c->kicks != NULL && c->kicks(c->arg) != before)
			r = RC_TEMP;
	}
	switch (r) {
	case RC_OK:
		s->authed = true;
		smtp_reply(s, 235, "2.7.0", "welcome");
		return;
	case RC_DENIED:
		smtp_refuse(s, 535, "5.7.8", "wrong name or password");
		break;
	default:
		smtp_refuse(s, 454, "4.7.0",
		    "login is temporarily unavailable; try again");
		break;
	}
	if (++s->auth_failures >= AUTH_FAILURES_MAX && !s->over)
		smtp_end(s, "has seen too many failed logins");
}

static void
auth(struct smtp_session *s, struct sv mechanism, struct sv initial)
{
	enum sasl_next next;
	struct buf message;
	struct sasl sasl;

	if (initial.n == 0)
		initial.p = NULL; /* there was none */
	else if (sv_eq(initial, SV("=")))
		initial = SV(""); /* [RFC 4954 4] an empty one */
	buf_init(&message, SASL_MAX);
	sasl_init(&sasl);
	next = sasl_start(&sasl, mechanism, initial, &message);
	smtp_line_done(s);
	stream_wipe_consumed(s->st);
	if (exchange(s, &sasl, next, &message))
		finish_auth(s, buf_sv(&message));
	sasl_forget(&sasl);
	buf_wipe(&message);
}

void
smtp_run_auth(struct smtp_session *s, struct sv args)
{
	struct sv mech = sv_split(&args, ' ');

	if (!smtp_may_auth(s)) {
		bool again = s->authed, tls = stream_is_tls(s->st);

		smtp_line_done(s);
		if (!s->c->o->submission)
			smtp_refuse(s, 502, "5.5.1",
			    "login is not available on this port; use 587 or "
			    "465");
		else if (again)
			smtp_refuse(s, 503, "5.5.1", "already logged in");
		else
			smtp_refuse(s, tls ? 503 : 538, "5.7.11",
			    "login requires TLS: use STARTTLS first");
		return;
	}
	auth(s, mech, args);
}
