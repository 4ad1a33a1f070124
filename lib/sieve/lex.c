#include "sieve/lex.h"

#include <string.h>

#include "base/ascii.h"
#include "sieve/error.h"

#define NUMBER_MAX INT64_MAX

/* Cuts n bytes off; the column counts characters. */
static void
advance(struct sieve_lexer *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)l->rest.p[i];

		if (c == '\n') {
			l->line++;
			l->column = 1;
		} else if ((c & 0xc0) != 0x80) {
			l->column++;
		}
	}
	l->rest = sv_skip(l->rest, n);
}

static bool
fail(struct sieve_lexer *l, const struct sieve_token *at, const char *text)
{
	sieve_error_add(l->errors, at->line, at->column, "%s", text);
	return false;
}

/* The length of a line break at p, or 0. */
static size_t
line_break(struct sv s)
{
	if (s.n > 0 && s.p[0] == '\n')
		return 1;
	return s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n' ? 2 : 0;
}

static void
skip_line(struct sieve_lexer *l)
{
	size_t n = sv_chr(l->rest, '\n');

	advance(l, n < l->rest.n ? n + 1 : n);
}

static bool
skip_blanks(struct sieve_lexer *l, struct sieve_token *at)
{
	while (l->rest.n > 0) {
		char c = l->rest.p[0];
		size_t n;

		if (c == ' ' || c == '\t' || c == '\n' ||
		    line_break(l->rest) > 0) {
			advance(l, c == '\r' ? 2 : 1);
		} else if (c == '#') {
			skip_line(l);
		} else if (sv_starts(l->rest, SV("/*"))) {
			at->line = l->line;
			at->column = l->column;
			n = 2 + sv_find(sv_skip(l->rest, 2), SV("*/"));
			if (n == l->rest.n)
				return fail(l, at,
				    "this comment is not closed; expected "
				    "\"*/\"");
			advance(l, n + 2);
		} else {
			break;
		}
	}
	return true;
}

/* quoted-string [RFC 5228 2.4.2] */
static bool
quoted(struct sieve_lexer *l, struct sieve_token *t)
{
	struct sv s = sv_skip(l->rest, 1);
	char *out;
	size_t i = 0, n = 0, breaks = 0, end = 0;

	/* Its end first, so that its memory is that of its value. */
	while (end < s.n && s.p[end] != '"') {
		if (s.p[end] == '\\')
			end++;
		breaks += end < s.n && s.p[end] == '\n';
		end++;
	}
	if (end >= s.n)
		return fail(l, t, "this string is not closed; a \" is missing");
	out = arena_alloc(l->arena, end + breaks + 1);
	while (i < end) {
		if (s.p[i] == '\\')
			i++;
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = s.p[i++];
	}
	t->kind = TOK_STRING;
	t->text = sv_of(out, n);
	advance(l, end + 2);
	return true;
}

/* The bytes in front of the line with a single dot; SIZE_MAX: there is none. */
static size_t
multi_line_length(struct sv s)
{
	size_t at = 0;

	while (at < s.n) {
		struct sv line = sv_skip(s, at);
		size_t end = sv_chr(line, '\n');

		if (sv_eq(sv_first(line, end), SV(".")) ||
		    sv_eq(sv_first(line, end), SV(".\r")))
			return at;
		at += end + 1;
	}
	return SIZE_MAX;
}

/* multi-line: rest is behind "text:" */
static bool
multi_line(struct sieve_lexer *l, struct sieve_token *t)
{
	char *out;
	size_t n = 0, size;

	while (l->rest.n > 0 && (l->rest.p[0] == ' ' || l->rest.p[0] == '\t'))
		advance(l, 1);
	if (l->rest.n > 0 && l->rest.p[0] != '#' && line_break(l->rest) == 0) {
		t->line = l->line;
		t->column = l->column;
		return fail(l, t,
		    "expected the end of the line after \"text:\"; the text "
		    "begins on the next one");
	}
	skip_line(l);
	size = multi_line_length(l->rest);
	if (size == SIZE_MAX)
		return fail(l, t,
		    "this text is not closed; expected a line with a single "
		    "\".\"");
	/* Each line may grow by the CR it lacks. */
	out = arena_alloc(l->arena, 2 * size + 1);
	while (size > 0) {
		size_t end = sv_chr(l->rest, '\n');
		struct sv line = sv_first(l->rest, end);

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (sv_starts(line, SV("..")))
			line = sv_skip(line, 1);
		memcpy(out + n, line.p, line.n);
		n += line.n;
		out[n++] = '\r';
		out[n++] = '\n';
		advance(l, end + 1);
		size -= end + 1;
	}
	skip_line(l); /* with the dot */
	t->kind = TOK_STRING;
	t->text = sv_of(out, n);
	return true;
}

static size_t
word_length(struct sv s)
{
	size_t n = 0;

	if (s.n == 0 || (!ascii_is_alpha(s.p[0]) && s.p[0] != '_'))
		return 0;
	while (n < s.n && (ascii_is_alnum(s.p[n]) || s.p[n] == '_'))
		n++;
	return n;
}

static bool
number(struct sieve_lexer *l, struct sieve_token *t)
{
	struct sv s = l->rest;
	uint64_t v;
	unsigned shift = 0;

	if (sv_take_u64(&s, NUMBER_MAX, &v) != RC_OK)
		return fail(l, t, "this number is too large");
	if (word_length(s) == 1) {
		char c = ascii_lower(s.p[0]);

		shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : 0;
	}
	if (word_length(s) > 0 && shift == 0)
		return fail(l, t,
		    "expected K, M or G, a blank or a mark after a number");
	if (v > (uint64_t)NUMBER_MAX >> shift)
		return fail(l, t, "this number is too large");
	t->kind = TOK_NUMBER;
	t->number = v << shift;
	advance(l, l->rest.n - s.n + (shift > 0));
	return true;
}

static bool
other(struct sieve_lexer *l, struct sieve_token *t)
{
	char c = l->rest.p[0];
	size_t n = word_length(l->rest);

	if (n > 0) {
		t->text = sv_first(l->rest, n);
		if (sv_ieq(t->text, SV("text")) && n < l->rest.n &&
		    l->rest.p[n] == ':') {
			advance(l, n + 1);
			return multi_line(l, t);
		}
		t->kind = TOK_WORD;
		advance(l, n);
		return true;
	}
	if (c == ':') {
		n = word_length(sv_skip(l->rest, 1));
		if (n == 0)
			return fail(l, t,
			    "expected a name directly after \":\", as in "
			    "\":contains\"");
		t->kind = TOK_TAG;
		t->text = sv_first(sv_skip(l->rest, 1), n);
		advance(l, n + 1);
		return true;
	}
	if (c != '\0' && strchr(";,()[]{}", c) != NULL) {
		t->kind = TOK_MARK;
		t->mark = c;
		advance(l, 1);
		return true;
	}
	if (c == '\'')
		return fail(l, t, "strings are written in \"\", not in ''");
	/* The curved ones of English, German and French. */
	if (sv_starts(l->rest, SV("\xe2\x80\x9c")) ||
	    sv_starts(l->rest, SV("\xe2\x80\x9d")) ||
	    sv_starts(l->rest, SV("\xe2\x80\x9e")) ||
	    sv_starts(l->rest, SV("\xe2\x80\x98")) ||
	    sv_starts(l->rest, SV("\xe2\x80\x99")) ||
	    sv_starts(l->rest, SV("\xc2\xab")) ||
	    sv_starts(l->rest, SV("\xc2\xbb")))
		return fail(l, t,
		    "strings are written in straight quotes, \"\", not in "
		    "these");
	if ((unsigned char)c >= 0x80)
		return fail(l, t,
		    "a character like this can only be part of a string or "
		    "a comment");
	if (!ascii_is_graph(c))
		return fail(l, t, "a control character cannot be here");
	sieve_error_add(l->errors, t->line, t->column,
	    "\"%c\" cannot be here; expected a command, a string, a number, a "
	    "tag or a mark",
	    c);
	return false;
}

void
sieve_lex(struct sieve_lexer *l, struct sieve_token *out)
{
	struct sieve_token t = {.kind = TOK_END};
	bool ok;

	ok = skip_blanks(l, &t);
	if (ok) {
		t.line = l->line;
		t.column = l->column;
		if (l->rest.n > 0)
			ok = l->rest.p[0] == '"'	    ? quoted(l, &t)
			     : ascii_is_digit(l->rest.p[0]) ? number(l, &t)
							    : other(l, &t);
	}
	if (!ok)
		t.kind = TOK_BAD;
	*out = t;
}
