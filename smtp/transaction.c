#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/tally.h"
#include "msgauth/srs.h"
#include "smtp/smtp_priv.h"

void
smtp_transaction_reset(struct smtp_session *s)
{
	struct smtp_transaction *t = &s->t;
	size_t i;

	if (t->receiving) {
		smtp_body_fini(&t->body);
		smtp_submit_fini(&t->submit);
		smtp_judge_free(&t->judge);
		buf_fini(&t->trace);
		buf_fini(&t->results);
		if (t->signs)
			smtp_signing_fini(&t->signing);
	}
	t->receiving = t->signs = false;
	t->begun = t->has_id = false;
	smtp_note_reset(t);
	for (i = 0; i < t->naccount; i++)
		free(t->account[i].written);
	t->naccount = 0;
	smtp_arrival_reset(t);
	for (i = 0; i < t->noutside; i++)
		free(t->outside[i]);
	t->noutside = 0;
	for (i = 0; i < t->nforward; i++)
		free(t->forward[i].address);
	t->nforward = 0;
	t->rcpt_bytes = 0;
	t->nrcpt = 0;
	t->report = SMTP_REPORT_NO;
	t->virus = CLAMD_CLEAN;
	t->too_big = false;
	t->received = 0;
	buf_reset(&t->sender);
	buf_reset(&t->first_rcpt);
}

/* The recipients of a message fit one message to the queue. */
#define RCPT_BYTES_MAX 46000

/* An argument that does not parse. */
static void
refuse_argument(struct smtp_session *s, enum smtp_arg_error e, bool sender)
{
	switch (e) {
	case SMTP_ARG_OK:
	case SMTP_ARG_SYNTAX:
		smtp_refuse(s, 501, "5.5.4",
		    sender ? "as in MAIL FROM:<you@example.org>"
			   : "as in RCPT TO:<you@example.org>");
		break;
	case SMTP_ARG_ADDRESS:
		smtp_refuse(
		    s, 501, sender ? "5.1.7" : "5.1.3", "not a valid address");
		break;
	case SMTP_ARG_INTERNATIONAL:
		smtp_refuse(
		    s, 553, "5.6.7", "non-ASCII addresses are not supported");
		break;
	case SMTP_ARG_LONG:
		smtp_refuse(s, 501, sender ? "5.1.7" : "5.1.3",
		    "the address is too long");
		break;
	case SMTP_ARG_PARAM:
		smtp_refuse(s, 555, "5.5.4", "unknown parameter");
		break;
	}
}

/* ---- MAIL ---- */

static bool
mail_check(struct smtp_session *s, const struct smtp_mail *m, struct sv sender)
{
	const struct smtp_conn *c = s->c;

	if (m->has_size && m->size > c->limits.message_size) {
		smtp_refuse(s, 552, "5.3.4", "at most %llu bytes",
		    (unsigned long long)c->limits.message_size);
		return false;
	}
	if (c->o->submission) {
		/* <> is the sender of a read receipt [RFC 8098 3]; its From
		 * will be checked. */
		if (!m->path.null &&
		    !c->o->ops->may_send(c->o->ctx, &s->login, sender)) {
			smtp_refuse(s, 550, "5.7.1",
			    "%s may not send as "
			    "<%.200s>",
			    s->login.account, sender.p);
			return false;
		}
	} else if (c->may_take != NULL && !c->may_take(c->arg, 1)) {
		smtp_refuse(s, 451, "4.7.1",
		    "too many messages from your network; try again later");
		return false;
	}
	return true;
}

void
smtp_run_mail(struct smtp_session *s, struct sv args)
{
	struct smtp_mail m;
	enum smtp_arg_error e = smtp_mail_parse(args, &m);
	struct smtp_transaction *t = &s->t;
	bool ok;

	if (e != SMTP_ARG_OK) {
		s->refused_mail = args;
		refuse_argument(s, e, true);
		s->refused_mail = SV("");
		return;
	}
	if (!m.path.null && m.path.domain.n == 0) {
		s->refused_mail = args;
		refuse_argument(s, SMTP_ARG_ADDRESS, true);
		s->refused_mail = SV("");
		return;
	}
	smtp_transaction_reset(s);
	if (!m.path.null)
		mail_path_plain(&m.path, &t->sender);
	randombytes_buf(t->id, sizeof t->id);
	t->has_id = true;
	s->refused_mail = t->sender.n > 0 ? buf_sv(&t->sender) : SV("<>");
	ok = mail_check(s, &m, buf_sv(&t->sender));
	s->refused_mail = SV("");
	if (!ok)
		return;
	t->begun = true;
	smtp_set_state(s, SMTP_ST_MAIL);
	smtp_reply(s, 250, "2.1.0", "sender accepted");
}

/* ---- RCPT ---- */

struct adding {
	struct smtp_transaction *t;
	struct sv address, domain; /* as it was written, and its domain */
	size_t n;		   /* accounts that get it */
};

static void
add_account(void *arg, const char *account)
{
	struct adding *a = arg;
	struct smtp_transaction *t = a->t;
	size_t i = 0;

	a->n++;
	/* Two addresses of one person are one delivery. */
	while (i < t->naccount && strcmp(t->account[i].name, account) != 0)
		i++;
	if (i == t->naccount) {
		t->account = xgrow(t->account, &t->account_cap, t->naccount + 1,
		    sizeof *t->account);
		memset(&t->account[i], 0, sizeof *t->account);
		(void)strncat(
		    t->account[i].name, account, SMTP_ACCOUNT_MAX - 1);
		t->account[i].written = sv_dup(a->address);
		t->naccount++;
	}
	smtp_arrival_add(t, i, a->domain);
}

static void
reject_rcpt(struct smtp_session *s, int rc, struct sv address)
{
	s->refused_rcpt = address;
	if (rc == RC_NOTFOUND || rc == RC_DENIED)
		tally_add(TALLY_REFUSED, 1);
	if (rc == RC_SYNTAX || rc == RC_TIMEOUT)
		smtp_refuse(s, 550, "5.1.1", "<%.200s> %s", address.p,
		    rc == RC_SYNTAX ? "is not an address that we have made"
				    : "is too old");
	else if (rc == RC_PERM)
		smtp_refuse(s, 550, "5.7.1",
		    "<%.200s> takes only bounces, from <>", address.p);
	else if (rc == RC_TOOBIG)
		smtp_reply(s, 451, "4.7.1",
		    "too many messages for <%.200s> from your network; try "
		    "again later",
		    address.p);
	else if (rc == RC_NOSPACE)
		smtp_reply(s, 452, "4.2.2",
		    "the mailbox of <%.200s> is full; try again later",
		    address.p);
	else if (rc != RC_NOTFOUND && rc != RC_DENIED)
		smtp_reply(s, 451, "4.3.0", "try again later");
	else if (rc == RC_NOTFOUND)
		smtp_refuse(s, 550, "5.1.1", "no such address here: <%.200s>",
		    address.p);
	else if (s->c->o->submission)
		smtp_refuse(s, 550, "5.7.1",
		    "mail to other domains is not sent: `relay` is off (the "
		    "demo: start it with --relay HOST:PORT)");
	else
		smtp_refuse(s, 550, "5.7.1", "relaying denied");
	s->refused_rcpt = SV("");
}

/* Twice the same address is one recipient. */
static void
add_outside(struct smtp_transaction *t, struct sv address)
{
	size_t i;

	for (i = 0; i < t->noutside; i++)
		if (sv_eq(sv_str(t->outside[i]), address))
			return;
	t->outside =
	    xgrow(t->outside, &t->outside_cap, t->noutside + 1, sizeof(char *));
	t->outside[t->noutside++] = sv_dup(address);
}

/* domain: of the address to which it was sent, whose policy counts. */
static void
add_forward(struct smtp_transaction *t, struct sv address, struct sv domain)
{
	size_t i;

	for (i = 0; i < t->nforward; i++)
		if (sv_ieq(sv_str(t->forward[i].address), address)) {
			t->forward[i].nrcpt++;
			return;
		}
	t->forward = xgrow(
	    t->forward, &t->forward_cap, t->nforward + 1, sizeof *t->forward);
	t->forward[t->nforward++] = (struct smtp_forward){.nrcpt = 1,
	    .address = sv_dup(address),
	    .home = smtp_arrival_home(t, domain)};
}

/*
 * An alias that leads to other servers: each message that leaves counts as one
 * that has come, so that nobody sends more by way of us than to us.
 */
static int
find_forward(
    struct smtp_session *s, struct sv address, struct sv domain, size_t *n_out)
{
	const struct smtp_server_opts *o = s->c->o;
	struct buf alias;
	size_t n = 0;
	int r = RC_OK;

	buf_init(&alias, 2 * MAIL_ADDRESS_MAX);
	if (o->ops->forwards != NULL)
		n = o->ops->forwards(o->ctx, address, &alias);
	if (n > 0 && !o->submission && s->c->may_take != NULL &&
	    !s->c->may_take(s->c->arg, (unsigned)n))
		r = RC_TOOBIG;
	else if (n > 0)
		add_forward(&s->t, buf_sv(&alias), domain);
	buf_fini(&alias);
	*n_out = n;
	return r;
}

/* Bounces of what we have passed on; RC_NOTFOUND: the address is another. */
static int
find_return(struct smtp_session *s, struct sv address, struct sv domain)
{
	const struct smtp_server_opts *o = s->c->o;
	int r;

	if (o->ops->returns == NULL || !srs_is(address))
		return RC_NOTFOUND;
	r = o->ops->returns(o->ctx, address);
	if (r == RC_OK && s->t.sender.n > 0)
		r = RC_PERM;
	if (r == RC_OK)
		add_forward(&s->t, address, domain);
	return r;
}

/* Ours, or somebody else's: RC_OK if it will be taken. */
static int
find_recipient(struct smtp_session *s, struct sv address, bool has_domain)
{
	const struct smtp_server_opts *o = s->c->o;
	struct sv domain = sv_skip(address, sv_rchr(address, '@') + 1);
	struct adding a = {&s->t, address, domain, 0};
	size_t forwards = 0;
	int r = find_return(s, address, domain);

	if (r != RC_NOTFOUND)
		return r == RC_DENIED ? RC_SYNTAX : r;
	r = find_forward(s, address, domain, &forwards);
	if (r == RC_OK)
		r = o->ops->lookup(o->ctx, address, add_account, &a);
	/* What nobody would get is not taken. */
	if (r == RC_OK && a.n == 0 && forwards == 0)
		r = RC_NOTFOUND;
	if (r != RC_DENIED || !o->submission || !has_domain ||
	    o->ops->may_leave == NULL || !o->ops->may_leave(o->ctx))
		return r;
	add_outside(&s->t, address);
	return RC_OK;
}

void
smtp_run_rcpt(struct smtp_session *s, struct sv args)
{
	struct smtp_transaction *t = &s->t;
	struct mail_path path;
	enum smtp_arg_error e = smtp_rcpt_parse(args, &path);
	struct buf address;
	int r;

	if (e != SMTP_ARG_OK) {
		s->refused_rcpt = args;
		refuse_argument(s, e, false);
		s->refused_rcpt = SV("");
		return;
	}
	if (t->nrcpt >= s->c->limits.recipients ||
	    t->rcpt_bytes > RCPT_BYTES_MAX) {
		/* [RFC 5321 4.5.3.1.10] */
		s->refused_rcpt = path.mailbox;
		smtp_reply(s, 452, "4.5.3", "at most %u recipients at once",
		    t->nrcpt < s->c->limits.recipients
			? t->nrcpt
			: s->c->limits.recipients);
		s->refused_rcpt = SV("");
		return;
	}
	buf_init(&address, 2 * MAIL_ADDRESS_MAX);
	mail_path_plain(&path, &address);
	r = find_recipient(s, buf_sv(&address), path.domain.n > 0);
	if (r != RC_OK) {
		reject_rcpt(s, r, buf_sv(&address));
	} else {
		t->rcpt_bytes += address.n + SMTP_ACCOUNT_MAX;
		if (smtp_report_address(buf_sv(&address)) > t->report)
			t->report = smtp_report_address(buf_sv(&address));
		if (t->nrcpt++ == 0)
			buf_addsv(&t->first_rcpt, buf_sv(&address));
		smtp_note_rcpt(t, buf_sv(&address));
		if (s->state == SMTP_ST_MAIL)
			smtp_set_state(s, SMTP_ST_RCPT);
		smtp_reply(s, 250, "2.1.5", "recipient accepted");
	}
	buf_fini(&address);
}
