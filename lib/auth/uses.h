/*
 * When, from where and with what each app password was last used: so that the
 * owner sees which device is which, and which is gone.  Text of one line each,
 * "ID SECONDS SERVICE ADDRESS", in a file that is written anew; one that cannot
 * be read is as none.
 */
#ifndef AUTH_USES_H
#define AUTH_USES_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/sv.h"

#define USE_SERVICE_MAX 16
#define USE_PEER_MAX	64

struct auth_use {
	uint64_t id;		       /* of the app password */
	int64_t when;		       /* seconds since 1970 */
	char service[USE_SERVICE_MAX]; /* "imaps" */
	char peer[USE_PEER_MAX];       /* numeric address */
};

struct auth_uses;

struct auth_uses *auth_uses_new(void);
void auth_uses_free(struct auth_uses **u);
void auth_uses_load(struct auth_uses *u, const char *path);
/* If there is something new; what has no password any more is left out. */
void auth_uses_save(
    struct auth_uses *u, const char *path, const struct credentials *c);

void auth_uses_note(
    struct auth_uses *u, uint64_t id, const char *service, const char *peer);
/* NULL: never. */
const struct auth_use *auth_uses_find(const struct auth_uses *u, uint64_t id);

/* The app passwords of an account, one line each: "MADE USED SERVICE ADDRESS
 * LABEL", times in seconds; "0 - -" where one was never used. */
void auth_uses_list(const struct auth_uses *u, const struct credentials *c,
    struct sv account, struct buf *out);

#endif
