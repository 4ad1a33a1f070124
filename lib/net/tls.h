/*
 * TLS: certificates, keys and the settings of OpenSSL that all
 * listeners share, and the client's side.  TLS 1.2 and 1.3 only, no
 * renegotiation, the server's order of ciphers, stateless tickets, buffers
 * released while a connection rests [RFC 8314, 9325].
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdint.h>

#include "base/buf.h"

/* Whose signatures count on a stranger's certificate: Debian's
 * ca-certificates. */
#define TLS_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct tls_ctx;
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

/*
 * From PEM text: a certificate chain, leaf first, and its key.  Errors name
 * what does not fit: no certificate, no key, a key of another certificate.
 * The key's text may be wiped afterwards.
 */
int tls_ctx_new(struct sv cert_pem, struct sv key_pem, struct tls_ctx **out,
    struct err *err) RC_USE_RESULT;
void tls_ctx_free(struct tls_ctx **ctx);
/* Its context, which stays its. */
SSL_CTX *tls_ctx_openssl(struct tls_ctx *ctx);
/* Does its certificate name that host, as tls_cert_is_for, or that address? */
bool tls_ctx_is_for(struct tls_ctx *ctx, const char *host);
/* A new server connection of this context, to be freed with SSL_free.  A peer
 * that asks for new keys again and again is taken as one that has said
 * goodbye; the message callback counts that and is not for others. */
SSL *tls_ssl_new(struct tls_ctx *ctx);

/* ---- as a client ---- */

struct tls_client;

/* Where Debian has those whose signatures count. */
#define TLS_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* ca_pem: whose signatures count when a certificate is to be verified; may be
 * empty: then none does. */
int tls_client_new(
    struct sv ca_pem, struct tls_client **out, struct err *err) RC_USE_RESULT;
void tls_client_free(struct tls_client **c);
/* What is asked of the other side. */
enum tls_demand {
	/* Nothing: else it would be spoken to in the clear, and short keys and
	 * old hashes are better than that [RFC 7435 3]. */
	TLS_ANY,
	TLS_STRONG, /* keys and hashes of today, whosever they are */
	/* The handshake fails unless the certificate is good and the host's
	 * [RFC 6125]. */
	TLS_VERIFIED
};

/* A new client connection to that host (also for SNI [RFC 6066 3]). */
SSL *tls_client_ssl(
    struct tls_client *c, const char *host, enum tls_demand demand);

struct tls_cert_info {
	int64_t not_before, not_after; /* seconds since 1970 */
	char subject[128];	       /* for people */
	char names[256]; /* DNS names, separated by spaces, maybe cut */
	char sha256[65]; /* fingerprint in hex */
	bool self_signed;
};
/* The first certificate names that host, or a wildcard that covers it, where
 * mail programs look: in its subjectAltName [RFC 9525 2]. */
bool tls_cert_is_for(struct sv cert_pem, const char *host);
int tls_cert_info(struct sv cert_pem, struct tls_cert_info *out,
    struct err *err) RC_USE_RESULT;

/* A fresh P-256 key and a self-signed certificate for that name and the
 * loopback, ten years, as PEM.  key_out should have room for 4 KiB and is to be
 * wiped. */
int tls_self_signed(const char *hostname, struct buf *cert_out,
    struct buf *key_out, struct err *err) RC_USE_RESULT;

/* Loads what OpenSSL otherwise loads lazily from disk or by name: before the
 * sandbox. */
void tls_library_setup(void);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256". */
void tls_describe(SSL *ssl, char *out, size_t n);
/* Text of the newest error in OpenSSL's queue, which is emptied. */
const char *tls_error_text(char *out, size_t n);

#endif
