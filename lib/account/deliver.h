/*
 * One delivery: the message is copied from its descriptor into the store, and
 * goes where the owner's rules say, or as it always did.
 */
#ifndef ACCOUNT_DELIVER_H
#define ACCOUNT_DELIVER_H

#include "account/rules.h"
#include "ipc/msg_account.h"

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
int account_deliver(const struct delivering *a, struct mail_delivery *d,
    struct delivered *out, uint64_t *need, struct err *err) RC_USE_RESULT;

/* What became of it, for the history. */
struct history;
void account_note_stored(
    struct history *h, const char *account, const struct delivered *d);
void account_note_unstored(struct history *h, const char *account,
    const uint8_t id[16], const struct err *err);

#endif
