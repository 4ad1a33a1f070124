/* To auth: logins and signatures; and the owner's commands. */
#ifndef IPC_MSG_AUTH_H
#define IPC_MSG_AUTH_H

#include "ipc/codec.h"
#include "ipc/msg_account.h"

/* ---- logins ---- */

/* AUTH_LOGIN. */
struct login_ask {
	uint8_t service; /* enum conf_service */
	struct sv sasl;	 /* PLAIN */
	struct sv peer;
	bool tls;
	struct sv tag;
	int fd; /* the session's end; -1: none, as for submission */
};
CODEC_FUNCTIONS(login_ask);

/* Its answer; what follows the text is there with RC_OK only.  RC_IO: a process
 * died with it in hand; ask again, with a fresh fd. */
struct login_done {
	int rc;
	struct sv text;
	uint32_t number; /* of the account, in that generation */
	struct sv account;
	uint32_t generation;
	uint64_t credential;
};
CODEC_FUNCTIONS(login_done);

/* AUTH_KICK is a struct session_kick. */

/* ---- signatures ---- */

#define SIGN_KEYS	  2  /* of a domain: DKIM_ALGORITHMS */
#define SIGN_HASH	  32 /* bytes of a SHA-256 */
#define SIGN_DOMAIN_MAX	  256
#define SIGN_SELECTOR_MAX 64

struct sign_hash {
	struct sv selector;
	uint8_t hash[SIGN_HASH]; /* of what is signed */
};

/*
 * AUTH_SIGN, of submission and the queue only.  The hashes are those for the
 * keys in force, in order; selectors that are not, or none: RC_NOTFOUND, the
 * right ones, and no signatures.  RC_DENIED: not a domain of ours.
 */
struct sign_ask {
	struct sv domain;
	struct sign_hash *hash;
	uint32_t nhash;
};
CODEC_FUNCTIONS(sign_ask);

struct sign_signature {
	uint8_t algorithm; /* enum dkim_algorithm */
	struct sv selector, signature;
};

struct sign_done {
	int rc;
	struct sv text; /* for the log */
	struct sign_signature *s;
	uint32_t n;
};
CODEC_FUNCTIONS(sign_done);

/* ---- links to profiles: auth/links.h ---- */

#define LINK_TOKEN_MAX 64

/* AUTH_LINK, of web only. */
struct link_ask {
	uint8_t what; /* enum link_what */
	struct sv token;
};
enum link_what {
	LINK_LOOK,  /* GET: whose is it? */
	LINK_PRESS, /* the button */
	LINK_TAKE,  /* the token is a ticket: the profile, again if wanted */
	LINK_WHATS  /* how many */
};
CODEC_FUNCTIONS(link_ask);

/* RC_OK; RC_EXISTS: it has been pressed; RC_NOTFOUND: unknown, or its time is
 * over. */
struct link_done {
	int rc;
	struct sv account, device;
	struct sv address;  /* mail is written as */
	struct sv ticket;   /* of PRESS */
	struct sv password; /* of TAKE */
	uint32_t seconds;   /* it is valid for so long */
};
CODEC_FUNCTIONS(link_done);

/* ---- commands ---- */

/* CMD_PASSWD, CMD_APP_ADD, CMD_APP_REVOKE, CMD_APP_LIST, CMD_DEVICE_LIST,
 * CMD_ACCOUNTS. */
struct auth_command {
	struct sv account; /* but for ACCOUNTS */
	/* PASSWD: the password; APP_ADD, APP_REVOKE: label */
	struct sv arg;
	bool weak; /* PASSWD: take it all the same */
};
CODEC_FUNCTIONS(auth_command);

#define DEVICE_ADDRESS_MAX 1024

/* CMD_DEVICE_ADD. */
struct device_order {
	struct sv account, label;
	struct sv address; /* mail is written as */
};
CODEC_FUNCTIONS(device_order);

#define DKIM_ORDERS 5 /* enum signer_what */

/* CMD_DKIM. */
struct dkim_order {
	uint8_t what;
	struct sv domain;   /* of the list: "" is all */
	struct sv selector; /* to retire */
};
CODEC_FUNCTIONS(dkim_order);

/* The answer to all of them. */
struct auth_done {
	int rc;
	struct sv text; /* what is wrong, or the lines that were asked for */
	struct sv secret;
};
CODEC_FUNCTIONS(auth_done);

#endif
