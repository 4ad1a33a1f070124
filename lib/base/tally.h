/*
 * What happened in the last 24 hours, counted by this process: for the status
 * that its owner asks for.  From any thread.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stdint.h>

enum tally {
	TALLY_DELIVERED, /* into mailboxes here */
	TALLY_SUBMITTED, /* taken from our people */
	TALLY_SENT,	 /* taken by other houses */
	TALLY_RETURNED,	 /* given up or refused: its sender was told */
	TALLY_REFUSED,	 /* recipients that nobody here has */
	TALLIES
};

/* "delivered" ... */
const char *tally_name(enum tally t);
void tally_add(enum tally t, uint64_t n);
/* Since 24 hours, to the hour; less if the process is younger. */
uint64_t tally_day(enum tally t);

#endif
