#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "msgauth/iprev.h"
#include "msgauth/spf.h"

/* [RFC 7208 7.3] 127 at least must be understood; more are as good as all. */
#define PARTS_MAX 9999

/* One piece of a macro-string. */
struct token {
	enum {
		LITERAL,
		PERCENT,   /* %% */
		SPACE,	   /* %_ */
		URL_SPACE, /* %- */
		MACRO
	} kind;
	char c;		/* of LITERAL and MACRO */
	bool reverse;	/* of MACRO, as those below */
	unsigned parts; /* 0: all */
	struct sv delimiters;
};

/* macro-expand = "%{" macro-letter transformers *delimiter "}", behind "%{" */
static bool
take_macro(struct sv *s, bool exp, struct token *t)
{
	size_t i = 0;
	char c;

	if (s->n == 0)
		return false;
	t->kind = MACRO;
	t->c = s->p[i++];
	c = ascii_lower(t->c);
	if (c == '\0' || strchr(exp ? "slodiphvcrt" : "slodiphv", c) == NULL)
		return false;
	t->parts = 0;
	if (i < s->n && ascii_is_digit(s->p[i])) {
		for (; i < s->n && ascii_is_digit(s->p[i]); i++) {
			t->parts = t->parts * 10 + (unsigned)(s->p[i] - '0');
			if (t->parts > PARTS_MAX)
				t->parts = PARTS_MAX;
		}
		if (t->parts == 0)
			return false;
	}
	t->reverse = i < s->n && ascii_lower(s->p[i]) == 'r';
	i += t->reverse;
	t->delimiters = sv_skip(*s, i);
	while (
	    i < s->n && s->p[i] != '\0' && strchr(".-+,/_=", s->p[i]) != NULL)
		i++;
	t->delimiters.n -= s->n - i;
	if (i == s->n || s->p[i] != '}')
		return false;
	*s = sv_skip(*s, i + 1);
	return true;
}

/* macro-string = *( macro-expand / macro-literal ); with exp SP, too */
static bool
take_token(struct sv *s, bool exp, struct token *t)
{
	char c = s->p[0];

	*s = sv_skip(*s, 1);
	t->kind = LITERAL;
	t->c = c;
	if (c != '%')
		return ascii_is_graph(c) || (exp && c == ' ');
	if (s->n == 0)
		return false;
	c = s->p[0];
	*s = sv_skip(*s, 1);
	if (c == '{')
		return take_macro(s, exp, t);
	t->kind = c == '%' ? PERCENT : c == '_' ? SPACE : URL_SPACE;
	return c == '%' || c == '_' || c == '-';
}

bool
spf_macro_valid(struct sv s, bool exp)
{
	struct token t;

	while (s.n > 0)
		if (!take_token(&s, exp, &t))
			return false;
	return true;
}

bool
spf_macro_has(struct sv s, const char *letters)
{
	struct token t;

	while (s.n > 0 && take_token(&s, true, &t))
		if (t.kind == MACRO &&
		    strchr(letters, ascii_lower(t.c)) != NULL)
			return true;
	return false;
}

/* toplabel: letters, digits, hyphens within, and not digits only */
static bool
is_toplabel(struct sv s)
{
	bool alpha = false;
	size_t i;

	if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (i = 0; i < s.n; i++) {
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
		alpha = alpha || !ascii_is_digit(s.p[i]);
	}
	return alpha;
}

/* domain-spec = macro-string ( "." toplabel [ "." ] / macro-expand ) */
bool
spf_spec_valid(struct sv s)
{
	struct sv tail = s;
	struct token t;
	size_t dot;

	if (s.n == 0)
		return false;
	while (s.n > 0) {
		if (!take_token(&s, false, &t))
			return false;
		if (t.kind != LITERAL)
			tail = s;
	}
	if (tail.n == 0)
		return true;
	if (tail.p[tail.n - 1] == '.')
		tail.n--;
	dot = sv_rchr(tail, '.');
	return dot < tail.n && is_toplabel(sv_skip(tail, dot + 1));
}

/* ---- expansion ---- */

/* [RFC 7208 7.3] 2001:db8::cb01 is 2.0.0.1.0.d.b.8 ... */
static void
put_dotted(const struct in6_addr *ip, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	char text[LOOKUP_IP_TEXT];
	size_t i;

	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		buf_adds(out, lookup_ip_text(ip, text));
		return;
	}
	for (i = 0; i < 32; i++) {
		unsigned byte = ip->s6_addr[i / 2];

		if (i > 0)
			buf_addc(out, '.');
		buf_addc(out, hex[i % 2 == 0 ? byte >> 4 : byte & 15]);
	}
}

static void
put_value(const struct spf_macro *m, char letter, struct buf *out)
{
	char text[LOOKUP_IP_TEXT];

	switch (letter) {
	case 's':
		buf_addsv(out, m->local);
		buf_addc(out, '@');
		buf_addsv(out, m->sender_domain);
		break;
	case 'l':
		buf_addsv(out, m->local);
		break;
	case 'o':
		buf_addsv(out, m->sender_domain);
		break;
	case 'd':
		buf_addsv(out, m->domain);
		break;
	case 'i':
		put_dotted(&m->ip, out);
		break;
	case 'p':
		if (m->validated.n > 0)
			buf_addsv(out, m->validated);
		else
			buf_adds(out, "unknown");
		break;
	case 'v':
		buf_adds(out, IN6_IS_ADDR_V4MAPPED(&m->ip) ? "in-addr" : "ip6");
		break;
	case 'h':
		buf_addsv(out, m->helo);
		break;
	case 'c':
		buf_adds(out, lookup_ip_text(&m->ip, text));
		break;
	case 'r':
		if (m->receiver.n > 0)
			buf_addsv(out, m->receiver);
		else
			buf_adds(out, "unknown");
		break;
	default: /* 't' */
		buf_addf(out, "%lld", (long long)m->now);
		break;
	}
}

static bool
is_delimiter(const struct token *t, char c)
{
	if (t->delimiters.n == 0)
		return c == '.';
	return memchr(t->delimiters.p, c, t->delimiters.n) != NULL;
}

/* Splits, turns round, cuts, and joins with dots. */
static void
transform(const struct token *t, struct sv value, struct buf *out)
{
	struct sv *part = xcalloc(value.n + 1, sizeof *part);
	size_t n = 0, i, from = 0, first;

	for (i = 0; i <= value.n; i++)
		if (i == value.n || is_delimiter(t, value.p[i])) {
			part[n++] = sv_of(value.p + from, i - from);
			from = i + 1;
		}
	first = t->parts > 0 && t->parts < n ? n - t->parts : 0;
	for (i = first; i < n; i++) {
		if (i > first)
			buf_addc(out, '.');
		buf_addsv(out, part[t->reverse ? n - 1 - i : i]);
	}
	free(part);
}

/* All but the unreserved [RFC 3986 2.3]. */
static void
put_escaped(struct sv s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_is_alnum(s.p[i]) ||
		    (s.p[i] != '\0' && strchr("-._~", s.p[i]) != NULL))
			buf_addc(out, s.p[i]);
		else
			buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
}

static void
put_macro(const struct spf_macro *m, const struct token *t, struct buf *out)
{
	struct buf value, made;

	buf_init(&value, out->max);
	buf_init(&made, out->max);
	put_value(m, ascii_lower(t->c), &value);
	if (t->parts > 0 || t->reverse || t->delimiters.n > 0)
		transform(t, buf_sv(&value), &made);
	else
		buf_addsv(&made, buf_sv(&value));
	if (ascii_is_upper(t->c))
		put_escaped(buf_sv(&made), out);
	else
		buf_addsv(out, buf_sv(&made));
	if (!buf_ok(&value) || !buf_ok(&made))
		out->failed = true;
	buf_fini(&made);
	buf_fini(&value);
}

int
spf_macro_expand(struct sv s, const struct spf_macro *m, struct buf *out)
{
	struct token t;

	while (s.n > 0) {
		if (!take_token(&s, m->exp, &t))
			return RC_SYNTAX;
		switch (t.kind) {
		case LITERAL:
			buf_addc(out, t.c);
			break;
		case PERCENT:
			buf_addc(out, '%');
			break;
		case SPACE:
			buf_addc(out, ' ');
			break;
		case URL_SPACE:
			buf_adds(out, "%20");
			break;
		case MACRO:
			put_macro(m, &t, out);
			break;
		}
		if (!buf_ok(out))
			return RC_TOOBIG;
	}
	return RC_OK;
}
