/*
 * What the auth process remembers for a while, in tables of fixed size: which
 * name and password pairs were right or wrong lately, and how often peers and
 * accounts failed.  Keys are keyed hashes; nothing here can be turned back
 * into a password.
 */
#ifndef AUTH_MEMORY_H
#define AUTH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sv.h"

struct auth_memory;

struct auth_memory *auth_memory_new(void);
void auth_memory_free(struct auth_memory **m);

/*
 * Which networks have logged in to which accounts outlives the process, so
 * that a household is known during an attack right after a restart: a file of
 * keyed hashes and their key.  A file that cannot be read is as none.
 */
void auth_memory_load(struct auth_memory *m, const char *path);
/* Saves if there is something new. */
void auth_memory_save(struct auth_memory *m, const char *path);

enum auth_recall {
	AUTH_UNKNOWN,
	AUTH_RIGHT,
	AUTH_WRONG
};

/* salt: the password's stored hash, so that a changed password forgets. */
enum auth_recall auth_memory_recall(struct auth_memory *m, struct sv account,
    struct sv password, const char *salt);
void auth_memory_learn(struct auth_memory *m, struct sv account,
    struct sv password, const char *salt, bool right);

/* Has anybody from the peer's network (/24, /64) logged in to this account? */
bool auth_memory_known(
    struct auth_memory *m, struct sv account, const char *peer);
void auth_memory_note_login(
    struct auth_memory *m, struct sv account, const char *peer);

/*
 * Takes one token of the peer's network and one of the account: false if
 * either is used up.  40 at once and one more every 6 seconds; a try that
 * succeeded gives its tokens back, so that only failures count.  The loopback
 * has no peer's bucket: on it stand proxies and tests.
 */
bool auth_memory_may_try(
    struct auth_memory *m, struct sv account, const char *peer);
void auth_memory_give_back(
    struct auth_memory *m, struct sv account, const char *peer);
/* Milliseconds to wait before a failure is answered; counts it. */
int64_t auth_memory_penalty(struct auth_memory *m, const char *peer);

#endif
