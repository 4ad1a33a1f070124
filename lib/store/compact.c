#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/sabotage.h"
#include "store/rules_priv.h"
#include "store/store_priv.h"

struct compacting {
	struct store *st;
	const struct store_compact *c;
	struct bodies wanted, purged;
	uint64_t upto, lost;
	int64_t cut;
};

static bool
keep(void *arg, uint64_t seq, uint16_t type)
{
	const struct compacting *x = arg;

	if (type == CHANGE_VERDICT)
		seq--; /* it stays as long as its message */
	if (seq > x->upto || bodies_has(&x->wanted, seq))
		return true;
	/* What a loss has left without a mailbox is for fsck to bring back. */
	return seq <= x->lost && !bodies_has(&x->purged, seq);
}

static bool
rest(void *arg, uint64_t bytes)
{
	const struct compacting *x = arg;

	return x->c->pause == NULL || x->c->pause(x->c->arg, bytes);
}

/*
 * Later than the list of what is wanted, and right all the same: what stands
 * in segments that were closed then and is in a mailbox now was in one or in a
 * tombstone then, and tombstones behind the cut cannot be brought back
 * meanwhile.
 */
static void
snapshot(void *arg, struct buf *out, uint64_t *seq)
{
	struct compacting *x = arg;

	store_lock(x->st);
	tombstones_expire(x->st, x->cut);
	snapshot_encode(x->st, out);
	*seq = journal_next(x->st->j) - 1;
	store_unlock(x->st);
}

/* A bit more than snapshot_encode will make. */
static uint64_t
snapshot_size(const struct store *st)
{
	uint64_t n =
	    4096 + st->ntombstone * (sizeof(struct tombstone) + 16) +
	    st->purged.n * 10 + st->deliveries.n * 48 +
	    (st->ndeleted_name + st->nsubscribed + st->nkeyword) * 100 +
	    rules_size(&st->rules);

	for (size_t i = 0; i < st->nmailbox; i++) {
		const struct mailbox *mb = st->by_id[i];

		n += table_count(&mb->t) * sizeof(struct msg) +
		     mb->nvanished * 20 + 200;
	}
	return n;
}

/* Takes the one place; under the lock. */
static int
begin(struct compacting *x, uint64_t *snapshot_bytes)
{
	struct store *st = x->st;
	int64_t sooner = time_believed(st) - x->c->retention_ms;
	int r = store_check_writable(st, NULL);

	if (r == RC_OK && st->compacting)
		r = RC_TEMP;
	if (r != RC_OK)
		return r;
	st->compacting = true;
	x->upto = journal_next(st->j) - 1;
	x->cut = tombstones_cut(st);
	if (x->c->retention_ms > 0 && sooner > x->cut)
		x->cut = sooner;
	st->tombstone_cut = x->cut;
	st->shown_at = 0;
	bodies_live(st, &x->wanted);
	for (size_t i = 0; i < st->ntombstone; i++)
		if (st->tombstone[i].at > x->cut)
			bodies_add(&x->wanted, st->tombstone[i].m.body);
	for (size_t i = 0; i < st->purged.n; i++)
		bodies_add(&x->purged, st->purged.v[i]);
	x->lost = st->lost_seq;
	*snapshot_bytes = snapshot_size(st);
	return RC_OK;
}

static int
compact(struct store *st, const struct store_compact *c, bool last,
    struct journal_compacted *out)
{
	struct compacting x = {.st = st, .c = c};
	struct journal_compaction jc = {.keep = keep,
	    .pause = rest,
	    .snapshot = snapshot,
	    .arg = &x,
	    .share = c->share,
	    .min_bytes = c->min_bytes,
	    .all = c->all,
	    .last = last};
	int r;

	memset(out, 0, sizeof *out);
	store_lock(st);
	r = begin(&x, &jc.snapshot_bytes);
	store_unlock(st);
	if (r != RC_OK)
		goto out;
	bodies_sort(&x.wanted);
	bodies_sort(&x.purged);
	jc.upto = x.upto;
	r = journal_compact(st->j, &jc, out);
	if (r == RC_OK)
		mlog(LOG_INFO, "store.compacted",
		    "segments=%llu before=%llu after=%llu dropped=%llu",
		    (unsigned long long)out->segments,
		    (unsigned long long)out->before,
		    (unsigned long long)out->after,
		    (unsigned long long)out->dropped);
	store_lock(st);
	st->compacting = false;
	st->tombstone_cut = 0;
	st->shown_at = 0;
	store_unlock(st);
	/* The one of before may stand for a place that is no more. */
	if (r == RC_OK)
		store_checkpoint(st);
out:
	free(x.purged.v);
	free(x.wanted.v);
	return r;
}

bool
store_is_pressed(struct store *st)
{
	return journal_free_bytes(st->j) < 2 * st->opts.low_water_bytes;
}

int
store_compact(struct store *st, const struct store_compact *c,
    struct journal_compacted *out)
{
	return compact(st, c, false, out);
}

/* Nothing is purged, but the segment in use ends before or with this batch. */
static int
roll_once(struct store *st)
{
	struct commit_set cs;
	uint64_t need = 0;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = store_check_writable(st, NULL);
	if (r == RC_OK) {
		(void)commit_change(&cs, CHANGE_PURGED);
		journal_roll(st->j);
		commit_run(st, &cs, NULL, &need);
	}
	store_unlock(st);
	commit_fini(&cs);
	return r == RC_OK ? store_flush(st, need) : r;
}

int
store_roll(struct store *st)
{
	int r = roll_once(st);

	/* The first may have joined a batch that others had begun. */
	return r == RC_OK ? roll_once(st) : r;
}

int
store_settle(struct store *st, struct err *err)
{
	const struct store_compact c = {.all = true};
	struct journal_compacted done;
	int r = store_roll(st);

	if (r == RC_OK)
		r = compact(st, &c, true, &done);
	return r == RC_OK ? r
			  : err_set(err, r,
				"what is known of the mailboxes cannot be "
				"written to the log");
}
