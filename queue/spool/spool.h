/*
 * The spool: messages that this server has taken responsibility for and not
 * yet handed on, on a journal of their own.  It remembers; when and how things
 * are tried is sched.h's and service.h's business.
 *
 * == Records (see store/format.h for the frame) ==
 *
 * Fields are: 2 bytes tag, 4 bytes length, value, big-endian.  A tag with its
 * highest bit set must be understood.
 *
 * 16 BODY   NAMED; the message as it is to be delivered
 * 17 ITEM   fields:
 *      0x8001  16  delivery id
 *      0x8002   8  sequence number of the BODY
 *      0x8003   8  size of the body
 *      0x8004   n  reverse-path, without <>; empty: null
 *      0x8005   n  recipient: a local account; recipients are counted from 0
 *      0x8006   n  recipient: an address elsewhere
 *      0x0010   8  when it came, ms since 1970
 *      0x0011   4  flags, SPOOL_*
 *      0x0012   n  the account that submitted it
 *      0x0016   2  how the recipient in front gets it: 1 into Junk; enum
 *                  verdict_override
 *      0x0017   n  what was found out about it (msgauth/verdict.h)
 *      0x8013   8  the item is written anew: the number of the ITEM that it
 *                  was first, which is its name; that one, if it is still
 *                  there, is it no more.  TRIED records follow.
 *      0x8014  20  what became of the recipient in front: 4 outcome as in
 *                  DONE (3: none yet), 4 attempts, 8 next try, 4 flags (1:
 *                  held)
 *      0x8015   4  marks of the item: 1 its sender was told of the delay
 *      0x8018   n  the alias by which the recipient in front, elsewhere, is
 *                  reached: the message is forwarded to it
 *      0x0019   n  the field Authentication-Results: in front of the body for
 *                  accounts, in the seal of what is forwarded
 *      0x001a   n  the address of the recipient in front, an account, that was
 *                  written to
 *      0x0020 to 0x002f are kept for RET, ENVID, NOTIFY, ORCPT, hold-until
 *      and flags of the recipient in front
 * 18 DONE   8 sequence number of the ITEM, 4 recipient, 4 outcome
 *           (0 delivered, 1 failed, 2 removed), then the last words, if any
 * 19 TRIED  8 ITEM, 4 recipient, 8 when (ms since 1970), 8 next try (ms since
 *           1970), 4 how many attempts so far, then what was said
 * 20 PLACE  a destination that could not be reached: 8 when, 8 next try, 4 how
 *           often in a row (0: it can be reached again), 2 length of its
 *           name, name, then why
 * 21 MARK   8 ITEM, 4 what: 1 is held, 2 is released, 3 its sender was told
 *           of the delay; behind 1 and 2: 4 recipient, or nothing: all of them
 * 22 STEP   8 milliseconds by which the clock has stepped, 8 what it showed
 *           then (ms since 1970): what came by the clock before is as much
 *           younger; what seems to have come ten days before or later than that
 *           has come by another clock
 *
 * An item ends when each of its recipients has an outcome.  State is in memory
 * and rebuilt from the journal at start; segments before the oldest living
 * item are removed, and items that alone hold many back are written anew (see
 * renew.c).
 *
 * Everything appends; nothing waits for the disk but spool_flush.
 */
#ifndef QUEUE_SPOOL_SPOOL_H
#define QUEUE_SPOOL_SPOOL_H

#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "journal/journal.h"

struct spool;
struct sched_unit;

#define SPOOL_ADDRESS_MAX QUEUE_ADDRESS_MAX
#define SPOOL_REPLY_TEXT_MAX \
	400 /* bytes of a remote host's words that are kept */

enum spool_outcome {
	SPOOL_DELIVERED,
	SPOOL_FAILED,
	SPOOL_REMOVED,
	SPOOL_WAITS /* none yet; never written */
};

struct spool_recipient {
	char *address; /* or the account's name */
	char *via;     /* the alias that forwards to it, or NULL */
	char *written; /* of a local one: what was written to, or NULL */
	bool local;
	bool held; /* by a person */
	bool junk; /* into the folder for junk */
	uint8_t override;
	enum spool_outcome outcome;
	unsigned attempts;
	int64_t next_try; /* ms since 1970, as it was written; 0: at once */
	struct sched_unit
	    *unit; /* the scheduler's; NULL when it has an outcome */
};

struct spool_attempt {
	int64_t when;  /* ms since 1970 */
	uint32_t rcpt; /* which one */
	char *reply_text;
};

struct spool_item {
	uint64_t seq; /* of its first ITEM record: its name */
	uint8_t delivery_id[16];
	uint64_t body, size;
	char *sender;
	char *owner;	 /* the account that submitted it, or NULL */
	char *results;	 /* what was found out about it, or NULL */
	int64_t arrived; /* ms since 1970 */
	uint32_t flags;
	char *verdict; /* its bytes, or NULL */
	size_t nverdict;
	bool delay_reported; /* of the delay */
	struct spool_recipient *rcpt;
	size_t nrcpt;
	struct spool_attempt *attempt; /* the oldest first, at most 100 */
	size_t nattempt, attempt_cap;
	struct sched_unit *units;	/* the scheduler's chain of them */
	uint8_t *body_hash;		/* seal.c's: of the body, or NULL */
	struct spool_item *prev, *next; /* in the order of the journal */
};

/* What only the scheduler wants to know of the replay; may be NULL. */
typedef void spool_place_fn(void *arg, struct sv name, int64_t when,
    int64_t next, unsigned failures, struct sv reply_text);

/* dirfd: the spool's folder, which holds `log`. */
int spool_open(int dirfd, const struct journal_io *io, spool_place_fn *place,
    void *arg, struct spool **out, struct err *err) RC_USE_RESULT;
void spool_close(struct spool **s);

/* ---- in ---- */

struct spool_put {
	uint8_t delivery_id[16];
	struct sv sender;
	struct sv owner;   /* may be empty */
	struct sv results; /* may be empty */
	const struct queue_to *to;
	const struct sv *via; /* as many as to, or NULL: no aliases */
	size_t nto;
	uint32_t flags;	   /* SPOOL_EIGHT_BIT is found out by itself */
	struct sv front;   /* bytes in front of the body: a signature */
	struct sv verdict; /* may be empty */
	int fd;		   /* the body: a regular file, read once from 0; -1: */
	struct sv bytes;   /* the body, in memory */
	/* The body is that item's, which is about to end: nobody else has it,
	 * and so it may have nearly all that is left of the disk. */
	const struct spool_item *of;
	uint64_t size;	   /* of fd */
	uint64_t size_max; /* that it may have */
};

/*
 * Takes a message; it is on the disk after the next spool_flush.  A delivery
 * id that is in the spool already adds nothing: *out is the item that is
 * there.  RC_NOSPACE, RC_IO, RC_SYNTAX (the descriptor is not what was
 * announced, or there is no recipient); with `of`, those of spool_read.
 */
int spool_put(struct spool *s, const struct spool_put *p,
    struct spool_item **out, struct err *err) RC_USE_RESULT;

/*
 * A report about some recipients of an item takes its place in one step: after
 * a crash both the report and their outcome are there, or neither.  outcome
 * SPOOL_WAITS: they go on waiting, and the item is marked as told.
 */
int spool_report(struct spool *s, const struct spool_put *p,
    struct spool_item *about, const size_t *rcpt, size_t nrcpt,
    enum spool_outcome outcome, struct spool_item **out,
    struct err *err) RC_USE_RESULT;

/* ---- what became of it ---- */

void spool_settle(struct spool *s, struct spool_item *it, size_t rcpt,
    enum spool_outcome outcome, struct sv reply_text);
/* next: ms since 1970. */
void spool_tried(struct spool *s, struct spool_item *it, size_t rcpt,
    int64_t next, struct sv reply_text);
/* The same for what failed at home: it is seen, but counts for nothing. */
void spool_stumbled(struct spool *s, struct spool_item *it, size_t rcpt,
    int64_t next, struct sv reply_text);
void spool_place(struct spool *s, const char *name, int64_t next,
    unsigned failures, struct sv reply_text);
void spool_hold(struct spool *s, struct spool_item *it, size_t rcpt, bool held);
/* The sender was told of the delay, or need not be. */
void spool_delay_reported(struct spool *s, struct spool_item *it);
/* The clock has stepped by that much: items that came by it are as old as
 * before, and none has come later than now. */
void spool_stepped(struct spool *s, int64_t ms);
/* Forgets an item whose recipients all have an outcome; true if so. */
bool spool_drop_if_done(struct spool *s, struct spool_item *it);

/* All that was appended is on the disk, or RC_IO: nothing will ever be. */
int spool_flush(struct spool *s) RC_USE_RESULT;
/* Is there something that was not flushed? */
bool spool_pending(const struct spool *s);
/* spool_tidy will remove segments.  What spool_place has said in them goes with
 * them: what still holds is to be said anew before. */
bool spool_outgrown(struct spool *s);
/* Segments that nobody needs any more go, and what holds others back is written
 * anew: something may wait for a flush afterwards. */
void spool_tidy(struct spool *s);

/* ---- out ---- */

struct spool_item *spool_first(const struct spool *s);
struct spool_item *spool_find(const struct spool *s, uint64_t seq);
/* By its delivery id; NULL: it is not, or no longer, here. */
struct spool_item *spool_find_delivery(
    const struct spool *s, const uint8_t id[16]);
size_t spool_count(const struct spool *s);
/* Was it here, sent by rules (SPOOL_RULES), and has come to its end?  So far as
 * that is remembered: the last SPOOL_ENDED_MAX, also after a restart. */
#define SPOOL_ENDED_MAX 4096u
bool spool_ended(const struct spool *s, const uint8_t id[16]);
/*
 * A copy of the body in a descriptor of its own, with `front` before it, to be
 * closed by the caller: the journal's own descriptors never leave the process.
 * RC_NOSPACE: it would take the last of the disk; it is not unreadable.
 */
int spool_body(struct spool *s, const struct spool_item *it, struct sv front,
    int *fd_out, struct err *err) RC_USE_RESULT;
/* Hands all of the body to fn, in pieces, until that does not say RC_OK. */
int spool_read(struct spool *s, const struct spool_item *it,
    int (*fn)(void *arg, const char *p, size_t n), void *arg) RC_USE_RESULT;
/* n bytes of the body from there on, which are in it. */
int spool_read_at(struct spool *s, const struct spool_item *it, uint64_t at,
    char *p, size_t n) RC_USE_RESULT;
/* The first bytes of the body, at most out->max. */
int spool_peek(struct spool *s, const struct spool_item *it,
    struct buf *out) RC_USE_RESULT;
/* An empty unlinked file in ./incoming for somebody's large message; and the
 * same, opened once more to read only, or -1. */
int spool_tmpfile(int *fd_out, int *read_out, struct err *err) RC_USE_RESULT;

#endif
