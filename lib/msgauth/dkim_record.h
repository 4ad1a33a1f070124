/*
 * A published key [RFC 6376 3.6.1, 8463 4.2], and whether a signature was made
 * with it.  For DKIM and for ARC.
 */
#ifndef MSGAUTH_DKIM_RECORD_H
#define MSGAUTH_DKIM_RECORD_H

#include "msgauth/dkim_keys.h"
#include "msgauth/key.h"

/* Why a signature is what it is.  The first of several that apply. */
enum dkim_reason {
	DKIM_R_NONE, /* it verified */
	/* of the signature: */
	DKIM_R_SYNTAX,	  /* not a list of tags, or one with a bad value */
	DKIM_R_TOO_LONG,  /* the field, its h=, or too many body lengths */
	DKIM_R_VERSION,	  /* v= */
	DKIM_R_MISSING,	  /* a required tag */
	DKIM_R_ALGORITHM, /* a= is unknown */
	DKIM_R_SHA1,	  /* [RFC 8301 3.1] */
	DKIM_R_CANON,	  /* c= is unknown */
	DKIM_R_QUERY,	  /* q= has no method that we know */
	DKIM_R_DOMAIN,	  /* d= or s= is not a name; i= is not below d= */
	DKIM_R_FROM,	  /* From is not signed */
	DKIM_R_BODY,	  /* the body's hash differs */
	DKIM_R_SHORT,	  /* the body is shorter than l= */
	/* of the key: */
	DKIM_R_DNS,	    /* no answer */
	DKIM_R_NO_KEY,	    /* there is none */
	DKIM_R_KEY_SYNTAX,  /* the record is not a key, or p= is not */
	DKIM_R_REVOKED,	    /* p= is empty */
	DKIM_R_KEY_TYPE,    /* k= is not that of a= */
	DKIM_R_KEY_HASH,    /* h= of the key does not allow SHA-256 */
	DKIM_R_KEY_SERVICE, /* s= of the key does not allow mail */
	DKIM_R_KEY_STRICT,  /* t=s, and i= has another domain than d= */
	DKIM_R_KEY_SHORT,   /* RSA below 1024 bits [RFC 8301 3.2] */
	DKIM_R_KEY_LONG,    /* RSA above 4096 bits, or an exponent above 64 */
	/* of both: */
	DKIM_R_SIGNATURE, /* it was not made with this key, or not of this */
	/* It verifies, and is not trusted: */
	DKIM_R_LENGTH,	/* l=: anything may have been added to the body */
	DKIM_R_EXPIRED, /* x= */
	DKIM_R_FUTURE,	/* t= */
	DKIM_R_CRYPTO,	/* OpenSSL failed */
	DKIM_REASONS	/* how many */
};

/* A few words in ASCII, for the log and Authentication-Results; "" for none. */
const char *dkim_reason_text(enum dkim_reason r);

struct dkim_record {
	enum dkim_algorithm algorithm;
	bool algorithm_known;
	bool sha256;   /* h= allows it */
	bool mail;     /* s= allows it */
	bool testing;  /* t=y */
	bool strict;   /* t=s */
	struct sv key; /* p=, folded; empty: revoked */
};

/*
 * The text of a TXT record.  RC_SYNTAX: it is not a key record; it is to be
 * ignored then, for others may be at the name [RFC 6376 6.1.2].  Slices point
 * into the text.
 *
 * v= need not be there, but is the first tag and exactly DKIM1 if it is.
 * Unknown names in h=, s= and t= are ignored, so that h=rsa-sha256 alone
 * allows no hash.
 */
int dkim_record_parse(struct sv text, struct dkim_record *out) RC_USE_RESULT;

#define DKIM_RSA_MIN 1024
#define DKIM_RSA_MAX 4096

/* What a signature says of itself. */
struct dkim_claim {
	enum dkim_algorithm algorithm;
	bool i_differs; /* i= has another domain than d=, which t=s forbids */
	const uint8_t *hash; /* DKIM_HASH bytes: what it is to be of */
	struct sv signature;
};

/*
 * Was this signature of this hash made with the record's key?  DKIM_R_NONE if
 * it was.  *bits: of the key.  keys: those that were read before, or NULL.
 *
 * RSA keys may be a SubjectPublicKeyInfo, as all write them, or a bare
 * RSAPublicKey, as the RFC says.  A public exponent above 64 bits is refused:
 * with one of 3072 bits a check takes as long as signing.
 */
enum dkim_reason dkim_record_verify(const struct dkim_record *r,
    const struct dkim_claim *c, struct dkim_keys *keys, unsigned *bits);

#endif
