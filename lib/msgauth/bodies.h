/*
 * The hashes of a body that signatures on a message want: which of them is
 * known when the header is, then the body comes by once.  Each combination of
 * canonicalisation and length is hashed once, however many signatures use it.
 * SHA-256 only: SHA-1 is not accepted [RFC 8301 3.1].
 */
#ifndef MSGAUTH_BODIES_H
#define MSGAUTH_BODIES_H

#include "msgauth/canon.h"
#include "msgauth/key.h"

/* So many combinations: ten signatures and a seal may each have their own. */
#define BODIES_MAX   16
#define BODIES_WHOLE UINT64_MAX

struct bodies;

struct bodies *bodies_new(void);
void bodies_free(struct bodies **b);

/* The number of the hash, or -1: there are too many.  length: l=, or
 * BODIES_WHOLE. */
int bodies_want(struct bodies *b, enum dkim_canon canon, uint64_t length);

void bodies_feed(struct bodies *b, struct sv bytes);
/* There is no more.  Once; RC_TEMP: OpenSSL failed. */
int bodies_end(struct bodies *b) RC_USE_RESULT;

bool bodies_ended(const struct bodies *b);
/* After the end: false if the body was shorter than the length wanted. */
bool bodies_hash(const struct bodies *b, int which, uint8_t out[DKIM_HASH]);

#endif
