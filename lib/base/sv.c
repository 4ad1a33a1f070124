#include "base/sv.h"

#include <strings.h>

#include "base/alloc.h"
#include "base/ascii.h"

bool
sv_eq(struct sv a, struct sv b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
sv_ieq(struct sv a, struct sv b)
{
	size_t i;

	if (a.n != b.n)
		return false;
	for (i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
sv_starts(struct sv s, struct sv prefix)
{
	return s.n >= prefix.n && sv_eq(sv_first(s, prefix.n), prefix);
}

bool
sv_istarts(struct sv s, struct sv prefix)
{
	return s.n >= prefix.n && sv_ieq(sv_first(s, prefix.n), prefix);
}

bool
sv_ends(struct sv s, struct sv suffix)
{
	return s.n >= suffix.n && sv_eq(sv_skip(s, s.n - suffix.n), suffix);
}

int
sv_cmp(struct sv a, struct sv b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

size_t
sv_chr(struct sv s, char c)
{
	const char *q = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return q != NULL ? (size_t)(q - s.p) : s.n;
}

size_t
sv_rchr(struct sv s, char c)
{
	const char *q = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;

	return q != NULL ? (size_t)(q - s.p) : s.n;
}

size_t
sv_find(struct sv s, struct sv needle)
{
	const char *q;

	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return s.n;
	q = memmem(s.p, s.n, needle.p, needle.n);
	return q != NULL ? (size_t)(q - s.p) : s.n;
}

size_t
sv_ifind(struct sv s, struct sv needle)
{
	size_t i;

	if (needle.n == 0)
		return 0;
	for (i = 0; i + needle.n <= s.n; i++)
		if (ascii_lower(s.p[i]) == ascii_lower(needle.p[0]) &&
		    sv_ieq(sv_of(s.p + i, needle.n), needle))
			return i;
	return s.n;
}

struct sv
sv_skip(struct sv s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return (struct sv){n > 0 ? s.p + n : s.p, s.n - n};
}

struct sv
sv_first(struct sv s, size_t n)
{
	return (struct sv){s.p, n < s.n ? n : s.n};
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
sv_is_graph(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_graph(s.p[i]))
			return false;
	return true;
}

struct sv
sv_trim(struct sv s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = sv_skip(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct sv
sv_split(struct sv *s, char sep)
{
	size_t i = sv_chr(*s, sep);
	struct sv head = sv_first(*s, i);

	if (i == s->n)
		*s = (struct sv){NULL, 0};
	else
		*s = sv_skip(*s, i + 1);
	return head;
}

int
sv_take_u64(struct sv *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < s->n && ascii_is_digit(s->p[i]); i++) {
		uint64_t d = (uint64_t)(s->p[i] - '0');

		if (v > (UINT64_MAX - d) / 10)
			return RC_TOOBIG;
		v = v * 10 + d;
	}
	if (i == 0)
		return RC_SYNTAX;
	if (v > max)
		return RC_TOOBIG;
	*s = sv_skip(*s, i);
	*out = v;
	return RC_OK;
}

int
sv_to_u64(struct sv s, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int r = sv_take_u64(&s, max, &v);

	if (r != RC_OK)
		return r;
	if (s.n > 0)
		return RC_SYNTAX;
	*out = v;
	return RC_OK;
}

int
sv_to_u32(struct sv s, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int r = sv_to_u64(s, max, &v);

	if (r == RC_OK)
		*out = (uint32_t)v;
	return r;
}

char *
sv_dup(struct sv s)
{
	return xmemdup0(s.p, s.n);
}

void
sv_copy(struct sv s, char *out, size_t size)
{
	must(s.n < size);
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

unsigned
sv_distance(struct sv a, struct sv b)
{
	unsigned row[SV_DISTANCE_MAX];
	size_t i, j;

	if (a.n >= SV_DISTANCE_MAX || b.n >= SV_DISTANCE_MAX)
		return SV_DISTANCE_MAX;
	for (j = 0; j <= b.n; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (j = 1; j <= b.n; j++) {
			unsigned up = row[j];
			unsigned best = diagonal + (ascii_lower(a.p[i - 1]) !=
						       ascii_lower(b.p[j - 1]));

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = up;
			row[j] = best;
		}
	}
	return row[b.n];
}

#define NEAR 3 /* a typing error has at most so many wrong letters */

void
sv_nearest(struct sv_nearest *n, struct sv name)
{
	size_t shorter = name.n < n->word.n ? name.n : n->word.n;
	size_t longer = name.n < n->word.n ? n->word.n : name.n;
	unsigned d = sv_distance(name, n->word);

	/* Short ones have to have more in common. */
	if (d > NEAR || d >= shorter || 2 * d > longer + 1)
		return;
	if (n->best.n > 0 && n->distance <= d)
		return;
	n->best = name;
	n->distance = d;
}
