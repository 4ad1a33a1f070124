/*
 * What somebody who has signed in sees of their own and changes there: asked by
 * the account's process on a person's line (page_open.person), answered by
 * auth.  The line is for that one account and session: no message names either,
 * and nothing else can be reached by it.
 *
 *   PERSON_STATE     -> person_state
 *   PERSON_DEVICES   -> person_devices
 *   PERSON_SESSIONS  -> person_sessions
 *   PERSON_LOGINS    -> person_logins
 *   PERSON_ORDER     person_order -> person_done
 *
 * Who asks waits in a thread of its own: line_ask_fd (ipc/line.h).
 */
#ifndef IPC_MSG_PERSON_H
#define IPC_MSG_PERSON_H

#include "ipc/codec.h"
#include "ipc/msg_account.h"
#include "ipc/msg_page.h"

/* Texts, with a NUL behind them. */
#define PERSON_LABEL_MAX   64 /* of a device */
#define PERSON_ADDRESS_MAX 1024
#define PERSON_SERVICE_MAX 16
#define PERSON_URI_MAX	   1024
#define PERSON_SECRETS_MAX 512

/* Rows of a list, at most. */
#define PERSON_DEVICES_MAX  250
#define PERSON_SESSIONS_MAX 32
#define PERSON_LOGINS_MAX   100

struct person_state {
	bool password;	   /* there is one */
	bool totp;	   /* the second factor is on */
	uint32_t recovery; /* recovery codes that are left */
	uint64_t session;  /* which of the list is this one */
};
CODEC_FUNCTIONS(person_state);

/* Times are seconds since 1970; 0: never. */
struct person_device {
	struct sv label;
	int64_t made, used;
	struct sv service, peer; /* of the last use; empty: none */
};

struct person_devices {
	struct person_device *d;
	uint32_t n;
};
CODEC_FUNCTIONS(person_devices);

struct person_session {
	uint64_t number;
	int64_t begun, used;
	struct sv peer, agent;
};

/* On the web, the newest first. */
struct person_sessions {
	struct person_session *s;
	uint32_t n;
};
CODEC_FUNCTIONS(person_sessions);

struct person_login {
	int64_t first, last;
	uint32_t count;	   /* in that time */
	struct sv service; /* "imaps", "web" */
	struct sv peer;	   /* numeric address */
	struct sv client;  /* a device's label, a browser's User-Agent; empty:
			      the account's password */
};

/* Of 30 days, the newest first; a row for each day, service, address and
 * client. */
struct person_logins {
	struct person_login *l;
	uint32_t n;
};
CODEC_FUNCTIONS(person_logins);

enum person_what {
	/* text: the label; address: mail is written as.  Answer: the password
	 * in secret, and in link the path of a page from which a device takes
	 * its profile, or nothing where there is no https. */
	PERSON_DEVICE_ADD,
	/* text: the label. */
	PERSON_DEVICE_REVOKE,
	/* password: the old one; text: the new one.  All other sessions end. */
	PERSON_PASSWORD,
	/* Answer: the secret in base32 in secret, the otpauth: URI in link. */
	PERSON_TOTP_BEGIN,
	/* code: of the secret that was begun in this session.  Answer: recovery
	 * codes in secret, one in each line. */
	PERSON_TOTP_CONFIRM,
	/* password and code. */
	PERSON_TOTP_OFF,
	/* password and code.  Answer: as CONFIRM; the old ones are void. */
	PERSON_RECOVERY_NEW,
	/* number: of the list; not this one. */
	PERSON_SESSION_END,
	/* All but this one. */
	PERSON_SESSIONS_END,
	PERSON_WHATS
};

struct person_order {
	uint8_t what; /* enum person_what */
	struct sv text, address;
	struct sv password, code;
	uint64_t number;
};
CODEC_FUNCTIONS(person_order);

/* Beside which field of the form the text is to be said. */
enum person_field {
	PERSON_FIELD_NONE,
	PERSON_FIELD_TEXT, /* the label, or the new password */
	PERSON_FIELD_ADDRESS,
	PERSON_FIELD_PASSWORD, /* the old one */
	PERSON_FIELD_CODE,
	PERSON_FIELDS
};

/* RC_DENIED, RC_SYNTAX, RC_EXISTS, RC_NOTFOUND: as the text says; RC_TEMP: not
 * now. */
struct person_done {
	int rc;
	uint8_t field;		/* enum person_field */
	struct sv text;		/* for people, in English */
	struct sv secret, link; /* with RC_OK only */
};
CODEC_FUNCTIONS(person_done);

#endif
