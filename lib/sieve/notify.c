/* notify, valid_notify_method, notify_method_capability [RFC 5435], by mail
 * [RFC 5436]. */
#include "base/ascii.h"
#include "mail/addrlist.h"
#include "sieve/address.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fcc.h"
#include "sieve/letter.h"
#include "sieve/mailto.h"
#include "sieve/match.h"

#define LETTER_MAX (1 << 20)
#define OWNER_MAX  320

static bool
is_importance(struct sv s)
{
	return s.n == 1 && s.p[0] >= '1' && s.p[0] <= '3';
}

/* optionname "=" value [RFC 5435 3.5] */
static bool
is_option(struct sv s)
{
	size_t n = sv_chr(s, '=');

	if (n == 0 || n == s.n || !ascii_is_alnum(s.p[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-' &&
		    s.p[i] != '_')
			return false;
	return true;
}

static bool
is_method(struct sv s)
{
	struct sieve_mailto m;
	bool ok = sieve_mailto_read(s, &m);

	if (ok)
		sieve_mailto_fini(&m);
	return ok;
}

bool
sieve_check_notify(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *importance = sieve_tag_value(n, T_IMPORTANCE);
	const struct sieve_value *options = sieve_tag_value(n, T_OPTIONS);

	/* A method that is not there is an error only if it is used. */
	return (importance == NULL ||
		   sieve_check_each(c, importance, is_importance,
		       "an importance; expected \"1\", \"2\" or \"3\"")) &&
	       (options == NULL || sieve_check_each(c, options, is_option,
				       "an option; expected \"name=value\"")) &&
	       sieve_check_from(c, n) && sieve_check_fcc(c, n);
}

/* ---- the letter ---- */

struct notice {
	struct sieve_mailto to;
	struct sv from, message;
	char importance;
	struct buf sender; /* whose notice it is: the envelope's address */
	bool copied;	   /* one of the letters has the copy for :fcc */
};

static enum sieve_flow
first_address(void *arg, const struct sieve_address *a)
{
	if (a->broken)
		return FLOW_ON;
	sieve_address_put(a, arg);
	return FLOW_STOP;
}

/* :from, if it is an address of mine; else the one it was delivered to. */
static void
choose_sender(struct sieve_run *r, struct notice *o)
{
	if (o->from.n > 0)
		(void)sieve_addresses_each(o->from, first_address, &o->sender);
	if (o->sender.n > 0 &&
	    (r->host->is_mine == NULL ||
		r->host->is_mine(r->arg, buf_sv(&o->sender))))
		return;
	o->from = SV("");
	buf_set(&o->sender, r->message->to);
}

static void
put_body(struct sieve_run *r, const struct notice *o, struct buf *out)
{
	struct buf b;

	if (o->to.body.n > 0) {
		sieve_put_text(out, buf_sv(&o->to.body));
		return;
	}
	buf_init(&b, 16384);
	buf_adds(&b, "From: ");
	buf_addsv(&b, sv_first(sieve_first_field(r, SV("From")), 1000));
	buf_adds(&b, "\nSubject: ");
	buf_addsv(&b, sv_first(sieve_first_field(r, SV("Subject")), 1000));
	buf_adds(&b, "\n");
	sieve_put_text(out, buf_sv(&b));
	buf_fini(&b);
}

/* Whose notice it is [RFC 5436 2.7.1]; a name in quotes, or one that is too
 * long, would be another one in there. */
static void
put_auto_submitted(struct sv owner, struct buf *out)
{
	bool plain = owner.n > 0 && owner.n <= OWNER_MAX;

	for (size_t i = 0; i < owner.n && plain; i++)
		plain = ascii_is_graph(owner.p[i]) && owner.p[i] != '"' &&
			owner.p[i] != '\\';
	buf_adds(out, "Auto-Submitted: auto-notified");
	if (plain)
		buf_addf(out, "; owner-email=\"%.*s\"", SV_ARG(owner));
	buf_adds(out, "\r\n");
}

static void
put_notice(struct sieve_run *r, const struct notice *o, struct buf *out)
{
	struct sv subject = o->message;

	if (subject.n == 0)
		subject = buf_sv(&o->to.subject);
	if (subject.n == 0)
		subject = sieve_first_field(r, SV("Subject"));
	put_auto_submitted(r->message->to, out);
	sieve_put_addresses(
	    out, "From", o->from.n > 0 ? o->from : buf_sv(&o->sender));
	sieve_put_addresses(out, "To", buf_sv(&o->to.to));
	if (o->to.cc.n > 0)
		sieve_put_addresses(out, "Cc", buf_sv(&o->to.cc));
	if (o->message.n > 0)
		sieve_put_written(out, "Subject", subject);
	else
		sieve_put_field(out, "Subject", subject);
	sieve_put_stamp(r, out, subject);
	if (o->importance == '1')
		buf_adds(out, "Importance: high\r\nX-Priority: 1\r\n");
	if (o->importance == '3')
		buf_adds(out, "Importance: low\r\nX-Priority: 5\r\n");
	buf_adds(out, "MIME-Version: 1.0\r\n");
	put_body(r, o, out);
}

static bool
is_notified(const struct sieve_run *r, struct sv to)
{
	for (size_t i = 0; i < r->naction; i++)
		if (r->action[i].kind == SIEVE_NOTIFY &&
		    sv_ieq(r->action[i].letter.to, to))
			return true;
	return false;
}

/* The same letter to each of them, and to each only once. */
static enum sieve_flow
send_to(struct sieve_run *r, const struct sieve_node *n, struct notice *o,
    struct sv bytes, struct sv list)
{
	enum sieve_flow f = FLOW_ON;
	struct sieve_action *a;
	struct mail_addrlist l;
	struct mail_addr who;

	mail_addrlist_init(&l, list);
	while (f == FLOW_ON && mail_addrlist_next(&l, &who)) {
		struct sieve_address x = {who.local, who.domain, false};
		struct buf b;

		buf_init(&b, 2048);
		sieve_address_put(&x, &b);
		if (is_notified(r, buf_sv(&b))) {
			sieve_trace(r, n, "notify: \"%s\" is told already",
			    QUOTE(buf_sv(&b)));
		} else if (r->notifies >= r->limits.notifies) {
			sieve_trace(r, n,
			    "notify: too many; at most %u are sent for a "
			    "message",
			    r->limits.notifies);
		} else if ((f = sieve_add_action(r, n, SIEVE_NOTIFY, &a)) ==
			   FLOW_ON) {
			r->notifies++;
			a->letter.from =
			    r->message->has_envelope && r->message->from.n > 0
				? sieve_keep_sv(r, buf_sv(&o->sender))
				: SV("");
			a->letter.to = sieve_keep_sv(r, buf_sv(&b));
			a->letter.bytes = bytes;
			if (!o->copied)
				f = sieve_fcc_resolve(r, n, a);
			o->copied = true;
			sieve_trace(r, n, "notify \"%s\"", QUOTE(buf_sv(&b)));
		}
		buf_fini(&b);
	}
	mail_addrlist_fini(&l);
	return f;
}

static enum sieve_flow
expand_notice(struct sieve_run *r, const struct sieve_node *n, struct notice *o)
{
	const struct sieve_value *from = sieve_tag_value(n, T_FROM);
	const struct sieve_value *message = sieve_tag_value(n, T_MESSAGE);
	const struct sieve_value *importance = sieve_tag_value(n, T_IMPORTANCE);
	struct sv s = SV("2");
	enum sieve_flow f = FLOW_ON;

	if (from != NULL)
		f = sieve_expand(r, n, &from->s[0], &o->from);
	if (f == FLOW_ON && message != NULL)
		f = sieve_expand(r, n, &message->s[0], &o->message);
	if (f == FLOW_ON && importance != NULL)
		f = sieve_expand(r, n, &importance->s[0], &s);
	if (f == FLOW_ON && !is_importance(s))
		return sieve_fail(
		    r, n, "\"%s\" is not an importance", QUOTE(s));
	o->importance = s.p[0];
	return f;
}

/* No notice of what a program has sent, nor of junk [RFC 5436 2.7]. */
static const char *
why_not(struct sieve_run *r)
{
	struct sv v = sieve_first_field(r, SV("Auto-Submitted"));

	if (v.n > 0 && !sv_ieq(sv_trim(sv_first(v, sv_chr(v, ';'))), SV("no")))
		return "the message was sent by a program (Auto-Submitted)";
	return r->message->junk ? "the message is junk" : NULL;
}

enum sieve_flow
sieve_run_notify(struct sieve_run *r, const struct sieve_node *n)
{
	const char *why = why_not(r);
	struct notice o = {0};
	struct sv method, bytes;
	enum sieve_flow f;
	struct buf b;

	f = sieve_expand(r, n, &n->pos[0]->s[0], &method);
	if (f != FLOW_ON)
		return f;
	if (!sieve_mailto_read(method, &o.to))
		return sieve_fail(r, n,
		    "\"%s\" is not a way to notify; expected "
		    "\"mailto:anna@example.org\"",
		    QUOTE(method));
	buf_init(&o.sender, 4096);
	f = expand_notice(r, n, &o);
	if (f == FLOW_ON && why != NULL) {
		sieve_trace(r, n, "notify: none, since %s", why);
	} else if (f == FLOW_ON) {
		choose_sender(r, &o);
		buf_init(&b, LETTER_MAX);
		put_notice(r, &o, &b);
		bytes = sieve_keep_sv(r, buf_sv(&b));
		buf_fini(&b);
		f = send_to(r, n, &o, bytes, buf_sv(&o.to.to));
		if (f == FLOW_ON)
			f = send_to(r, n, &o, bytes, buf_sv(&o.to.cc));
	}
	buf_fini(&o.sender);
	sieve_mailto_fini(&o.to);
	return f;
}

/* ---- tests ---- */

enum sieve_flow
sieve_test_valid_notify_method(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv *all;
	size_t count;
	enum sieve_flow f = sieve_expand_all(r, n, n->pos[0], &all, &count);

	*out = true;
	for (size_t i = 0; f == FLOW_ON && i < count && *out; i++)
		*out = is_method(all[i]);
	return f;
}

enum sieve_flow
sieve_test_notify_method_capability(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	struct sv method, what;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[2]);

	if (f == FLOW_ON)
		f = sieve_expand(r, n, &n->pos[0]->s[0], &method);
	if (f == FLOW_ON)
		f = sieve_expand(r, n, &n->pos[1]->s[0], &what);
	if (f == FLOW_ON && sv_ieq(what, SV("online")) && is_method(method))
		f = sieve_matcher_value(&m, SV("maybe"));
	else if (f == FLOW_ON && sv_ieq(what, SV("fcc")) &&
		 (r->scope->ext & EXT(E_FCC)) != 0 &&
		 sv_istarts(method, SV("mailto:"))) /* [RFC 8580 6] */
		f = sieve_matcher_value(&m, SV("yes"));
	else if (f == FLOW_ON) {
		*out = false; /* whatever the match is [RFC 5435 5] */
		return FLOW_ON;
	}
	return sieve_matcher_end(&m, f, out);
}
