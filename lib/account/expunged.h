/*
 * What was expunged, for its owner: looked at, brought back, or removed for
 * good.  It runs where the account's store is open: in the account's process
 * of a server that runs, else in a walled process of the command's own.
 */
#ifndef ACCOUNT_EXPUNGED_H
#define ACCOUNT_EXPUNGED_H

#include "ipc/msg_account.h"
#include "store/store.h"

#define EXPUNGED_FALLBACK "Restored"

struct expunged_sum {
	uint64_t messages, bytes;
};

/*
 * Finds them and does it.  *lines gets one line for each message, with tabs
 * between: id, when (ms), bytes, folder (empty: it was deleted), sender,
 * subject; control characters are replaced.  The result is flushed.
 */
int expunged_run(struct store *st, const struct expunged_query *q,
    struct buf *lines, struct expunged_sum *sum, struct err *err) RC_USE_RESULT;

/* The newest, but for so many, and no more of them than that. */
struct expunged_window {
	int64_t until; /* expunged before that; ms since 1970, 0: any */
	size_t skip, most;
};

/*
 * For a page: the lines of those in the window, the oldest first, and how many
 * there are in all.  q's action and id do not count.  Where neither a sender
 * nor a subject is looked for, only those in the window are read.
 */
int expunged_page(struct store *st, const struct expunged_query *q,
    const struct expunged_window *w, struct buf *lines, uint64_t *total,
    struct err *err) RC_USE_RESULT;

/* After a purge, until nothing that is unwanted is on the disk; *freed
 * gets the bytes that came free.  pause as in store_compact: false gives up,
 * RC_TEMP; NULL: on to the end. */
int expunged_reclaim(struct store *st, bool (*pause)(void *arg, uint64_t bytes),
    void *arg, uint64_t *freed, struct err *err) RC_USE_RESULT;

#endif
