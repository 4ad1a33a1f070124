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

/* Has anybody logged in from the peer's network (/24, /64)?  Not who: what
 * depends on it must not tell whose network it is. */
bool auth_memory_known(struct auth_memory *m, const char *peer);
void auth_memory_note_login(struct auth_memory *m, const char *peer);

/*
 * Who tries.  door: which kind of listener says so; each has budgets of its
 * own, so that one that has been taken over, and names whatever peers it likes,
 * uses up nobody else's.  name: as it was typed, but for its case: names that
 * nobody has are counted like the others, and those of one account apart.
 */
struct auth_who {
	unsigned door;
	struct sv name;
	const char *peer;
	struct sv browser; /* of one that is known to that name, else empty */
	bool code;	   /* of the second factor: the password was right */
};

/*
 * Takes what a try costs; 0: it is one too many, else what was taken, for
 * auth_memory_give_back: a try that succeeded costs nothing, so that only
 * failures count.
 *
 *                                              at once  one more every
 *   a network that nobody has logged in from      20        6 s
 *     (/24, /48; all names together)
 *   a name, from all such networks                40        6 s
 *   a name, from a known network (/24, /48)       25        6 s
 *
 * Where these are used up, because others guess, the right password still gets
 * its turn:
 *
 *   a host (IPv4 address, /56) of such a network   4       60 s
 *   a name, from one network (/24, /48)            4       60 s
 *   a name, from one host                          1        5 min
 *
 * A browser that is known to the name is not a stranger, wherever it is:
 *
 *   a name, from a known browser                  25        6 s
 *
 * Codes of the second factor, which have six digits:
 *
 *   a name, from all strangers                     6       10 min
 *   a name, from all known networks                6       10 min
 *   a name, from a known browser                   6       10 min
 *
 * The loopback has no budget as a network: proxies and tests are there.
 */
unsigned auth_memory_may_try(struct auth_memory *m, const struct auth_who *w);
void auth_memory_give_back(
    struct auth_memory *m, const struct auth_who *w, unsigned took);
/* Milliseconds from its arrival after which a failure is answered, 250 to
 * 4000; counts it. */
int64_t auth_memory_penalty(
    struct auth_memory *m, unsigned door, const char *peer);

/* Somebody there has logged in: a household that mistyped starts afresh. */
void auth_memory_forgive(
    struct auth_memory *m, unsigned door, const char *peer);

/* For tests: what stands in for clk_mono. */
void auth_memory_set_clock(struct auth_memory *m, int64_t (*now)(void));

#endif
