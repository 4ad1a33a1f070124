/* What the auth process is asked for the owner. */
#ifndef CMD_COMMAND_AUTH_LINE_H
#define CMD_COMMAND_AUTH_LINE_H

#include "conf/conf.h"
#include "ipc/msg.h"

/* What the server or we ourselves answered. */
struct auth_said {
	int rc;
	struct buf text, secret;
};

void auth_said_init(struct auth_said *a);
void auth_said_fini(struct auth_said *a);

/* Asks the running server; RC_NOTFOUND: none runs; RC_DENIED: whether one does
 * is not for this user to know.  Consumes m. */
int auth_line_ask(const struct conf *conf, struct msg *m, struct auth_said *a,
    struct err *err) RC_USE_RESULT;
/* The same where a server must run and agree: an exit code, and says what is
 * wrong. */
int auth_line_need(const char *command, const struct conf *conf, struct msg *m,
    struct auth_said *a) RC_USE_RESULT;

#endif
