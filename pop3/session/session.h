/*
 * POP3 after login [RFC 1939 5, 6], one pool task a session in the account's
 * process.
 *
 * The view of INBOX is fixed at login.  There is one POP3 session an account
 * at a time, as RFC 1939 3 demands; the caller's gate grants it.  One that has
 * been silent for half a minute is taken for a device that has lost its
 * network: the next one gets the mailbox, and it ends as if it had been cut.
 * DELE only marks; QUIT removes all that is marked in one commit, and says so
 * only when that is on the disk.
 */
#ifndef POP3_SESSION_SESSION_H
#define POP3_SESSION_SESSION_H

#include <pthread.h>

#include "net/pool.h"
#include "store/store.h"

/* The one who may have the mailbox: shared by all sessions of an account. */
struct pop3_session;
struct pop3_gate {
	pthread_mutex_t lock;
	struct pop3_session *holder;
};
#define POP3_GATE_INIT                            \
	{                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

struct pop3_session_args {
	struct store *store;
	struct pop3_gate *gate;
	int fd; /* taken */
	const char *account;
	const char *peer;
	int64_t silent_ms; /* until another one takes over; 0: 30 s */
};

/* Its first run says "+OK" or why not.  To be handed to pool_add. */
struct pool_task *pop3_session_new(const struct pop3_session_args *a);

#endif
