/* Requests for certificates, and what comes of them. */
#ifndef ACME_CERTIFICATE_H
#define ACME_CERTIFICATE_H

#include <stdint.h>

#include "acme/answer.h"
#include "acme/key.h"

#define ACME_CHAIN_MAX (128 << 10)
/* "keyidentifier.serial" [RFC 9773 4.1] */
#define ACME_ID_MAX 256

/* Appends a request in DER: all names in its subjectAltName, nothing else
 * [RFC 8555 7.4]. */
void acme_request_der(const struct acme_key *key, const char *const *name,
    size_t n, struct buf *out);

/*
 * What a server shows in a handshake as the proof of a name [RFC 8737 3]: a
 * certificate that it has signed itself, for that name alone, with the hash of
 * the key authorization in its critical acmeIdentifier; and its key, which is
 * new.  PEM is appended; key_out is to be wiped.  now: seconds since 1970.
 */
int acme_proof(const char *name, struct sv authorization, int64_t now,
    struct buf *cert_out, struct buf *key_out, struct err *err) RC_USE_RESULT;

struct acme_certificate {
	int64_t not_before, not_after; /* seconds since 1970 */
	/* As RFC 9773 names it; "": it has no key identifier of its issuer. */
	char id[ACME_ID_MAX];
	char name[ACME_NAMES_MAX][ACME_NAME_MAX]; /* in lower case */
	unsigned nname;
};

/* Reads the first certificate of a chain in PEM; RC_SYNTAX with a sentence. */
int acme_certificate_read(
    struct sv pem, struct acme_certificate *out, struct err *err) RC_USE_RESULT;
/* Is it of that key? */
bool acme_certificate_is_of(struct sv pem, const struct acme_key *key);
/* Does it have that name itself?  No wildcards: we ask for none. */
bool acme_certificate_has(const struct acme_certificate *c, const char *name);
/* Only the certificates, each in PEM: what else came is left out.  The one of
 * the key comes first and each before the one that issued it, whatever order
 * they came in.  RC_SYNTAX: there is none. */
int acme_chain_clean(struct sv pem, const struct acme_key *key, struct buf *out,
    struct err *err) RC_USE_RESULT;

#endif
