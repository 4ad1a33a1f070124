/*
 * The DKIM keys of a domain, old and new, as a file keeps them: pure.
 *
 *   hearthmail dkim 2
 *   key active 1795536046 1795536046
 *   selector hm-rsa-202611-k7fq
 *   -----BEGIN PRIVATE KEY-----
 *   ...
 *   selector hm-ed-202611-k7fq
 *   -----BEGIN PRIVATE KEY-----
 *   ...
 *   key announced 1811088046 1811088050 1811099999
 *   ...
 *   key retired 1780000000 1781036800
 *   selector hm-rsa-202605-p2xa
 *   selector hm-ed-202605-p2xa
 *
 * Each entry has a state, the second since 1970 in which it came into it, that
 * in which the owner was last told of it (0: not yet), and of an announced one
 * that since which its records have been seen everywhere, of a retiring one for
 * how many seconds the server has run since; then a pair as
 * msgauth/key.h has it, or of what is retired just the names, so that none is
 * ever given to another key.  The active pair comes first.
 *
 * A file of one pair without states ("hearthmail dkim 1") is what earlier
 * versions wrote: its pair is active, from the month that its selectors name.
 */
#ifndef AUTH_RING_H
#define AUTH_RING_H

#include "msgauth/key.h"

enum ring_state {
	RING_ACTIVE,	/* signs; exactly one */
	RING_ANNOUNCED, /* made; its records are awaited in the DNS */
	RING_RETIRING,	/* signs no more; its records are still needed */
	RING_RETIRED,	/* its key is gone */
	RING_STATES
};

struct ring_entry {
	enum ring_state state;
	int64_t since, told;   /* seconds since 1970 */
	int64_t seen;	       /* the same, or how many; 0: not */
	struct dkim_pair pair; /* of RING_RETIRED without keys */
};

#define RING_KEYS_MAX	 6  /* entries that have keys */
#define RING_RETIRED_MAX 60 /* more are forgotten, the oldest first */
#define RING_MAX	 (RING_KEYS_MAX + RING_RETIRED_MAX)
#define RING_TEXT_MAX	 (RING_KEYS_MAX * DKIM_PAIR_MAX + RING_RETIRED_MAX * 256)

struct ring {
	struct ring_entry *e; /* the active one first */
	size_t n;
};

/* A beginning; to be freed. */
void ring_init(struct ring *r);
void ring_fini(struct ring *r);

/* now: seconds, for what the text does not say.  RC_DAMAGED with a sentence. */
int ring_read(struct sv text, int64_t now, struct ring *out,
    struct err *err) RC_USE_RESULT;
/* The caller wipes it. */
int ring_write(const struct ring *r, struct buf *out) RC_USE_RESULT;

/* "active" ... */
const char *ring_state_name(enum ring_state s);

/* The first in that state; NULL: there is none. */
struct ring_entry *ring_find(const struct ring *r, enum ring_state s);
/* By any of its selectors. */
struct ring_entry *ring_named(const struct ring *r, struct sv selector);

/* Lines "SELECTOR STATE RECORD" of all whose records belong into the DNS. */
int ring_records(const struct ring *r, struct buf *out) RC_USE_RESULT;

/* Is there room for one more pair? */
bool ring_has_room(const struct ring *r);
/* Takes the pair. */
void ring_add(
    struct ring *r, enum ring_state s, int64_t now, struct dkim_pair *pair);
/*
 * Into another state, now.  To RING_ACTIVE: what was active becomes retiring.
 * To RING_RETIRED: the key is wiped.
 */
void ring_move(
    struct ring *r, struct ring_entry *e, enum ring_state s, int64_t now);

#endif
