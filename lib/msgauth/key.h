/*
 * DKIM keys: a domain has a pair, RSA with 2048 bits, which everybody checks
 * [RFC 6376 3.3], and Ed25519, which is smaller and younger [RFC 8463].  A
 * message gets a signature with each; who knows one of them is content.
 *
 * A pair is one text, so that both are there or none:
 *
 *   hearthmail dkim 1
 *   selector hm-rsa-202611-k7fq
 *   -----BEGIN PRIVATE KEY-----
 *   ...
 *   selector hm-ed-202611-k7fq
 *   -----BEGIN PRIVATE KEY-----
 *   ...
 *
 * Selectors carry the month in which the pair was made and something random:
 * two pairs never have the same names, even if a backup is restored that does
 * not know of the second.  Who has looked one up may remember its record for a
 * day.
 */
#ifndef MSGAUTH_KEY_H
#define MSGAUTH_KEY_H

#include <stdint.h>

#include "base/buf.h"

enum dkim_algorithm {
	DKIM_RSA,
	DKIM_ED25519,
	DKIM_ALGORITHMS /* how many */
};

#define DKIM_HASH	   32 /* SHA-256 */
#define DKIM_SIGNATURE_MAX 512
#define DKIM_SELECTOR_MAX  64
#define DKIM_PAIR_MAX	   16384 /* bytes of the text */

struct dkim_key;

struct dkim_pair {
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
	struct dkim_key *key[DKIM_ALGORITHMS];
};

/* Loads what OpenSSL loads lazily: before a sandbox. */
void dkim_key_setup(void);

/* Makes a pair: slow, a tenth of a second and now and then a whole one.
 * now: seconds. */
int dkim_pair_make(
    int64_t now, struct dkim_pair *out, struct err *err) RC_USE_RESULT;
int dkim_pair_read(
    struct sv text, struct dkim_pair *out, struct err *err) RC_USE_RESULT;
/* The text; the caller wipes it. */
int dkim_pair_write(const struct dkim_pair *p, struct buf *out) RC_USE_RESULT;
void dkim_pair_fini(struct dkim_pair *p);

/* The same without the first line; and of a pair whose keys are gone just the
 * lines of its selectors.  All of the text, or RC_DAMAGED, or false. */
int dkim_pair_read_body(struct sv text, struct dkim_pair *out) RC_USE_RESULT;
int dkim_pair_write_body(
    const struct dkim_pair *p, struct buf *out) RC_USE_RESULT;
bool dkim_pair_read_names(struct sv text, struct dkim_pair *out);

/* Letters, digits and hyphens. */
bool dkim_selector_valid(struct sv s);
/* Exactly as dkim_pair_make makes or has made them: nothing else fits in. */
bool dkim_selector_is_made(struct sv s);

/* Appends the signature of a SHA-256 hash. */
int dkim_key_sign(const struct dkim_key *k, const uint8_t hash[DKIM_HASH],
    struct buf *out) RC_USE_RESULT;
/* Appends the text of the TXT record: "v=DKIM1; k=rsa; p=...". */
int dkim_key_record(const struct dkim_key *k, struct buf *out) RC_USE_RESULT;

#endif
