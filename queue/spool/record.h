/* Inside the spool only: its records as bytes, see spool.h.  Pure. */
#ifndef QUEUE_SPOOL_RECORD_H
#define QUEUE_SPOOL_RECORD_H

#include "queue/spool/spool.h"

enum spool_record {
	RECORD_BODY = 16,
	RECORD_ITEM = 17,
	RECORD_DONE = 18,
	RECORD_TRIED = 19,
	RECORD_PLACE = 20,
	RECORD_MARK = 21,
	RECORD_STEP = 22
};

enum spool_mark {
	MARK_HELD = 1,
	MARK_RELEASED = 2,
	MARK_DELAY_REPORTED = 3
};

#define SPOOL_RECIPIENTS_MAX 10000

/* body, arrived and size as in the record, not as in p. */
void record_item(const struct spool_put *p, uint64_t body, uint64_t size,
    uint32_t flags, int64_t arrived, struct buf *out);
/* The item as it is now, with another body. */
void record_renewed(
    const struct spool_item *it, uint64_t body, struct buf *out);
/* it->seq stays as it is unless the item was written anew.
 * RC_DAMAGED, or RC_NOSUPPORT: a newer version has written it. */
int record_item_parse(struct sv payload, struct spool_item *it) RC_USE_RESULT;
/* A new recipient at the end of the item's. */
void item_add_recipient(struct spool_item *it, struct sv address, bool local);
/* Frees the item and all that is in it. */
void item_free(struct spool_item *it);
/* At most SPOOL_ATTEMPTS_MAX are kept: the first and the newest. */
void item_add_attempt(
    struct spool_item *it, uint32_t rcpt, int64_t when, struct sv reply_text);

struct record_done {
	uint64_t item;
	uint32_t rcpt;
	enum spool_outcome outcome;
	struct sv reply_text;
};
void record_done(const struct record_done *d, struct buf *out);
bool record_done_parse(struct sv payload, struct record_done *out);

struct record_tried {
	uint64_t item;
	uint32_t rcpt, attempts;
	int64_t when, next;
	struct sv reply_text;
};
void record_tried(const struct record_tried *t, struct buf *out);
bool record_tried_parse(struct sv payload, struct record_tried *out);

struct record_place {
	int64_t when, next;
	uint32_t failures;
	struct sv name, reply_text;
};
void record_place(const struct record_place *p, struct buf *out);
bool record_place_parse(struct sv payload, struct record_place *out);

#endif
