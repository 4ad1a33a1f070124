/* Inside fsck only: what a check knows in the end, for the repair. */
#ifndef STORE_FSCK_PRIV_H
#define STORE_FSCK_PRIV_H

#include "store/fsck.h"
#include "store/store_priv.h"

/* A message's bytes as they were found in the log. */
struct fsck_body {
	uint64_t seq, off, size;
	uint32_t segment, crc;
	int64_t time;  /* ms */
	uint64_t file; /* of one that has a file of its own */
	bool elsewhere, ok;
	bool used; /* some record has put it into a mailbox */
	bool hit;  /* a finding names it */
	/* Of a void one: where its own void batch would have put it. */
	uint32_t mailbox;
	struct msg msg;
};

struct fsck_bodies {
	struct fsck_body *b;
	size_t n, cap;
};

struct fsck {
	const struct journal_io *io;
	const struct fsck_opts *o;
	int dirfd, lockfd;
	struct fsck_report *rep;
	struct fsck_bodies bodies; /* that count, by rising seq */
	struct fsck_bodies voids;
	uint64_t last;	   /* record that counts, as far as the log was read */
	struct store *all; /* the state that the log alone gives */
	struct store *point; /* the checkpoint, and what came after it */
	/* One that does not fit this log, but may know where messages were
	 * that it has lost. */
	struct store *known;
	struct journal_mark mark;
	uint64_t ends; /* the log's last number, as it is */
	bool compared;
	bool knows_more;     /* the checkpoint, than a log that is damaged */
	struct buf snapshot; /* as far as it has come */
	struct err *err;
};

/* ---- fsck.c ---- */

void fsck_tell(struct fsck *k, enum audit_level level, const char *file,
    uint64_t off, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Opens, locks, looks at everything.  fsck_end in any case. */
int fsck_begin(struct fsck *k, const char *dir, const struct fsck_opts *o,
    struct fsck_report *rep, struct err *err) RC_USE_RESULT;
void fsck_end(struct fsck *k);
/* The state that an opening would find. */
struct store *fsck_state(struct fsck *k);
struct fsck_body *fsck_body_find(struct fsck_bodies *l, uint64_t seq);

/* ---- rescue.c: what is to be brought back ---- */

struct lost {
	struct fsck_body b;
	char file[SEG_NAME_MAX]; /* in log/: its bytes, from `at` on */
	uint64_t at;
	bool by_name; /* it counts: a reference is enough */
	bool sure;    /* a checksum says that it is as it came */
};

/* Where messages were, by the record of their bytes; and what bytes there are
 * in the log, by checksum. */
struct place {
	uint64_t body;
	uint32_t mailbox;
	const struct msg *m;
};

struct rescue {
	struct fsck *k;
	int logfd;
	struct lost *l;
	size_t n, cap;
	struct place *place;
	size_t nplace, place_cap;
	struct fsck_body **good; /* that count and can be read */
	size_t ngood;
	struct fsck_repaired *done;
};

void rescue_find(struct rescue *x);
void rescue_fini(struct rescue *x);
/* This one cannot be read after all: it is named. */
void rescue_failed(struct rescue *x, const struct lost *l);

#endif
