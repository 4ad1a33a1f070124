/*
 * The credentials: one text file, at most some hundred lines, written anew,
 * flushed and renamed at each change.
 *
 *   hearthmail credentials 1
 *   password anna $argon2id$v=19$m=...        Argon2id of the password
 *   app anna 5f1c... 1732451803 <hash> phone  app password: id, made at
 *                                             (seconds), SHA-256, label (UTF-8)
 *   totp anna 3132... 55555555                second factor: secret, last step
 *                                             that was used (auth/totp.h)
 *   recovery anna <hash>                      SHA-256 of a code that stands in
 *                                             for it once
 *
 * App passwords are 120 random bits, so a fast hash keeps them safe and no
 * guessing is possible; people's passwords get Argon2id.  Secrets given to
 * these functions stay the caller's to wipe.
 */
#ifndef AUTH_CREDENTIALS_H
#define AUTH_CREDENTIALS_H

#include <stdint.h>

#include "base/buf.h"

struct credentials;

/* The cost of one password hash: 32 MiB, 3 passes, about 60 ms on a small
 * server [RFC 9106 4 asks for at least this order]. */
#define AUTH_HASH_MEMORY (32u << 20)
#define AUTH_HASH_PASSES 3

/* A missing file is the empty set. */
int credentials_load(
    const char *path, struct credentials **out, struct err *err) RC_USE_RESULT;
int credentials_save(const struct credentials *c, const char *path,
    struct err *err) RC_USE_RESULT;
void credentials_free(struct credentials **c);

/* RC_DENIED with a reason if the password is trivially weak: shorter than 8,
 * the account's name in it, one repeated character, a row of the keyboard, or
 * one of the most used ones. */
int credentials_check_strength(
    struct sv account, struct sv password, struct err *err) RC_USE_RESULT;
/* Hashes (slow) and sets. */
int credentials_set_password(struct credentials *c, struct sv account,
    struct sv password, struct err *err) RC_USE_RESULT;
/* As above with a hash made before by credentials_hash(); NULL: none. */
void credentials_set_hash(
    struct credentials *c, struct sv account, const char *hash);
#define CREDENTIALS_HASH_MAX 128
int credentials_hash(
    struct sv password, char out[CREDENTIALS_HASH_MAX]) RC_USE_RESULT;
/* The Argon2id string, or NULL: no password.  Valid until the next change. */
const char *credentials_password_hash(
    const struct credentials *c, struct sv account);
/* Slow, thread-safe, needs AUTH_HASH_MEMORY.  hash NULL does the same work
 * and fails, so that an unknown account takes as long as a known one. */
bool credentials_verify(const char *hash, struct sv password);

/* Makes an app password and returns it in *password_out (24 letters and
 * digits in groups, to be shown once).  RC_EXISTS: that label is there. */
int credentials_app_add(struct credentials *c, struct sv account,
    struct sv label, struct buf *password_out, struct err *err) RC_USE_RESULT;
int credentials_app_revoke(struct credentials *c, struct sv account,
    struct sv label, uint64_t *id_out) RC_USE_RESULT; /* RC_NOTFOUND */
/* One line for each: label, date. */
void credentials_app_list(
    const struct credentials *c, struct sv account, struct buf *out);
/* Fast.  The id of the app password that this is, 0 if it is none. */
uint64_t credentials_app_match(
    const struct credentials *c, struct sv account, struct sv password);
struct credentials_app {
	const char *label;
	uint64_t id, made; /* made: seconds since 1970 */
};
typedef void credentials_app_fn(const struct credentials_app *a, void *arg);
void credentials_app_each(const struct credentials *c, struct sv account,
    credentials_app_fn *fn, void *arg);
/* Has any account one of that id? */
bool credentials_app_has(const struct credentials *c, uint64_t id);
unsigned credentials_app_count(const struct credentials *c, struct sv account);

/* ---- the second factor, on the web ---- */

#define CREDENTIALS_SECRET   20 /* TOTP_SECRET */
#define CREDENTIALS_RECOVERY 10 /* codes */

struct credentials_totp {
	unsigned char secret[CREDENTIALS_SECRET];
	uint64_t last; /* step that was used */
};

/* false: it is off. */
bool credentials_totp(const struct credentials *c, struct sv account,
    struct credentials_totp *out);
/* NULL: off, and the recovery codes are gone, too. */
void credentials_set_totp(
    struct credentials *c, struct sv account, const struct credentials_totp *t);

struct credentials_codes {
	unsigned n;
	unsigned char hash[CREDENTIALS_RECOVERY][32];
};

void credentials_recovery(const struct credentials *c, struct sv account,
    struct credentials_codes *out);
void credentials_set_recovery(struct credentials *c, struct sv account,
    const struct credentials_codes *codes);
/* Ten new ones of 80 random bits each, appended to *text, one in each line. */
void credentials_make_codes(struct credentials_codes *out, struct buf *text);
/* Takes it out; false: it is none of them.  Case and separators do not
 * matter. */
bool credentials_take_code(struct credentials_codes *codes, struct sv code);

#endif
