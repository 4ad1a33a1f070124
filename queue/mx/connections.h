/*
 * Connections that have worked and wait for the next message to the same place:
 * three seconds, and 64 of them at most.
 */
#ifndef QUEUE_MX_CONNECTIONS_H
#define QUEUE_MX_CONNECTIONS_H

#include "base/ev.h"
#include "ipc/msg_mx.h"
#include "queue/mx/client.h"

/* A place is a name and all that makes a connection nobody else's. */
#define CONNECTIONS_KEY_MAX (DNS_NAME_MAX + MX_USER_MAX + 32)

struct connections;

struct connections *connections_new(struct ev_loop *loop);
/* Closes those that wait.  The object stays: threads that still speak may bring
 * others back, until the process ends. */
void connections_end(struct connections *s);

/* One to that place that is still alive, or NULL; the caller's.  From any
 * thread. */
struct client *connections_take(struct connections *s, const char *key);
/* Takes c, which is closed if there are too many, or if it has had enough
 * messages.  From any thread. */
void connections_put(struct connections *s, const char *key, struct client *c);

#endif
