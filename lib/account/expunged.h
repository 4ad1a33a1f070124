/*
 * What was expunged, for its owner: looked at, brought back, or removed for
 * good.  It runs where the account's store is open: in the account's process
 * of a server that runs, else in a walled process of the command's own.
 */
#ifndef ACCOUNT_EXPUNGED_H
#define ACCOUNT_EXPUNGED_H

#include "ipc/msg.h"
#include "store/store.h"

enum expunged_action {
	EXPUNGED_LIST,
	EXPUNGED_UNDELETE,
	EXPUNGED_PURGE,
	EXPUNGED_ACTIONS
};

/* Which messages: all conditions that are not empty must hold. */
struct expunged_query {
	uint8_t action;
	int64_t since;		 /* expunged then or later; ms since 1970 */
	struct sv from, subject; /* contained, whatever the case */
	struct sv id;		 /* as the list names it */
	struct sv folder;	 /* where it was */
	struct sv to;		 /* UNDELETE: into this one; empty: where each
				    was, or FALLBACK if that is gone */
};

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

/* After a purge, until nothing that is unwanted stands on the disk; *freed
 * gets the bytes that came free.  pause as in store_compact: false gives up,
 * RC_TEMP; NULL: on to the end. */
int expunged_reclaim(struct store *st, bool (*pause)(void *arg, uint64_t bytes),
    void *arg, uint64_t *freed, struct err *err) RC_USE_RESULT;

/* The fields of a request, without the account.  Slices point into m. */
void expunged_query_put(const struct expunged_query *q, struct msg *m);
void expunged_query_get(struct msg *m, struct expunged_query *q);

#endif
