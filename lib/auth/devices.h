/*
 * Devices: app passwords, when each was last used, and the links by which a
 * phone takes its profile.
 */
#ifndef AUTH_DEVICES_H
#define AUTH_DEVICES_H

#include "auth/server.h"
#include "ipc/msg_auth.h"

struct auth_devices;

/* Reads ./uses, and writes it once a minute if there is something new. */
struct auth_devices *auth_devices_new(
    struct ev_loop *loop, struct auth_server *server);
void auth_devices_free(struct auth_devices **d);

/* An app password was used. */
void auth_devices_note(
    struct auth_devices *d, uint64_t id, const char *service, const char *peer);
/* Makes a password, flushed before it returns, and a link where there is https;
 * without it *token_out stays empty, and nothing keeps the password. */
int auth_devices_add(struct auth_devices *d, const struct conf *conf,
    const struct device_order *o, struct buf *token_out,
    struct buf *password_out, struct err *err) RC_USE_RESULT;
/* Lines of auth/uses.h. */
void auth_devices_list(
    struct auth_devices *d, struct sv account, struct buf *out);
/* It is revoked. */
void auth_devices_forget(
    struct auth_devices *d, struct sv account, struct sv label);
/* AUTH_LINK: m is the question; fills the answer. */
void auth_devices_link(struct auth_devices *d, const struct conf *conf,
    struct msg *m, struct msg *answer);

#endif
