/*
 * What the processes that listen on lib/front share: IMAP, POP3, HTTP.  Their
 * own state begins with a struct listening and is the child's arg; the
 * functions are for their struct child_ops.
 */
#ifndef CMD_RUN_LISTENER_H
#define CMD_RUN_LISTENER_H

#include "cmd/run/process.h"
#include "front/listener.h"

struct listening {
	struct child child;
	struct listener *listener; /* NULL until it serves */
};

void listening_conf(struct child *c);
void listening_drain(struct child *c, int64_t ms);
unsigned listening_status(struct child *c, struct buf *text);
void listening_let_in(struct child *c);
void listening_alive(struct child *c);

/* Between child_boot and child_enter: fills in what the configuration says. */
void listening_options(struct child *c, struct listener_opts *o);
/* Makes the listener, with all of the child's sockets, and serves until the
 * process is to end; returns the exit code. */
int listening_serve(struct listening *l, const struct listener_opts *o);

#endif
