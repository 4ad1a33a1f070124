/*
 * What an account does about junk: it asks the process that has learned it
 * about each message that comes from outside, teaches it what the account's
 * owner does with mail, and expunges old junk.
 *
 * A delivery is lent to account_junk_judge and comes back changed: marked as
 * junk, with its score, and with the field X-Hearthmail-Junk.  What
 * others have decided (DMARC, an owner's rule behind it) is never overridden,
 * and nobody waits long: without an answer there is no opinion.
 *
 * Only what a person does in a mail program teaches, by way of the watch that
 * sessions are given: moves into and out of Junk, messages appended there,
 * $Junk and $NotJunk; and, as a hint, \Answered and \Flagged.  Most people only
 * ever say what is junk: so mail that was read, and not thrown away, counts a
 * little as wanted, too.  Lessons are done behind the session, in the loop's
 * thread.
 */
#ifndef ACCOUNT_JUNK_H
#define ACCOUNT_JUNK_H

#include "base/ev.h"
#include "base/rangeset.h"
#include "conf/conf.h"
#include "ipc/line.h"
#include "store/store.h"

struct account_junk;

struct incoming; /* account/deliver.h */

/* A delivery that comes back; takes what is in *in. */
typedef void account_junk_back_fn(void *arg, struct incoming *in);
struct account_junk_opts {
	const char *name, *hostname; /* borrowed */
	struct store *store;
	struct peer *keeper; /* who is answered */
	account_junk_back_fn *back;
	void *arg;
};

struct account_junk *account_junk_new(
    struct ev_loop *loop, const struct account_junk_opts *o);
void account_junk_free(struct account_junk **j);
void account_junk_set_conf(struct account_junk *j, const struct conf *conf);
/* What was learned of this account: junk_told.  Waits; from any thread. */
int account_junk_stats(void *j, struct msg *reply) RC_USE_RESULT;
/* A fresh line to the process. Takes fd. */
void account_junk_connect(struct account_junk *j, int fd);
/* Deliveries and lessons that are under way. */
bool account_junk_busy(const struct account_junk *j);

/* True: what is in *in was taken, and `back` will be called, never before this
 * has returned; false: it is not to be judged. */
bool account_junk_judge(struct account_junk *j, struct incoming *in);
/* JUNK_EXPLAIN, which the keeper gets an answer to; takes *m. */
void account_junk_explain(struct account_junk *j, struct msg *m);
/* Junk that is too old is expunged.  Now and then; raises *need. */
void account_junk_expire(struct account_junk *j, uint64_t *need);

/* ---- the watch: from any thread ---- */

enum account_junk_mark {
	ACCOUNT_MARK_JUNK,   /* $Junk */
	ACCOUNT_MARK_WANTED, /* $NotJunk */
	ACCOUNT_MARK_HINT,   /* answered, flagged */
	ACCOUNT_MARK_READ,   /* \Seen */
	ACCOUNT_MARK_THROWN  /* \Deleted */
};

/* Messages came from a mailbox into another, where they have these UIDs. */
void account_junk_moved(
    void *j, uint32_t from_id, const char *to, const struct rangeset *uids);
void account_junk_appended(
    void *j, const char *to, const struct rangeset *uids);
void account_junk_marked(
    void *j, uint32_t mailbox_id, const struct rangeset *uids, unsigned mark);

#endif
