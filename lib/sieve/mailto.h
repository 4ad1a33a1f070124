/* Inside lib/sieve only: "mailto:" addresses [RFC 6068].  Pure. */
#ifndef SIEVE_MAILTO_H
#define SIEVE_MAILTO_H

#include "base/buf.h"

/* Fields that are not known are left out: who may write into a letter's header
 * is another matter than whom it is sent to. */
struct sieve_mailto {
	struct buf to, cc; /* addresses, with ", " between them */
	struct buf subject, body;
};

/* False: it is not one, or has no address; nothing is to be released then. */
bool sieve_mailto_read(struct sv uri, struct sieve_mailto *out);
void sieve_mailto_fini(struct sieve_mailto *m);

#endif
