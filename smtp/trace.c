
#include "base/clk.h"
#include "mail/date.h"
#include "smtp/smtp_priv.h"

/* [RFC 3848] the protocol's name says how it came. */
static const char *
protocol(const struct smtp_session *s)
{
	if (!s->esmtp)
		return "SMTP";
	if (s->authed)
		return stream_is_tls(s->st) ? "ESMTPSA" : "ESMTPA";
	return stream_is_tls(s->st) ? "ESMTPS" : "ESMTP";
}

/* Only what stands for itself between "from" and its blank: a HELO argument
 * may hold anything printable. */
static void
add_helo(struct sv helo, struct buf *out)
{
	if (mail_domain_valid(helo) || mail_address_literal_valid(helo))
		buf_addsv(out, helo);
	else
		buf_adds(out, "unknown");
}

/* The name that the peer's address has, and that has the address. */
static void
add_name(const struct smtp_judge *j, struct buf *out)
{
	const struct check_result *r = j != NULL ? smtp_judge_result(j) : NULL;

	if (r == NULL || r->iprev.result != AUTH_PASS ||
	    !mail_domain_valid(sv_str(r->iprev.name)))
		return;
	buf_adds(out, r->iprev.name);
	buf_addc(out, ' ');
}

void
smtp_trace_return_path(const struct smtp_session *s, struct buf *out)
{
	/* [RFC 5321 4.4] it is put there by the host that delivers for good. */
	if (s->t.noutside + s->t.nforward > 0)
		return;
	buf_adds(out, "Return-Path: <");
	mail_address_write(buf_sv(&s->t.sender), out);
	buf_adds(out, ">\r\n");
}

void
smtp_trace_received(const struct smtp_session *s, struct buf *out)
{
	const struct smtp_transaction *t = &s->t;
	bool six = sv_chr(sv_str(s->c->peer), ':') < sv_str(s->c->peer).n;
	struct buf name;
	size_t i;

	buf_init(&name, DNS_NAME_MAX + 1);
	add_name(t->judge, &name);
	buf_adds(out, "Received: from ");
	add_helo(buf_sv(&s->helo), out);
	/* Who writes through submission is not to be found by their network. */
	if (!s->authed)
		buf_addf(
		    out, " (%s[%s%s])", name.p, six ? "IPv6:" : "", s->c->peer);
	buf_fini(&name);
	buf_addf(
	    out, "\r\n\tby %s with %s id ", s->c->o->hostname, protocol(s));
	for (i = 0; i < sizeof t->id; i++)
		buf_addf(out, "%02x", t->id[i]);
	if (stream_is_tls(s->st))
		buf_addf(out, "\r\n\t(%s)", stream_tls_name(s->st));
	if (t->nrcpt == 1) {
		buf_adds(out, "\r\n\tfor <");
		mail_address_write(buf_sv(&t->first_rcpt), out);
		buf_addc(out, '>');
	}
	buf_adds(out, ";\r\n\t");
	mail_date_print(clk_now() / 1000, 0, out);
	buf_adds(out, "\r\n");
}
