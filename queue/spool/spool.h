/*
 * The spool: messages that this house has taken responsibility for and not
 * yet handed on, on a journal of their own.
 *
 * == Records (see journal/journal.h for the frame) ==
 *
 * 16 BODY   NAMED; the message as it is to be delivered
 * 17 ITEM   fields, each: 2 bytes tag, 4 bytes length, value, big-endian.
 *           A tag with its highest bit set must be understood.
 *      0x8001  16  delivery id
 *      0x8002   8  sequence number of the BODY
 *      0x8003   8  size of the body
 *      0x8004   n  reverse-path, without <>; empty: null
 *      0x8005   n  local account; once for each recipient, counted from 0
 *      0x0010   8  when it came, ms since 1970
 *      0x0020 to 0x002f are kept for RET, ENVID, NOTIFY, ORCPT, hold-until
 *      and flags of remote recipients
 * 18 DONE   8 sequence number of the ITEM, 4 recipient, 4 outcome (0: was
 *           delivered)
 *
 * An item ends when each of its recipients has an outcome.  State is in memory
 * and rebuilt from the journal at start; segments before the oldest living
 * item are removed.
 */
#ifndef QUEUE_SPOOL_SPOOL_H
#define QUEUE_SPOOL_SPOOL_H

#include "journal/journal.h"

struct spool;

struct spool_recipient {
	char *account;
	bool done;
	bool in_hand; /* somebody tries right now */
	unsigned attempts;
	int64_t next_try; /* clk_mono */
};

struct spool_item {
	uint64_t seq; /* of its ITEM record: its name */
	uint8_t delivery_id[16];
	uint64_t body, size;
	char *sender;
	int64_t arrived; /* ms since 1970 */
	struct spool_recipient *rcpt;
	size_t nrcpt;
	struct spool_item *next;
};

/* dirfd: the spool's folder, which holds `log`. */
int spool_open(int dirfd, const struct journal_io *io, struct spool **out,
    struct err *err) RC_USE_RESULT;
void spool_close(struct spool **s);

struct spool_put {
	uint8_t delivery_id[16];
	struct sv sender;
	const char *const *account;
	size_t naccount;
	int fd; /* the body: a regular file, read once from 0 */
	uint64_t size;
};

/*
 * Takes a message; on RC_OK it is on the disk.  A delivery id that is in the
 * spool already is RC_OK and adds nothing.  RC_NOSPACE, RC_IO, RC_SYNTAX (the
 * descriptor is not what was said, or there is no account).
 */
int spool_put(
    struct spool *s, const struct spool_put *p, struct err *err) RC_USE_RESULT;

/* The first item with a recipient whose next_try has come; *rcpt is its
 * place.  NULL: none; *wait_ms says when there will be one (-1: never). */
struct spool_item *spool_due(struct spool *s, size_t *rcpt, int64_t *wait_ms);
/* A copy of the body in a descriptor of its own, to be closed by the caller:
 * the journal's own descriptors never leave the process. */
int spool_body(struct spool *s, const struct spool_item *it, int *fd_out,
    struct err *err) RC_USE_RESULT;
/* What came of an attempt: done for good (flushed before it returns), or to
 * be tried again later.  The item may be gone afterwards. */
void spool_outcome(struct spool *s, uint64_t item, size_t rcpt, bool done);
/* An empty unlinked file in ./incoming for somebody's large message. */
int spool_tmpfile(int *fd_out, struct err *err) RC_USE_RESULT;

size_t spool_count(const struct spool *s);
/* Makes everything due now: the keeper is back. */
void spool_retry_all(struct spool *s);

#endif
