/*
 * Which way names are looked up: a ladder of ways, best first, and the choice
 * among them.  Pure: it is told the time and how probes went, and says what to
 * probe next and which way is in force.
 *
 *   1. own recursion from the root, validating   (or the configured servers)
 *   2. the system's name servers, validating     (if none are configured)
 *   3. the same two without validation
 *
 * Rules:
 * - A round of probes goes down from the best; the first way that works is
 *   taken.  Until the first round has found one, nothing is in force.
 * - A way without validation is taken only when validation has been failing
 *   for a whole day while lookups without it worked: a name server that is
 *   down for an hour must not switch DANE off, nor may an attacker.
 *   (`dns.validate: no` leaves out the validating ways instead.)
 * - If nothing works, what was in force stays: the network is down, and that
 *   says nothing about ways.
 * - While anything but the best is in force, a round is made every five
 *   minutes, and the best is regained at once when it works.  While nothing
 *   works rounds begin after 10 s and slow down to five minutes.
 * - While the best is in force it is looked at every five minutes, too, and
 *   sooner when lookups fail in a row: a family's server may ask for nothing
 *   for hours, and is to know by then.  If it fails it is asked once more in 10
 *   seconds before a round goes on to the others.
 */
#ifndef DNS_LADDER_H
#define DNS_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_path {
	DNS_PATH_ROOT,	  /* own recursion */
	DNS_PATH_FORWARD, /* the servers of the configuration */
	DNS_PATH_SYSTEM	  /* the servers of /etc/resolv.conf */
};

struct dns_rung {
	enum dns_path path;
	bool validate;
};

#define DNS_RUNGS	  4
#define DNS_LADDER_DAY	  (24 * 60 * 60 * 1000LL)
#define DNS_LADDER_AGAIN  (5 * 60 * 1000LL)
#define DNS_LADDER_RETRY  (10 * 1000LL)
#define DNS_LADDER_QUIET  (60 * 1000LL) /* between rounds out of suspicion */
#define DNS_LADDER_DOUBTS 3		/* failed lookups in a row */

struct dns_ladder {
	struct dns_rung rung[DNS_RUNGS];
	unsigned n;
	unsigned nfree; /* so many of them may be taken without a day's wait */

	int now;	   /* in force; -1: nothing yet */
	bool down;	   /* the last round found nothing that works */
	int64_t bad_since; /* only ways without validation work; 0: not so */

	int probing; /* the probe that is under way; -1: none */
	bool in_round;
	unsigned at;   /* the next rung of the round */
	int64_t due;   /* of the next round */
	int64_t ended; /* the last round */
	int64_t wait;
	unsigned doubts;
	bool missed; /* the best has failed once, out of the blue */
};

/* Times are in milliseconds of a clock that does not step, from 1 on. */
void dns_ladder_init(struct dns_ladder *l, bool own_root, bool forward,
    bool system, bool validate);

/* The rung to be probed now, or -1.  It is under way then: its result is
 * awaited before the next one. */
int dns_ladder_next(struct dns_ladder *l, int64_t now);
/* When to ask for the next one, if no probe is under way. */
int64_t dns_ladder_due(const struct dns_ladder *l);

enum dns_ladder_news {
	DNS_LADDER_SAME,    /* nothing has changed */
	DNS_LADDER_CHANGED, /* another way is in force, or the first */
	DNS_LADDER_BACK,    /* the same way works again after an outage */
	DNS_LADDER_DOWN	    /* nothing works any more, or it turns out that
			       only validation fails: see bad_since */
};

/* How the probe went. */
enum dns_ladder_news dns_ladder_result(
    struct dns_ladder *l, bool ok, int64_t now);

/* How a lookup on the way in force went: ok, too, if the answer was that
 * there is nothing. */
void dns_ladder_lookup(struct dns_ladder *l, bool ok, int64_t now);

#endif
