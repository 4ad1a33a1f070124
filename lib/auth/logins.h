/*
 * Who has logged in to which account within 30 days, from where and with what:
 * so that people see what was not them.  A row for each day, service, address
 * and client, a hundred for an account, the oldest gives way; text of one line
 * each in a file that is written anew:
 *
 *   hearthmail logins 1
 *   ACCOUNT FIRST LAST COUNT SERVICE ADDRESS CLIENT
 *
 * with times in seconds; CLIENT is the rest of the line.  A file that cannot be
 * read is as none.
 */
#ifndef AUTH_LOGINS_H
#define AUTH_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"

#define LOGINS_OF_ACCOUNT 100
#define LOGINS_DAYS	  30
#define LOGIN_SERVICE_MAX 16
#define LOGIN_PEER_MAX	  64
#define LOGIN_CLIENT_MAX  200

struct auth_login_row {
	int64_t first, last; /* seconds since 1970 */
	uint32_t count;
	char service[LOGIN_SERVICE_MAX]; /* "imaps", "web" */
	char peer[LOGIN_PEER_MAX];
	/* A device's label, a browser's name of itself, or empty: the
	 * account's password.  Longer ones are cut. */
	char client[LOGIN_CLIENT_MAX];
};

struct auth_logins;

struct auth_logins *auth_logins_new(void);
void auth_logins_free(struct auth_logins **l);
/*
 * now: seconds since 1970.  Rows become too old by the time that is believed
 * (base/believed.h), which is kept in the file, too: a clock that has leapt
 * ahead forgets nobody.
 */
void auth_logins_load(struct auth_logins *l, const char *path, int64_t now);
/* If there is something new. */
void auth_logins_save(struct auth_logins *l, const char *path, int64_t now);
void auth_logins_note(struct auth_logins *l, struct sv account,
    const char *service, const char *peer, struct sv client, int64_t now);
/* Forgets accounts that are not in the configuration any more. */
void auth_logins_set_conf(struct auth_logins *l, const struct conf *c);
/* The newest first. */
typedef void auth_login_fn(const struct auth_login_row *r, void *arg);
void auth_logins_each(struct auth_logins *l, struct sv account, int64_t now,
    auth_login_fn *fn, void *arg);

#endif
