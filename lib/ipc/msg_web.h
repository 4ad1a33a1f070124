/*
 * What the web process is told by the one that gets certificates: answers to
 * challenges, which it gives to those who ask for them, and certificates for
 * names besides the server's own.  It keeps all of it in memory only: on each
 * new line it has to be told again.
 */
#ifndef IPC_MSG_WEB_H
#define IPC_MSG_WEB_H

#include "ipc/codec.h"

/* Texts, with a NUL behind them. */
#define WEB_TOKEN_MAX	 256
#define WEB_KEY_AUTH_MAX 512
#define WEB_NAME_MAX	 256
#define WEB_CHALLENGES	 64 /* of each kind at a time */
#define WEB_CERTIFICATES 1000

/* HTTP_CHALLENGE_SET: from now on GET /.well-known/acme-challenge/TOKEN is
 * answered with the key authorization, under any host name [RFC 8555 8.3].
 * RC_SYNTAX: not a token; RC_TOOBIG: there are too many. */
struct http_challenge {
	struct sv token;    /* base64url */
	struct sv key_auth; /* TOKEN.THUMBPRINT */
};
CODEC_FUNCTIONS(http_challenge);

/* HTTP_CHALLENGE_CLEAR: no longer; RC_OK also if it was not there. */
struct http_challenge_end {
	struct sv token; /* empty: all */
};
CODEC_FUNCTIONS(http_challenge_end);

/* ALPN_CHALLENGE_SET: from now on a client that offers "acme-tls/1" alone and
 * asks for that name gets this certificate [RFC 8737 3]. */
struct alpn_challenge {
	struct sv name;		     /* lower case */
	struct sv cert_pem, key_pem; /* self-signed, with acmeIdentifier */
};
CODEC_FUNCTIONS(alpn_challenge);

/* ALPN_CHALLENGE_CLEAR. */
struct alpn_challenge_end {
	struct sv name; /* empty: all */
};
CODEC_FUNCTIONS(alpn_challenge_end);

/* WEB_CERTIFICATE: a client that asks for one of its names gets this one, from
 * the next handshake on; connections that are there stay.  It replaces the one
 * with that id.  RC_SYNTAX, RC_PERM: it cannot be used, and the one before
 * stays. */
struct web_certificate {
	struct sv id;		     /* the sender's own name for it */
	struct sv cert_pem, key_pem; /* leaf first; empty: forget that id */
};
CODEC_FUNCTIONS(web_certificate);

#endif
