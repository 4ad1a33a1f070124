/* Inside queue/mx only: a client's two halves, the line (client.c) and the
 * messages on it (send.c). */
#ifndef QUEUE_MX_CLIENT_PRIV_H
#define QUEUE_MX_CLIENT_PRIV_H

#include "net/stream.h"
#include "queue/mx/client.h"

#define DOWNGRADE_MAX 200

struct client {
	struct stream *s;
	const struct client_opts *o;
	struct client_timeouts timeout;
	char where[DNS_NAME_MAX + 64]; /* "mx.example.test[192.0.2.1]" */
	char host_name[DNS_NAME_MAX];
	struct in6_addr ip;
	/* Why nothing is encrypted although the host offers it; empty: it is,
	 * or it was not to be. */
	char downgrade[DOWNGRADE_MAX];
	struct reply_offers offers;
	struct reply reply;
	unsigned messages;
	bool broken;
	int64_t until; /* clk_mono: the step's end, whatever they do */
};

/* ---- client.c ---- */

/* The step has so long, whatever they do. */
void client_set_end(struct client *c, int64_t ms);
void client_say(struct client_why *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* One line of printable ASCII, with who said it at the end. */
void client_quote(const struct client *c, char *out, size_t n);
/* The next reply to c->reply; RC_TEMP: the line is broken, *why says how. */
int client_read(struct client *c, int64_t timeout, const char *what,
    struct client_why *why) RC_USE_RESULT;
/* Nothing can be written any more, but what the host has said before that is
 * here: it may be why.  RC_OK with c->reply. */
int client_last_words(struct client *c) RC_USE_RESULT;
/* Sends what was put and waits for the answer. */
int client_ask(struct client *c, int64_t timeout, const char *what,
    struct client_why *why) RC_USE_RESULT;
int client_command(struct client *c, const char *what, struct client_why *why);
/* The reply has another class than wanted: its words are why.  RC_TEMP. */
int client_refused(struct client *c, struct client_why *why);
/* If we have given up encryption, puts that before what was said then. */
void client_explain(
    const struct client *c, char reply_text[CLIENT_REPLY_TEXT_MAX]);

#endif
