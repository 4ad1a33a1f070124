/*
 * Devices: app passwords, when each was last used, and the links by which a
 * phone takes its profile; and who has logged in with what.
 */
#ifndef AUTH_DEVICES_H
#define AUTH_DEVICES_H

#include "auth/logins.h"
#include "auth/server.h"
#include "ipc/msg_auth.h"

struct auth_devices;

/* Reads ./uses and ./logins, and writes them once a minute if there is
 * something new. */
struct auth_devices *auth_devices_new(
    struct ev_loop *loop, struct auth_server *server);
void auth_devices_free(struct auth_devices **d);

void auth_devices_set_conf(struct auth_devices *d, const struct conf *conf);

/* Somebody has logged in, with the password or an app password's id; and on the
 * web. */
void auth_devices_note(struct auth_devices *d, struct sv account, uint64_t id,
    const char *service, const char *peer);
void auth_devices_note_web(struct auth_devices *d, struct sv account,
    const char *peer, struct sv agent);
void auth_devices_logins(
    struct auth_devices *d, struct sv account, auth_login_fn *fn, void *arg);
/* Makes a password, flushed before it returns, and a link where there is https;
 * without it *token_out stays empty, and nothing keeps the password. */
int auth_devices_add(struct auth_devices *d, const struct conf *conf,
    const struct device_order *o, struct buf *token_out,
    struct buf *password_out, struct err *err) RC_USE_RESULT;
/* Lines of auth/uses.h. */
void auth_devices_list(
    struct auth_devices *d, struct sv account, struct buf *out);
struct auth_device {
	const char *label;
	int64_t made, used;	    /* seconds since 1970; used 0: never */
	const char *service, *peer; /* of the last use, or "" */
};
typedef void auth_device_fn(const struct auth_device *a, void *arg);
void auth_devices_each(
    struct auth_devices *d, struct sv account, auth_device_fn *fn, void *arg);
/* It is revoked. */
void auth_devices_forget(
    struct auth_devices *d, struct sv account, struct sv label);
/* AUTH_LINK: m is the question; fills the answer. */
void auth_devices_link(struct auth_devices *d, const struct conf *conf,
    struct msg *m, struct msg *answer);

#endif
