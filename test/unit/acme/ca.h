/* A certificate authority in a few lines, for tests that need certificates. */
#ifndef TEST_UNIT_ACME_CA_H
#define TEST_UNIT_ACME_CA_H

#include "acme/key.h"

struct ca;

struct ca *ca_new(void);
void ca_free(struct ca **c);
/* Appends a certificate for the request (DER), good from until to, with the
 * CA's own behind it, in PEM. */
void ca_sign(
    struct ca *c, struct sv request, int64_t from, int64_t to, struct buf *out);

#endif
