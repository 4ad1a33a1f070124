#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/sabotage.h"
#include "store/store_priv.h"

struct compacting {
	struct store *st;
	const struct store_compact *c;
	struct bodies wanted;
	struct bodies purged;
	uint64_t lost;
};

static bool
keep(void *arg, uint64_t seq)
{
	const struct compacting *x = arg;

	/* What a loss has left without a mailbox is for fsck to bring back. */
	return (seq <= x->lost && !bodies_has(&x->purged, seq)) ||
	       bodies_has(&x->wanted, seq);
}

static void
rest(void *arg, uint64_t bytes)
{
	const struct compacting *x = arg;

	if (x->c->pause != NULL)
		x->c->pause(x->c->arg, bytes);
}

/*
 * Later than the list of what is wanted, and right all the same: what stands
 * in closed segments and is in a mailbox now was in one or in a grave then.
 */
static void
snapshot(void *arg, struct buf *out, uint64_t *seq)
{
	struct compacting *x = arg;

	store_lock(x->st);
	snapshot_encode(x->st, out);
	*seq = journal_next(x->st->j) - 1;
	store_unlock(x->st);
}

/* Takes the one place; under the lock. */
static int
begin(struct compacting *x, uint64_t *messages)
{
	struct store *st = x->st;
	int r = store_check_writable(st, NULL);

	if (r == RC_OK && st->compacting)
		r = RC_TEMP;
	if (r != RC_OK)
		return r;
	st->compacting = true;
	graves_expire(st,
	    x->c->retention_ms > 0 && x->c->retention_ms < st->opts.retention_ms
		? x->c->retention_ms
		: st->opts.retention_ms);
	bodies_live(st, &x->wanted);
	*messages = x->wanted.n;
	for (size_t i = 0; i < st->ngrave; i++)
		bodies_add(&x->wanted, st->grave[i].m.body);
	for (size_t i = 0; i < st->purged.n; i++)
		bodies_add(&x->purged, st->purged.v[i]);
	x->lost = st->lost_seq;
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
	uint64_t messages;
	int r;

	memset(out, 0, sizeof *out);
	store_lock(st);
	r = begin(&x, &messages);
	store_unlock(st);
	if (r != RC_OK)
		goto out;
	bodies_sort(&x.wanted);
	bodies_sort(&x.purged);
	jc.snapshot_bytes = messages * sizeof(struct msg);
	r = journal_compact(st->j, &jc, out);
	if (r == RC_OK)
		mlog(LOG_INFO, "store.compacted",
		    "segments=%llu before=%llu after=%llu messages=%llu",
		    (unsigned long long)out->segments,
		    (unsigned long long)out->before,
		    (unsigned long long)out->after,
		    (unsigned long long)out->dropped);
	store_lock(st);
	st->compacting = false;
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

int
store_settle(struct store *st, struct err *err)
{
	const struct store_compact c = {.all = true};
	struct journal_compacted done;
	struct commit_set cs;
	uint64_t need = 0;
	int r = journal_flush(st->j, UINT64_MAX);

	commit_init(&cs);
	if (r == RC_OK) {
		store_lock(st);
		/* Nothing is purged, but the segment in use is closed. */
		(void)commit_change(&cs, CHANGE_PURGED);
		journal_roll(st->j);
		commit_run(st, &cs, NULL, &need);
		store_unlock(st);
		r = store_flush(st, need);
	}
	commit_fini(&cs);
	if (r == RC_OK)
		r = compact(st, &c, true, &done);
	return r == RC_OK ? r
			  : err_set(err, r,
				"what is known of the mailboxes cannot be "
				"written to the log");
}
