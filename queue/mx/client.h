/*
 * A connection to a remote mail host, from connect to QUIT, as the line of
 * blocking steps that it is [RFC 5321, 2920, 3207, 4954, 6152, 1870].  For
 * worker threads.
 */
#ifndef QUEUE_MX_CLIENT_H
#define QUEUE_MX_CLIENT_H

#include "net/tls.h"
#include "queue/mx/reply.h"
#include "queue/mx/route.h"

#define CLIENT_REPLY_TEXT_MAX 500
#define CLIENT_MESSAGES	      100 /* on one connection */

struct client;

/*
 * [RFC 5321 4.5.3.2], milliseconds.  Each is for one step, but a host that does
 * each at the last moment, or a byte a minute, would hold a thread for days.
 * So there are ends, too, whatever progress is made: envelope for all from
 * connect to login, and again from MAIL to DATA; for the message body and its
 * size at CLIENT_RATE_MIN, but never more than body_most.
 */
struct client_timeouts {
	int64_t connect, greeting, command, data, block, end;
	int64_t envelope, body, body_most;
};

#define CLIENT_RATE_MIN 2 /* bytes per millisecond */

#define CLIENT_TIMEOUTS                             \
	((struct client_timeouts){.connect = 30000, \
	    .greeting = 5 * 60000,                  \
	    .command = 5 * 60000,                   \
	    .data = 2 * 60000,                      \
	    .block = 3 * 60000,                     \
	    .end = 10 * 60000,                      \
	    .envelope = 10 * 60000,                 \
	    .body = 10 * 60000,                     \
	    .body_most = 60 * 60000})

enum client_tls {
	CLIENT_TLS_OFFERED, /* if it is offered, with any certificate; if the
			       handshake fails, without */
	CLIENT_TLS_REQUIRE, /* with any certificate */
	CLIENT_TLS_VERIFY,  /* with one of the host's name */
	CLIENT_TLS_OFF
};

struct client_opts {
	const char *hostname; /* ours, for EHLO */
	struct tls_client *tls;
	enum client_tls policy;
	bool implicit_tls;
	uint16_t port;
	const char *user, *password; /* NULL: no login */
	/* Our own addresses, numeric, to come from; NULL: the system's. */
	const char *source4, *source6;
	/* The world's hosts are on the port where we are one ourselves: a
	 * connection that comes back to us is noticed. */
	bool may_be_self;
	struct client_timeouts timeout;
};

/* Why there is no connection: the host's words, or ours. */
struct client_why {
	char reply_text[CLIENT_REPLY_TEXT_MAX];
};

/* RC_OK; else *why says it: RC_PERM: that is ourselves; RC_TEMP in all other
 * cases: another host, or later. */
int client_open(const struct client_opts *o, const struct route_address *to,
    struct client **out, struct client_why *why) RC_USE_RESULT;
/* Says QUIT if nothing was wrong; does not wait for the answer. */
void client_close(struct client **c);
/* The other side still holds the line, as far as one can see. */
bool client_alive(struct client *c);
/* Where it goes. */
const struct in6_addr *client_ip(const struct client *c);
/* Who it is, "mx.example.test[192.0.2.1]", and what it is encrypted with; NULL:
 * nothing. */
const char *client_where(const struct client *c);
const char *client_tls_name(const struct client *c);
/* It has had enough messages. */
bool client_worn(const struct client *c);

struct client_rcpt {
	const char *address;
	unsigned code; /* out: the reply's, or one of our own */
	/* The host's words begin with its code; ours do not. */
	char reply_text[CLIENT_REPLY_TEXT_MAX];
	bool unsure; /* out: 451, but the host may have taken it */
	bool unable; /* out: it is not for this host, whoever it is for */
};

struct client_message {
	const char *sender;
	int fd; /* the message, CR LF, not dot-stuffed */
	uint64_t size;
	bool eight_bit;
	struct client_rcpt *rcpt;
	size_t nrcpt;
	/* May it be ended?  From then on the host may have taken it.  False:
	 * the line breaks instead.  NULL: it may. */
	bool (*may_end)(void *arg);
	void *arg;
};

/*
 * One transaction.  RC_OK: each recipient has its code, also where the line
 * broke after some had been refused: the others then have 451.  RC_TEMP: the
 * line broke before anything was said of them or taken, it may be tried
 * elsewhere; *why says it.
 *
 * Too many recipients is 452, also where the host says 552 [RFC 5321
 * 4.5.3.1.10].  A 5xx is 451 where it may be owed to us: encryption was
 * offered, failed, and we went on without.
 */
int client_send(struct client *c, struct client_message *m,
    struct client_why *why) RC_USE_RESULT;

/* Writes the bytes with dots doubled and CR LF at the end [RFC 5321 4.5.2]:
 * *state begins as 0 and goes from piece to piece.  Pure; for tests, too. */
void client_stuff(struct sv piece, unsigned *state,
    void (*put)(void *arg, struct sv bytes), void *arg);

#endif
