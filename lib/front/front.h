/*
 * The part of IMAP and POP3 that happens before login, and all of HTTP, in the
 * listener process: a pure state machine fed with bytes, behind a table of
 * functions, so that one event loop and one pump serve all protocols.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "base/ev.h"

/* Answers that wait to be sent before more is read. */
#define FRONT_OUTPUT 16384

enum front_do {
	FRONT_GO_ON,	/* read on */
	FRONT_STARTTLS, /* send the reply, then the handshake */
	FRONT_LOGIN,	/* ask auth; input waits meanwhile */
	/* Input waits until the protocol calls resume, in the loop's thread; if
	 * it does not within LATER_MS, bye is asked for the last word.  A
	 * client that leaves meanwhile closes f. */
	FRONT_LATER,
	FRONT_CLOSE /* send the reply, then close */
};

struct front_action {
	enum front_do what;
	/* FRONT_LOGIN; owned by the action: wiped with front_action_fini. */
	struct buf sasl; /* PLAIN message [RFC 4616] */
	struct buf tag;	 /* goes to the session for its first reply */
};

struct front_opts {
	const char *hostname;
	bool tls_offered; /* STARTTLS can be had */
	bool tls;	  /* the connection is under TLS from the start */
	bool trusted;	  /* loopback: login in the clear is allowed */
	void *arg;	  /* the listener's */
	const char *peer; /* numeric address; lives as long as the connection */
	enum conf_service service; /* of the port */

	/* The connection's, for FRONT_LATER; as long as f lives. */
	struct ev_loop *loop;
	void (*resume)(void *conn); /* input is called again, maybe with
				       nothing */
	void (*known)(void *conn);  /* somebody has signed in from there */
	void *conn;
};

enum front_failure {
	FRONT_DENIED,
	FRONT_TEMP
};

struct front_proto {
	const char *name; /* "imap" */
	/* How long a client may be silent before login: people look for their
	 * passwords meanwhile; and what is said at the end. */
	int64_t idle_ms;
	const char *idle_bye; /* NULL: bye is asked for it */
	/* A client may still be sending when it is refused: what comes is
	 * thrown away for a while, since closing at once would take the answer
	 * away from it [RFC 9112 9.6]. */
	bool lingers;
	/* The first bytes are never those of TLS: who sends such ones is cut
	 * at once, instead of waiting for an answer that cannot come. */
	bool plain_first;
	/* Writes the greeting. */
	void *(*open)(const struct front_opts *o, struct buf *out);
	/* Takes commands off `in`, as many as there are up to one that needs
	 * an action or the answers are FRONT_OUTPUT; returns how many bytes
	 * it took.  What is left comes again, with more behind it.  Unread
	 * bytes are bounded by the state machine: it closes when a line is too
	 * long. */
	size_t (*input)(
	    void *f, struct sv in, struct buf *out, struct front_action *act);
	/* After STARTTLS: everything learnt before is forgotten. */
	void (*tls_started)(void *f);
	/* What is said first under that TLS; NULL: nothing. */
	void (*tls_greeting)(void *f, struct buf *out);
	/* The answer to a FRONT_LOGIN that auth refused; what to do then. */
	enum front_do (*failed)(
	    void *f, enum front_failure why, const char *text, struct buf *out);
	/* A last word before the connection is closed for that reason (NULL:
	 * the client was silent); f may be NULL: there was no place for it. */
	void (*bye)(void *f, const char *text, struct buf *out);
	void (*close)(void *f);
};

static inline void
front_action_init(struct front_action *a)
{
	a->what = FRONT_GO_ON;
	buf_init(&a->sasl, 4096);
	buf_init(&a->tag, 1024);
}

static inline void
front_action_fini(struct front_action *a)
{
	buf_wipe(&a->sasl);
	buf_fini(&a->tag);
}

#endif
