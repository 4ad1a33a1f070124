/*
 * What only OpenSSL knows of certificates, asked by the supervisor in a process
 * that ends with the answer: what it loads and keeps would take a megabyte of
 * memory for as long as the server runs, and the supervisor itself reads no
 * certificate then, only bytes.
 */
#ifndef CMD_SUPERVISOR_TLS_ASIDE_H
#define CMD_SUPERVISOR_TLS_ASIDE_H

#include "base/buf.h"
#include "net/tls.h"

/* Would tls_ctx_new() take them? */
int tls_aside_fit(
    struct sv cert_pem, struct sv key_pem, struct err *err) RC_USE_RESULT;
/* As tls_cert_info() and tls_self_signed(). */
int tls_aside_info(struct sv cert_pem, struct tls_cert_info *out,
    struct err *err) RC_USE_RESULT;
int tls_aside_self_signed(const char *hostname, struct buf *cert_out,
    struct buf *key_out, struct err *err) RC_USE_RESULT;

#endif
