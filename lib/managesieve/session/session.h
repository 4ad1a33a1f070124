/*
 * ManageSieve after login [RFC 5804 2], one pool task a session in the
 * account's process.  A script is stored only if lib/sieve takes it; an answer
 * leaves only when what it says is on the disk.
 */
#ifndef MANAGESIEVE_SESSION_SESSION_H
#define MANAGESIEVE_SESSION_SESSION_H

#include "net/pool.h"
#include "store/rules.h"

struct msv_session_args {
	struct store *store;
	int fd; /* taken */
	const char *account, *peer;
	/* An address of its owner, for "OWNER"; may be NULL. */
	const char *owner;
	int64_t idle_ms; /* how long it may be silent; 0: half an hour */
};

/* Its first run says OK.  To be handed to pool_add. */
struct pool_task *msv_session_new(const struct msv_session_args *a);

#endif
