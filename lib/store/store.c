#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/log.h"
#include "journal/sabotage.h"
#include "store/store_priv.h"

#define LEAP_MAX 65536u /* seconds, less than a day */

/* ---- opening ---- */

struct replaying {
	struct store *st;
	struct buf snapshot; /* as far as it has come */
	struct err *err;
};

static int
replay_one(void *arg, const struct journal_record *rec)
{
	struct replaying *p = arg;
	struct change c;
	int r;

	if (rec->type == JOURNAL_TYPE_SNAPSHOT) {
		buf_addsv(&p->snapshot, rec->payload);
		if (!(rec->flags & 1))
			return RC_OK;
		r = snapshot_decode(p->st, buf_sv(&p->snapshot));
		buf_release(&p->snapshot);
		return r == RC_OK ? r
				  : err_set(p->err, r,
					"the snapshot of record %llu makes no "
					"sense",
					(unsigned long long)rec->seq);
	}
	if (change_is_bytes(rec->type))
		return RC_OK;
	r = change_decode(rec->type, rec->payload, &c);
	if (r == RC_NOSUPPORT)
		return err_set(p->err, r,
		    "record %llu of type %u was written "
		    "by a newer version",
		    (unsigned long long)rec->seq, rec->type);
	if (r != RC_OK) {
		mlog(LOG_ERROR, "store.change_unreadable", "seq=%llu type=%u",
		    (unsigned long long)rec->seq, rec->type);
		return RC_OK;
	}
	if (sabotaged(SABOTAGE_FORGET_DELIVERY))
		c.has_delivery = false;
	if (!sabotaged(SABOTAGE_UNPURGE) || rec->type != CHANGE_PURGED)
		change_apply(p->st, &c, rec->seq, rec->time, NULL);
	change_fini(&c);
	return RC_OK;
}

static int
journal_start(struct store *st, struct err *err)
{
	struct journal_opts o = {.io = st->io,
	    .kind = {'m', 'a', 'i', 'l'},
	    .segment_bytes = st->opts.segment_bytes,
	    .inline_max = st->opts.inline_body_max,
	    .readonly = st->opts.readonly,
	    .salvage = st->opts.salvage};

	return journal_open(st->dirfd, &o, &st->j, err);
}

/* A checkpoint without a log: clients that were served an empty account would
 * delete their own copies. */
static bool
has_log(const struct store *st)
{
	int fd = st->io->opendir(st->io, st->dirfd, "log", false);
	bool gone = fd < 0 && errno == ENOENT;

	if (fd >= 0)
		st->io->close(st->io, fd);
	return !gone;
}

static int
log_is_gone(struct err *err)
{
	return err_set(err, RC_DAMAGED,
	    "log/ is empty, but there was mail: restore it, or mount its disk "
	    "(to start again without it: fsck --repair)");
}

/*
 * The checkpoint, and the journal behind it; or, if the two do not fit, the
 * journal alone.  If the checkpoint knows what the journal does not, something
 * is gone for good, and the journal's report says so.
 */
static int
load(struct store *st, struct journal_report *report, struct err *err)
{
	struct replaying p = {.st = st, .err = err};
	struct journal_mark mark = {.seq = 0};
	int there = checkpoint_peek(st, &mark), r;
	bool have = there == RC_OK && checkpoint_load(st, &mark) == RC_OK;
	uint32_t validity;

	if (there != RC_NOTFOUND && !st->opts.salvage && !has_log(st))
		return log_is_gone(err);
	r = journal_start(st, err);
	buf_init(&p.snapshot, SIZE_MAX / 4);
	if (r != RC_OK)
		return r;
	if (there != RC_NOTFOUND && journal_is_empty(st->j) &&
	    !st->opts.salvage)
		return log_is_gone(err);
	if (have && journal_has(st->j, &mark)) {
		r = journal_replay(st->j, &mark, replay_one, &p, report, err);
		if (r != RC_DAMAGED)
			return r;
		journal_close(&st->j);
		r = journal_start(st, err);
		if (r != RC_OK)
			return r;
	}
	/* Only what was flushed is in a checkpoint. */
	journal_vouch(st->j, mark.seq);
	validity = st->last_uidvalidity;
	store_state_reset(st);
	r = journal_replay(st->j, NULL, replay_one, &p, report, err);
	if (st->last_uidvalidity < validity)
		st->last_uidvalidity = validity;
	return r;
}

/* A loss may have taken UIDVALIDITYs, too, that were given a moment ago. */
static void
leap(struct store *st)
{
	(void)store_next_uidvalidity(st);
	st->last_uidvalidity += randombytes_uniform(LEAP_MAX);
}

/* What a client has cached may now mean something else: it must forget. */
static int
raise_all(struct store *st, uint64_t upto, bool lost, struct err *err)
{
	struct commit_set cs;
	struct change *c;
	uint64_t need = 0;
	int r;

	mlog(LOG_ERROR, "store.uidvalidity_raised", "seq=%llu",
	    (unsigned long long)upto);
	journal_skip_to(st->j, upto);
	r = journal_new_epoch(st->j);
	if (r != RC_OK)
		return err_set(err, r, "a new segment cannot be made");
	if (lost)
		leap(st);
	commit_init(&cs);
	c = commit_change(&cs, CHANGE_VALIDITY);
	c->on = !lost;
	c->pair = xcalloc(st->nmailbox + 1, sizeof *c->pair);
	for (size_t i = 0; i < st->nmailbox; i++)
		if (st->by_id[i]->selectable)
			c->pair[c->npair++] =
			    (struct change_pair){st->by_id[i]->id,
				store_next_uidvalidity(st), {NULL, 0}};
	commit_run(st, &cs, NULL, &need);
	commit_fini(&cs);
	if (journal_flush(st->j, need) != RC_OK)
		return err_set(err, RC_IO, "the journal cannot be written");
	return RC_OK;
}

int
store_begin_anew(struct store *st, struct err *err)
{
	int r = store_check_writable(st, err);

	return r == RC_OK ? raise_all(st, 0, false, err) : r;
}

static int
make_defaults(struct store *st, struct err *err)
{
	static const struct {
		const char *name;
		enum store_use use;
	} first[] = {
	    {"INBOX", STORE_USE_NONE},
	    {"Drafts", STORE_USE_DRAFTS},
	    {"Sent", STORE_USE_SENT},
	    {"Junk", STORE_USE_JUNK},
	    {"Trash", STORE_USE_TRASH},
	    {"Archive", STORE_USE_ARCHIVE},
	};
	bool fresh = st->nmailbox == 0;
	struct commit_set cs;
	uint64_t need = 0;

	if (mailbox_named(st, SV("INBOX")) != NULL)
		return RC_OK;
	commit_init(&cs);
	for (size_t i = 0; i < (fresh ? sizeof first / sizeof *first : 1); i++)
		mailbox_plan(
		    st, &cs, sv_str(first[i].name), first[i].use, true);
	commit_run(st, &cs, NULL, &need);
	commit_fini(&cs);
	if (journal_flush(st->j, need) != RC_OK)
		return err_set(err, RC_IO, "the journal cannot be written");
	return RC_OK;
}

static int
take_lock(struct store *st, struct err *err)
{
	st->lockfd = st->io->open(st->io, st->dirfd, "lock", O_RDWR | O_CREAT);
	if (st->lockfd < 0)
		return err_sys(err, RC_IO, errno, "lock");
	if (st->io->lock(st->io, st->lockfd) == 0)
		return RC_OK;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(
		    err, RC_TEMP, "another process has the account open");
	return err_sys(err, RC_IO, errno, "lock");
}

static int
start(struct store *st, struct err *err)
{
	struct journal_report report;
	int r = load(st, &report, err);

	if (r != RC_OK || st->opts.readonly)
		return r;
	if (report.damaged_seq > st->raised_seq)
		r = raise_all(st, report.damaged_seq, true, err);
	if (r == RC_OK)
		r = make_defaults(st, err);
	return r;
}

int
store_open(const char *dir, const struct store_opts *opts, struct store **out,
    struct err *err)
{
	struct store *st = xcalloc(1, sizeof *st);
	int r = RC_OK;

	st->opts = *opts;
	st->io = opts->io != NULL ? opts->io : &journal_disk;
	if (st->opts.low_water_bytes == 0)
		st->opts.low_water_bytes = LOW_WATER_BYTES;
	st->lockfd = -1;
	pthread_mutex_init(&st->mu, NULL);
	pthread_cond_init(&st->notified, NULL);
	st->dirfd = st->io->opendir(st->io, AT_FDCWD, dir, !st->opts.readonly);
	if (st->dirfd < 0)
		r = err_sys(err, RC_IO, errno, "%s", dir);
	if (r == RC_OK)
		r = take_lock(st, err);
	if (r == RC_OK)
		r = start(st, err);
	/* Not for the tests' disks: it does not belong to what must survive. */
	if (r == RC_OK && st->io == &journal_disk && !st->opts.readonly)
		suspects_open(&st->suspects, st->dirfd);
	if (r == RC_OK) {
		*out = st;
		return RC_OK;
	}
	store_close(&st);
	return r;
}

int
store_count(const char *dir, struct store_counts *out, struct err *err)
{
	struct store *st = xcalloc(1, sizeof *st);
	struct journal_report report = {.damaged = 0};
	int r;

	st->opts.readonly = true;
	st->io = &journal_disk;
	st->lockfd = -1;
	pthread_mutex_init(&st->mu, NULL);
	pthread_cond_init(&st->notified, NULL);
	st->dirfd = st->io->opendir(st->io, AT_FDCWD, dir, false);
	r = st->dirfd < 0 ? err_sys(err, RC_IO, errno, "%s", dir)
			  : load(st, &report, err);
	if (r == RC_OK) {
		*out = (struct store_counts){.mailboxes = st->nmailbox,
		    .hurt = report.damaged_seq > st->raised_seq};
		for (size_t i = 0; i < st->nmailbox; i++)
			out->messages += table_count(&st->by_id[i]->t);
	}
	store_close(&st);
	return r;
}

/* ---- checkpoints ---- */

/* One for each segment is enough while mail comes in. */
static bool
checkpoint_due(struct store *st)
{
	struct journal_mark m;
	bool due;

	store_lock(st);
	due = !st->checkpointing && journal_mark(st->j, &m) &&
	      m.segment != st->checkpoint_segment && m.off > CHECKPOINT_BYTES;
	store_unlock(st);
	return due;
}

static void
checkpoint(struct store *st)
{
	struct journal_mark mark;
	struct buf bytes;
	bool want;

	if (st->opts.readonly)
		return;
	buf_init(&bytes, SIZE_MAX / 4);
	store_lock(st);
	/* Only what is flushed may be in it: never more than the journal. */
	want = !st->checkpointing && journal_mark(st->j, &mark) &&
	       mark.seq != st->checkpoint_seq;
	if (want) {
		st->checkpointing = true;
		checkpoint_encode(st, &mark, &bytes);
		st->checkpoint_seq = mark.seq;
		st->checkpoint_segment = mark.segment;
	}
	store_unlock(st);
	if (want) {
		if (!journal_spare(st->j, bytes.n) ||
		    checkpoint_write(st, &bytes) != RC_OK)
			mlog(LOG_WARN, "store.checkpoint_unwritten", "errno=%d",
			    errno);
		store_lock(st);
		st->checkpointing = false;
		store_unlock(st);
	}
	buf_fini(&bytes);
}

void
store_checkpoint(struct store *st)
{
	if (journal_flush(st->j, UINT64_MAX) == RC_OK)
		checkpoint(st);
	journal_idle(st->j);
}

void
store_close(struct store **sp)
{
	struct store *st = *sp;

	if (st == NULL)
		return;
	*sp = NULL;
	if (st->j != NULL) {
		if (journal_flush(st->j, UINT64_MAX) == RC_OK)
			checkpoint(st);
		journal_close(&st->j);
	}
	store_state_reset(st);
	if (st->suspects.e != NULL)
		suspects_close(&st->suspects);
	if (st->lockfd >= 0)
		st->io->close(st->io, st->lockfd);
	if (st->dirfd >= 0)
		st->io->close(st->io, st->dirfd);
	pthread_cond_destroy(&st->notified);
	pthread_mutex_destroy(&st->mu);
	free(st);
}

/* ---- flushing ---- */

int
store_flush(struct store *st, uint64_t need)
{
	int r = journal_flush(st->j, need);

	if (r != RC_OK)
		return r;
	store_notify(st, journal_flushed(st->j));
	if (checkpoint_due(st))
		checkpoint(st);
	return RC_OK;
}

bool
store_poisoned(struct store *st)
{
	return journal_poisoned(st->j);
}

uint64_t
store_epoch(struct store *st)
{
	return journal_epoch(st->j);
}

bool
store_parse_begin(struct store *st, uint64_t body)
{
	return suspects_begin(&st->suspects, body);
}

void
store_parse_end(struct store *st, uint64_t body)
{
	suspects_end(&st->suspects, body);
}
