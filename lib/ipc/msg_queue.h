/* To the queue: messages, from smtp and submission; and its owner's commands.
 */
#ifndef IPC_MSG_QUEUE_H
#define IPC_MSG_QUEUE_H

#include "ipc/codec.h"

/* Of a message in the spool, in QUEUE_PUT, MX_JOB and its records. */
#define SPOOL_EIGHT_BIT 0x1u /* its body has bytes above 127 */
#define SPOOL_BARE	0x2u /* without Return-Path: for the outside, too */
#define SPOOL_REPORT	0x4u /* a bounce or notice of ours */
#define SPOOL_JUNK \
	0x8u /* into Junk, of some recipients: nobody is told of it */
#define SPOOL_KNOWN    0x10u  /* its sender is not forged, and may be told */
#define SPOOL_RULES    0x20u  /* an account's rules have sent it */
#define SPOOL_FEEDBACK 0x100u /* a report to the owner of a domain */

/* The answer to QUEUE_FILE. */
struct queue_file {
	int rc;
	struct sv text;
	int fd; /* an empty unlinked file, with RC_OK; -1: it got lost */
};
CODEC_FUNCTIONS(queue_file);

#define QUEUE_RECIPIENTS_MAX 1000
#define QUEUE_ADDRESS_MAX    1024 /* bytes */

struct queue_to {
	struct sv address; /* or an account's name */
	bool local;
	/* Of a local one, and of those who keep what is not forwarded: */
	bool junk;	  /* into the folder for junk */
	uint8_t override; /* enum verdict_override */
	/* An address of ours that the queue follows: an alias that leads to
	 * other servers, or one to which a forwarded message comes back. */
	bool forward;
	uint8_t onward; /* enum onward, of an alias */
	/* Of a local one: the address that was written to, if it is known. */
	struct sv written;
};

/* QUEUE_PUT. */
struct queue_mail {
	uint8_t delivery_id[16];
	struct sv sender;
	struct sv owner;   /* the account that submits it, or empty */
	uint64_t size;	   /* of the body */
	uint32_t flags;	   /* SPOOL_* */
	struct sv front;   /* bytes in front of the body */
	struct sv verdict; /* see msgauth/verdict.h; may be empty */
	/* Of one with `forward` in it: the field Authentication-Results for
	 * our own people, or nothing; what leaves has it in its seal. */
	struct sv results;
	struct queue_to *to;
	uint32_t nto;
	int fd; /* the body; -1: it got lost on the way */
};
CODEC_FUNCTIONS(queue_mail);

/* QUEUE_RETURN. */
struct queue_return {
	struct sv address;
};
CODEC_FUNCTIONS(queue_return);

/* QUEUE_KNOWN. */
struct queue_known {
	struct sv account; /* empty: anybody */
	struct sv address;
};
CODEC_FUNCTIONS(queue_known);

/* QUEUE_GREY. */
struct queue_grey {
	struct sv triple; /* network, sender, recipients' domain */
};
CODEC_FUNCTIONS(queue_grey);

/* ---- commands ---- */

enum queue_action {
	QUEUE_RETRY,
	QUEUE_HOLD,
	QUEUE_RELEASE,
	QUEUE_REMOVE,
	QUEUE_BOUNCE, /* remove with a report to the sender */
	QUEUE_ACTIONS
};

enum queue_pick {
	QUEUE_PICK_ALL,
	QUEUE_PICK_ID,
	QUEUE_PICK_ACCOUNT, /* that sent it, or to which it goes */
	QUEUE_PICK_DOMAIN,  /* of a recipient elsewhere */
	QUEUE_PICK_ADDRESS, /* of the sender or of a recipient elsewhere */
	QUEUE_PICK_NAME,    /* an account or a domain */
	QUEUE_PICKS
};

#define QUEUE_SELECTORS_MAX 1000 /* in one command */

/* Which messages are meant. */
struct queue_selector {
	uint8_t pick; /* enum queue_pick */
	struct sv text;
	uint64_t id; /* QUEUE_PICK_ID */
};

/* CMD_QUEUE_LIST. */
struct queue_list {
	bool attempts; /* the words of each try, too */
	struct queue_selector *s;
	uint32_t n;
};
CODEC_FUNCTIONS(queue_list);

struct queue_listed {
	int rc;
	struct sv text;
	uint32_t n;
	int fd; /* n records (queue/spool/listing.h); -1 unless RC_OK */
};
CODEC_FUNCTIONS(queue_listed);

/* CMD_QUEUE_ACT. */
struct queue_act {
	uint8_t action; /* enum queue_action */
	struct queue_selector *s;
	uint32_t n;
};
CODEC_FUNCTIONS(queue_act);

struct queue_done {
	int rc;
	struct sv text;
	uint32_t messages, recipients;
	uint32_t busy; /* being delivered now: left as they are */
	uint32_t held; /* left, too: they are held */
};
CODEC_FUNCTIONS(queue_done);

#endif
