/* Requests to a certificate authority are signed JSON [RFC 8555 6.2]. */
#ifndef ACME_JWS_H
#define ACME_JWS_H

#include "acme/key.h"

struct acme_jws {
	const struct acme_key *key;
	const char *account; /* its address; NULL: the key itself is sent */
	const char *nonce, *url;
};

/* Appends the body of a request.  An empty payload is a "POST-as-GET"
 * [RFC 8555 6.3]. */
void acme_jws(const struct acme_jws *j, struct sv payload, struct buf *out);

/*
 * Appends the JSON that binds the account to one that the owner has with the
 * authority [RFC 8555 7.3.4].  secret is base64url, as authorities give it;
 * RC_SYNTAX if it is not.
 */
int acme_jws_external(const struct acme_key *key, const char *id,
    struct sv secret, const char *url, struct buf *out) RC_USE_RESULT;

#endif
