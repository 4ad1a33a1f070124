/* Signed messages for the tests of message authentication. */
#ifndef TEST_UNIT_MSGAUTH_SIGNER_H
#define TEST_UNIT_MSGAUTH_SIGNER_H

#include <openssl/evp.h>

#include "base/buf.h"

/* Made once; the caller does not free them.  exponent 0: the usual one. */
EVP_PKEY *signer_rsa(unsigned bits);
EVP_PKEY *signer_rsa_with(unsigned bits, const char *exponent);
EVP_PKEY *signer_ed25519(void);

/* The text of a key record: what is given, then p=. */
void signer_record(EVP_PKEY *k, const char *tags, struct buf *out);

/*
 * Appends "name: tags; bh=...; b=..." for a message.  tags are all the others;
 * c=, h= and l= of them are followed.
 */
void signer_sign(EVP_PKEY *k, const char *name, const char *tags,
    struct sv header, struct sv body, struct buf *out);

#endif
