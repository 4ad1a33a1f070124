/*
 * The IMAP, POP3 and HTTP listeners: event loops, one thread per core, that
 * greet, shake hands, speak the front half of the protocol, ask auth, and
 * afterwards only carry bytes between TLS and the account's process.
 *
 * A connection at rest costs its struct and OpenSSL's state, no buffers: what
 * flows uses two buffers of its loop; a connection has a buffer of its own
 * only while a peer does not take what it was sent, and is not read from
 * meanwhile.
 */
#ifndef FRONT_LISTENER_H
#define FRONT_LISTENER_H

#include "conf/conf.h"
#include "front/front.h"
#include "ipc/line.h"
#include "net/tls.h"

struct listener;

struct listener_opts {
	const struct front_proto *proto;
	struct tls_ctx *tls;
	const char *hostname;
	unsigned threads;
	/* At most, of all threads: so many sessions, and beside them as many
	 * that have not logged in. */
	uint32_t connections;
	uint32_t connections_per_peer; /* of one address (/64) */
	bool limit_loopback;
	struct peer *auth; /* asked with AUTH_LOGIN */
	void *arg;	   /* the protocol's, see front_opts */
};

struct listener *listener_new(const struct listener_opts *o);
/* Before listener_start.  Takes fd. */
void listener_add(struct listener *l, enum conf_service service, int fd);
/* Starts the threads: after the sandbox. */
void listener_start(struct listener *l);
/* Behind that, once: accepts clients. */
void listener_let_in(struct listener *l);
/* Calls alive(arg), in a loop's thread, when every loop has had its turn. */
void listener_alive(struct listener *l, void (*alive)(void *arg), void *arg);
/* Accepts no more; drained() is called (in a loop's thread) when the last
 * connection has ended.  At most ms milliseconds, then sessions get a BYE if
 * their protocol lets them have one now, and are closed. */
void listener_drain(
    struct listener *l, int64_t ms, void (*drained)(void *), void *arg);
/* Connections now. */
unsigned listener_count(struct listener *l);
/* Swaps the limits and the host name after a reload. */
void listener_set_limits(struct listener *l, uint32_t connections,
    uint32_t connections_per_peer, bool limit_loopback);

#endif
