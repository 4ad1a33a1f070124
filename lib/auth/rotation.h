/*
 * When a domain's DKIM keys change: pure.  It is told the times and what the
 * name servers say, and answers what is to be done next.
 *
 *   announced --> active --> retiring --> retired
 *
 * - A key is due when the active one has been active for so long as the
 *   configuration says; it is made and announced, and the owner is written to.
 * - It becomes active when every name server of the domain has its records and
 *   those who may have heard that there is nothing have forgotten it: from the
 *   moment it was first seen everywhere the zone's negative TTL must pass, and
 *   then it must be seen everywhere again.  Until that day the old one signs;
 *   no date forces the change.  The owner is reminded once a month.
 * - The old one's records stay until all mail that it signed has been
 *   delivered or given up, and a week more.  Then the owner is told that they
 *   can be removed, and the key is destroyed.
 *
 * The wall clock may be wrong, at a boot or later.  So no date destroys a key:
 * the time for which one has retired is counted while the server runs, by the
 * monotonic clock, and kept with it.  What a date decides otherwise must stay
 * due for a while of that clock (settle_ms).  While dates are in the future it
 * is the clock that is taken to be behind: nothing is done, and what the owner
 * orders gets the newest date that is known.  After some hours, in which a
 * clock is set that can be, the dates are taken to be wrong, and become
 * today's.
 */
#ifndef AUTH_ROTATION_H
#define AUTH_ROTATION_H

#include "auth/ring.h"

struct rotation_policy {
	int64_t rotate_s; /* 0: never by itself */
	int64_t queue_s;  /* how long mail may wait until it is given up */
	int64_t settle_ms, margin_ms;
};

#define ROTATION_QUEUE_S   (5 * 86400LL) /* queue/spool/sched.h */
#define ROTATION_WEEK_S	   (7 * 86400LL) /* after the queue has given up */
#define ROTATION_REMIND_S  (30 * 86400LL)
#define ROTATION_SETTLE_MS (3600 * 1000LL)
#define ROTATION_AHEAD_MS  (6 * 3600 * 1000LL) /* until dates are wrong */
#define ROTATION_COUNT_S   (6 * 3600LL)	       /* what a restart may cost */
#define ROTATION_MARGIN_MS (300 * 1000LL)      /* on top of the negative TTL */

/* What is known of a domain's announced key, and not on the disk. */
struct rotation {
	/* The pair that this is about, by its first selector. */
	char selector[DKIM_SELECTOR_MAX];
	int64_t seen;	/* everywhere since then, monotonic ms; 0: not */
	int64_t credit; /* ms before, by the wall clock, of earlier processes */
	int64_t wait;	/* ms from there on */
	/* A date has been reached since, monotonic ms; 0: none has. */
	int64_t due;
	int64_t ahead;	 /* some date is in the future, since; 0: none is */
	int64_t counted; /* until then, of those that retire; 0: not yet */
};

enum rotation_do {
	ROTATION_NOTHING,
	ROTATION_DATE,	 /* its since is in the future: make it now */
	ROTATION_SAVE,	 /* the ring: more has been counted */
	ROTATION_MAKE,	 /* and announce a new pair */
	ROTATION_RETIRE, /* this one */
	ROTATION_TELL	 /* the owner of this one's state */
};

/* *entry_out: which one.  now_s: seconds since 1970; mono_ms: from 1 on. */
enum rotation_do rotation_next(const struct ring *r, struct rotation *t,
    const struct rotation_policy *p, int64_t now_s, int64_t mono_ms,
    struct ring_entry **entry_out);

/* The one whose records are awaited; NULL: none. */
struct ring_entry *rotation_awaited(const struct ring *r);

enum rotation_seen {
	ROTATION_UNKNOWN,   /* not all servers answer, and none says no */
	ROTATION_NOT_THERE, /* not everywhere, or something else is there */
	ROTATION_THERE
};

/* What the name servers say of its records.  true: it is to become active
 * now.  awaited->seen is kept: a machine that runs by day only need not begin
 * anew each day. */
bool rotation_seen(struct rotation *t, struct ring_entry *awaited,
    const struct rotation_policy *p, enum rotation_seen seen,
    uint32_t negative_ttl_s, int64_t now_s, int64_t mono_ms);
/* For how long they have been seen everywhere, ms; -1: not. */
int64_t rotation_seen_for(const struct rotation *t, int64_t mono_ms);
/* Milliseconds until the name servers should be asked again, if it has been
 * seen; else -1: at the usual time. */
int64_t rotation_ask_in(const struct rotation *t, int64_t mono_ms);

/* A date of the ring is in the future, and nothing of it is to be changed by
 * itself. */
bool rotation_is_ahead(const struct ring *r, int64_t now_s);
/* What to write as today: no earlier than any date of the ring. */
int64_t rotation_today(const struct ring *r, int64_t now_s);

/* Until when a retiring one's records are needed, seconds since 1970, if the
 * server runs until then. */
int64_t rotation_needed_until(
    const struct ring_entry *e, const struct rotation_policy *p, int64_t now_s);
/* When the next one is due; 0: never. */
int64_t rotation_due_at(const struct ring *r, const struct rotation_policy *p);

#endif
