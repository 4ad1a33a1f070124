#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store_priv.h"

struct version *
version_join(struct mailbox *mb)
{
	if (mb->newest == NULL) {
		mb->newest = xcalloc(1, sizeof *mb->newest);
		mb->oldest = mb->newest;
	}
	mb->newest->views++;
	return mb->newest;
}

static void
version_free(struct version *ver)
{
	free(ver->ghost);
	free(ver->uid);
	free(ver);
}

static int
by_uid(const void *a, const void *b)
{
	const struct msg *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static void
ghosts_add(struct version *ver, const struct msg *m, size_t n)
{
	bool sorted = ver->nghost == 0 || n == 0 ||
		      ver->ghost[ver->nghost - 1].uid < m[0].uid;

	ver->ghost = xgrow(
	    ver->ghost, &ver->ghost_cap, ver->nghost + n, sizeof *ver->ghost);
	if (n > 0)
		memcpy(ver->ghost + ver->nghost, m, n * sizeof *m);
	ver->nghost += n;
	if (!sorted)
		qsort(ver->ghost, ver->nghost, sizeof *ver->ghost, by_uid);
}

/*
 * Versions that nobody looks at go: the oldest as they are, those in between
 * into the one before them, whose views still have to learn of their ghosts.
 */
static void
tidy(struct mailbox *mb)
{
	struct version *v;

	while (mb->oldest != mb->newest && mb->oldest->views == 0) {
		v = mb->oldest;
		mb->oldest = v->newer;
		version_free(v);
	}
	for (v = mb->oldest; v != mb->newest && v->newer != mb->newest;) {
		struct version *mid = v->newer;

		if (mid->views > 0) {
			v = mid;
			continue;
		}
		ghosts_add(v, mid->ghost, mid->nghost);
		v->newer = mid->newer;
		version_free(mid);
	}
	if (mb->oldest == mb->newest && mb->newest->views == 0) {
		version_free(mb->newest);
		mb->oldest = NULL;
		mb->newest = NULL;
	}
}

void
version_leave(struct mailbox *mb, struct version *ver)
{
	must(ver->views > 0);
	ver->views--;
	tidy(mb);
}

void
versions_free(struct mailbox *mb)
{
	while (mb->oldest != NULL) {
		struct version *v = mb->oldest;

		mb->oldest = v->newer;
		version_free(v);
	}
	mb->newest = NULL;
}

void
version_added(struct mailbox *mb, const struct msg *m, size_t n)
{
	for (struct version *v = mb->oldest; v != mb->newest; v = v->newer) {
		v->uid = xgrow(v->uid, &v->cap, v->n + n, sizeof *v->uid);
		for (size_t i = 0; i < n; i++)
			v->uid[v->n++] = m[i].uid;
	}
}

void
version_before_remove(struct mailbox *mb, uint64_t seq)
{
	struct version *v = mb->newest;

	if (v == NULL || v->views == 0)
		return;
	v->n = table_count(&mb->t);
	v->uid = table_uids(&mb->t);
	v->cap = v->n;
	v->removed = seq;
	v->newer = xcalloc(1, sizeof *v->newer);
	mb->newest = v->newer;
}

void
version_removed(struct mailbox *mb, struct msg **removed, size_t n)
{
	struct version *v = mb->oldest;

	if (v != NULL && v != mb->newest) {
		while (v->newer != mb->newest)
			v = v->newer;
		ghosts_add(v, *removed, n);
	}
	free(*removed);
	*removed = NULL;
}

uint32_t
version_uid(struct mailbox *mb, const struct version *ver, size_t i)
{
	return ver == mb->newest ? table_at(&mb->t, i)->uid : ver->uid[i];
}

size_t
version_count(struct mailbox *mb, const struct version *ver)
{
	return ver == mb->newest ? table_count(&mb->t) : ver->n;
}

size_t
version_from(
    struct mailbox *mb, const struct version *ver, size_t count, uint32_t uid)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (version_uid(mb, ver, mid) < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct msg *
ghost_find(const struct version *ver, uint32_t uid)
{
	size_t lo = 0, hi = ver->nghost;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ver->ghost[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ver->nghost && ver->ghost[lo].uid == uid ? &ver->ghost[lo]
							     : NULL;
}

struct msg *
version_msg(struct mailbox *mb, const struct version *ver, uint32_t uid,
    size_t hint, bool *ghost)
{
	struct msg *m = NULL;

	*ghost = false;
	/* Nearly always it is where it was, or a bit before. */
	if (hint < table_count(&mb->t))
		m = table_at(&mb->t, hint);
	if (m != NULL && m->uid == uid)
		return m;
	m = table_find(&mb->t, uid);
	if (m != NULL)
		return m;
	*ghost = true;
	for (; ver != NULL && m == NULL; ver = ver->newer)
		m = ghost_find(ver, uid);
	return m;
}
