/*
 * Inside the journal.  Two locks: `mu` guards batches and what is flushed,
 * `index` the table of segments and their tocs.  A caller that needs both takes
 * `mu` first.  The leader (see journal_flush) writes without holding either.
 */
#ifndef JOURNAL_PRIV_H
#define JOURNAL_PRIV_H

#include <pthread.h>

#include "journal/format.h"
#include "journal/journal.h"
#include "journal/toc.h"

#define SEGMENT_BYTES	  (64ull << 20)
#define INLINE_MAX	  (1ull << 20)
#define RESERVE_BYTES	  (4ull << 20)
#define SPARE_BYTES	  (2 * RESERVE_BYTES)
#define AHEAD_BYTES	  (256u << 10)
#define AHEAD_MIN	  (32u << 10)
#define SMALL_BYTES	  2048u
#define HURRY_MS	  20
#define SCARCE_BYTES	  (256ull << 20) /* below: allocate before writing */
#define TOC_PENDING_BYTES (256u << 10)
#define OPEN_SEGMENTS	  64u
#define RESERVE_NAME	  "reserve"

struct segment {
	struct seg_header h;
	uint64_t end;	    /* what follows is void, or not written yet */
	uint64_t max_seq;   /* highest that counts; not of the last one */
	uint64_t allocated; /* up to here a write needs no new blocks */
	int fd;		    /* -1: closed meanwhile */
	unsigned users;
	bool dropped;	/* off the table; freed by its last user */
	bool spoiled;	/* a compaction could not read all of it */
	bool holes;	/* the index's scan did not see all that was there */
	bool toc_wrong; /* its file's entries led nowhere: not read again */
	struct toc toc;
	uint64_t scan_to; /* toc: what this process did not write itself */
};

/* A segment that cannot be used, though it is there. */
struct unusable {
	uint32_t number;
	uint64_t bytes; /* its size, 0: not known */
	bool headless;	/* it can be read, but both its headers are damaged */
	bool aside;	/* NNNNNN.bad: a repair has put it there */
	char why[64];
};

struct batch {
	struct buf bytes, entries, notes; /* entries: toc entries */
	uint64_t off;			  /* in its segment */
	uint64_t first, last;
	uint32_t count;
	bool roll;		    /* begins a new segment */
	unsigned char key[SEG_KEY]; /* its segment's */
};

struct journal {
	const struct journal_io *io;
	int dirfd, logfd;
	char kind[4];
	uint64_t segment_bytes, inline_max;
	bool readonly, salvage, ready;

	pthread_mutex_t mu;
	pthread_cond_t done; /* a flush has ended */
	struct batch batch[2], *filling, *spare;
	bool leading, poisoned;
	uint32_t company;   /* records in the last batch */
	int64_t written_at; /* the leader's: when that was on the disk */
	bool clean_on_disk; /* nothing was written since the CLEAN commit */
	uint64_t last, flushed;
	bool roll_asked;   /* the next batch begins a new segment */
	uint64_t plan_off; /* where the next record of this segment goes */
	unsigned char plan_key[SEG_KEY];
	uint64_t epoch;
	struct segment *active; /* changed by the leader only */

	pthread_mutex_t index;
	struct segment **seg; /* by number */
	size_t nseg, seg_cap;
	unsigned open_fds;
	uint32_t top_number;	   /* highest in use, also by unreadable ones */
	bool bodies;		   /* there were body files at start */
	bool emptied;		   /* there are files, but no segment */
	struct unusable *unusable; /* by number */
	size_t nunusable, unusable_cap;
	uint32_t *toc_only; /* tables of contents without their segment */
	size_t ntoc_only, toc_only_cap;
	uint64_t vouched; /* see journal_vouch */
};

/* ---- segment.c ---- */
void segment_free(struct journal *j, struct segment *s);
/* At start, and under the index lock. */
struct segment *segment_last(struct journal *j);
/* Makes the last segment the one that is written to. */
void segment_activate(struct journal *j);
/* The segment that holds seq, with a reference; NULL if none. */
struct segment *segment_of(struct journal *j, uint64_t seq);
/* Opens its file if need be; call with a reference.  RC_IO. */
int segment_open(struct journal *j, struct segment *s);
void segment_unref(struct journal *j, struct segment *s);
struct toc_id segment_toc_id(struct journal *j, const struct segment *s);
/* Reads the table of contents, and the segment where that is too short. */
int segment_index(struct journal *j, struct segment *s);
/*
 * Makes the next segment with `content` (records, may be empty) behind the
 * header: written as NNNNNN.new, flushed, renamed.  The caller has
 * filled *h: see segment_header_next.
 */
int segment_create(
    struct journal *j, const struct seg_header *h, struct sv content);
/* Number, epoch, key and predecessor; first_seq, prev_seq and prev_off are to
 * be filled in. */
void segment_header_next(
    struct journal *j, uint64_t epoch, struct seg_header *h);
int segments_load(struct journal *j, struct err *err);
/*
 * A number that nothing has passed that stood in segments behind the last
 * usable one, as far as what is left of them tells; 0: nothing stood there.
 * keep: the last number before them.
 */
uint64_t segments_lost(struct journal *j, uint64_t keep);
/* Whether the first segments are missing: of mail none is ever dropped. */
bool journal_beheaded(const struct journal *j);
/* Whether segments follow one another from the first on without a gap, and all
 * can be used: then what no record names is needed by nobody. */
bool segments_complete(struct journal *j);
/* The whole table, whether or not its segment is there and can be used. */
bool toc_of_number(struct journal *j, uint32_t number,
    void (*fn)(void *arg, const struct toc_entry *e), void *arg,
    uint64_t *reach);

/* ---- scan.c ---- */
struct scan {
	const struct journal_io *io;
	int fd;
	const unsigned char *key; /* NULL: it is lost */
	uint64_t off, end;
	uint64_t step; /* records begin at multiples of it; 1: anywhere */
	bool unread;   /* the disk has refused something: it may be passing */
	char *win;
	size_t win_cap, win_n;
	uint64_t win_off;
};

struct scanned {
	struct rec_header h;
	uint64_t off; /* of the record */
	uint64_t gap; /* unreadable bytes before it */
	bool ok;      /* the payload fits its checksum */
	/* One bit was wrong, and is right in here: of the header, of the
	 * payload. */
	bool head_mended, mended;
	struct sv payload; /* valid until the next step */
};

void scan_init(struct scan *s, const struct journal_io *io, int fd,
    const unsigned char *key, uint64_t off, uint64_t end);
void scan_fini(struct scan *s);
/* RC_OK: *out is the next record.  RC_EOF: no more; out->off is the end of the
 * last record, out->gap what follows and is not zero. */
int scan_next(struct scan *s, struct scanned *out);

/* ---- record.c ---- */
/* Appends one encoded record. */
void record_put(struct buf *b, const struct rec_header *h,
    const unsigned char key[SEG_KEY], struct sv payload);
void commit_put(struct buf *b, const struct commit *c, uint64_t seq,
    const unsigned char key[SEG_KEY]);

/* ---- journal.c ---- */
void journal_poison(struct journal *j, const char *what);
/* Gives back the memory of batches that are done. */
void journal_trim(struct journal *j);

/* ---- replay.c ---- */
/* What the last segment is worth. */
struct verdict {
	uint64_t flushed;   /* F */
	uint64_t keep;	    /* up to here all counts */
	uint64_t tail_off;  /* where the first record behind F is */
	uint64_t clean_off; /* of the CLEAN commit, 0: none */
	uint64_t void_off;  /* first byte that does not count */
	uint64_t end;	    /* last byte that is not zero, plus one */
	uint64_t time;	    /* of the last record that counts, ms; 0: none */
};
/* *ends: the last number that the segment itself has; v->keep is higher where
 * its end is known to be lost. */
int segment_judge(
    struct journal *j, struct verdict *v, uint64_t *ends) RC_USE_RESULT;

/* ---- reserve.c ---- */
/* Keeps room for a full disk, if there is room now. */
void reserve_make(struct journal *j);
/* Gives it up; false: there is none. */
bool reserve_use(struct journal *j);

/* ---- blob.c ---- */
/* The header of the record that a toc entry leads to.  RC_IO, RC_DAMAGED. */
int entry_header(struct journal *j, struct segment *s,
    const struct toc_entry *e, struct rec_header *h);
/* The body file that a record names; its segment is open.  RC_IO, RC_DAMAGED.
 */
int entry_ref(struct journal *j, struct segment *s, const struct toc_entry *e,
    struct body_ref *out);
void blob_reference(const struct journal_blob *b, struct body_ref *out,
    bool *elsewhere, struct sv *bytes);
void blob_committed(struct journal_blob *b);
int body_read(struct journal *j, const struct body_ref *r, uint64_t off,
    void *p, size_t len);
/*
 * Removes body files that no record names, void ones included.  Of those that
 * are hardly older than the last record (ms since 1970) nobody can tell whether
 * there was one that a damage has taken without a trace: they stay.
 */
int bodies_sweep(struct journal *j, uint64_t last_record);

#endif
