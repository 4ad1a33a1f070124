#include "sieve/compare.h"

#include <string.h>
#include <utf8proc.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"

#define DECOMPOSED_MAX 32 /* the longest has 18 */

/* One character of i;unicode-casemap: its title case, decomposed
 * [RFC 5051 2]. */
static void
unicode_put(uint32_t cp, struct buf *out)
{
	utf8proc_int32_t to[DECOMPOSED_MAX];
	utf8proc_ssize_t n;
	int boundary = 0;

	cp = (uint32_t)utf8proc_totitle((utf8proc_int32_t)cp);
	n = utf8proc_decompose_char((utf8proc_int32_t)cp, to, DECOMPOSED_MAX,
	    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
	if (n <= 0 || n > DECOMPOSED_MAX) {
		utf8_put(out, cp);
		return;
	}
	for (utf8proc_ssize_t i = 0; i < n; i++)
		utf8_put(out, (uint32_t)to[i]);
}

static void
prepare_unicode(struct sv in, struct buf *out, uint32_t **map)
{
	size_t cap = 0, start = 0, before;
	struct sv rest = in;
	uint32_t cp;

	/* What is not UTF-8 stays as it is. */
	if (!utf8_valid(in)) {
		buf_addsv(out, in);
		if (map != NULL) {
			*map = xreallocarray(NULL, in.n + 1, sizeof **map);
			for (size_t i = 0; i <= in.n; i++)
				(*map)[i] = (uint32_t)i;
		}
		return;
	}
	while (rest.n > 0) {
		start = in.n - rest.n;
		before = out->n;
		(void)utf8_next(&rest, &cp);
		if (cp < 0x80)
			buf_addc(out, ascii_upper((char)cp));
		else
			unicode_put(cp, out);
		if (map == NULL)
			continue;
		*map = xgrow(*map, &cap, out->n + 1, sizeof **map);
		for (; before < out->n; before++)
			(*map)[before] = (uint32_t)start;
	}
	if (map != NULL) {
		*map = xgrow(*map, &cap, out->n + 1, sizeof **map);
		(*map)[out->n] = (uint32_t)in.n;
	}
}

#define BLOCK 32

/* Without branches, and in blocks, so that the compiler makes vector code of
 * the inner loop. */
void
sieve_prepare_ascii(struct sv in, char *restrict out)
{
	const unsigned char *restrict p = (const unsigned char *)in.p;
	size_t i;

	for (i = 0; i + BLOCK <= in.n; i += BLOCK)
		for (size_t k = 0; k < BLOCK; k++)
			out[i + k] =
			    (char)(p[i + k] -
				   ((unsigned char)(p[i + k] - 'a') < 26) * 32);
	for (; i < in.n; i++)
		out[i] = ascii_upper(in.p[i]);
}

void
sieve_prepare(
    enum sieve_comparator c, struct sv in, struct buf *out, uint32_t **map)
{
	char *p;

	switch (c) {
	case C_ASCII:
		p = buf_reserve(out, in.n);
		if (p == NULL)
			return;
		sieve_prepare_ascii(in, p);
		buf_added(out, in.n);
		break;
	case C_UNICODE:
		prepare_unicode(in, out, map);
		break;
	case C_OCTET:
	case C_NUMERIC:
		buf_addsv(out, in);
		break;
	}
}

/* The digits at the front without leading zeroes; false: there are none, which
 * is infinity [RFC 4790 9.1.1]. */
static bool
number_of(struct sv s, struct sv *out)
{
	size_t n = 0, zeroes = 0;

	while (n < s.n && ascii_is_digit(s.p[n]))
		n++;
	while (zeroes < n && s.p[zeroes] == '0')
		zeroes++;
	*out = sv_of(s.p + zeroes, n - zeroes);
	return n > 0;
}

static int
compare_numbers(struct sv a, struct sv b)
{
	struct sv x, y;
	bool finite_a = number_of(a, &x), finite_b = number_of(b, &y);

	if (!finite_a || !finite_b)
		return (finite_b ? 1 : 0) - (finite_a ? 1 : 0);
	if (x.n != y.n)
		return x.n < y.n ? -1 : 1;
	return x.n > 0 ? memcmp(x.p, y.p, x.n) : 0;
}

int
sieve_compare(enum sieve_comparator c, struct sv a, struct sv b)
{
	return c == C_NUMERIC ? compare_numbers(a, b) : sv_cmp(a, b);
}

/*
 * By the byte of the key that is rarest at the front of the text, so that words
 * cost little, and what would cost more is counted.
 */
#define SAMPLE	   1024
#define FOUND_WORK 12 /* of one place that is looked at */

static size_t
rarest(struct sv text, struct sv key)
{
	uint16_t seen[256] = {0};
	size_t best = 0;

	for (size_t i = 0; i < text.n && i < SAMPLE; i++)
		seen[(unsigned char)text.p[i]]++;
	for (size_t i = 1; i < key.n && i < SAMPLE; i++)
		if (seen[(unsigned char)key.p[i]] <
		    seen[(unsigned char)key.p[best]])
			best = i;
	return best;
}

bool
sieve_contains(struct sv text, struct sv key, uint64_t *work)
{
	size_t at, last, from = 0;

	if (key.n == 0 || key.n > text.n)
		return key.n == 0;
	at = key.n > 1 ? rarest(text, key) : 0;
	last = text.n - key.n; /* where it can begin at most */
	*work += key.n + (text.n < SAMPLE ? text.n : SAMPLE);
	for (;;) {
		const char *p = text.p + from + at,
			   *q = memchr(p, key.p[at], last - from + 1);

		*work += (q != NULL ? (size_t)(q - p) : last - from) / 8 +
			 FOUND_WORK + key.n / 8;
		if (q == NULL)
			return false;
		from = (size_t)(q - text.p) - at;
		if (memcmp(text.p + from, key.p, key.n) == 0)
			return true;
		if (from++ == last)
			return false;
	}
}

bool
sieve_relation_holds(enum sieve_relation rel, int compared)
{
	switch (rel) {
	case R_GT:
		return compared > 0;
	case R_GE:
		return compared >= 0;
	case R_LT:
		return compared < 0;
	case R_LE:
		return compared <= 0;
	case R_EQ:
		return compared == 0;
	case R_NE:
		return compared != 0;
	}
	return false;
}

/* ---- patterns ---- */

/* The end of the character at `at`. */
static size_t
next_character(const struct sieve_glob *g, size_t at)
{
	size_t end = at + 1;

	if (g->map != NULL)
		while (end < g->text.n && g->map[end] == g->map[at])
			end++;
	return end;
}

static void
capture(struct sieve_glob *g, size_t start, size_t end)
{
	if (g->n < g->max)
		g->span[g->n] = (struct sieve_glob_span){start, end};
	g->n++;
}

/*
 * The pattern up to the next "*" against the text at `at`; *end is behind what
 * it has matched.  Question marks capture.
 */
static bool
segment(struct sieve_glob *g, struct sv pattern, size_t at, size_t *end)
{
	size_t n = g->n;

	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];

		g->work++;
		if (at >= g->text.n)
			goto no;
		if (c == '?') {
			capture(g, at, next_character(g, at));
			at = next_character(g, at);
			continue;
		}
		/* A backslash at the very end stands for itself. */
		if (c == '\\' && i + 1 < pattern.n)
			c = pattern.p[++i];
		if (c != g->text.p[at])
			goto no;
		at++;
	}
	*end = at;
	return true;
no:
	g->n = n;
	return false;
}

/* The length of the pattern up to its next "*". */
static size_t
segment_length(struct sv pattern)
{
	size_t i = 0;

	while (i < pattern.n && pattern.p[i] != '*') {
		if (pattern.p[i] == '\\' && i + 1 < pattern.n)
			i++;
		i++;
	}
	return i;
}

/* The bytes that a segment matches where each is a character. */
static size_t
segment_bytes(struct sv pattern)
{
	size_t n = 0;

	for (size_t i = 0; i < pattern.n; i++, n++)
		if (pattern.p[i] == '\\' && i + 1 < pattern.n)
			i++;
	return n;
}

/* Where the last segment must begin, so that it ends with the text.  It has a
 * fixed number of characters. */
static bool
last_segment(struct sieve_glob *g, struct sv pattern, size_t at)
{
	size_t star = g->n, end, bytes = segment_bytes(pattern), from = at;

	if (g->map == NULL) {
		if (g->text.n - at < bytes)
			return false;
		from = g->text.n - bytes;
	}
	capture(g, at, at);
	for (size_t i = from; i <= g->text.n; i++) {
		if (++g->work > g->work_max)
			return false;
		if (g->map != NULL && i > 0 && i < g->text.n &&
		    g->map[i] == g->map[i - 1])
			continue; /* within a character */
		if (segment(g, pattern, i, &end) && end == g->text.n) {
			if (star < g->max)
				g->span[star].end = i;
			return true;
		}
		g->n = star + 1;
	}
	return false;
}

/* A segment between two stars, at the first place where it fits. */
static bool
middle_segment(struct sieve_glob *g, struct sv pattern, size_t *at)
{
	size_t star = g->n, end;

	capture(g, *at, *at);
	for (size_t i = *at; i <= g->text.n; i++) {
		if (++g->work > g->work_max)
			return false;
		if (g->map != NULL && i > 0 && i < g->text.n &&
		    g->map[i] == g->map[i - 1])
			continue;
		if (segment(g, pattern, i, &end)) {
			if (star < g->max)
				g->span[star].end = i;
			*at = end;
			return true;
		}
	}
	return false;
}

bool
sieve_glob(struct sieve_glob *g)
{
	struct sv p = g->pattern;
	size_t n = segment_length(p), at;

	g->n = 0;
	if (!segment(g, sv_first(p, n), 0, &at))
		return false;
	if (n == p.n)
		return at == g->text.n;
	for (;;) {
		p = sv_skip(p, n + 1); /* behind the star */
		n = segment_length(p);
		if (n == p.n)
			break;
		if (!middle_segment(g, sv_first(p, n), &at))
			return false;
	}
	if (n == 0) { /* a star at the end takes what is left */
		capture(g, at, g->text.n);
		return true;
	}
	return last_segment(g, p, at);
}
