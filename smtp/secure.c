#include "base/base64.h"
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

/* Asks the client for one more line of the exchange; decoded into out. */
static bool
challenge(struct smtp_session *s, const char *prompt, struct buf *out)
{
	struct sv line;
	bool ok;
	int r;

	stream_printf(s->st, "334 %s\r\n", prompt);
	r = smtp_line(s, &line);
	if (r != RC_OK) /* RC_SYNTAX was answered with an error */
		return false;
	if (sv_eq(line, SV("*"))) {
		smtp_line_done(s);
		smtp_refuse(s, 501, "5.7.0", "cancelled");
		return false;
	}
	ok = base64_decode(line, out) == RC_OK;
	smtp_line_done(s);
	stream_wipe_consumed(s->st);
	if (!ok)
		smtp_refuse(s, 501, "5.5.2", "not valid base64");
	return ok;
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
auth_plain(struct smtp_session *s, struct sv initial)
{
	struct buf sasl;
	bool ok;

	buf_init(&sasl, SMTP_LINE_MAX);
	if (initial.n > 0) {
		/* [RFC 4954 4] "=" is an empty initial response */
		ok = base64_decode(sv_eq(initial, SV("=")) ? SV("") : initial,
			 &sasl) == RC_OK;
		smtp_line_done(s);
		stream_wipe_consumed(s->st);
		if (!ok)
			smtp_refuse(s, 501, "5.5.2", "not valid base64");
	} else {
		smtp_line_done(s);
		ok = challenge(s, "", &sasl);
	}
	if (ok)
		finish_auth(s, buf_sv(&sasl));
	buf_wipe(&sasl);
}

static void
auth_login(struct smtp_session *s, struct sv initial)
{
	struct buf sasl, part;
	bool ok = true;

	buf_init(&sasl, SMTP_LINE_MAX);
	buf_init(&part, SMTP_LINE_MAX);
	if (initial.n > 0) {
		ok = base64_decode(initial, &part) == RC_OK;
		smtp_line_done(s);
		if (!ok)
			smtp_refuse(s, 501, "5.5.2", "not valid base64");
	} else {
		smtp_line_done(s);
		ok = challenge(s, "VXNlcm5hbWU6", &part);
	}
	if (ok) {
		buf_addc(&sasl, '\0');
		buf_addsv(&sasl, buf_sv(&part));
		buf_addc(&sasl, '\0');
		buf_wipe(&part);
		ok = challenge(s, "UGFzc3dvcmQ6", &part);
	}
	if (ok) {
		buf_addsv(&sasl, buf_sv(&part));
		finish_auth(s, buf_sv(&sasl));
	}
	buf_wipe(&part);
	buf_wipe(&sasl);
}

void
smtp_run_auth(struct smtp_session *s, struct sv args)
{
	struct sv mech = sv_split(&args, ' ');
	struct sv initial = args.p != NULL ? args : SV("");

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
	if (sv_ieq(mech, SV("PLAIN"))) {
		auth_plain(s, initial);
	} else if (sv_ieq(mech, SV("LOGIN"))) {
		auth_login(s, initial);
	} else {
		smtp_line_done(s);
		smtp_refuse(s, 504, "5.5.4", "only PLAIN and LOGIN");
	}
}
