/*
 * A bounce of mail that we have forwarded: what another host says of it, read
 * as far as a report of ours needs it.  Anybody who knows the address to which
 * it comes may have written it: nothing in it is believed, a few words are
 * quoted.  Pure.
 */
#ifndef QUEUE_SPOOL_BOUNCE_H
#define QUEUE_SPOOL_BOUNCE_H

#include "base/buf.h"

#define BOUNCE_READ_MAX	  (128u << 10) /* bytes that are looked at */
#define BOUNCE_WHY_MAX	  400
#define BOUNCE_HEADER_MAX 4096

struct bounce {
	/* A delivery status notification [RFC 3464] that says "failed"; else
	 * it may be a delay, a holiday, or a letter. */
	bool failed;
	struct buf why; /* the host's words, or its status code, or nothing */
	/* Subject, Date and Message-ID of what comes back, as fields. */
	struct buf header;
};

void bounce_init(struct bounce *b);
void bounce_fini(struct bounce *b);
/* text: the message, or its beginning. */
void bounce_read(struct sv text, struct bounce *b);

/*
 * Appends words without an address that is not to be seen in them: it, in any
 * case, and its local part where that is a word of its own.
 */
void bounce_hide(struct sv words, struct sv address, struct buf *out);

#endif
