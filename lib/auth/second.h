/*
 * The second factor of an account: a code of a phone, or one of the recovery
 * codes in its place.  What has been used is on the disk before it counts.
 */
#ifndef AUTH_SECOND_H
#define AUTH_SECOND_H

#include "auth/server.h"

bool auth_second_is_on(struct auth_server *s, struct sv account);
unsigned auth_second_recovery_left(struct auth_server *s, struct sv account);

/* w: who tries; its `code` is set here.  RC_OK; RC_DENIED: wrong; RC_TEMP: too
 * many were, or it cannot be written down.  err has the sentence. */
int auth_second_check(struct auth_server *s, struct sv account, struct sv code,
    const struct auth_who *w, struct err *err) RC_USE_RESULT;

/* Turns it on if the code is one of the secret, which uses it up; appends the
 * recovery codes, one in each line. */
int auth_second_begin(struct auth_server *s, struct sv account,
    const unsigned char secret[CREDENTIALS_SECRET], struct sv code,
    const struct auth_who *w, struct buf *codes_out,
    struct err *err) RC_USE_RESULT;
/* Also where it is off already. */
int auth_second_end(
    struct auth_server *s, struct sv account, struct err *err) RC_USE_RESULT;
/* New recovery codes; RC_NOTFOUND: it is off. */
int auth_second_renew(struct auth_server *s, struct sv account,
    struct buf *codes_out, struct err *err) RC_USE_RESULT;

#endif
