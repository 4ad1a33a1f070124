/*
 * The auth process without its process: who may log in.
 *
 * A login is answered at once if it is an app password or one that succeeded
 * lately (a keyed hash of name and password, in memory only); only what is left
 * costs an Argon2id hash, made by at most two threads, so that memory is
 * bounded.
 *
 * Guessers are slowed, nobody is locked out: how many hashes a network and a
 * name may cost is auth/memory.h's.  What waits for a hash is bounded, 64 each
 * of known networks and of strangers for each door, and served in turn: by
 * door, by network, by host, by name, strangers at every fourth turn at least.
 * Where it is full, who has most waiting gives way.
 *
 * A wrong password and a name that nobody has are told alike, in words and in
 * time: after a time from the login's arrival that grows with the failures.
 */
#ifndef AUTH_SERVER_H
#define AUTH_SERVER_H

#include "auth/credentials.h"
#include "auth/memory.h"
#include "base/ev.h"
#include "conf/conf.h"

struct auth_server;

struct auth_login {
	struct sv sasl;	    /* PLAIN: authzid NUL authcid NUL password */
	const char *peer;   /* numeric address */
	unsigned door;	    /* who says so: see auth_who */
	struct sv browser;  /* of AUTH_BROWSER bytes, if it is known to the
			       account, else empty */
	bool only_password; /* app passwords do not count */
	/* A second factor is still to come: nobody has logged in yet, and its
	 * network is not known by that. */
	bool more;
};

#define AUTH_BROWSER 8

struct auth_result {
	int rc; /* RC_OK, RC_DENIED, RC_TEMP */
	uint32_t account;
	uint64_t credential; /* 1: the password, else an app password's id */
	const char *text;
};

#define AUTH_CREDENTIAL_PASSWORD 1

/* path: the credentials file, read now. */
int auth_server_new(struct ev_loop *loop, const char *path, struct conf *conf,
    struct auth_server **out, struct err *err) RC_USE_RESULT;
void auth_server_free(struct auth_server **s);
/* Reads what earlier processes knew of devices and saves it from time to
 * time; path must stay valid. */
void auth_server_remember(struct auth_server *s, const char *path);
/* Starts the two hashing threads: after the sandbox. */
void auth_server_start(struct auth_server *s);
/* Takes a reference of its own. */
void auth_server_set_conf(struct auth_server *s, struct conf *conf);

typedef void auth_done_fn(const struct auth_result *r, void *arg);
/* done is called exactly once, in the loop's thread, maybe before the call
 * returns.  The message is copied and wiped inside. */
void auth_server_login(struct auth_server *s, const struct auth_login *l,
    auth_done_fn *done, void *arg);

/* Behind a second factor: somebody has logged in from there. */
void auth_server_note_login(
    struct auth_server *s, unsigned door, const char *peer);
/* For what else is tried: see auth/memory.h. */
struct auth_memory *auth_server_memory(struct auth_server *s);
/* Has anybody logged in from the peer's network before? */
bool auth_server_knows(const struct auth_server *s, const char *peer);
/* Hashes made so far. */
unsigned auth_server_hashes(const struct auth_server *s);

/* ---- changes, flushed before they return ---- */

/* weak: the owner insists on a password that is refused otherwise. */
int auth_server_passwd(struct auth_server *s, struct sv account,
    struct sv password, bool weak, struct err *err) RC_USE_RESULT;
int auth_server_app_add(struct auth_server *s, struct sv account,
    struct sv label, struct buf *password_out, struct err *err) RC_USE_RESULT;
int auth_server_app_revoke(struct auth_server *s, struct sv account,
    struct sv label, uint64_t *id_out, struct err *err) RC_USE_RESULT;
/* NULL: off.  codes: those that are left. */
int auth_server_set_second(struct auth_server *s, struct sv account,
    const struct credentials_totp *t, const struct credentials_codes *codes,
    struct err *err) RC_USE_RESULT;
const struct credentials *auth_server_credentials(struct auth_server *s);

#endif
