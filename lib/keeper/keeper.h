/*
 * The keeper routes: it knows which account processes live, has one started
 * when it is needed, and passes sessions and deliveries on.  It holds nothing
 * of its own and sees neither mail nor passwords.
 *
 * A delivery is kept (its descriptor, not its bytes) until it is answered.
 * When the account's process dies meanwhile it is sent to the next one; after
 * two deaths with the same message in hand it goes with DELIVER_OPAQUE: store
 * it, do not parse it.  Its delivery id makes a repetition harmless.  A process
 * that dies before it has opened its store has read no message.
 *
 * It remembers what accounts last said of their quotas, and tells those who
 * deliver which are full: port 25 refuses their recipients then.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "base/ev.h"
#include "conf/conf.h"
#include "ipc/line.h"

struct keeper;

/* What a client may ask for, by who it is: the keeper is the door to every
 * mailbox, and a process that talks to strangers must not open it. */
#define KEEPER_MAY_DELIVER 0x1u /* DELIVER */
#define KEEPER_MAY_SESSION                                                   \
	0x2u /* SESSION_OPEN, SESSION_KICK, PAGE_OPEN, LINK_OPEN: auth alone \
	      */
/* SESSION_LOCAL, EXPUNGED, RULES: a connection of the command line, whose peer
 * the supervisor has found to be root or the server's own user. */
#define KEEPER_MAY_LOCAL 0x4u
/* The queue: it gets what rules send (ACCOUNT_SEND), and says what becomes of
 * that (ACCOUNT_SENT). */
#define KEEPER_IS_QUEUE 0x8u

struct keeper_ops {
	/* Asks the supervisor for the process of this account. */
	void (*start)(void *arg, uint32_t account);
};

struct keeper *keeper_new(struct ev_loop *loop, struct conf *conf,
    const struct keeper_ops *ops, void *arg);
void keeper_free(struct keeper **k);
/* Takes a reference of its own. */
void keeper_set_conf(struct keeper *k, struct conf *conf);

/* A line to someone who asks: auth, smtp, submission, queue, a command.  Takes
 * fd.  It is cut at the first message that is not in `may`. */
void keeper_add_client(struct keeper *k, int fd, unsigned may);
/* The line to an account's process, new or after the keeper's own death. */
void keeper_add_account(struct keeper *k, const char *account, int fd);
/* What of a line of keeper_status says that mail waits for its owner. */
#define KEEPER_STATUS_SHUT "CANNOT BE OPENED"
/* What is known of quotas, and of stores that cannot be opened: lines for
 * people. */
void keeper_status(const struct keeper *k, struct buf *text);
/* The supervisor cannot start it: all that waits fails for now. */
void keeper_account_refused(struct keeper *k, const char *account);

#endif
