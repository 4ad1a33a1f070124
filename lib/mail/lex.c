#include "mail/lex.h"

#include "base/ascii.h"

bool
mail_is_atext(char c)
{
	if ((unsigned char)c >= 0x80)
		return true;
	return ascii_is_graph(c) && memchr("()<>[]:;@\\,.\"", c, 13) == NULL;
}

static bool
is_fws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * comment = "(" *([FWS] ccontent) [FWS] ")"; *s begins with the parenthesis.
 */
static void
skip_comment(struct sv *s, struct buf *comment)
{
	size_t depth = 0, i;

	if (comment != NULL)
		buf_reset(comment);
	for (i = 0; i < s->n; i++) {
		char c = s->p[i];

		if (c == '(' && depth++ == 0)
			continue;
		if (c == ')' && --depth == 0)
			break;
		if (c == '\\' && i + 1 < s->n)
			c = s->p[++i];
		if (comment != NULL && c != '\r' && c != '\n')
			buf_addc(comment, c);
	}
	*s = sv_skip(*s, i + 1);
}

bool
mail_skip_cfws(struct sv *s, struct buf *comment)
{
	const char *start = s->p;

	for (;;) {
		while (s->n > 0 && is_fws(s->p[0]))
			*s = sv_skip(*s, 1);
		if (s->n == 0 || s->p[0] != '(')
			return s->p != start;
		skip_comment(s, comment);
	}
}

bool
mail_take_atom(struct sv *s, struct buf *out)
{
	size_t i = 0;

	while (i < s->n && mail_is_atext(s->p[i]))
		i++;
	buf_add(out, s->p, i);
	*s = sv_skip(*s, i);
	return i > 0;
}

bool
mail_take_quoted(struct sv *s, struct buf *out)
{
	size_t from = 1, i;

	for (i = 1; i < s->n; i++) {
		char c = s->p[i];

		if (c != '"' && c != '\\' && c != '\r' && c != '\n')
			continue;
		buf_add(out, s->p + from, i - from);
		from = i + 1;
		if (c == '"') {
			*s = sv_skip(*s, i + 1);
			return true;
		}
		/* The escaped byte is taken whatever it is. */
		if (c == '\\' && i + 1 < s->n)
			from = ++i;
	}
	if (from < s->n)
		buf_add(out, s->p + from, s->n - from);
	*s = sv_skip(*s, s->n);
	return false;
}

/* word = atom / quoted-string */
static bool
take_word(struct sv *s, struct buf *out)
{
	if (s->n > 0 && s->p[0] == '"') {
		(void)mail_take_quoted(s, out);
		return true;
	}
	return mail_take_atom(s, out);
}

/* obs-phrase = word *(word / "." / CFWS) */
bool
mail_take_phrase(struct sv *s, struct buf *out)
{
	bool any = false, apart = false;

	(void)mail_skip_cfws(s, NULL);
	while (s->n > 0) {
		if (s->p[0] != '"' && s->p[0] != '.' && !mail_is_atext(s->p[0]))
			break;
		/* A quoted word is a word of its own even without blanks around
		 * it. */
		if (apart || (any && s->p[0] == '"'))
			buf_addc(out, ' ');
		apart = s->p[0] == '"';
		if (s->p[0] == '.') {
			buf_addc(out, '.');
			*s = sv_skip(*s, 1);
		} else {
			(void)take_word(s, out);
		}
		any = true;
		apart = mail_skip_cfws(s, NULL) || apart;
	}
	return any;
}

/* obs-local-part = word *("." word), with empty words between the dots. */
bool
mail_take_local(struct sv *s, struct buf *out, struct buf *comment)
{
	bool any = false;

	(void)mail_skip_cfws(s, comment);
	for (;;) {
		if (take_word(s, out))
			any = true;
		(void)mail_skip_cfws(s, comment);
		if (s->n == 0 || s->p[0] != '.')
			return any;
		buf_addc(out, '.');
		any = true;
		*s = sv_skip(*s, 1);
		(void)mail_skip_cfws(s, comment);
	}
}

/* domain-literal = "[" *([FWS] dtext) [FWS] "]" */
static bool
take_literal(struct sv *s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s->n && s->p[i] != ']'; i++)
		if (!is_fws(s->p[i]))
			buf_addc(out, s->p[i]);
	if (i < s->n)
		buf_addc(out, ']');
	*s = sv_skip(*s, i + 1);
	return true;
}

bool
mail_take_domain(struct sv *s, struct buf *out, struct buf *comment)
{
	bool any = false;

	(void)mail_skip_cfws(s, comment);
	if (s->n > 0 && s->p[0] == '[') {
		any = take_literal(s, out);
		(void)mail_skip_cfws(s, comment);
		return any;
	}
	/* obs-domain = atom *("." atom) */
	for (;;) {
		if (mail_take_atom(s, out))
			any = true;
		(void)mail_skip_cfws(s, comment);
		if (s->n == 0 || s->p[0] != '.')
			return any;
		buf_addc(out, '.');
		*s = sv_skip(*s, 1);
		(void)mail_skip_cfws(s, comment);
	}
}
