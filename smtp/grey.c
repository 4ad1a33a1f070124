/*
 * Greylisting: a stranger who looks suspicious is asked to come again, once.
 * Programs that send junk mostly do not; mail servers do.
 *
 * Suspicious is who comes without anything that confirms the author's domain,
 * and from an address that has no name, that introduces itself wrongly, or that
 * is on a block list.  What cannot be found out now is held against nobody.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/ascii.h"
#include "base/network.h"
#include "base/tally.h"
#include "smtp/judge_priv.h"
#include "smtp/smtp_priv.h"

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]": the peer's? */
static bool
is_literal_of(struct sv helo, const struct in6_addr *peer)
{
	struct in6_addr said;
	char text[LOOKUP_IP_TEXT];
	struct sv ip = sv_skip(helo, 1);

	ip = sv_first(ip, sv_chr(ip, ']'));
	if (sv_istarts(ip, SV("IPv6:")))
		ip = sv_skip(ip, 5);
	if (ip.n >= sizeof text)
		return false;
	sv_copy(ip, text, sizeof text);
	return network_address(text, &said) && IN6_ARE_ADDR_EQUAL(&said, peer);
}

/* [RFC 5321 4.1.1.1] A name with a dot, and not ours; or the own address. */
static bool
is_helo_wrong(const struct smtp_judge *j, struct sv helo)
{
	const struct check_result *r = check_result(j->check);
	struct in6_addr ip;
	char text[LOOKUP_IP_TEXT] = "";

	if (sv_starts(helo, SV("[")))
		return !is_literal_of(helo, &r->peer);
	if (helo.n < sizeof text)
		sv_copy(helo, text, sizeof text);
	return sv_chr(helo, '.') == helo.n || network_address(text, &ip) ||
	       sv_ieq(helo, sv_str(j->hostname)) || r->helo.result == AUTH_FAIL;
}

bool
smtp_judge_is_suspicious(const struct smtp_judge *j, struct sv helo)
{
	const struct check_result *r;

	if (j == NULL || !j->ended || smtp_judge_verified(j))
		return false;
	r = check_result(j->check);
	if (r->dmarc.result == AUTH_TEMPERROR ||
	    r->mailfrom.result == AUTH_TEMPERROR)
		return false;
	return r->iprev.result == AUTH_FAIL ||
	       r->iprev.result == AUTH_PERMERROR || j->listed.junk ||
	       is_helo_wrong(j, helo);
}

/* People here have written to whom it says it is from. */
static bool
is_claimed(struct smtp_session *s)
{
	const struct smtp_ops *ops = s->c->o->ops;
	bool yes = false;

	if (smtp_judge_knows(s->t.judge, "", &yes) != RC_OK || yes)
		return true;
	return ops->knows != NULL && s->t.sender.n > 0 &&
	       (ops->knows(s->c->o->ctx, "", s->t.sender.p, &yes) != RC_OK ||
		   yes);
}

/* Of the network, of IPv4 /24 and of IPv6 /64: large senders try again from
 * another address of theirs. */
static void
put_triple(const struct smtp_session *s, const char *domain, struct buf *out)
{
	struct network_key network;
	size_t i;

	buf_reset(out);
	network_key(s->c->peer, true, &network);
	for (i = 0; i < sizeof network.b; i++)
		buf_addf(out, "%02x", network.b[i]);
	buf_addf(
	    out, " %s %s", s->t.sender.n > 0 ? s->t.sender.p : "<>", domain);
	for (i = 0; i < out->n; i++)
		out->p[i] = ascii_lower(out->p[i]);
}

/* Each domain of recipients is asked about, so that time counts for all. */
static bool
all_wait(struct smtp_session *s)
{
	const struct smtp_server_opts *o = s->c->o;
	const char *name = smtp_judge_result(s->t.judge)->iprev.name;
	bool wait = s->t.nhome > 0;
	struct buf triple;
	size_t i;

	buf_init(&triple, 4096);
	for (i = 0; i < s->t.nhome; i++) {
		const struct smtp_home *h = &s->t.home[i];

		put_triple(s, h->domain, &triple);
		if (h->policy == SMTP_INBOUND_OFF ||
		    h->policy == SMTP_INBOUND_NOTE ||
		    !o->ops->grey(o->ctx, s->c->peer, name, buf_sv(&triple)))
			wait = false;
	}
	buf_fini(&triple);
	return wait;
}

bool
smtp_grey_waits(struct smtp_session *s, struct smtp_judge_outcome *why)
{
	const struct smtp_server_opts *o = s->c->o;

	if (o->submission || s->c->loopback || s->authed ||
	    o->ops->grey == NULL || o->ops->greylists == NULL ||
	    !o->ops->greylists(o->ctx) ||
	    !smtp_judge_is_suspicious(s->t.judge, buf_sv(&s->helo)) ||
	    is_claimed(s) || !all_wait(s))
		return false;
	tally_add(TALLY_GREYLISTED, 1);
	why->code = "4.7.1";
	(void)snprintf(why->text, sizeof why->text,
	    "this server does not know you yet: send the message again in "
	    "five minutes, and it is accepted (greylisting)");
	return true;
}
