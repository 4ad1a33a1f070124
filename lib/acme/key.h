/*
 * A P-256 key: of the account with a certificate authority, or of a
 * certificate.
 */
#ifndef ACME_KEY_H
#define ACME_KEY_H

#include "base/buf.h"

struct acme_key;
struct evp_pkey_st;

struct acme_key *acme_key_new(void);
/* From PEM text, in which certificates may stand, too; P-256 only. */
int acme_key_read(
    struct sv pem, struct acme_key **out, struct err *err) RC_USE_RESULT;
void acme_key_free(struct acme_key **k);
/* Appends PEM text, to be wiped. */
void acme_key_print(const struct acme_key *k, struct buf *out);
/* OpenSSL's, borrowed. */
struct evp_pkey_st *acme_key_borrow(const struct acme_key *k);

/* Appends base64url without padding [RFC 7515 2]. */
void acme_base64url(struct sv bytes, struct buf *out);
/* With padding or not, or plain base64, as some authorities print secrets. */
int acme_base64url_read(struct sv text, struct buf *out) RC_USE_RESULT;

/* Appends the public key as JSON, in the form of which the thumbprint is made
 * [RFC 7638 3]. */
void acme_key_jwk(const struct acme_key *k, struct buf *out);
/* Appends the hash of the public key, as TLSA records of the kind 3 1 1 have it
 * [RFC 6698 2.1]: 64 hexadecimal digits. */
void acme_key_tlsa(const struct acme_key *k, struct buf *out);
/* Appends the thumbprint. */
void acme_key_thumbprint(const struct acme_key *k, struct buf *out);
/* Appends what a web server answers for a token [RFC 8555 8.1]. */
void acme_key_authorization(
    const struct acme_key *k, struct sv token, struct buf *out);
/* ES256: r and s, 32 bytes each [RFC 7518 3.4]. */
void acme_key_sign(
    const struct acme_key *k, struct sv bytes, unsigned char out[64]);

#endif
