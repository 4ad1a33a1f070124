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

/* The length of a byte with the backslash before it, if it may be there. */
static size_t
one_char(struct sv s)
{
	size_t n = s.n > 0 && s.p[0] == '\\' ? 2 : 1;

	return s.n >= n && ascii_is_print(s.p[n - 1]) ? n : 0;
}

/*
 * Quoted-string = DQUOTE *QcontentSMTP DQUOTE
 * qtextSMTP = %d32-33 / %d35-91 / %d93-126
 * quoted-pairSMTP = %d92 %d32-126
 */
static size_t
quoted_string(struct sv s)
{
	size_t i = 1, n;

	while (i < s.n && s.p[i] != '"') {
		n = one_char(sv_skip(s, i));
		if (n == 0)
			return 0;
		i += n;
	}
	return i < s.n ? i + 1 : 0;
}

/*
 * Local-part, as others write it: any printable bytes, in quotes or not, with
 * dots wherever they are; blanks and @ < > need quotes or a backslash.  The
 * length of one at the front, 0 if none.
 */
static size_t
local_part(struct sv s)
{
	size_t i = 0, n = 1;

	while (i < s.n && n > 0) {
		if (memchr(" @<>", s.p[i], 4) != NULL)
			break;
		n = s.p[i] == '"' ? quoted_string(sv_skip(s, i))
				  : one_char(sv_skip(s, i));
		i += n;
	}
	return n > 0 ? i : 0;
}

/* sub-domain = Let-dig [Ldh-str] */
static size_t
strict_domain(struct sv s)
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

/* Domain, as others write it: with underscores, hyphens at the ends of labels.
 * Two dots have nothing between them anywhere. */
static size_t
domain_name(struct sv s)
{
	size_t i, label = 0;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.' ? label == 0
			     : !ascii_is_alnum(c) && c != '-' && c != '_')
			break;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return 0;
	}
	/* A dot at the end does not belong to it. */
	return i > 0 && label == 0 ? i - 1 : i;
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
	return s.n > 0 && s.n <= 255 && strict_domain(s) == s.n;
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

/* Behind the mailbox, for one without a domain. */
static bool
at_end(struct sv s)
{
	return s.n == 0 || s.p[0] == '>' || s.p[0] == ' ' || s.p[0] == '\t';
}

/* Mailbox = Local-part "@" ( Domain / address-literal ) */
static int
mailbox(struct sv *s, const struct mail_path_limits *lim, struct mail_path *out)
{
	struct sv start = *s;
	size_t n = local_part(*s);

	if (n == 0)
		return RC_SYNTAX;
	out->local = sv_first(*s, n);
	*s = sv_skip(*s, n);
	if (at_end(*s) && sv_ieq(out->local, SV("postmaster"))) {
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
	if (s->n > 0 && s->p[0] == '.' && out->domain.p[0] != '[')
		*s = sv_skip(*s, 1);
	if (out->local.n > lim->local || out->domain.n > lim->domain)
		return RC_TOOBIG;
	return RC_OK;
}

static void
skip_blanks(struct sv *s)
{
	while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = sv_skip(*s, 1);
}

static int
take_path(struct sv *s, const struct mail_path_limits *lim, bool null_ok,
    struct mail_path *out)
{
	bool angle = s->n > 0 && s->p[0] == '<';
	int r;

	if (angle) {
		*s = sv_skip(*s, 1);
		skip_blanks(s);
	}
	if (angle && null_ok && s->n > 0 && s->p[0] == '>') {
		out->null = true;
		out->local = out->mailbox = SV("");
	} else {
		if (s->n > 0 && s->p[0] == '@' && !skip_source_route(s))
			return RC_SYNTAX;
		r = mailbox(s, lim, out);
		if (r != RC_OK)
			return r;
	}
	if (!angle)
		return at_end(*s) && !(s->n > 0 && s->p[0] == '>') ? RC_OK
								   : RC_SYNTAX;
	skip_blanks(s);
	if (s->n == 0 || s->p[0] != '>')
		return RC_SYNTAX;
	*s = sv_skip(*s, 1);
	return RC_OK;
}

/* A byte beyond ASCII before the address can be over. */
static bool
is_international(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n && s.p[i] != '>'; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

int
mail_path_parse(struct sv *in, const struct mail_path_limits *lim, bool null_ok,
    struct mail_path *out)
{
	struct mail_path p = {.null = false, .domain = SV("")};
	struct sv s = *in;
	int r = take_path(&s, lim, null_ok, &p);

	if (r == RC_SYNTAX && is_international(*in))
		return RC_NOSUPPORT;
	if (r == RC_OK && in->n - s.n > lim->path)
		r = RC_TOOBIG;
	if (r != RC_OK)
		return r;
	*in = s;
	*out = p;
	return RC_OK;
}

/* What the local part means, without quotes and backslashes. */
static void
local_value(struct sv local, struct buf *out)
{
	size_t i;

	for (i = 0; i < local.n; i++) {
		if (local.p[i] == '"')
			continue;
		if (local.p[i] == '\\' && i + 1 < local.n)
			i++;
		buf_addc(out, local.p[i]);
	}
}

static void
add_quoted(struct sv value, struct buf *out)
{
	size_t i;

	buf_addc(out, '"');
	for (i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, value.p[i]);
	}
	buf_addc(out, '"');
}

/* Atoms and dots, whether they are where the grammar has them or not. */
static bool
is_plain(struct sv value)
{
	size_t i;

	for (i = 0; i < value.n; i++)
		if (!is_atext(value.p[i]) && value.p[i] != '.')
			return false;
	return value.n > 0;
}

void
mail_path_plain(const struct mail_path *p, struct buf *out)
{
	struct buf value;

	if (p->null)
		return;
	buf_init(&value, p->local.n + 1);
	local_value(p->local, &value);
	if (is_plain(buf_sv(&value)))
		buf_addsv(out, buf_sv(&value));
	else
		add_quoted(buf_sv(&value), out);
	if (p->domain.n > 0) {
		buf_addc(out, '@');
		buf_addsv(out, p->domain);
	}
	buf_fini(&value);
}

void
mail_address_write(struct sv plain, struct buf *out)
{
	size_t at = sv_rchr(plain, '@');
	struct sv local = sv_first(plain, at);

	if (is_plain(local) && dot_string(local) != local.n)
		add_quoted(local, out);
	else
		buf_addsv(out, local);
	buf_addsv(out, sv_skip(plain, at));
}
