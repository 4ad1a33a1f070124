/*
 * What is needed to sign a message that is being submitted [RFC 6376]: of its
 * header the chosen fields, of its body the hash, gathered while it comes in.
 * The keys are elsewhere (see smtp_ops.sign).
 */
#ifndef SMTP_SIGN_H
#define SMTP_SIGN_H

#include "base/buf.h"
#include "msgauth/dkim.h"

struct smtp_signing {
	struct dkim_hash *body;
	struct buf names, canon; /* as of dkim_header_choose */
	struct buf domains; /* of the From addresses, a blank behind each */
	uint8_t body_hash[DKIM_HASH];
};

void smtp_signing_init(struct smtp_signing *g);
void smtp_signing_fini(struct smtp_signing *g);
/* The header as it will leave, without the trace fields in front. */
void smtp_signing_header(struct smtp_signing *g, struct sv header);
/* What comes behind the empty line, in pieces of any size. */
void smtp_signing_body(struct smtp_signing *g, struct sv bytes);
/* The message is over; RC_TEMP: it cannot be signed. */
int smtp_signing_end(struct smtp_signing *g) RC_USE_RESULT;

#endif
