#include "store/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store.h"

void
table_fini(struct table *t)
{
	free(t->tail);
	memset(t, 0, sizeof *t);
}

size_t
table_from(struct table *t, uint32_t uid)
{
	size_t lo = 0, hi = table_count(t);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (table_at(t, mid)->uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct msg *
table_find(struct table *t, uint32_t uid)
{
	size_t i = table_from(t, uid);

	if (i == table_count(t) || table_at(t, i)->uid != uid)
		return NULL;
	return table_at(t, i);
}

void
table_append(struct table *t, const struct msg *m, size_t n)
{
	t->tail = xgrow(t->tail, &t->cap, t->ntail + n, sizeof *t->tail);
	memcpy(t->tail + t->ntail, m, n * sizeof *m);
	t->ntail += n;
}

/* Keeps what is not in uids of one array; the rest goes to *out. */
static size_t
sift(struct msg *m, size_t n, const struct rangeset *uids, size_t *range,
    struct msg *out)
{
	size_t keep = 0, gone = 0;

	for (size_t i = 0; i < n; i++) {
		while (*range < uids->n && uids->r[*range].hi < m[i].uid)
			(*range)++;
		if (*range < uids->n && uids->r[*range].lo <= m[i].uid)
			out[gone++] = m[i];
		else if (keep++ != i)
			m[keep - 1] = m[i];
	}
	return gone;
}

size_t
table_remove(struct table *t, const struct rangeset *uids, struct msg **removed)
{
	size_t max = 0, range = 0, first, gone, n;
	struct msg *out;

	for (size_t i = 0; i < uids->n; i++)
		max += table_from(t, uids->r[i].hi) + 1 -
		       table_from(t, uids->r[i].lo);
	out = xcalloc(max + 1, sizeof *out);
	first = uids->n > 0 ? table_from(t, uids->r[0].lo) : 0;
	if (first > t->nbase)
		first = t->nbase;
	gone = first < t->nbase
		   ? sift(t->base + first, t->nbase - first, uids, &range, out)
		   : 0;
	t->nbase -= gone;
	n = sift(t->tail, t->ntail, uids, &range, out + gone);
	t->ntail -= n;
	*removed = out;
	return gone + n;
}

uint32_t *
table_uids(struct table *t)
{
	uint32_t *u = xcalloc(table_count(t) + 1, sizeof *u);

	for (size_t i = 0; i < table_count(t); i++)
		u[i] = table_at(t, i)->uid;
	return u;
}

void
msg_fill(const struct msg *m, bool ghost, struct store_msg *out)
{
	*out = (struct store_msg){.uid = m->uid,
	    .system = m->system,
	    .keywords = m->keywords,
	    .modseq = m->modseq,
	    .body = m->body,
	    .size = m->size,
	    .internal_date = m->internal_date,
	    .zone = m->zone,
	    .save_date = m->save_date,
	    .expunged = ghost};
}
