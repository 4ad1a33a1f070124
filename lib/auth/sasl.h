/*
 * SASL [RFC 4422] on the server's side, the mechanisms PLAIN [RFC 4616] and
 * LOGIN (never a standard, but all that some versions of Outlook speak), up to
 * the one message that auth checks, which is PLAIN's for both.  Pure.
 *
 * How a challenge and a response are framed is the protocol's, as are "*" (the
 * client gives up: sasl_forget) and "=" (an empty initial response).
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "base/buf.h"

/* Of a response when decoded, and of a message. */
#define SASL_MAX 4096

#define SASL_MECHANISMS "PLAIN LOGIN"

enum sasl_step {
	SASL_IDLE,
	SASL_PLAIN,	 /* the next response is PLAIN's message */
	SASL_LOGIN_NAME, /* ... LOGIN's name */
	SASL_LOGIN_PASSWORD
};

struct sasl {
	enum sasl_step step;
	struct buf name;       /* LOGIN's */
	const char *challenge; /* of SASL_CHALLENGE, in base64 */
};

enum sasl_next {
	SASL_CHALLENGE, /* send s->challenge; the answer is for sasl_respond */
	SASL_MESSAGE,	/* the message is whole */
	SASL_NO_BASE64, /* the response is not, or is too long */
	SASL_NO_NAME,	/* a name or password has a NUL or is too long */
	SASL_NO_MECHANISM, /* only SASL_MECHANISMS */
};

void sasl_init(struct sasl *s);
/* Wipes; s is idle then, as after sasl_init. */
void sasl_forget(struct sasl *s);

static inline bool
sasl_waits(const struct sasl *s)
{
	return s->step != SASL_IDLE;
}

/*
 * Begins an exchange, or begins it anew.  initial: the initial response in
 * base64, or one with p == NULL.  message, which has been initialised with at
 * most SASL_MAX and whose content goes, has a secret after SASL_MESSAGE and
 * nothing else: it is the caller's to wipe.  After anything but SASL_CHALLENGE,
 * s is idle.
 */
enum sasl_next sasl_start(struct sasl *s, struct sv mechanism,
    struct sv initial, struct buf *message);
/* The client's answer to the challenge, in base64. */
enum sasl_next sasl_respond(
    struct sasl *s, struct sv response, struct buf *message);
/* What protocols with a login of their own (IMAP's LOGIN, POP3's PASS) have
 * been told, as a message; SASL_MESSAGE or SASL_NO_NAME. */
enum sasl_next sasl_compose(
    struct sv name, struct sv password, struct buf *message);

#endif
