#include "sieve/address.h"

#include <string.h>

#include "base/ascii.h"
#include "mail/addrlist.h"
#include "mail/lex.h"
#include "mail/path.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fields.h"

/* What reading addresses costs, for each byte. */
#define ADDRESS_WORK 16

/* What does not parse is compared as it is, without a name in front of "<". */
static struct sv
as_written(struct sv s)
{
	size_t open = sv_rchr(s, '<');

	if (open < s.n)
		s = sv_skip(s, open + 1);
	s = sv_first(s, sv_chr(s, '>'));
	while (s.n > 0 && (ascii_is_blank(s.p[0]) || s.p[0] == ','))
		s = sv_skip(s, 1);
	while (s.n > 0 && (ascii_is_blank(s.p[s.n - 1]) ||
			      s.p[s.n - 1] == ',' || s.p[s.n - 1] == ';'))
		s.n--;
	return s;
}

enum sieve_flow
sieve_addresses_each(struct sv value,
    enum sieve_flow (*fn)(void *arg, const struct sieve_address *a), void *arg)
{
	enum sieve_flow f = FLOW_ON;
	struct mail_addrlist l;
	struct mail_addr a;
	struct sv before;

	mail_addrlist_init(&l, value);
	before = l.rest;
	while (f == FLOW_ON && mail_addrlist_next(&l, &a)) {
		struct sieve_address x = {a.local, a.domain, a.broken};

		if (a.kind != MAIL_ADDR_MAILBOX) {
			before = l.rest;
			continue;
		}
		x.broken |= a.local.p == NULL || a.domain.n == 0;
		if (x.broken)
			x = (struct sieve_address){.broken = true,
			    .local = as_written(
				sv_first(before, before.n - l.rest.n))};
		before = l.rest;
		f = fn(arg, &x);
	}
	mail_addrlist_fini(&l);
	return f;
}

static bool
is_dot_atom(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!mail_is_atext(s.p[i]) &&
		    (s.p[i] != '.' || i == 0 || i + 1 == s.n ||
			s.p[i - 1] == '.'))
			return false;
	return s.n > 0;
}

void
sieve_address_put(const struct sieve_address *a, struct buf *out)
{
	if (a->broken || is_dot_atom(a->local)) {
		buf_addsv(out, a->local);
	} else {
		buf_addc(out, '"');
		for (size_t i = 0; i < a->local.n; i++) {
			if (a->local.p[i] == '"' || a->local.p[i] == '\\')
				buf_addc(out, '\\');
			buf_addc(out, a->local.p[i]);
		}
		buf_addc(out, '"');
	}
	if (a->domain.n > 0) {
		buf_addc(out, '@');
		buf_addsv(out, a->domain);
	}
}

void
sieve_address_split(
    struct sv text, struct buf *unquoted, struct sieve_address *out)
{
	size_t at;
	struct sv local;

	/* A source route is dropped [RFC 5228 5.4]. */
	if (text.n > 0 && text.p[0] == '@' && sv_chr(text, ':') < text.n)
		text = sv_skip(text, sv_chr(text, ':') + 1);
	at = sv_rchr(text, '@');
	local = sv_first(text, at);
	if (local.n > 1 && local.p[0] == '"' && local.p[local.n - 1] == '"') {
		local = sv_of(local.p + 1, local.n - 2);
		for (size_t i = 0; i < local.n; i++) {
			if (local.p[i] == '\\' && i + 1 < local.n)
				i++;
			buf_addc(unquoted, local.p[i]);
		}
		local = buf_sv(unquoted);
	}
	*out = (struct sieve_address){
	    .local = local, .domain = sv_skip(text, at + 1)};
}

enum sieve_flow
sieve_address_match(struct sieve_matcher *m, const struct sieve_address *a)
{
	/* Where conf_lookup sees the detail, too. */
	size_t plus = sv_chr(a->local, '+');
	enum sieve_part part = m->how.part;
	enum sieve_flow f;
	struct buf b;

	/* Addresses are counted, whatever they have [RFC 5231 4.2]. */
	if (m->how.type == M_COUNT)
		return sieve_matcher_value(m, SV(""));
	if (a->broken && part != P_ALL)
		return FLOW_ON;
	switch (part) {
	case P_LOCALPART:
		return sieve_matcher_value(m, a->local);
	case P_DOMAIN:
		return sieve_matcher_value(m, a->domain);
	case P_USER:
		return sieve_matcher_value(m, sv_first(a->local, plus));
	case P_DETAIL:
		if (plus == a->local.n)
			return FLOW_ON;
		return sieve_matcher_value(m, sv_skip(a->local, plus + 1));
	case P_ALL:
		break;
	}
	buf_init(&b, 2 * a->local.n + a->domain.n + 4);
	sieve_address_put(a, &b);
	f = sieve_matcher_value(m, buf_sv(&b));
	buf_fini(&b);
	return f;
}

bool
sieve_address_read(struct sv s, struct buf *out)
{
	struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct sieve_address found = {0};
	struct mail_addrlist l;
	struct mail_addr a;
	struct mail_path p;
	struct buf b;
	unsigned n = 0;
	bool ok = true;
	struct sv rest;

	buf_init(&b, 4096);
	mail_addrlist_init(&l, s);
	while (ok && mail_addrlist_next(&l, &a)) {
		ok = a.kind == MAIL_ADDR_MAILBOX && !a.broken &&
		     a.local.n > 0 && a.domain.n > 0 && a.route.n == 0 &&
		     n++ == 0;
		found = (struct sieve_address){a.local, a.domain, false};
		if (ok)
			sieve_address_put(&found, &b);
	}
	mail_addrlist_fini(&l);
	rest = buf_sv(&b);
	/* As our own commands have it: strict, and ASCII. */
	ok = ok && n == 1 && buf_ok(&b) &&
	     mail_path_parse(&rest, &lim, false, &p) == RC_OK && rest.n == 0 &&
	     (mail_domain_valid(p.domain) ||
		 mail_address_literal_valid(p.domain));
	if (ok) /* without a last dot */
		buf_addf(out, "%.*s@%.*s", SV_ARG(p.local), SV_ARG(p.domain));
	buf_fini(&b);
	return ok;
}

bool
sieve_is_mailbox_list(struct sv s)
{
	struct mail_addrlist l;
	struct mail_addr a;
	unsigned n = 0;
	bool ok = true;

	mail_addrlist_init(&l, s);
	while (ok && mail_addrlist_next(&l, &a)) {
		ok = a.kind == MAIL_ADDR_MAILBOX && !a.broken &&
		     a.local.n > 0 && a.domain.n > 0;
		n++;
	}
	mail_addrlist_fini(&l);
	return ok && n > 0;
}

/* ---- test address ---- */

/* Fields that cannot have addresses [RFC 5228 5.1]. */
static bool
may_have_addresses(struct sv name)
{
	static const struct sv not [] = {SV("subject"), SV("date"),
	    SV("received"), SV("comments"), SV("keywords"), SV("mime-version"),
	    SV("content-type"), SV("content-transfer-encoding"),
	    SV("content-disposition"), SV("resent-date")};

	for (size_t i = 0; i < sizeof not / sizeof not [0]; i++)
		if (sv_ieq(name, not [i]))
			return false;
	return true;
}

bool
sieve_check_address(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_fields(c, n) &&
	       sieve_check_each(c, n->pos[0], may_have_addresses,
		   "the name of a field with addresses");
}

static enum sieve_flow
match_one(void *arg, const struct sieve_address *a)
{
	struct sieve_matcher *m = arg;
	enum sieve_flow f = sieve_address_match(m, a);

	return f == FLOW_ON && m->hit ? FLOW_STOP : f;
}

enum sieve_flow
sieve_test_address(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	struct sieve_fields found;
	struct sv *names;
	size_t nnames;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = sieve_expand_all(r, n, n->pos[0], &names, &nnames);
	if (f == FLOW_ON)
		f = sieve_fields_find(r, n, names, nnames, &found);
	for (size_t i = 0; f == FLOW_ON && i < found.n && !m.hit; i++) {
		uint64_t before = m.count;
		struct sv name = names[found.name[i]];

		f = sieve_charge(r, n, ADDRESS_WORK * found.value[i].n);
		if (f == FLOW_ON && may_have_addresses(name))
			f = sieve_addresses_each(found.value[i], match_one, &m);
		if (f == FLOW_ON && m.count == before)
			sieve_trace(r, n,
			    "address: the field \"%s\" is there, but has no "
			    "address that could be compared",
			    QUOTE(name));
	}
	return sieve_matcher_end(&m, f == FLOW_STOP ? FLOW_ON : f, out);
}

/* ---- test envelope ---- */

static bool
is_envelope_part(struct sv s)
{
	return sv_ieq(s, SV("from")) || sv_ieq(s, SV("to"));
}

bool
sieve_check_envelope(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_each(c, n->pos[0], is_envelope_part,
	    "a part of the envelope; expected \"from\" or \"to\"");
}

/* "a@b", or "a" alone; dots may be anywhere in front of the "@". */
static bool
is_path(struct sv s)
{
	size_t at = sv_rchr(s, '@');
	struct sv local = sv_first(s, at);

	if (sv_starts(s, SV("@")))
		return sv_chr(s, ':') < at && at + 1 < s.n;
	if (local.n == 0 || at + 1 == s.n)
		return false;
	if (local.p[0] == '"')
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (i != at && (s.p[i] == '@' || ascii_is_blank(s.p[i]) ||
				   s.p[i] == '<' || s.p[i] == '>'))
			return false;
	return true;
}

static enum sieve_flow
match_path(struct sieve_matcher *m, struct sv path)
{
	struct sieve_address a;
	enum sieve_flow f;
	struct buf b;

	/* Whatever part of it is asked for [RFC 5228 5.4]. */
	if (path.n == 0)
		return sieve_matcher_value(m, SV(""));
	buf_init(&b, path.n + 1);
	/* What is not a path is compared as a whole only; some have no
	 * domain, as "MAILER-DAEMON". */
	if (is_path(path))
		sieve_address_split(path, &b, &a);
	else
		a = (struct sieve_address){.local = path, .broken = true};
	f = sieve_address_match(m, &a);
	buf_fini(&b);
	return f;
}

enum sieve_flow
sieve_test_envelope(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	const struct sieve_message *msg = r->message;
	struct sieve_matcher m;
	struct sv *parts;
	size_t nparts;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = sieve_expand_all(r, n, n->pos[0], &parts, &nparts);
	for (size_t i = 0; f == FLOW_ON && i < nparts && !m.hit; i++) {
		if (!is_envelope_part(parts[i]))
			f = sieve_fail(r, n,
			    "\"%s\" is not a part of the envelope; expected "
			    "\"from\" or \"to\"",
			    QUOTE(parts[i]));
		else if (msg->has_envelope)
			f = match_path(&m,
			    sv_ieq(parts[i], SV("from")) ? msg->from : msg->to);
	}
	return sieve_matcher_end(&m, f, out);
}
