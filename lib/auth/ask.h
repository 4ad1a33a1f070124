/*
 * Asking auth for DKIM signatures: what submission and the queue put into
 * AUTH_SIGN, and what they make of the answer.  Keys are auth's alone, and so
 * is the knowledge of which are in force: who does not know their selectors
 * asks without hashes first, and is told.
 */
#ifndef AUTH_ASK_H
#define AUTH_ASK_H

#include "ipc/msg.h"
#include "msgauth/dkim.h"

/* The pair of keys in force, as auth says, and the fields they make. */
struct auth_pair {
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX]; /* "": unknown */
	struct buf field[DKIM_ALGORITHMS];
};

/* What of a message is signed, as msgauth/dkim.h has it. */
struct auth_signed {
	struct sv names, canon;
	const uint8_t *body_hash; /* DKIM_HASH bytes */
};

void auth_pair_init(struct auth_pair *p);
void auth_pair_fini(struct auth_pair *p);
/* The question, into a fresh *m; it is the caller's to send.  now: seconds. */
int auth_pair_ask(struct auth_pair *p, const char *domain,
    const struct auth_signed *what, int64_t now, struct msg *m) RC_USE_RESULT;
/*
 * The answer.  RC_OK: the fields are whole; RC_NOTFOUND: now the selectors are
 * known, ask again; RC_DENIED: the domain is not served here; RC_TEMP.
 */
int auth_pair_take(struct auth_pair *p, struct msg *reply) RC_USE_RESULT;

/* ---- one signature, of a hash that the caller has ---- */

#define AUTH_SIGNATURE_MAX 4096

/* By the domain's RSA key.  Once its selectors are known. */
struct auth_one {
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
	struct buf signature; /* the caller's to make: AUTH_SIGNATURE_MAX */
};

/* hash: DKIM_HASH bytes, or NULL: which selectors are in force?  Into a fresh
 * *m, as above. */
void auth_one_ask(
    struct auth_one *k, const char *domain, const uint8_t *hash, struct msg *m);
/* As auth_pair_take. */
int auth_one_take(struct auth_one *k, struct msg *reply) RC_USE_RESULT;

#endif
