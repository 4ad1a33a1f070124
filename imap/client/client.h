/*
 * An IMAP client as a line of blocking steps over net/stream.h: one command
 * at a time, everything that the server says bounded, message bodies passed
 * on as they come and never gathered here.
 *
 * Results of commands: RC_OK; RC_PERM: the server said NO; RC_SYNTAX: it said
 * BAD, or something that is not IMAP; RC_EOF, RC_IO, RC_TIMEOUT: the connection
 * is of no more use; or whatever a body handler has returned, after which the
 * connection is of no more use either.  err has what the server said.
 */
#ifndef IMAP_CLIENT_CLIENT_H
#define IMAP_CLIENT_CLIENT_H

#include "imap/client/response.h"
#include "net/stream.h"

struct imap_client;

struct imap_client_ops {
	/* An untagged response; slices live until it returns. */
	void (*response)(void *arg, const struct imap_response *r);
	/*
	 * The bytes of a BODY[] or BINARY[], in order: first with begin and the
	 * size of all, at last the response itself.  NULL: they are thrown
	 * away.
	 */
	int (*body_begin)(void *arg, uint64_t size);
	int (*body)(void *arg, struct sv bytes);
	void *arg;
};

/* Takes fd, a connected socket; silence of timeout_ms ends everything. */
struct imap_client *imap_client_new(int fd, int64_t timeout_ms);
/* NULL-safe; without LOGOUT. */
void imap_client_free(struct imap_client **c);

/* ---- up to the mailboxes ---- */

/*
 * TLS with that host.  pin: the SHA-256 of its certificate in hex, small
 * letters, which then suffices; NULL: it must be good.  RC_DENIED with a text
 * that has the reason; *seen_out gets the fingerprint in either case.  RC_IO:
 * no handshake, as where its keys and hashes are not of today; no pin makes
 * them better.
 */
int imap_client_tls(struct imap_client *c, struct tls_client *tls,
    const char *host, const char *pin, char seen_out[65],
    struct err *err) RC_USE_RESULT;
int imap_client_greeting(struct imap_client *c, struct err *err) RC_USE_RESULT;
/* STARTTLS; imap_client_tls follows. */
int imap_client_starttls(struct imap_client *c, struct err *err) RC_USE_RESULT;
/* AUTHENTICATE PLAIN, or LOGIN.  Never in the clear: must be under TLS. */
int imap_client_login(struct imap_client *c, const char *user,
    struct sv password, struct err *err) RC_USE_RESULT;
/* The end of a login that somebody else has done: waits for its tag. */
int imap_client_join(
    struct imap_client *c, struct sv tag, struct err *err) RC_USE_RESULT;
/* Asks for the capabilities of a session that is logged in. */
int imap_client_capabilities(
    struct imap_client *c, struct err *err) RC_USE_RESULT;
/* False after anything that has left it unknown what the server did. */
bool imap_client_usable(const struct imap_client *c);
bool imap_client_can(const struct imap_client *c, struct sv capability);
void imap_client_logout(struct imap_client *c);

/* ---- commands ---- */

/* Sends a command and waits for its end.  ops may be NULL. */
int imap_client_command(struct imap_client *c,
    const struct imap_client_ops *ops, struct sv command,
    struct err *err) RC_USE_RESULT;

/*
 * A command in pieces: begin, then text and literals in any order, then end.
 * A literal may be refused: RC_PERM, and the command is over.
 */
void imap_client_begin(struct imap_client *c);
void imap_client_text(struct imap_client *c, struct sv text);
int imap_client_literal(struct imap_client *c, uint64_t size, bool binary,
    struct err *err) RC_USE_RESULT;
/* Bytes of the literal. */
void imap_client_bytes(struct imap_client *c, struct sv bytes);
int imap_client_end(struct imap_client *c, const struct imap_client_ops *ops,
    struct err *err) RC_USE_RESULT;

/* The response code of the last command's end, valid until the next. */
struct sv imap_client_code(const struct imap_client *c);
struct sv imap_client_code_args(const struct imap_client *c);

#endif
