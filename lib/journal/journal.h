/*
 * The journal: an append-only log of records with group commit.  It knows
 * records and bytes, nothing of mail; the account's store and the queue's
 * spool are built on it.
 *
 * == The format ==
 *
 * A journal is a folder `log` of segments, each a header and records.  All of
 * it is described in store/format.h, together with what the store puts into
 * it; queue/spool/record.h has the spool's records.
 *
 * == Threads ==
 *
 * journal_append is called under a lock of the caller's, so that the order of
 * the records is the order of the changes in memory.  Everything else may be
 * called from any thread at any time.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "journal/disk.h"

struct journal;
struct journal_blob;

#define JOURNAL_TYPE_COMMIT   1
#define JOURNAL_TYPE_SNAPSHOT 2
#define JOURNAL_TYPE_USER     16 /* the lowest that the user may use */

#define JOURNAL_NAMED	  0x01u
#define JOURNAL_ELSEWHERE 0x02u

#define JOURNAL_PAYLOAD_MAX (64u << 20)
#define JOURNAL_NOTE_MAX    (8u << 20)

struct journal_opts {
	const struct journal_io *io; /* NULL: the real disk */
	char kind[4];		     /* "mail", "spol" */
	uint64_t segment_bytes;	     /* 0: 64 MiB */
	uint64_t inline_max;	     /* larger blobs get a file; 0: 1 MiB */
	bool readonly;		     /* no append; nothing is written */
	/* Goes on past segments that the disk or their mode keeps from us, and
	 * past the loss of all of them: for a check and for a repair.  Anybody
	 * else does not open such a journal: it may be there again tomorrow,
	 * and what was written meanwhile would be in its way. */
	bool salvage;
};

/* A place in the journal: a checkpoint stands for all up to seq. */
struct journal_mark {
	uint64_t epoch, seq, off;
	uint32_t segment;
};

/* A record that is read back; payload is valid during the call. */
struct journal_record {
	uint64_t seq;
	int64_t time;
	uint16_t type;
	uint8_t flags, codec;
	uint64_t size; /* of the payload, or of the bytes elsewhere */
	struct sv payload;
};

/* What was found amiss. */
struct journal_report {
	uint64_t damaged; /* places that could not be read */
	uint64_t damaged_bytes;
	uint64_t damaged_seq; /* numbers up to this one may be missing */
	uint64_t void_bytes;  /* behind the last whole batch */
	uint64_t copied;      /* records that were copied and flushed */
	bool unclean;
};

/*
 * Opens the journal below dirfd (its folder `log` is made), reads the
 * segments' headers.  dirfd stays open and the caller's.  The caller holds
 * the lock that keeps other processes away.
 */
int journal_open(int dirfd, const struct journal_opts *opts,
    struct journal **out, struct err *err) RC_USE_RESULT;
/* True if the mark lies in this journal, so that a replay may begin there. */
bool journal_has(struct journal *j, const struct journal_mark *m);
/* Whether a compaction has put something else in that segment's place. */
bool journal_replaced(struct journal *j, uint32_t segment);

/* Whether there is no segment that can be used. */
bool journal_is_empty(struct journal *j);
/*
 * Before the replay: somebody knows that all records up to seq were flushed.
 * If the journal ends before, its end is lost: the records that are left of it
 * count one by one, the rest is a damage, and no number up to seq is given
 * again.  What the journal's own files tell is taken into account anyway.
 */
void journal_vouch(struct journal *j, uint64_t seq);

typedef int (*journal_replay_fn)(void *arg, const struct journal_record *r);

/*
 * Reads all records behind `from` (NULL: all), in order, and makes the journal
 * ready for append.  A negative return of fn ends the replay and is returned.
 * RC_DAMAGED: the journal ends before `from`; nothing was changed, the caller
 * may try again from elsewhere.  RC_IO: the disk has refused to read something,
 * and nothing was changed either: read again later it may be there.  Payloads
 * of NAMED records are empty unless they are short: they are not looked at.
 *
 * After a compaction the first that fn gets may be a snapshot in pieces of
 * type JOURNAL_TYPE_SNAPSHOT, seq being the number for which it stands and
 * flags 1 with the last piece: whatever fn has made of `from` is void then.
 */
int journal_replay(struct journal *j, const struct journal_mark *from,
    journal_replay_fn fn, void *arg, struct journal_report *report,
    struct err *err) RC_USE_RESULT;

/* Flushes, ends with a CLEAN commit, writes the tables of contents. */
void journal_close(struct journal **j);

/* ---- writing ---- */

struct journal_item {
	uint16_t type;
	uint8_t flags;		   /* JOURNAL_NAMED */
	struct sv payload;	   /* or: */
	struct journal_blob *blob; /* sealed; the caller frees it afterwards */
	struct sv note;		   /* see journal_note; NAMED only */
	int64_t time;		   /* ms since 1970; 0: now */
};

/*
 * Puts n records behind one another into the pending batch; all of them or
 * none will be there after a crash.  Returns the number of the first, the
 * others follow.  Never fails: a poisoned journal takes them, too, but will
 * not flush them.
 */
uint64_t journal_append(
    struct journal *j, const struct journal_item *it, size_t n);
/* The number that the next record will get: under the caller's lock. */
uint64_t journal_next(struct journal *j);
/*
 * Waits until all up to seq is on the disk.  The first who comes writes and
 * flushes for all who have appended meanwhile.  RC_IO: a write or flush has
 * failed, now or before; nothing will ever be flushed again by this process.
 */
int journal_flush(struct journal *j, uint64_t seq) RC_USE_RESULT;
/* Everything up to here is flushed. */
uint64_t journal_flushed(struct journal *j);
bool journal_poisoned(struct journal *j);
/* Where the flushed part ends; false if something is pending. */
bool journal_mark(struct journal *j, struct journal_mark *out);
uint64_t journal_epoch(struct journal *j);
/* The next batch begins a new segment with a new epoch (flushes first). */
int journal_new_epoch(struct journal *j) RC_USE_RESULT;
/* The next batch begins a new segment, so that what is in this one can be
 * compacted. */
void journal_roll(struct journal *j);
/* Numbers up to seq are taken: the next record gets a higher one.  Before the
 * first append only. */
void journal_skip_to(struct journal *j, uint64_t seq);
/* Free bytes of the disk. */
uint64_t journal_free_bytes(struct journal *j);
/* Whether so many bytes may be spent on what can be made anew or later: on a
 * full disk what is left is for flags and expunges. */
bool journal_spare(struct journal *j, uint64_t bytes);

/* ---- blobs: bytes that come in pieces ---- */

/*
 * Up to inline_max they are kept in memory, above that in a file of their own,
 * so that memory stays bounded.
 */
struct journal_blob *journal_blob_new(struct journal *j);
/* RC_NOSPACE, RC_IO; the blob can then only be freed. */
int journal_blob_add(
    struct journal_blob *b, const void *p, size_t n) RC_USE_RESULT;
/* Bytes of it that are in memory now; into a file with them, though it is
 * small. A file costs a descriptor until the blob is gone. */
size_t journal_blob_memory(const struct journal_blob *b);
bool journal_blob_is_file(const struct journal_blob *b);
int journal_blob_to_file(struct journal_blob *b) RC_USE_RESULT;
uint64_t journal_blob_size(const struct journal_blob *b);
/*
 * Flushes a blob's file and the folder, in the caller's thread, so that small
 * commits of others go on meanwhile.  Nothing to do for one in memory.
 */
int journal_blob_seal(struct journal_blob *b) RC_USE_RESULT;
/* All its bytes, until it is freed; a file's are mapped.  NULL slice with
 * n > 0 never; RC_IO if it cannot be mapped. */
int journal_blob_bytes(struct journal_blob *b, struct sv *out) RC_USE_RESULT;
/* Removes the file, too, unless the blob was appended. */
void journal_blob_free(struct journal_blob **b);

/* ---- reading ---- */

/*
 * Exactly len bytes from off of the bytes of record seq, which must be NAMED.
 * Waits for its flush if that is still to come.  A read of the whole is
 * checked against the checksum.  RC_NOTFOUND, RC_DAMAGED, RC_IO.
 */
int journal_read(struct journal *j, uint64_t seq, uint64_t off, void *p,
    size_t len) RC_USE_RESULT;
int journal_size(struct journal *j, uint64_t seq, uint64_t *out) RC_USE_RESULT;
/* What kind of record it is. */
int journal_type(struct journal *j, uint64_t seq, uint16_t *out) RC_USE_RESULT;
/* Reads all of it in pieces and compares the checksum: for those who will
 * read it in pieces themselves.  RC_NOTFOUND, RC_DAMAGED, RC_IO. */
int journal_verify(struct journal *j, uint64_t seq) RC_USE_RESULT;

/*
 * Notes: what the user has derived from a NAMED record and would like to find
 * again quickly.  They are kept in the table of contents, and may be lost.
 * RC_NOTFOUND: there is none.
 */
int journal_note_get(
    struct journal *j, uint64_t seq, struct buf *out) RC_USE_RESULT;
void journal_note_put(struct journal *j, uint64_t seq, struct sv note);
/* When there is time: writes what is pending for the tables of contents, gives
 * memory back, keeps the reserve. */
void journal_idle(struct journal *j);

/*
 * Removes the segments whose records are all below seq, oldest first, with
 * the files they refer to: for a user who keeps no history.  The segment in
 * use always stays.
 */
int journal_drop_before(struct journal *j, uint64_t seq) RC_USE_RESULT;
/* The first numbers that may be in the oldest segment, in the one behind it
 * and in the one in use; and how many bytes those before that one have. */
struct journal_span {
	uint64_t first, second, active, bytes;
};
void journal_span(struct journal *j, struct journal_span *out);
/* How many bytes the segments have that journal_drop_before could remove
 * at most, and the first number behind the oldest of them. */
uint64_t journal_oldest_end(struct journal *j, uint64_t *bytes_out);

/* ---- compaction ---- */

struct journal_compaction {
	/* The state as it is now and the last number in it: asked for once,
	 * when there is something to do.  All that the state then needs of
	 * closed segments must be what `keep` keeps. */
	void (*snapshot)(void *arg, struct buf *out, uint64_t *seq);
	uint64_t snapshot_bytes; /* about how much that will be */
	/* Whether the bytes of this record are still wanted; from any thread,
	 * with locks held. */
	bool (*keep)(void *arg, uint64_t seq, uint16_t type);
	/* After every few bytes that were read or written: a place to wait.
	 * false: give up.  May be NULL. */
	bool (*pause)(void *arg, uint64_t bytes);
	void *arg;
	uint64_t upto; /* segments with later records are left alone */
	/* Segments count of which so many per cent are dead, 0: of which
	 * anything is no longer wanted; and so many bytes must come free. */
	unsigned share;
	uint64_t min_bytes;
	bool all;  /* whatever they hold: every segment but the one in use */
	bool last; /* with all: only the last of them */
};

struct journal_compacted {
	uint64_t segments, before, after; /* bytes */
	uint64_t dropped, dropped_bytes;  /* NAMED records */
};

/*
 * Rewrites one row of closed segments without what is no longer wanted, in the
 * caller's thread and beside everything else; one call at a time.  RC_NOTFOUND:
 * nothing is worth it.  RC_TEMP: pause said so.  Segments in which something
 * cannot be read stay as they are.  RC_NOSPACE, RC_IO.
 */
int journal_compact(struct journal *j, const struct journal_compaction *c,
    struct journal_compacted *out) RC_USE_RESULT;

#endif
