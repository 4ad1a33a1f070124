/*
 * Which expunged messages are shown: the last of their bytes, as long as those
 * are in no mailbox and not too old.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "store/store_priv.h"

struct shown {
	uint64_t body;
	size_t tombstone;
	bool live;
};

static int
by_body(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;

	if (x->body != y->body)
		return x->body < y->body ? -1 : 1;
	return x->tombstone < y->tombstone ? -1 : x->tombstone > y->tombstone;
}

#define FILTER_BITS 65536u

static unsigned
filter_bit(uint64_t body)
{
	return (unsigned)(body * 0x9e3779b97f4a7c15u >> 48) % FILTER_BITS;
}

static void
mark_live(struct shown *s, size_t n, uint64_t body)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s[mid].body < body)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && s[lo].body == body; lo++)
		s[lo].live = true;
}

/* A filter first, since there are far more messages than tombstones. */
static void
mark_all_live(struct store *st, struct shown *s, size_t n)
{
	uint64_t *filter = xcalloc(FILTER_BITS / 64, sizeof *filter);

	for (size_t i = 0; i < n; i++) {
		unsigned bit = filter_bit(s[i].body);

		filter[bit / 64] |= 1ull << bit % 64;
	}
	for (size_t b = 0; b < st->nmailbox; b++) {
		struct table *t = &st->by_id[b]->t;

		for (size_t i = 0; i < table_count(t); i++) {
			uint64_t body = table_at(t, i)->body;
			unsigned bit = filter_bit(body);

			if (filter[bit / 64] >> bit % 64 & 1)
				mark_live(s, n, body);
		}
	}
	free(filter);
}

#define SHOWN_MS 60000 /* as long as that may be late for the retention */

static void
find_shown(struct store *st, int64_t cut)
{
	struct shown *s = xcalloc(st->ntombstone + 1, sizeof *s);
	size_t n = 0;

	free(st->shown);
	st->shown = xcalloc(st->ntombstone + 1, sizeof *st->shown);
	for (size_t i = 0; i < st->ntombstone; i++)
		s[n++] = (struct shown){st->tombstone[i].m.body, i, false};
	if (n > 0) {
		qsort(s, n, sizeof *s, by_body);
		mark_all_live(st, s, n);
	}
	for (size_t i = 0; i < n; i++)
		st->shown[s[i].tombstone] =
		    !s[i].live && st->tombstone[s[i].tombstone].at > cut &&
		    (i + 1 == n || s[i + 1].body != s[i].body);
	free(s);
}

const bool *
tombstones_shown(struct store *st)
{
	int64_t now = clk_now();

	if (st->shown_at == 0 || now < st->shown_at ||
	    now - st->shown_at > SHOWN_MS) {
		find_shown(st, tombstones_cut(st));
		st->shown_at = now;
	}
	return st->shown;
}
