/*
 * One SMTP conversation, from the banner to QUIT, as the line of blocking
 * steps that it is.  Used by server.c; by tests over a socket pair.
 */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "net/stream.h"
#include "smtp/body.h"
#include "smtp/server.h"

struct smtp_conn {
	const struct smtp_server_opts *o;
	struct smtp_limits limits; /* as they were when it connected */
	struct smtp_budget *budget;
	struct dkim_keys *keys; /* borrowed; NULL: none is remembered */
	char peer[46];
	bool loopback;
	bool implicit_tls;
	uint64_t id; /* for the log */
	int fd;	     /* taken */
	/* Set by others: say 421 and end. */
	atomic_bool leave;
	/* Who has logged in; written before `authed` is set. */
	struct smtp_login login;
	atomic_bool authed;
	/* How often somebody was kicked so far; NULL: never. */
	unsigned (*kicks)(void *arg);
	/* clk_mono of the last step forward: a whole command, or 16 KiB of a
	 * message. */
	_Atomic int64_t progress;
	/* May n more messages be taken from this peer?  NULL: always. */
	bool (*may_take)(void *arg, unsigned n);
	/* Is a message that cannot be judged now to come again?  NULL: no. */
	bool (*may_defer)(void *arg, struct sv sender, struct sv author);
	/* A message is asked to come again, known by its signatures; for how
	 * many ms it has been waiting, or 0.  NULL: nothing is remembered. */
	void (*deferred)(void *arg, struct sv signatures);
	int64_t (*waited)(void *arg, struct sv signatures);
	/* fd is about to be closed; may be NULL. */
	void (*closing)(void *arg);
	void *arg;
};

void smtp_session_run(struct smtp_conn *c);

#endif
