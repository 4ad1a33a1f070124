/*
 * One delivery: the message is copied from its descriptor into the store, and
 * goes where the owner's rules say, or as it always did.
 *
 * It is decoded once, and read once: who looks at it before leaves its bytes
 * in struct incoming for account_deliver.
 */
#ifndef ACCOUNT_DELIVER_H
#define ACCOUNT_DELIVER_H

#include "account/rules.h"
#include "ipc/msg_account.h"

/* A delivery on its way; all of it is given back with incoming_fini. */
struct incoming {
	uint32_t id;  /* of the keeper's request */
	struct msg m; /* its bytes */
	struct mail_delivery d;
	struct buf field; /* goes behind d.front */
	/* d.front and the whole message, if somebody has read it; or empty. */
	struct buf read;
};

/* Takes *m.  RC_SYNTAX: it is not one; also then there is something to give
 * back. */
int incoming_init(struct incoming *in, struct msg *m) RC_USE_RESULT;
void incoming_fini(struct incoming *in);
/* d.front and the message's first bytes, at most `most` of it, as *out, which
 * is as long as *in.  RC_SYNTAX: it is not what the delivery says. */
int incoming_read(
    struct incoming *in, size_t most, struct sv *out) RC_USE_RESULT;

/* What became of it. */
struct delivered {
	uint8_t id[16];
	struct rules_outcome o;
	bool junk;
};

struct delivering {
	const char *account;
	struct store *store;
	struct rules *rules;
	uint64_t message_max;
	bool looks; /* at what is attached: nobody else has */
};

/*
 * Done when *need is flushed.  out->o is to be given back with
 * rules_outcome_fini, also on error.
 */
int account_deliver(const struct delivering *a, const struct incoming *in,
    struct delivered *out, uint64_t *need, struct err *err) RC_USE_RESULT;

/* What became of it, for the history. */
struct history;
void account_note_stored(
    struct history *h, const char *account, const struct delivered *d);
void account_note_unstored(struct history *h, const char *account,
    const uint8_t id[16], const struct err *err);

#endif
