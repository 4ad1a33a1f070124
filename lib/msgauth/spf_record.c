#include <arpa/inet.h>

#include "base/ascii.h"
#include "msgauth/spf.h"

#define VERSION "v=spf1"

bool
spf_is_record(struct sv text)
{
	size_t n = strlen(VERSION);

	return sv_istarts(text, SV(VERSION)) &&
	       (text.n == n || text.p[n] == ' ');
}

/* ---- mechanisms ---- */

/* "/" ( "0" / %x31-39 *DIGIT ) at the end of *s, cut off; false: it is there
 * and wrong.  Without one *out stays. */
static bool
cut_prefix(struct sv *s, const char *slash, unsigned max, unsigned *out)
{
	size_t i = s->n, n = strlen(slash);
	struct sv digits;
	uint32_t v;

	while (i > 0 && ascii_is_digit(s->p[i - 1]))
		i--;
	digits = sv_skip(*s, i);
	if (digits.n == 0 || !sv_ends(sv_first(*s, i), sv_str(slash)))
		return true;
	if ((digits.n > 1 && digits.p[0] == '0') ||
	    sv_to_u32(digits, max, &v) != RC_OK)
		return false;
	*out = v;
	*s = sv_first(*s, i - n);
	return true;
}

/* [ ":" domain-spec ] */
static bool
read_spec(struct sv s, bool required, struct spf_term *out)
{
	if (s.n == 0)
		return !required;
	out->spec = sv_skip(s, 1);
	return s.p[0] == ':' && spf_spec_valid(out->spec);
}

/* [ ":" domain-spec ] [ dual-cidr-length ] */
static bool
read_host(struct sv s, struct spf_term *out)
{
	return cut_prefix(&s, "//", 128, &out->prefix6) &&
	       cut_prefix(&s, "/", 32, &out->prefix4) &&
	       read_spec(s, false, out);
}

/* ":" ip4-network [ ip4-cidr-length ], and the same of ip6 */
static bool
read_network(struct sv s, struct spf_term *out)
{
	char text[INET6_ADDRSTRLEN];
	bool four = out->mechanism == SPF_IP4;

	if (s.n == 0 || s.p[0] != ':' ||
	    !cut_prefix(
		&s, "/", four ? 32 : 128, four ? &out->prefix4 : &out->prefix6))
		return false;
	s = sv_skip(s, 1);
	if (s.n == 0 || s.n >= sizeof text || memchr(s.p, 0, s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (!four)
		return inet_pton(AF_INET6, text, &out->ip) == 1;
	out->ip = (struct in6_addr){0};
	out->ip.s6_addr[10] = out->ip.s6_addr[11] = 0xff;
	return inet_pton(AF_INET, text, out->ip.s6_addr + 12) == 1;
}

static const struct mechanism {
	const char *name;
	enum spf_mechanism is;
} mechanisms[] = {
    {"all", SPF_ALL},
    {"include", SPF_INCLUDE},
    {"a", SPF_A},
    {"mx", SPF_MX},
    {"ptr", SPF_PTR},
    {"ip4", SPF_IP4},
    {"ip6", SPF_IP6},
    {"exists", SPF_EXISTS},
};

static bool
read_qualifier(struct sv *s, enum auth_result *out)
{
	static const char qualifiers[] = "+-~?";
	static const enum auth_result results[] = {
	    AUTH_PASS, AUTH_FAIL, AUTH_SOFTFAIL, AUTH_NEUTRAL};
	const char *at =
	    s->n > 0 && s->p[0] != '\0' ? strchr(qualifiers, s->p[0]) : NULL;

	*out = at != NULL ? results[at - qualifiers] : AUTH_PASS;
	if (at != NULL)
		*s = sv_skip(*s, 1);
	return at != NULL;
}

/* Where a name ends: ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static size_t
name_end(struct sv s)
{
	size_t i = 0;

	if (s.n == 0 || !ascii_is_alpha(s.p[0]))
		return 0;
	while (i < s.n && (ascii_is_alnum(s.p[i]) || s.p[i] == '-' ||
			      s.p[i] == '_' || s.p[i] == '.'))
		i++;
	return i;
}

static bool
read_mechanism(struct sv term, struct spf_term *out)
{
	size_t n, i;
	struct sv name;

	*out = (struct spf_term){.prefix4 = 32, .prefix6 = 128};
	(void)read_qualifier(&term, &out->qualifier);
	n = name_end(term);
	name = sv_first(term, n);
	for (i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (sv_ieq(name, sv_str(mechanisms[i].name)))
			break;
	if (i == sizeof mechanisms / sizeof mechanisms[0])
		return false;
	out->mechanism = mechanisms[i].is;
	term = sv_skip(term, n);
	switch (out->mechanism) {
	case SPF_ALL:
		return term.n == 0;
	case SPF_INCLUDE:
	case SPF_EXISTS:
		return read_spec(term, true, out);
	case SPF_PTR:
		return read_spec(term, false, out);
	case SPF_A:
	case SPF_MX:
		return read_host(term, out);
	case SPF_IP4:
	case SPF_IP6:
		break;
	}
	return read_network(term, out);
}

/* ---- the record ---- */

static bool
is_modifier(struct sv term)
{
	size_t n = name_end(term);

	return n > 0 && n < term.n && term.p[n] == '=';
}

/* redirect and exp once each; others are macro-strings. */
static bool
read_modifier(struct sv term, struct spf_record *out)
{
	size_t eq = sv_chr(term, '=');
	struct sv name = sv_first(term, eq), value = sv_skip(term, eq + 1);
	struct sv *to = NULL;

	if (sv_ieq(name, SV("redirect")))
		to = &out->redirect;
	else if (sv_ieq(name, SV("exp")))
		to = &out->exp;
	else
		return spf_macro_valid(value, false);
	if (to->p != NULL)
		return false;
	*to = value;
	return spf_spec_valid(value);
}

/* Without the empty ones between several spaces; false at the end. */
static bool
next_term(struct sv *rest, struct sv *term)
{
	while (rest->n > 0) {
		*term = sv_split(rest, ' ');
		if (term->n > 0)
			return true;
	}
	return false;
}

int
spf_record_parse(struct sv text, struct spf_record *out)
{
	struct spf_record r = {.rest = sv_skip(text, strlen(VERSION))};
	struct sv rest = r.rest, term;
	struct spf_term t;

	while (next_term(&rest, &term)) {
		if (is_modifier(term)) {
			if (!read_modifier(term, &r))
				return RC_SYNTAX;
			continue;
		}
		if (!read_mechanism(term, &t))
			return RC_SYNTAX;
		r.has_all = r.has_all || t.mechanism == SPF_ALL;
	}
	*out = r;
	return RC_OK;
}

bool
spf_record_next(struct spf_record *r, struct spf_term *out)
{
	struct sv term;

	while (next_term(&r->rest, &term))
		if (!is_modifier(term))
			return read_mechanism(term, out);
	return false;
}
