/*
 * The answering side of lines: who asks (clients), and what they have asked
 * (requests), which may be answered long after its client is gone.
 *
 * A module's own client begins with a struct ipc_client, its own request has a
 * struct ipc_request in it:
 *
 *   struct client {
 *           struct ipc_client ipc;
 *           bool may_sign;
 *   };
 *   struct login {
 *           struct ipc_request request;
 *           ...
 *   };
 *
 * Everything runs in the loop's thread.
 */
#ifndef IPC_SERVER_H
#define IPC_SERVER_H

#include "ipc/line.h"

struct ipc_server;

/* Lives until its line is gone and no request names it any more. */
struct ipc_client {
	struct ipc_server *server;
	void *arg;	   /* the server's */
	struct line *line; /* NULL: it is gone */
	unsigned open;	   /* requests of it */
	struct ipc_client *next;
};

struct ipc_request {
	struct ipc_client *client;
	uint32_t id;
	bool answered;
};

struct ipc_server_ops {
	size_t client_size; /* of the module's own struct */
	/* A message; the client may be cut in it. */
	void (*msg)(struct ipc_client *c, struct msg *m);
	/* May be NULL: its line is gone, and what the module has for it can go;
	 * the struct itself may live on for its requests. */
	void (*gone)(struct ipc_client *c);
};

/* ops must outlive it; arg is for its clients. */
struct ipc_server *ipc_server_new(
    struct ev_loop *loop, const struct ipc_server_ops *ops, void *arg);
/* Has none of its clients an open request? */
bool ipc_server_is_idle(const struct ipc_server *s);
/* Cuts all clients.  Their requests must have ended. */
void ipc_server_free(struct ipc_server **s);
/* Takes the line's end; the client is zeroed but for its beginning. */
struct ipc_client *ipc_server_add(struct ipc_server *s, int fd);
/* All clients, by way of next; those whose line is NULL are gone. */
struct ipc_client *ipc_server_clients(const struct ipc_server *s);

/* Its line ends here, as if it had; c may be freed. */
void ipc_client_cut(struct ipc_client *c);
/* A message that is not an answer, if it is there still.  Consumes m. */
void ipc_client_tell(struct ipc_client *c, struct msg *m);
/* The answer to a message that comes before the next one is read, without a
 * request.  Consumes m. */
void ipc_client_answer(struct ipc_client *c, uint32_t id, struct msg *m);

/* ---- requests: begun, answered once or never, ended ---- */

/* m is the message that asks. */
void ipc_request_begin(
    struct ipc_request *r, struct ipc_client *c, const struct msg *m);
/* Does anybody still wait for the answer? */
bool ipc_request_is_awaited(const struct ipc_request *r);
/* Consumes m, which becomes the reply; it is dropped if the client is gone.  A
 * second answer is a bug. */
void ipc_request_answer(struct ipc_request *r, struct msg *m);
/* It costs nothing any more: the client has one less, and may be freed. */
void ipc_request_end(struct ipc_request *r);

#endif
