/*
 * Asking ClamAV's daemon about a message, over a connection that somebody else
 * has made: its command INSTREAM, as clamd(8) has it.
 */
#ifndef ATTACH_CLAMD_H
#define ATTACH_CLAMD_H

#include "base/buf.h"

#define CLAMD_NAME_MAX 128

enum clamd_says {
	CLAMD_CLEAN,
	CLAMD_FOUND,	 /* name says what */
	CLAMD_TOO_LARGE, /* not scanned, or not all of it */
	CLAMD_ENCRYPTED, /* by the daemon's own settings worth saying */
	CLAMD_FAILED,	 /* name says why */
	CLAMD_NEVER	 /* so it was again and again (smtp/unscanned.h) */
};

struct clamd_answer {
	enum clamd_says says;
	char name[CLAMD_NAME_MAX]; /* printable, without blanks at its ends */
};

/* Pure: what it says at the end, "stream: OK". */
void clamd_read(struct sv reply, struct clamd_answer *out);

/*
 * Sends the first `size` bytes of fd, and waits for the answer, until clk_mono
 * is `until`: while the daemon loads its base anew it may be silent for a
 * minute.  Blocks; sock stays the caller's, and is of no more use.
 */
void clamd_scan(
    int sock, int fd, uint64_t size, int64_t until, struct clamd_answer *out);

#endif
