/*
 * A server's replies, as an SMTP client reads them [RFC 5321 4.2].  Pure.
 *
 * Lenient where the world is: LF without CR ends a line, a text may hold any
 * byte, a reply of one line may be the bare code, and a line without a code
 * within a reply belongs to its text.
 */
#ifndef QUEUE_MX_REPLY_H
#define QUEUE_MX_REPLY_H

#include <stdint.h>

#include "base/buf.h"

#define REPLY_LINE_MAX	2048 /* bytes; [RFC 5321 4.5.3.1.5] says 512 */
#define REPLY_LINES_MAX 200
#define REPLY_TEXT_MAX	1024 /* of the text that is kept */

struct reply {
	unsigned code;	 /* 200 to 599 */
	struct buf text; /* the lines without their codes, LF between */
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);

/*
 * Takes one whole reply off *in.  RC_MORE: it has no end yet, *in is as it was;
 * RC_SYNTAX: that is not a reply; RC_TOOBIG: a line or the reply is too long.
 */
int reply_parse(struct sv *in, struct reply *out) RC_USE_RESULT;

/* What the EHLO's reply offers. */
struct reply_offers {
	bool pipelining, eight_bit, starttls, size, enhanced;
	bool auth_plain, auth_login;
	uint64_t size_max; /* 0: not given */
};
void reply_offers(const struct reply *r, struct reply_offers *out);

#endif
