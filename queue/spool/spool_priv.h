/* Inside the spool only: spool.c, and renew.c, which keeps it small. */
#ifndef QUEUE_SPOOL_SPOOL_PRIV_H
#define QUEUE_SPOOL_SPOOL_PRIV_H

#include "queue/spool/record.h"

#define SPOOL_INLINE_MAX                                    \
	(1u << 20) /* larger bodies have files of their own \
		    */
#define SPOOL_CHUNK 65536
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
	spool_place_fn *place; /* during the replay */
	void *place_arg;
};

/* ---- spool.c ---- */

/* Appends records in one batch. */
void spool_append(struct spool *s, const struct journal_item *rec, size_t n);
/* Free bytes of the disk when all that was appended will be written. */
uint64_t spool_room(struct spool *s);
/* There is such a body. */
void spool_add_large(struct spool *s, uint64_t seq, uint64_t size);
/* The item's body is the newest now. */
void spool_to_end(struct spool *s, struct spool_item *it);

#endif
