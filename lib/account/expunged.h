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

/* After a purge, until nothing that is unwanted is on the disk; *freed
 * gets the bytes that came free.  pause as in store_compact: false gives up,
 * RC_TEMP; NULL: on to the end. */
int expunged_reclaim(struct store *st, bool (*pause)(void *arg, uint64_t bytes),
    void *arg, uint64_t *freed, struct err *err) RC_USE_RESULT;

#endif
