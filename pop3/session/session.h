/*
 * POP3 after login [RFC 1939 5, 6], one pool task a session in the account's
 * process.
 *
 * The view of INBOX is fixed at login.  There is one POP3 session an account
 * at a time, as RFC 1939 3 demands; the caller's gate grants it.  DELE only
 * marks; QUIT removes all that is marked in one commit, and says so only when
 * that is on the disk.
 */
#ifndef POP3_SESSION_SESSION_H
#define POP3_SESSION_SESSION_H

#include "net/pool.h"
#include "store/store.h"

/* The one who may have the mailbox: shared by all sessions of an account. */
struct pop3_gate {
	atomic_bool taken;
};

struct pop3_session_args {
	struct store *store;
	struct pop3_gate *gate;
	int fd; /* taken */
	const char *account;
	const char *peer;
};

/* Its first run says "+OK" or why not.  To be handed to pool_add. */
struct pool_task *pop3_session_new(const struct pop3_session_args *a);

#endif
