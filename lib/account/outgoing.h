/*
 * What an account's rules have sent: it is in the store (store/rules.h) until
 * the queue says that it has it.
 *
 * outbox_kick() hands what waits to the queue, by way of the keeper; the answer
 * comes as ACCOUNT_SENT.  What is not answered comes again, with the same
 * delivery id.  What the queue refuses for good is for the owner: a forwarded
 * message that is nowhere else is put into INBOX, and a letter says why.
 *
 * An envelope in the store is: varint kind (enum account_mail_kind), varint 1
 * if the delivery has kept the message, 0 if not; then texts, each as a varint
 * length and bytes: sender, recipient, via, Authentication-Results.
 *
 * Everything runs in the loop's thread.
 */
#ifndef ACCOUNT_OUTGOING_H
#define ACCOUNT_OUTGOING_H

#include "base/ev.h"
#include "ipc/msg_account.h"
#include "store/rules.h"

struct outgoing_envelope {
	uint8_t kind; /* enum account_mail_kind */
	bool kept;
	struct sv sender, to, via, results;
};
void outgoing_envelope_put(const struct outgoing_envelope *e, struct buf *out);
/* Slices point into bytes.  RC_DAMAGED. */
int outgoing_envelope_get(
    struct sv bytes, struct outgoing_envelope *out) RC_USE_RESULT;

struct outgoing_refused {
	const uint8_t *id;
	const struct outgoing_envelope *e;
	struct sv why;
	bool put_back; /* into INBOX */
};

struct outbox;

struct outbox_ops {
	/* To the keeper: RC_TEMP, it did not go. */
	int (*send)(void *arg, struct msg *m);
	/* One has come to its end: whoever waits for it may go on. */
	void (*ended)(void *arg, const uint8_t id[16]);
	/* Something that the owner should be told, in words. */
	void (*refused)(void *arg, const struct outgoing_refused *r);
};

struct outbox *outbox_new(struct ev_loop *loop, struct store *store,
    const char *account, const struct outbox_ops *ops, void *arg);
void outbox_free(struct outbox **o);
/* Hands over what waits and is not on its way. */
void outbox_kick(struct outbox *o);
/* The line to the keeper is new: nothing is on its way. */
void outbox_again(struct outbox *o);
void outbox_sent(struct outbox *o, const struct account_sent *s);
/* Does that one wait? */
bool outbox_waits(struct outbox *o, const uint8_t id[16]);
/* Does anything wait? */
bool outbox_busy(struct outbox *o);

#endif
