/* Inside smtp/ only: a session's parts. */
#ifndef SMTP_PRIV_H
#define SMTP_PRIV_H

#include "mail/field.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/feedback.h"
#include "smtp/judge.h"
#include "smtp/report.h"
#include "smtp/session.h"
#include "smtp/sign.h"
#include "smtp/submit.h"

/* [RFC 4954 4] an AUTH line may have 12288 octets. */
#define SMTP_LINE_MAX  12288
#define SMTP_INPUT_MAX 16384

/* A message that comes in BDAT chunks. */
struct smtp_chunks {
	struct smtp_data check;
	int verdict;
	struct err err;
	bool cr; /* the last byte was a CR */
};

/* A domain of recipients on port 25. */
struct smtp_home {
	char *domain; /* "" of postmaster */
	enum smtp_inbound policy;
	/* Once the message is judged: */
	enum smtp_judge_action action;
	enum verdict_override override;
	const char *other; /* the judge's */
};

/* By which of the domains an account gets it. */
struct smtp_way {
	uint32_t account, home;
};

/* One transaction: from MAIL to the end of the message, RSET or EHLO. */
struct smtp_transaction {
	bool begun;
	struct buf sender; /* plain, without <> */
	struct smtp_account *account;
	size_t naccount, account_cap;
	struct smtp_home *home;
	size_t nhome, home_cap;
	struct smtp_way *way;
	size_t nway, way_cap;
	char **outside; /* submission: addresses of other domains */
	size_t noutside, outside_cap;
	struct smtp_forward *forward;
	size_t nforward, forward_cap;
	size_t rcpt_bytes; /* of all recipients: they must fit a message */
	uint32_t nrcpt;
	struct buf first_rcpt; /* for the trace header's "for" */
	uint8_t id[16];
	bool has_id;

	/* For the history. */
	struct buf rcpts; /* all that were accepted, blanks between them */
	struct buf subject, message_id; /* decoded, cut */

	struct smtp_body body;
	bool receiving;		  /* body and filter are alive */
	struct buf trace;	  /* the fields that go in front */
	struct buf results;	  /* that of them which does not leave */
	struct smtp_judge *judge; /* port 25 */
	struct smtp_submit submit;
	bool signs; /* it goes outside: `signing` is alive, too */
	struct smtp_signing signing;
	struct mail_field_counter hops; /* Received fields */
	struct smtp_chunks chunks;
	enum smtp_report report;
	enum clamd_says virus; /* CLEAN also if nobody was asked */
	bool too_big;
	uint64_t received;
};

struct smtp_session {
	struct smtp_conn *c;
	struct stream *st;
	unsigned state; /* one SMTP_ST_ bit */
	bool over;

	/* of the connection, until STARTTLS or EHLO */
	struct buf helo;
	bool esmtp;
	bool authed;
	struct smtp_login login;

	/* What MAIL or RCPT had, while its refusal is answered. */
	struct sv refused_mail, refused_rcpt;
	bool gives_up; /* what is refused costs the transaction */
	unsigned errors, auth_failures;
	unsigned idle; /* commands since the last message that led nowhere */
	struct smtp_transaction t;
};

/* ---- io.c ---- */

/* The only one who writes to the peer: code, enhanced code ("" for none),
 * text.  Lines of a text are separated by '\n'. */
void smtp_reply(struct smtp_session *s, int code, const char *enhanced,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* As above and counts an error of the peer's. */
void smtp_refuse(struct smtp_session *s, int code, const char *enhanced,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* 421 and the end. */
void smtp_end(struct smtp_session *s, const char *why);
void smtp_set_state(struct smtp_session *s, unsigned state);
/* The next line without blanks and CR LF at its end; RC_SYNTAX was answered
 * already; RC_EOF. */
int smtp_line(struct smtp_session *s, struct sv *out) RC_USE_RESULT;
void smtp_line_done(struct smtp_session *s);
/* A step forward: what is counted when the server needs room. */
void smtp_progress(struct smtp_session *s);
/* More input; RC_EOF after a time-out or 421, which were answered. */
int smtp_fill(struct smtp_session *s, int64_t timeout) RC_USE_RESULT;

/* ---- transaction.c ---- */

void smtp_transaction_reset(struct smtp_session *s);
void smtp_run_mail(struct smtp_session *s, struct sv args);
void smtp_run_rcpt(struct smtp_session *s, struct sv args);

/* ---- arrival.c ---- */

/* What becomes of a message. */
struct smtp_arrival {
	enum smtp_judge_action action; /* KEEP: it is accepted */
	struct smtp_judge_outcome why; /* if it is not */
	bool judged;		       /* verdict is there */
	bool junk;		       /* of any of the accounts */
	bool grey;		       /* it is to come again, as a stranger */
	bool unscanned;		       /* junk, and only for that */
	struct verdict verdict;
};

/* One more recipient of this domain. */
void smtp_arrival_add(
    struct smtp_transaction *t, size_t account, struct sv domain);
/* The place of that domain among the recipients', which it has from now on. */
uint32_t smtp_arrival_home(struct smtp_transaction *t, struct sv domain);
void smtp_arrival_reset(struct smtp_transaction *t);
struct smtp_judge *smtp_arrival_begin(struct smtp_session *s);
/* Judges it, and sets what each account does with it. */
void smtp_arrival_end(struct smtp_session *s, struct smtp_arrival *out);
/* All of it goes into Junk, and nowhere else. */
void smtp_arrival_junk(struct smtp_session *s, struct smtp_arrival *out);
/* It is asked to come again, whatever for: its signatures are not to expire
 * meanwhile. */
void smtp_arrival_deferred(struct smtp_session *s);

/* ---- grey.c ---- */

bool smtp_judge_is_suspicious(const struct smtp_judge *j, struct sv helo);
/* A suspicious stranger is to come again: what is said to them. */
bool smtp_grey_waits(struct smtp_session *s, struct smtp_judge_outcome *why);

/* ---- message.c ---- */

void smtp_run_data(struct smtp_session *s, struct sv args);
void smtp_run_bdat(struct smtp_session *s, struct sv args);

/* ---- note.c: for the owner's history ---- */

void smtp_note_init(struct smtp_transaction *t);
void smtp_note_fini(struct smtp_transaction *t);
void smtp_note_reset(struct smtp_transaction *t);
void smtp_note_rcpt(struct smtp_transaction *t, struct sv address);
/* Of the message's header, what it is found by. */
void smtp_note_header(struct smtp_session *s, struct sv header);
/* since: when it was here; clk_now. */
void smtp_note_accepted(struct smtp_session *s, int64_t since, uint64_t size,
    const char *judged, const struct smtp_arrival *arrived);
/* A reply that says no, or not now. */
void smtp_note_refusal(
    struct smtp_session *s, int code, const char *enhanced, const char *text);
/* Nobody hears a reply any more. */
void smtp_note_broken_off(struct smtp_session *s);

/* ---- secure.c ---- */

void smtp_run_auth(struct smtp_session *s, struct sv args);
void smtp_run_starttls(struct smtp_session *s, struct sv args);
/* Shakes hands; false: the session is over. */
bool smtp_handshake(struct smtp_session *s);
/* Is AUTH to be offered now? */
bool smtp_may_auth(const struct smtp_session *s);

/* ---- trace.c ---- */

/* Return-Path and Received [RFC 5321 4.4]. */
void smtp_trace_return_path(const struct smtp_session *s, struct buf *out);
void smtp_trace_received(const struct smtp_session *s, struct buf *out);

#endif
