/*
 * What we write to a sender whose message was not delivered, or not yet: a
 * delivery status notification [RFC 3464] whose first sentence a person
 * understands.  Pure.
 */
#ifndef QUEUE_SPOOL_REPORT_H
#define QUEUE_SPOOL_REPORT_H

#include "base/buf.h"

/* Ours: the last words on a message that the disk has lost. */
#define REPORT_UNREADABLE "5.3.0 the message can no longer be read on our disk"

/* Ours: what the owner has taken out of the queue. */
#define REPORT_REMOVED "5.7.1 removed by the postmaster"

/* Ours: it was not forwarded, for it would be refused. */
#define REPORT_WOULD_REFUSE "5.7.26 not sent: DMARC p=reject"

struct report_rcpt {
	const char *address; /* of what was forwarded: the alias */
	/* The last words on it: a host's begin with its reply code, ours
	 * do not. */
	struct sv reply_text;
	unsigned tries;
	const char *domain; /* for an alias's owner: where it was to go */
};

struct report {
	bool delay; /* it is still tried; else it is given up */
	/*
	 * An alias by which it was forwarded, or NULL.  The author hears of the
	 * alias only; its owner (to_owner) hears at which domain it went wrong
	 * and in what words.  Neither is told the address: it is in the
	 * configuration, and in the log.
	 */
	const char *alias;
	bool to_owner;
	const char *author; /* for the owner: the sender of the message */
	bool returned;	    /* it had been taken, and a bounce has come since */
	/* Or something else has: original is that, and there is no rcpt. */
	bool answered;
	const char *hostname;
	const char *domain;   /* of the postmaster who writes */
	const char *to;	      /* the sender of the message */
	const uint8_t *id;    /* 16 bytes, for the Message-ID */
	int64_t now, arrived; /* ms since 1970 */
	bool expired;	      /* given up because of its age */
	const struct report_rcpt *rcpt;
	size_t nrcpt;
	struct sv original; /* the message, or its first part, or nothing */
	bool whole;	    /* original is all of it */
	bool lost; /* it cannot be read, which is why it has come to its end */
};

/* Writes the report as a message, lines ending with CR LF. */
void report_compose(const struct report *r, struct buf *out);

/*
 * The status code [RFC 3463] for what was said: the enhanced code of the
 * words, or one made of the reply's first digit.  "5.1.1"; out has 12 bytes.
 */
void report_status(struct sv reply_text, bool failed, char out[12]);
/* Why, as half a sentence: "there is no such mailbox at example.test". */
void report_reason(
    struct sv reply_text, const char *address, bool expired, struct buf *out);

#endif
