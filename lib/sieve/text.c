#include "sieve/text.h"

#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"

/* blank = WSP / CRLF */
static struct sv
skip_blanks(struct sv s)
{
	while (s.n > 0 && ascii_is_blank(s.p[0]))
		s = sv_skip(s, 1);
	return s;
}

/* The next hexadecimal number; false: there is none, or it has more than max
 * digits without leading zeroes. */
static bool
take_hex(struct sv *s, size_t max, uint32_t *out)
{
	uint32_t v = 0;
	size_t n = 0;

	while (n < s->n && ascii_hex(s->p[n]) >= 0) {
		if (v > 0x0fffffff)
			v = 0x0fffffff;
		v = v << 4 | (uint32_t)ascii_hex(s->p[n]);
		n++;
	}
	if (n == 0 || n > max)
		return false;
	*s = sv_skip(*s, n);
	*out = v;
	return true;
}

static bool
is_character(uint32_t v)
{
	return v <= 0xd7ff || (v >= 0xe000 && v <= 0x10ffff);
}

/*
 * One sequence at the front of s: its length, or 0 if there is none.  Appends
 * its value to out.
 */
static size_t
sequence(struct sv s, struct buf *out, bool *bad)
{
	bool unicode = sv_istarts(s, SV("${unicode:"));
	struct sv t;
	uint32_t v;
	bool wrong = false;
	size_t before = out->n;

	if (!unicode && !sv_istarts(s, SV("${hex:")))
		return 0;
	t = skip_blanks(sv_skip(s, unicode ? 10 : 6));
	do {
		if (!take_hex(&t, unicode ? SIZE_MAX : 2, &v))
			goto none;
		if (!unicode)
			buf_addc(out, (char)v);
		else if (is_character(v))
			utf8_put(out, v);
		else
			wrong = true;
		if (t.n > 0 && t.p[0] == '}') {
			*bad = wrong;
			return s.n - t.n + 1;
		}
		if (t.n == 0 || !ascii_is_blank(t.p[0]))
			goto none;
		t = skip_blanks(t);
	} while (t.n > 0 && t.p[0] != '}');
	if (t.n > 0) {
		*bad = wrong;
		return s.n - t.n + 1;
	}
none:
	buf_truncate(out, before);
	return 0;
}

int
sieve_text_decode(struct arena *a, struct sv in, struct sv *out)
{
	struct buf b;
	bool wrong = false;
	size_t n;

	if (sv_find(in, SV("${")) == in.n) {
		*out = in;
		return RC_OK;
	}
	buf_init(&b, in.n + 1);
	while (in.n > 0 && !wrong) {
		n = sequence(in, &b, &wrong);
		if (n == 0)
			buf_addc(&b, in.p[0]);
		in = sv_skip(in, n > 0 ? n : 1);
	}
	if (!wrong)
		*out = arena_dup(a, buf_sv(&b));
	buf_fini(&b);
	return !wrong ? RC_OK : RC_SYNTAX;
}

static size_t
identifier_length(struct sv s)
{
	size_t n = 0;

	if (s.n == 0 || (!ascii_is_alpha(s.p[0]) && s.p[0] != '_'))
		return 0;
	while (n < s.n && (ascii_is_alnum(s.p[n]) || s.p[n] == '_'))
		n++;
	return n;
}

bool
sieve_is_identifier(struct sv s)
{
	return s.n > 0 && identifier_length(s) == s.n;
}

static size_t
digits_length(struct sv s)
{
	size_t n = 0;

	while (n < s.n && ascii_is_digit(s.p[n]))
		n++;
	return n;
}

/*
 * variable-ref = "${" [namespace] variable-name "}"
 * namespace    = identifier "." *( variable-name "." )
 *
 * Its length at the front of s, or 0.
 */
static size_t
reference(struct sv s, struct sieve_ref *out)
{
	struct sieve_ref r = {.before = {s.p, 0}};
	size_t at = 2, n, parts = 0;

	if (!sv_starts(s, SV("${")))
		return 0;
	for (;; at += n + 1, parts++) {
		struct sv t = sv_skip(s, at);

		n = identifier_length(t);
		r.digits = n == 0;
		if (n == 0)
			n = digits_length(t);
		if (n == 0 || n == t.n)
			return 0;
		r.name = sv_first(t, n);
		if (t.p[n] == '}')
			break;
		if (t.p[n] != '.' || (r.digits && parts == 0))
			return 0;
		if (parts == 0)
			r.space = r.name;
		else
			r.deep = true;
	}
	if (r.digits && sv_to_u64(r.name, UINT64_MAX - 1, &r.number) != RC_OK)
		r.number = UINT64_MAX;
	*out = r;
	return at + n + 1;
}

bool
sieve_ref_next(struct sv *s, struct sieve_ref *out)
{
	size_t at = 0, n;

	for (;;) {
		at += sv_find(sv_skip(*s, at), SV("${"));
		if (at >= s->n)
			return false;
		n = reference(sv_skip(*s, at), out);
		if (n > 0)
			break;
		at += 2;
	}
	out->before = sv_first(*s, at);
	*s = sv_skip(*s, at + n);
	return true;
}
