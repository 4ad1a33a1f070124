/*
 * What a certificate authority answers, read [RFC 8555 7.1, RFC 9773]: all of
 * it is strangers' bytes, bounded, and pure.  Addresses are taken only if they
 * begin with https.
 */
#ifndef ACME_ANSWER_H
#define ACME_ANSWER_H

#include <stdint.h>

#include "base/sv.h"

#define ACME_URL_MAX	1024
#define ACME_NAME_MAX	256
#define ACME_NAMES_MAX	25 /* in one certificate */
#define ACME_TOKEN_MAX	256
#define ACME_TEXT_MAX	512
#define ACME_ANSWER_MAX (256 << 10) /* bytes of one */

/* What is wrong, as the authority says it [RFC 7807]. */
struct acme_problem {
	char type[64]; /* behind the last colon: "rateLimited"; "": unknown */
	char detail[ACME_TEXT_MAX]; /* printable ASCII */
	char instance[ACME_URL_MAX];
	/* Names that it speaks of, from its subproblems. */
	char name[ACME_NAMES_MAX][ACME_NAME_MAX];
	unsigned nname;
};

/* False: it is not such a document, and *out is empty. */
bool acme_problem_read(struct sv json, struct acme_problem *out);

struct acme_directory {
	char new_nonce[ACME_URL_MAX];
	char new_account[ACME_URL_MAX];
	char new_order[ACME_URL_MAX];
	char renewal_info[ACME_URL_MAX]; /* "": there is none */
	bool external;			 /* an account needs another before */
};

int acme_directory_read(
    struct sv json, struct acme_directory *out, struct err *err) RC_USE_RESULT;

enum acme_status {
	ACME_PENDING,
	ACME_READY,
	ACME_PROCESSING,
	ACME_VALID,
	ACME_INVALID, /* also: deactivated, expired, revoked, unknown */
};

struct acme_order_said {
	enum acme_status status;
	char authorization[ACME_NAMES_MAX][ACME_URL_MAX];
	unsigned nauthorization;
	char finalize[ACME_URL_MAX];
	char certificate[ACME_URL_MAX]; /* "": not yet */
	struct acme_problem problem;	/* of an invalid one, maybe */
};

int acme_order_read(
    struct sv json, struct acme_order_said *out, struct err *err) RC_USE_RESULT;

/* Ways to prove that a name is ours. */
enum acme_way {
	ACME_BY_HTTP, /* port 80 answers [RFC 8555 8.3] */
	ACME_BY_TLS   /* a handshake on port 443 does [RFC 8737] */
};

#define ACME_WAYS	  2
#define ACME_WAY_BIT(way) (1u << (way))

/* "http-01", "tls-alpn-01" */
const char *acme_way_name(enum acme_way way);
unsigned acme_way_port(enum acme_way way);

struct acme_challenge {
	char url[ACME_URL_MAX];	    /* "": it is not offered */
	char token[ACME_TOKEN_MAX]; /* base64url only [RFC 8555 8.3] */
	enum acme_status status;
};

struct acme_authorization {
	enum acme_status status;
	char name[ACME_NAME_MAX];
	struct acme_challenge challenge[ACME_WAYS];
	struct acme_problem problem; /* of the one that was tried */
};

int acme_authorization_read(struct sv json, struct acme_authorization *out,
    struct err *err) RC_USE_RESULT;

/* When the authority would like a certificate to be renewed [RFC 9773 4.2]. */
struct acme_window {
	int64_t start, end; /* seconds since 1970 */
	char explanation[ACME_URL_MAX];
};

int acme_window_read(
    struct sv json, struct acme_window *out, struct err *err) RC_USE_RESULT;

#endif
