/*
 * The certificates that a listener shows, with their keys, in one sealed file
 * that the supervisor gives it: first the server's own, for all who ask for
 * none or for a name that none of the others has; then those of domains.
 */
#ifndef CMD_RUN_CERTS_H
#define CMD_RUN_CERTS_H

#include "base/buf.h"

#define CERTS_FILE_MAX (1 << 20) /* a certificate's file, a key's */
#define CERTS_MAX      (64u << 20)

/* Ids of certificates in lib/net/sni.h: of a domain's files, and of what the
 * process acme has got for it. */
#define CERT_ID_FILES "files."
#define CERT_ID_ACME  "domain."
#define CERT_ID_MAX   300

struct certs_one {
	struct sv domain;    /* "": the server's own */
	struct sv cert, key; /* PEM */
};

void certs_put(struct buf *out, const struct certs_one *c);
/* Takes one off; false: there are no more. */
bool certs_next(struct sv *rest, struct certs_one *out);
/* All of such a file; *out (inited here) is to be wiped. */
int certs_read(int fd, struct buf *out, struct err *err) RC_USE_RESULT;

#endif
