/*
 * Inside the spool only.  Of its files each needs only those before it:
 * items.c, replay.c, spool.c, body.c, change.c; renew.c keeps it small.
 */
#ifndef QUEUE_SPOOL_SPOOL_PRIV_H
#define QUEUE_SPOOL_SPOOL_PRIV_H

#include "queue/spool/record.h"

/* Larger bodies have files of their own. */
#define SPOOL_INLINE_MAX (1u << 20)
#define SPOOL_CHUNK	 65536

/* Bytes of the payloads of RECORD_STEP and RECORD_MARK: of the short one, and
 * of that with a recipient. */
#define SPOOL_STEP_BYTES	   16
#define SPOOL_DELAY_REPORTED_BYTES 12
#define SPOOL_MARK_BYTES	   16

/* Free bytes below which nothing comes in, nor is written anew. */
#define SPOOL_LOW_WATER (64u << 20)
/* Below that nothing is copied either: it is for outcomes and reports.  Far
 * less than the other, or what has filled the disk could not leave it. */
#define SPOOL_LAST_WATER (8u << 20)

/* A body with a file of its own, living or not, as long as its segment. */
struct spool_large {
	uint64_t seq, size;
};

struct spool {
	struct journal *journal;
	int lock; /* of the folder: one process at a time */
	struct spool_item *first, *last;
	size_t n;
	void *by_seq, *by_delivery; /* tsearch */
	uint64_t appended, flushed;
	uint64_t unwritten;	   /* bytes appended and not flushed, about */
	struct spool_large *large; /* by their number */
	size_t nlarge, large_cap;
	uint8_t (*ended)[16];  /* a ring; NULL: none so far */
	size_t nended;	       /* all that ever were */
	spool_place_fn *place; /* during the replay */
	void *place_arg;
};

/* ---- items.c ---- */

/* Puts one into the lists, which own it from now on; takes one out. */
void spool_link(struct spool *s, struct spool_item *it);
void spool_unlink(struct spool *s, struct spool_item *it);
/* The item's body is the newest now. */
void spool_to_end(struct spool *s, struct spool_item *it);
/* There is such a body. */
void spool_add_large(struct spool *s, uint64_t seq, uint64_t size);
void spool_items_free(struct spool *s);
/* payload: of a RECORD_MARK; that it is one of this item the caller knows. */
void spool_apply_mark(struct spool_item *it, struct sv payload);
/* The clock has stepped by so many ms, and it was `now` then. */
void spool_apply_step(struct spool *s, int64_t ms, int64_t now);

/* ---- replay.c ---- */

/* One record, in the order of the journal; arg is the spool. */
int spool_replay(void *arg, const struct journal_record *r) RC_USE_RESULT;

/* ---- spool.c ---- */

/* Appends records in one batch. */
void spool_append(struct spool *s, const struct journal_item *rec, size_t n);
/* Free bytes of the disk when all that was appended will be written. */
uint64_t spool_room(struct spool *s);

/* ---- body.c ---- */

/* A journal's blob while a body goes into it. */
struct spool_intake {
	struct journal_blob *blob;
	bool eight_bit;
};

/* As spool_read, but before fn gets anything, all of it has been checked:
 * what is damaged must not get a checksum that fits. */
int spool_read_checked(struct spool *s, const struct spool_item *it,
    int (*fn)(void *arg, const char *p, size_t n), void *arg) RC_USE_RESULT;
/* All of p's message, which is sealed then. */
int spool_take_body(struct spool *s, struct spool_intake *in,
    const struct spool_put *p, struct err *err) RC_USE_RESULT;

#endif
