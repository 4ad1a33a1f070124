#include "base/rangeset.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void
rangeset_fini(struct rangeset *s)
{
	free(s->r);
	*s = RANGESET_EMPTY;
}

void
rangeset_reset(struct rangeset *s)
{
	s->n = 0;
}

/* Index of the first range whose hi is >= v. */
static size_t
find(const struct rangeset *s, uint32_t v)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->r[mid].hi < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
rangeset_add(struct rangeset *s, uint32_t lo, uint32_t hi)
{
	size_t i, j;

	if (lo > hi) {
		uint32_t t = lo;

		lo = hi;
		hi = t;
	}
	/* The ranges i to j-1 overlap or touch [lo, hi]. */
	i = find(s, lo > 0 ? lo - 1 : 0);
	for (j = i; j < s->n; j++)
		if (s->r[j].lo > hi && s->r[j].lo - hi > 1)
			break;
	if (i < j) {
		if (s->r[i].lo < lo)
			lo = s->r[i].lo;
		if (s->r[j - 1].hi > hi)
			hi = s->r[j - 1].hi;
	} else {
		s->r = xgrow(s->r, &s->cap, s->n + 1, sizeof *s->r);
	}
	if (i == j || j - i > 1)
		memmove(s->r + i + 1, s->r + j, (s->n - j) * sizeof *s->r);
	s->n = s->n - (j - i) + 1;
	s->r[i] = (struct range){lo, hi};
}

bool
rangeset_has(const struct rangeset *s, uint32_t v)
{
	size_t i = find(s, v);

	return i < s->n && s->r[i].lo <= v;
}

uint64_t
rangeset_count(const struct rangeset *s)
{
	uint64_t c = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		c += (uint64_t)s->r[i].hi - s->r[i].lo + 1;
	return c;
}

bool
rangeset_next(const struct rangeset *s, uint32_t v, uint32_t *out)
{
	size_t i = find(s, v);

	if (i == s->n)
		return false;
	*out = s->r[i].lo > v ? s->r[i].lo : v;
	return true;
}

void
rangeset_intersect(struct rangeset *a, const struct rangeset *b)
{
	struct rangeset out = RANGESET_EMPTY;
	size_t i = 0, j = 0;

	while (i < a->n && j < b->n) {
		uint32_t lo = a->r[i].lo > b->r[j].lo ? a->r[i].lo : b->r[j].lo;
		uint32_t hi = a->r[i].hi < b->r[j].hi ? a->r[i].hi : b->r[j].hi;

		if (lo <= hi)
			rangeset_add(&out, lo, hi);
		if (a->r[i].hi < b->r[j].hi)
			i++;
		else
			j++;
	}
	rangeset_fini(a);
	*a = out;
}

void
rangeset_copy(struct rangeset *dst, const struct rangeset *src)
{
	dst->n = 0;
	dst->r = xgrow(dst->r, &dst->cap, src->n, sizeof *dst->r);
	if (src->n > 0)
		memcpy(dst->r, src->r, src->n * sizeof *src->r);
	dst->n = src->n;
}

void
rangeset_print(const struct rangeset *s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_addu(out, s->r[i].lo);
		if (s->r[i].hi > s->r[i].lo) {
			buf_addc(out, ':');
			buf_addu(out, s->r[i].hi);
		}
	}
}
