/*
 * SMTP [RFC 5321] on port 25 and submission [RFC 6409] on 587 and 465: one
 * thread a connection from banner to QUIT, bounded in number.
 *
 * When more than 80 % of the slots are taken, the connection with the least
 * progress gets a 421 and makes room; one network (/24, /64) holds at most a
 * tenth of the slots.  The loopback is not limited unless asked for.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdatomic.h>

#include "net/tls.h"
#include "smtp/ops.h"

struct smtp_limits {
	enum smtp_inbound inbound; /* where ops->inbound does not say */
	uint64_t message_size;
	uint32_t recipients;
	uint32_t connections;
	uint32_t connections_per_peer;
	uint32_t errors;
	uint32_t messages_per_hour;
	bool loopback;	 /* the peer limits hold there, too */
	uint64_t memory; /* of all messages in hand; above: 452 */
	uint64_t files;	 /* the same for those above 1 MiB */
	/* [RFC 5321 4.5.3.2], milliseconds */
	int64_t command_timeout, data_timeout;
	int64_t lookup_timeout; /* of one message [RFC 7208 4.6.4] */
};

#define SMTP_LIMITS_DEFAULT                              \
	((struct smtp_limits){.message_size = 50u << 20, \
	    .recipients = 100,                           \
	    .connections = 1000,                         \
	    .connections_per_peer = 20,                  \
	    .errors = 10,                                \
	    .messages_per_hour = 600,                    \
                                                         \
	    .memory = 128u << 20,                        \
	    .files = 2ull << 30,                         \
	    .command_timeout = 5 * 60 * 1000,            \
	    .data_timeout = 3 * 60 * 1000,               \
	    .lookup_timeout = 20 * 1000})

struct smtp_server;

struct smtp_server_opts {
	const char *hostname;
	bool submission;     /* AUTH required, header completed */
	struct tls_ctx *tls; /* NULL: none offered */
	struct smtp_limits limits;
	const struct smtp_ops *ops;
	void *ctx;
};

struct smtp_server *smtp_server_new(const struct smtp_server_opts *o);
/* Before start.  Takes fd; implicit_tls: port 465. */
void smtp_server_add(struct smtp_server *s, int fd, bool implicit_tls);
/* Starts the accepting threads: after the sandbox. */
void smtp_server_start(struct smtp_server *s);
/* Accepts no more; drained() is called, from any thread, when the last
 * connection has ended, at the latest after ms. */
void smtp_server_drain(
    struct smtp_server *s, int64_t ms, void (*drained)(void *), void *arg);
/* After drained() was called; NULL-safe. */
void smtp_server_free(struct smtp_server **s);
void smtp_server_set_limits(struct smtp_server *s, const struct smtp_limits *l);
/* Ends the sessions of an account that logged in with this credential; a login
 * that is on its way is asked to come again. */
void smtp_server_kick(
    struct smtp_server *s, const char *account, uint64_t credential);
unsigned smtp_server_count(struct smtp_server *s);

#endif
