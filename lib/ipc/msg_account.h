/*
 * To an account's process, by way of the keeper, which passes on what it does
 * not read: mail and sessions; and what an account tells the keeper.
 */
#ifndef IPC_MSG_ACCOUNT_H
#define IPC_MSG_ACCOUNT_H

#include "ipc/codec.h"

/* Texts, with a NUL behind them. */
#define ACCOUNT_NAME_MAX    64
#define ACCOUNT_PEER_MAX    64
#define ACCOUNT_ADDRESS_MAX 1025 /* as in the queue */

/*
 * All that the keeper passes on begins with the account's name: RC_SYNTAX if
 * there is none.  It can be read again.
 */
int msg_account_name(struct msg *m, char name[ACCOUNT_NAME_MAX]) RC_USE_RESULT;

/* SESSION_OPEN. */
struct session_open {
	struct sv account;
	uint8_t service; /* enum conf_service */
	uint64_t credential;
	struct sv peer;
	bool tls;
	struct sv tag; /* of the login */
	int fd;	       /* the session's end; -1: it got lost on the way */
};
CODEC_FUNCTIONS(session_open);

/* SESSION_KICK, AUTH_KICK: sessions that logged in with it end. */
struct session_kick {
	struct sv account;
	uint64_t credential;
};
CODEC_FUNCTIONS(session_kick);

/* SESSION_LOCAL: of the machine's owner. */
struct session_local {
	struct sv account;
	uint64_t who; /* not 0: one session at a time for each */
	int fd;	      /* its end; -1: it got lost on the way */
};
CODEC_FUNCTIONS(session_local);

/* What the answer says, with RC_OK, of what went into Junk. */
#define DELIVERED_AS_JUNK "delivered as junk"
#define DELIVER_OPAQUE	  0x01u /* do not parse it: its parser died of it */
#define DELIVER_JUNK	  0x02u /* into the folder for junk */
#define DELIVER_ALIEN	  0x04u /* from port 25, by whomever */

/* DELIVER. */
struct mail_delivery {
	struct sv account;
	uint8_t delivery_id[16];
	uint64_t size;	 /* of the body */
	uint8_t flags;	 /* DELIVER_* */
	struct sv front; /* bytes in front of the body: trace fields */
	/* What was found out about it (msgauth/verdict.h), to be kept with it;
	 * may be empty. */
	struct sv verdict;
	/* How likely it is junk, 1 to 100; 0: nobody has judged it.  Set by
	 * the account. */
	uint8_t junk_score;
	/* The envelope: the address that was written to, empty for letters of
	 * our own, of which rules see nothing; and the sender, empty: <>. */
	struct sv sender, written;
	int fd; /* the body; -1: it got lost on the way */
};
CODEC_FUNCTIONS(mail_delivery);

/* Sets a flag in one that is to be passed on. */
void mail_delivery_mark(struct msg *m, uint8_t flag);

enum expunged_action {
	EXPUNGED_LIST,
	EXPUNGED_UNDELETE,
	EXPUNGED_PURGE,
	EXPUNGED_ACTIONS
};

/* Which messages: all conditions that are not empty must hold. */
struct expunged_query {
	uint8_t action;
	int64_t since;		 /* expunged then or later; ms since 1970 */
	struct sv from, subject; /* contained, whatever the case */
	struct sv id; /* as the list names it; several: with blanks between */
	struct sv folder; /* where it was */
	struct sv to;	  /* UNDELETE: into this one; empty: where each
			     was, or FALLBACK if that is gone */
};

/* What becomes of a message that rules send. */
enum account_mail_kind {
	ACCOUNT_MAIL_FORWARD, /* it leaves as what an alias forwards does */
	ACCOUNT_MAIL_LETTER,  /* its owner's: it is signed */
	ACCOUNT_MAIL_KINDS
};
/* On the body of a letter: nobody can change it while it is looked at. */
#define ACCOUNT_MAIL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ACCOUNT_SEND: an account to the keeper, which writes the account's name
 * itself, and the keeper to the queue. */
struct account_mail {
	struct sv account;
	uint8_t id[16];	   /* its delivery id: the same each time it is sent */
	uint8_t kind;	   /* enum account_mail_kind */
	struct sv sender;  /* of the envelope; empty: <> */
	struct sv to;	   /* one address */
	struct sv via;	   /* the account's address that was written to */
	struct sv results; /* the field Authentication-Results, or empty */
	uint64_t size;
	int fd; /* the body; -1: it got lost on the way */
};
CODEC_FUNCTIONS(account_mail);

/* ACCOUNT_SENT: what the queue says to that, by way of the keeper.  RC_OK: it
 * has it.  RC_TEMP, RC_NOSPACE: not now.  Else never. */
struct account_sent {
	struct sv account;
	uint8_t id[16];
	int rc;
	struct sv text;
};
CODEC_FUNCTIONS(account_sent);

/* EXPUNGED. */
struct expunged_ask {
	struct sv account;
	struct expunged_query q;
	int fd; /* where the lines go; -1: it got lost on the way */
};
CODEC_FUNCTIONS(expunged_ask);

/* Its answer; the numbers are there with RC_OK only. */
struct expunged_done {
	int rc;
	struct sv text;
	uint64_t messages, bytes;
	uint64_t freed; /* bytes on the disk */
};
CODEC_FUNCTIONS(expunged_done);

enum rules_action {
	RULES_LIST, /* lines "active TAB size TAB name" */
	RULES_PUT,
	RULES_CHECK,
	RULES_GET,
	RULES_ACTIVATE, /* no name: none is any more */
	RULES_DELETE,
	RULES_RENAME,
	RULES_TEST,
	RULES_ACTIONS
};

/* RULES: of the machine's owner. */
struct rules_ask {
	struct sv account;
	uint8_t action; /* enum rules_action */
	struct sv name, to;
	struct sv sender, written; /* TEST: the envelope */
	uint64_t size; /* what of the file is a script or a message; what is
			* answered comes behind it */
	int fd;	       /* -1: it got lost on the way */
};
CODEC_FUNCTIONS(rules_ask);

/* ACCOUNT_USAGE. */
struct account_usage {
	uint64_t bytes, quota; /* quota 0: none */
};
CODEC_FUNCTIONS(account_usage);

/* ACCOUNT_FULL: above its quota, nobody is to send it mail. */
struct account_full {
	struct sv account;
	bool full;
};
CODEC_FUNCTIONS(account_full);

#endif
