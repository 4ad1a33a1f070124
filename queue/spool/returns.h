/*
 * How often something has come back for an author by way of an alias: who has
 * got one forwarded message knows an address that leads to its author, and may
 * write to it what they like.  So many a day are passed on; more are asked to
 * try again later, and so are all when too many have come to be remembered.
 *
 * In the file returns-today of the spool's folder, so that a restart does not
 * begin the day anew: the day and the key of its hashes, then a line for each
 * of them with its number.  It is written whole for each that comes; one that
 * is not understood is an empty one.
 */
#ifndef QUEUE_SPOOL_RETURNS_H
#define QUEUE_SPOOL_RETURNS_H

#include "base/buf.h"

#define RETURNS_FILE	  "returns-today"
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

/* RC_SYNTAX: *out is as it was.  Pure. */
int returns_parse(struct sv text, struct returns *out) RC_USE_RESULT;
void returns_write(const struct returns *r, struct buf *out);
/* From the working folder, and to it: RC_NOSPACE, RC_IO. */
void returns_load(struct returns *out);
int returns_save(const struct returns *r, struct err *err) RC_USE_RESULT;

/* Is there room for one more?  day: since 1970. */
bool returns_have_room(
    struct returns *r, struct sv author, struct sv alias, int64_t day);
/* It has come. */
void returns_add(
    struct returns *r, struct sv author, struct sv alias, int64_t day);

#endif
