/*
 * What an account's process does beside its sessions, in a thread of its own:
 * compaction now and then, and what the machine's owner asks of expunged mail
 * (EXPUNGED), which may take longer than the loop can wait.
 */
#ifndef ACCOUNT_MAINTENANCE_H
#define ACCOUNT_MAINTENANCE_H

#include "base/ev.h"
#include "ipc/msg.h"
#include "store/store.h"

struct maintenance;

/* When it does what, and how hard: tests are in more of a hurry. */
struct maintenance_pace {
	int64_t first_ms; /* soon after the start: an account that is seldom
			     used does not live long */
	int64_t every_ms; /* whether a compaction is worth it */
	int64_t look_ms;  /* how full the disk is */
	uint64_t worth_bytes;
	uint64_t bytes_a_ms;
	/* The file that keeps the time which is believed, in the account's
	 * folder; NULL: the wall clock is. */
	const char *clock;
};
extern const struct maintenance_pace maintenance_pace;

/* Called in the loop's thread with the reply to request `id`. */
typedef void maintenance_reply_fn(void *arg, uint32_t id, struct msg *reply);

struct maintenance *maintenance_new(struct ev_loop *loop, struct store *store,
    const struct maintenance_pace *pace, maintenance_reply_fn *reply,
    void *arg);
/* The store's, from which it goes down when the disk is nearly full. */
void maintenance_set_retention(struct maintenance *g, int64_t ms);
/* Starts the thread: after the sandbox. */
void maintenance_start(struct maintenance *g);
/*
 * A request EXPUNGED whose first field, the account, was read; takes *m.  It is
 * done soon: a compaction that is under way no longer rests.
 */
void maintenance_ask(struct maintenance *g, struct msg *m);
/* Requests that are not answered yet. */
bool maintenance_busy(struct maintenance *g);
/* Ends what is being done without resting, then the thread; the store may be
 * closed afterwards.  What waits is not answered. */
void maintenance_free(struct maintenance **g);

#endif
