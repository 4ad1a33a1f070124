/*
 * The signature of a profile [RFC 5652]: DER SignedData with the profile
 * inside, the certificate and those that lead to its root.  It is made anew for
 * each download, by a process that has the TLS key.
 */
#ifndef CLIENTS_SIGN_H
#define CLIENTS_SIGN_H

#include "base/buf.h"

/* OpenSSL's, not owned: for a process that has them so.  rest leads from the
 * leaf to its root; NULL: nothing. */
struct clients_signer {
	struct x509_st *leaf;
	struct stack_st_X509 *rest;
	struct evp_pkey_st *key;
};
/* As the two below. */
int clients_signer_trusted(const struct clients_signer *s, struct sv roots_pem,
    struct err *err) RC_USE_RESULT;
int clients_signer_sign(const struct clients_signer *s, struct sv profile,
    struct buf *out, struct err *err) RC_USE_RESULT;

/*
 * Would a device that has these roots believe a signature of this chain (PEM,
 * leaf first) now?  RC_DENIED with a sentence that says why not: then an
 * unsigned profile is better than one that is shown in red.
 */
int clients_sign_trusted(
    struct sv chain_pem, struct sv roots_pem, struct err *err) RC_USE_RESULT;
/* RC_SYNTAX: the chain or the key cannot be used. */
int clients_sign(struct sv chain_pem, struct sv key_pem, struct sv profile,
    struct buf *out, struct err *err) RC_USE_RESULT;

#endif
