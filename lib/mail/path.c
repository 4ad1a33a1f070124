#include "mail/path.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ascii.h"

/* atext of RFC 5322 3.2.3 */
static bool
is_atext(char c)
{
	return ascii_is_alnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Dot-string = Atom *("." Atom); the length of one at the front, 0 if none */
static size_t
dot_string(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (is_atext(s.p[i]))
			continue;
		if (s.p[i] != '.' || i == 0 || s.p[i - 1] == '.')
			break;
	}
	return i > 0 && s.p[i - 1] != '.' ? i : 0;
}

/*
 * Quoted-string = DQUOTE *QcontentSMTP DQUOTE
 * qtextSMTP = %d32-33 / %d35-91 / %d93-126
 * quoted-pairSMTP = %d92 %d32-126
 */
static size_t
quoted_string(struct sv s)
{
	size_t i;

	if (s.n < 2 || s.p[0] != '"')
		return 0;
	for (i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\')
			i++;
		if (i == s.n || !ascii_is_print(s.p[i]))
			return 0;
	}
	return 0;
}

/* sub-domain = Let-dig [Ldh-str]; underscores are refused */
static size_t
domain_name(struct sv s)
{
	size_t i, label = 0;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return 0;
			label = 0;
		} else if (ascii_is_alnum(c) || (c == '-' && label > 0)) {
			if (++label > 63)
				return 0;
		} else {
			break;
		}
	}
	return label > 0 && s.p[i - 1] != '-' ? i : 0;
}

/* "[" ( IPv4-address-literal / "IPv6:" IPv6-addr ) "]" */
static size_t
address_literal(struct sv s)
{
	unsigned char bin[16];
	char text[64];
	struct sv in;
	size_t end;
	int family = AF_INET;

	if (s.n == 0 || s.p[0] != '[')
		return 0;
	end = sv_chr(s, ']');
	in = sv_skip(sv_first(s, end), 1);
	if (end == s.n)
		return 0;
	if (sv_istarts(in, SV("IPv6:"))) {
		in = sv_skip(in, 5);
		family = AF_INET6;
	}
	if (in.n == 0 || in.n >= sizeof text || sv_chr(in, '\0') < in.n)
		return 0;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	return inet_pton(family, text, bin) == 1 ? end + 1 : 0;
}

bool
mail_domain_valid(struct sv s)
{
	return s.n > 0 && s.n <= 255 && domain_name(s) == s.n;
}

bool
mail_address_literal_valid(struct sv s)
{
	return s.n > 0 && address_literal(s) == s.n;
}

/* A-d-l = At-domain *( "," At-domain ), then ":": read and ignored, as
 * [RFC 5321 3.6.1] recommends. */
static bool
skip_source_route(struct sv *s)
{
	while (s->n > 0 && s->p[0] == '@') {
		size_t n;

		*s = sv_skip(*s, 1);
		n = domain_name(*s);
		if (n == 0 || n == s->n)
			return false;
		*s = sv_skip(*s, n);
		if (s->p[0] == ':') {
			*s = sv_skip(*s, 1);
			return true;
		}
		if (s->p[0] != ',')
			return false;
		*s = sv_skip(*s, 1);
	}
	return false;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ) */
static int
mailbox(struct sv *s, const struct mail_path_limits *lim, struct mail_path *out)
{
	struct sv start = *s;
	size_t n = dot_string(*s);

	if (n == 0)
		n = quoted_string(*s);
	if (n == 0)
		return RC_SYNTAX;
	out->local = sv_first(*s, n);
	*s = sv_skip(*s, n);
	if (s->n > 0 && s->p[0] == '>' &&
	    sv_ieq(out->local, SV("postmaster"))) {
		out->mailbox = out->local;
		return RC_OK;
	}
	if (s->n == 0 || s->p[0] != '@')
		return RC_SYNTAX;
	*s = sv_skip(*s, 1);
	n = domain_name(*s);
	if (n == 0)
		n = address_literal(*s);
	if (n == 0)
		return RC_SYNTAX;
	out->domain = sv_first(*s, n);
	*s = sv_skip(*s, n);
	out->mailbox = sv_first(start, start.n - s->n);
	if (out->local.n > lim->local || out->domain.n > lim->domain)
		return RC_TOOBIG;
	return RC_OK;
}

int
mail_path_parse(struct sv *in, const struct mail_path_limits *lim, bool null_ok,
    struct mail_path *out)
{
	struct mail_path p = {.null = false, .domain = SV("")};
	struct sv s = *in;
	int r;

	if (s.n == 0 || s.p[0] != '<')
		return RC_SYNTAX;
	s = sv_skip(s, 1);
	if (s.n > 0 && s.p[0] == '>') {
		if (!null_ok)
			return RC_SYNTAX;
		p.null = true;
		p.local = p.mailbox = SV("");
	} else {
		if (s.n > 0 && s.p[0] == '@' && !skip_source_route(&s))
			return RC_SYNTAX;
		r = mailbox(&s, lim, &p);
		if (r != RC_OK)
			return r;
		if (s.n == 0 || s.p[0] != '>')
			return RC_SYNTAX;
	}
	s = sv_skip(s, 1);
	if (in->n - s.n > lim->path)
		return RC_TOOBIG;
	*in = s;
	*out = p;
	return RC_OK;
}

void
mail_path_plain(const struct mail_path *p, struct buf *out)
{
	struct buf plain;
	size_t i;

	buf_init(&plain, 1024);
	for (i = 0; i < p->local.n; i++) {
		char c = p->local.p[i];

		if (p->local.p[0] == '"') {
			if (i == 0 || i + 1 == p->local.n)
				continue;
			if (c == '\\')
				c = p->local.p[++i];
		}
		buf_addc(&plain, c);
	}
	if (dot_string(buf_sv(&plain)) == plain.n && plain.n > 0)
		buf_addsv(out, buf_sv(&plain));
	else
		buf_addsv(out, p->local);
	if (p->domain.n > 0) {
		buf_addc(out, '@');
		buf_addsv(out, p->domain);
	}
	buf_fini(&plain);
}
