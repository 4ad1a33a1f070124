/*
 * Signing a message [RFC 6376, 8463]: which fields, the DKIM-Signature field,
 * the hashes.  No keys here (see key.h): who composes a signature and who holds
 * the key are two processes.
 *
 *   dkim_header_choose(header, &names, &canon);
 *   body = dkim_hash_new(); dkim_hash_feed(body, ...); dkim_hash_end(body, bh);
 *   for each key:
 *           dkim_signature_begin(&s, &field);
 *           dkim_signature_hash(canon, field, hash);
 *           ... the hash is signed elsewhere ...
 *           dkim_signature_end(signature, &field);
 */
#ifndef MSGAUTH_DKIM_H
#define MSGAUTH_DKIM_H

#include "mail/field.h"
#include "msgauth/key.h"

/*
 * Appends to *names the value of h=, and to *canon the canonical form of the
 * fields that it names.
 *
 * Signed is what people and programs read of a header.  A name is in h= once
 * more than there are such fields where one that is added later would change
 * who is shown to have written what: From, To, Subject, Date, Message-ID, and
 * the three that say how the body is to be read [RFC 6376 8.15].  Not so for
 * what mailing lists and other hosts add to honest mail [RFC 6376 5.4]:
 * Reply-To, Cc, Sender, In-Reply-To, References, and the two List-Unsubscribe
 * fields, which must be signed where they are [RFC 8058 4].  That somebody may
 * add a Reply-To to a message that has none is the price; a policy of p=reject
 * whose mail every list breaks is the other one.  Of a field that is there more
 * than DKIM_REPEAT_MAX times only the last ones are signed.
 */
#define DKIM_REPEAT_MAX 8
void dkim_header_choose(struct sv header, struct buf *names, struct buf *canon);

struct dkim_signature {
	enum dkim_algorithm algorithm;
	struct sv domain, selector;
	int64_t time;		  /* seconds */
	struct sv names;	  /* the value of h= */
	const uint8_t *body_hash; /* DKIM_HASH bytes */
};

/* The field up to "b=", lines of at most 76 bytes where names allow it. */
void dkim_signature_begin(const struct dkim_signature *s, struct buf *out);
/* Its end alone, from h= on: for other fields that are made so. */
void dkim_signature_tail(
    struct sv names, const uint8_t body_hash[DKIM_HASH], struct buf *out);
/* What is to be signed: the hash of the chosen fields and of the signature
 * field itself, as dkim_signature_begin has made it. */
int dkim_signature_hash(
    struct sv canon, struct sv field, uint8_t out[DKIM_HASH]) RC_USE_RESULT;
/* The signature and the field's end. */
void dkim_signature_end(struct sv signature, struct buf *out);

/* ---- the body's hash, as it streams by ---- */

struct dkim_hash;
struct dkim_hash *dkim_hash_new(void);
void dkim_hash_free(struct dkim_hash **h);
void dkim_hash_feed(struct dkim_hash *h, struct sv bytes);
/* Once, at the end. */
int dkim_hash_end(struct dkim_hash *h, uint8_t out[DKIM_HASH]) RC_USE_RESULT;

#endif
