/*
 * One certificate from one authority, as a state machine: what to do next,
 * given what came of what was done [RFC 8555 7].  Pure; who drives it has the
 * network, the clock and the web server:
 *
 *   for (;;)
 *           switch (acme_order_next(o)) {
 *           case ACME_SEND:     send o's request, acme_order_answer() or
 *                               acme_order_lost()
 *           case ACME_PRESENT:  show the proof, acme_order_presented()
 *           case ACME_WAIT:     wait so long, acme_order_waited()
 *           case ACME_FINISHED: take the chain
 *           case ACME_FAILED:   see the failure
 *           }
 *
 * It ends: every step has a limit to its repetitions, whatever comes.  A
 * request that was refused because of its nonce is sent again [RFC 8555 6.5];
 * so is one that the authority could not answer now, after the time that it
 * says, if that is short; else the attempt ends, and says when the next one may
 * be.
 */
#ifndef ACME_ORDER_H
#define ACME_ORDER_H

#include "acme/answer.h"
#include "acme/key.h"

/* Longer waits than that end the attempt. */
#define ACME_WAIT_INSIDE_S 300

enum acme_next {
	ACME_SEND,
	ACME_PRESENT,
	ACME_WAIT,
	ACME_FINISHED,
	ACME_FAILED
};

struct acme_order;

struct acme_order_opts {
	const struct acme_key *account;
	const char *directory;
	const char *account_url; /* "": it is not known yet */
	const char *email;	 /* NULL: none */
	const char *external_id; /* NULL: none */
	struct sv external_secret;
	const char *const *name;  /* in lower case */
	const enum acme_way *way; /* of each name, if it is offered */
	size_t nname;
	unsigned ways;	      /* that can be shown at all: ACME_WAY_BIT */
	struct sv request;    /* in DER */
	const char *replaces; /* an id [RFC 9773 5]; "": nothing */
};

/* What opts points to must live as long. */
struct acme_order *acme_order_new(const struct acme_order_opts *o);
void acme_order_free(struct acme_order **o);

/* What is to be done now; the same until it was done. */
enum acme_next acme_order_next(const struct acme_order *o);

struct acme_request {
	enum acme_method {
		ACME_GET,
		ACME_HEAD,
		ACME_POST
	} method;
	char url[ACME_URL_MAX];
	struct buf body;    /* of a POST: application/jose+json */
	const char *accept; /* a type, or NULL */
};

/* Fills *r, whose body is the caller's to fini. */
void acme_order_request(const struct acme_order *o, struct acme_request *r);

/* Header fields are empty where there are none. */
struct acme_response {
	unsigned status;
	struct sv body;
	struct sv nonce, location, retry_after;
};

/* now: seconds since 1970. */
void acme_order_answer(
    struct acme_order *o, const struct acme_response *r, int64_t now);
/* There was no answer; why is a sentence. */
void acme_order_lost(struct acme_order *o, const char *why);

/* For ACME_PRESENT: until the next one or the end port 80 of `name` shows the
 * text at /.well-known/acme-challenge/TOKEN; or port 443 a certificate for it
 * (acme_proof). */
struct acme_shown {
	enum acme_way way;
	const char *name, *token, *text;
};
void acme_order_shown(const struct acme_order *o, struct acme_shown *out);
/* why: NULL, or why it cannot be shown, which fails the order. */
void acme_order_presented(struct acme_order *o, const char *why);

/* For ACME_WAIT. */
int64_t acme_order_wait_s(const struct acme_order *o);
void acme_order_waited(struct acme_order *o);

/* For ACME_FINISHED: the certificate and those above it, in PEM; not yet
 * looked at. */
struct sv acme_order_chain(const struct acme_order *o);

struct acme_failure {
	char why[ERR_TEXT_MAX];
	int64_t wait_s; /* not sooner again, as the authority says; -1: it has
			 * not said */
	/* Names that it was about, without which the rest may do well. */
	char name[ACME_NAMES_MAX][ACME_NAME_MAX];
	unsigned nname;
	bool of_network; /* nothing was refused: no answer came */
	bool limited;	 /* they want fewer requests */
	/* The names were not proved in this way; in another they may be. */
	bool of_proof;
	enum acme_way way;
};
const struct acme_failure *acme_order_failure(const struct acme_order *o);

/* ---- at any time ---- */

/* The account's address; "": still unknown, or not known to them any more. */
const char *acme_order_account(const struct acme_order *o);
/* Where ARI is asked; "": they have none, or it is not known yet. */
const char *acme_order_renewal_info(const struct acme_order *o);

#endif
