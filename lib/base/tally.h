/*
 * What happened in the last 24 hours, counted by this process: for the status
 * that its owner asks for.  From any thread.
 *
 * A process may count in memory that the one that has started it sees, too, so
 * that what it has counted does not end with it.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stdint.h>

enum tally {
	TALLY_DELIVERED,  /* into mailboxes here */
	TALLY_SUBMITTED,  /* taken from our people */
	TALLY_SENT,	  /* taken by other houses */
	TALLY_RETURNED,	  /* given up or refused: its sender was told */
	TALLY_REFUSED,	  /* recipients that nobody here has */
	TALLY_GREYLISTED, /* strangers that were asked to come again */
	TALLIES
};

/* "delivered" ... */
const char *tally_name(enum tally t);
void tally_add(enum tally t, uint64_t n);
/* Since 24 hours, to the hour; less if the process is younger. */
uint64_t tally_day(enum tally t);

struct tally_table;

/* Memory for another process to count in, and a descriptor of it for that one;
 * NULL: there is none now. */
struct tally_table *tally_table_new(int *fd_out);
/* From now on this process counts there; takes fd.  If it is not what it should
 * be, the process goes on counting for itself. */
void tally_use(int fd);
/* The other process has ended: adds what it has counted to our own count, and
 * frees the memory.  NULL-safe. */
void tally_merge(struct tally_table **t);

#endif
