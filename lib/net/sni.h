/*
 * Several certificates on one port: which of them a client gets is decided by
 * the name that it asks for (SNI) [RFC 6066 3].  Who asks for a name that none
 * of them has, or for none, gets the one that was there first: never an error,
 * which peers would take for the end of TLS.
 *
 * Certificates come and go while connections last: a handshake takes the one
 * that is there, and a connection keeps what its handshake took.
 *
 * Proofs of a name by TLS [RFC 8737] are shown to a client that offers
 * "acme-tls/1" and nothing else, to no other; and one that offers it and for
 * whose name there is no proof gets an alert, never a certificate.
 */
#ifndef NET_SNI_H
#define NET_SNI_H

#include "net/tls.h"

#define SNI_CERTIFICATES 1000
#define SNI_CHALLENGES	 64

struct sni;

/* first serves HTTP/1.1 from now on; must outlive it, and not be used behind
 * sni_free. */
struct sni *sni_new(struct tls_ctx *first);
/* For mail, where protocols are not chosen by ALPN and names are not proved. */
struct sni *sni_new_mail(struct tls_ctx *first);
void sni_free(struct sni **s);

/* All from any thread. */

/* Replaces the one with that id; as tls_ctx_new, or RC_TOOBIG. */
int sni_set(struct sni *s, struct sv id, struct sv cert_pem, struct sv key_pem,
    struct err *err) RC_USE_RESULT;
void sni_drop(struct sni *s, struct sv id);
/* From now on only ids that wanted() knows: others are dropped, and refused
 * with RC_DENIED.  It is called at once and in sni_set, and may not call
 * anything here. */
void sni_allow(
    struct sni *s, bool (*wanted)(void *arg, struct sv id), void *arg);
/* Has one of them that name? */
bool sni_is_for(struct sni *s, const char *host);
/* Calls fn with the certificate that a client gets for that name, which lives
 * until fn returns; fn may not call anything here. */
void sni_use(struct sni *s, const char *host,
    void (*fn)(struct tls_ctx *ctx, void *arg), void *arg);
/* The proof for a name, in lower case. */
int sni_challenge(struct sni *s, struct sv name, struct sv cert_pem,
    struct sv key_pem, struct err *err) RC_USE_RESULT;
/* Empty: all. */
void sni_challenge_end(struct sni *s, struct sv name);
/* After the handshake: it was for a proof, and there is nothing to say. */
bool sni_is_challenge(const SSL *ssl);

#endif
