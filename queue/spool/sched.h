/*
 * The schedule: what is tried next, and where.  A unit is all recipients of
 * one message at one destination; a destination is a domain, a smarthost or a
 * local account.  Knows times, not mail; pure but for memory: the time comes
 * with each call (clk_mono), chance from the caller.
 *
 * What goes wrong with one message (a full mailbox, greylisting) makes its
 * unit wait; what goes wrong with the destination (no host answers) makes all
 * its units wait together, and when the time has come one of them goes first
 * to see.  A destination that works gets more at the same time, up to a limit;
 * one that fails starts again with one.
 */
#ifndef QUEUE_SPOOL_SCHED_H
#define QUEUE_SPOOL_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/sv.h"

#define SCHED_REPLY_TEXT_MAX 400

struct sched;

enum sched_state {
	SCHED_WAITS,	 /* for its time */
	SCHED_READY,	 /* for its turn at the destination */
	SCHED_IN_FLIGHT, /* taken: somebody tries right now */
	SCHED_HELD
};

struct sched_dest {
	char *name;
	unsigned failures; /* in a row; each made all its units wait */
	int64_t wake;	   /* not before that */
	unsigned limit, in_flight;
	size_t nunits;
	char *reply_text; /* why it failed last, or NULL */
	/* The rest is sched.c's own. */
	struct heap_node node; /* by wake */
	struct sched_unit *ready, **ready_end;
	struct sched_dest *next_runnable;
	bool runnable;
};

struct sched_unit {
	void *item; /* the caller's */
	struct sched_dest *dest;
	enum sched_state state;
	unsigned attempts; /* that reached the destination */
	unsigned restored; /* of sched_tries, those of before a restart */
	unsigned stumbles; /* the caller's: tries that failed at home */
	struct sched_unit *next_of_item; /* the caller's chain */
	/* sched.c's own */
	unsigned place_failures; /* the destination's, while it waited */
	struct heap_node node;	 /* by its time */
	struct sched_unit *next_ready;
};

/* most: how many units a destination may have in flight. */
struct sched *sched_new(unsigned most);
/* All units were removed before. */
void sched_free(struct sched **s);

/* Made if it is not there; goes by itself with its last unit. */
struct sched_dest *sched_dest(struct sched *s, struct sv name);
/* What was known of a destination before a restart; due: its wake. */
void sched_remember(struct sched *s, struct sv name, int64_t due,
    unsigned failures, struct sv reply_text);
/* Those that were remembered and have no unit go. */
void sched_forget_empty(struct sched *s);
/* Every destination: for a person who wants to see them. */
void sched_each_dest(
    struct sched *s, void (*fn)(struct sched_dest *d, void *arg), void *arg);

/* tries: those of before a restart. */
struct sched_unit *sched_add(struct sched *s, struct sched_dest *d, void *item,
    int64_t due, unsigned tries);
/* Frees the unit, in whatever state. */
void sched_remove(struct sched *s, struct sched_unit **u);

/* The next unit to be tried, now IN_FLIGHT; NULL: none now. */
struct sched_unit *sched_take(struct sched *s, int64_t now);
/* Somebody tries it already: IN_FLIGHT, whatever it has waited for. */
void sched_adopt(struct sched *s, struct sched_unit *u);
/* Milliseconds until sched_take may have one; -1: never by itself. */
int64_t sched_wait(struct sched *s, int64_t now);

/* ---- what came of a try: the unit was IN_FLIGHT ---- */

/* The destination was reached.  Then the unit is removed, or waits: */
void sched_reached(struct sched *s, struct sched_unit *u);
void sched_later(struct sched *s, struct sched_unit *u, int64_t due);
/* It was not: all of its units wait until `due`. */
void sched_unreached(
    struct sched *s, struct sched_unit *u, int64_t due, struct sv reply_text);
/* Nobody could try: back in its place as if nothing had been. */
void sched_untried(struct sched *s, struct sched_unit *u, int64_t due);

/* ---- a person's wishes ---- */

void sched_hold(struct sched *s, struct sched_unit *u);
/* Ready at once; its destination is asked at once, too. */
void sched_now(struct sched *s, struct sched_unit *u);

/* The reverse of sched_hold: it waits until `due`, and for its destination. */
void sched_release(struct sched *s, struct sched_unit *u, int64_t due);

/* How often this unit was tried, by itself or by another that went first. */
unsigned sched_tries(const struct sched_unit *u);

/* ---- how long ---- */

/*
 * Milliseconds until the next try after that many: 1, 5, 10, 20, 40 minutes,
 * then up to 4 hours, with a tenth of jitter either way (chance: any number).
 */
int64_t sched_delay(unsigned tries, uint32_t chance);
/* The same for a local account: from 2 s up to 15 minutes. */
int64_t sched_local_delay(unsigned tries);
/* For a host that wants to see whether we come again [RFC 6647 5]. */
int64_t sched_greylist_delay(unsigned tries, uint32_t chance);

#define SCHED_EXPIRY_MS (5LL * 24 * 3600 * 1000)
#define SCHED_NOTICE_MS (4LL * 3600 * 1000)
#define SCHED_TRIES_MIN \
	12 /* before anything expires, whatever the clock says */

#endif
