/*
 * Expunged messages that go for good, now.
 */
#include <stdlib.h>

#include "store/store_priv.h"

static struct change *
purged_from(struct commit_set *cs, uint32_t mailbox)
{
	struct change *c;

	for (size_t k = 0; k < cs->n; k++)
		if (cs->change[k].mailbox == mailbox)
			return &cs->change[k];
	c = commit_change(cs, CHANGE_PURGED);
	c->mailbox = mailbox;
	return c;
}

/* Which of them may go: what is in a mailbox again stays. */
static void
plan_purge(struct store *st, const struct store_tombstone *g, size_t n,
    struct commit_set *cs, size_t *gone)
{
	struct tombstone_ref *ref = tombstones_index(st);
	const bool *shown = tombstones_shown(st);

	for (size_t i = 0; i < n; i++) {
		struct tombstone *it = tombstone_find(st, ref, &g[i]);
		struct change *c;

		if (it == NULL || !shown[it - st->tombstone])
			continue;
		c = purged_from(cs, g[i].mailbox);
		if (!rangeset_has(&c->uids, g[i].uid))
			++*gone;
		rangeset_add(&c->uids, g[i].uid, g[i].uid);
	}
	free(ref);
}

int
store_purge(struct store *st, const struct store_tombstone *g, size_t n,
    size_t *gone, uint64_t *need, struct err *err)
{
	struct commit_set cs;
	int r;

	*gone = 0;
	commit_init(&cs);
	store_lock(st);
	r = store_check_writable(st, err);
	if (r == RC_OK)
		plan_purge(st, g, n, &cs, gone);
	if (r == RC_OK)
		commit_run(st, &cs, NULL, need);
	store_unlock(st);
	commit_fini(&cs);
	return r;
}
