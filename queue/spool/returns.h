/*
 * How often something has come back for an author by way of an alias: who has
 * got one forwarded message knows an address that leads to its author, and may
 * write to it what they like.  So many a day are passed on; more are asked to
 * try again later, and so are all when too many have come to be remembered.
 *
 * In memory only: after a restart the day begins anew.
 */
#ifndef QUEUE_SPOOL_RETURNS_H
#define QUEUE_SPOOL_RETURNS_H

#include "base/sv.h"

#define RETURNS_A_DAY	  20
#define RETURNS_DIFFERENT 1024 /* authors and aliases of a day */

/* All zero: none. */
struct returns {
	int64_t day;
	unsigned char key[16];
	uint64_t who[RETURNS_DIFFERENT];
	uint16_t times[RETURNS_DIFFERENT];
	size_t n;
};

/* Is there room for one more?  day: since 1970. */
bool returns_have_room(
    struct returns *r, struct sv author, struct sv alias, int64_t day);
/* It has come. */
void returns_add(
    struct returns *r, struct sv author, struct sv alias, int64_t day);

#endif
