/*
 * Signing in on the web, and what web asks for somebody who has: auth's side of
 * ipc/msg_page.h.  Who may see a page is decided here, what is on it elsewhere:
 * the page's line is handed on, to the account by way of the keeper, or to
 * admin.
 */
#ifndef AUTH_WEB_DOOR_H
#define AUTH_WEB_DOOR_H

#include "auth/devices.h"
#include "auth/server.h"
#include "conf/conf.h"
#include "ipc/line.h"
#include "ipc/server.h"

struct web_door;

/* Of the auth service, whose they are; all outlive it. */
struct web_door_opts {
	struct ev_loop *loop;
	struct auth_server *server;
	struct auth_devices *devices;
	struct peer *keeper;
	unsigned door; /* see auth_who */
	/* What admin asks for on its line; with arg. */
	line_msg_fn *on_admin;
	/* Ends what was opened with a credential of the account. */
	void (*kick)(void *arg, struct sv account, uint64_t credential);
	void *arg;
};

/* Takes a reference to conf. */
struct web_door *web_door_new(const struct web_door_opts *o, struct conf *conf);
void web_door_free(struct web_door **d);
void web_door_set_conf(struct web_door *d, struct conf *conf);

/* The line to admin; takes fd.  wake is called when there is something for
 * admin and no line. */
void web_door_set_admin(struct web_door *d, int fd);
void web_door_set_wake(struct web_door *d, void (*wake)(void *arg), void *arg);

/* A message of web's; false: it is none of these. */
bool web_door_msg(struct web_door *d, struct ipc_client *c, struct msg *m);

/* The password was changed elsewhere, or may be known to others: all sessions
 * of the account end. */
void web_door_end_account(struct web_door *d, struct sv account);
/* For the owner of the machine: appends a link's token (auth/visits.h). */
void web_door_link(struct web_door *d, struct buf *token_out);

#endif
