/*
 * What an SMTP server needs from the rest of the server.  Every call may block
 * up to its own deadline and comes from many threads; the tests have a server
 * of their own.
 */
#ifndef SMTP_OPS_H
#define SMTP_OPS_H

#include <stdint.h>

#include "attach/clamd.h"
#include "dns/dns.h"
#include "history/history.h"
#include "msgauth/onward.h"

#define SMTP_ACCOUNT_MAX 64

/* What becomes of mail that the domain of its author disowns (DMARC). */
enum smtp_inbound {
	SMTP_INBOUND_REJECT, /* what that domain asks for */
	SMTP_INBOUND_JUNK,   /* at most into the folder for junk */
	SMTP_INBOUND_NOTE,   /* nothing: it is noted in the header */
	SMTP_INBOUND_OFF     /* nothing is looked up */
};

/* A message, for viruses. */
struct smtp_scanned {
	struct sv sender, recipients; /* the latter with blanks between */
	int fd;
	uint64_t size;
};

/* A local recipient's account. */
struct smtp_account {
	char name[SMTP_ACCOUNT_MAX];
	char *written; /* the first address of it that was written to */
	/* Port 25, once the message is judged: */
	bool junk;	  /* it belongs into the folder for junk */
	uint8_t override; /* enum verdict_override */
	uint8_t known;	  /* enum verdict_known */
};

/* An address of ours that the queue follows, see smtp_ops.forwards and
 * .returns. */
struct smtp_forward {
	char *address;
	enum onward onward;
	bool junk;	  /* for those who keep it */
	uint8_t override; /* enum verdict_override */
	/* The session's: */
	uint32_t home;	/* its domain */
	unsigned nrcpt; /* RCPT commands that have led to it */
	bool looped;	/* it has had this message before */
};

struct smtp_delivery {
	uint8_t id[16];
	struct sv sender; /* without <>; empty: null */
	struct sv front;  /* the fields in front of it: trace, signatures */
	int fd;		  /* the message behind them */
	uint64_t size;	  /* of that */
	const struct smtp_account *account;
	size_t naccount;
	/* Submission only: */
	const char *const *outside; /* addresses elsewhere */
	size_t noutside;
	const char *owner; /* the account that sends it, or NULL */
	bool bare;	   /* without Return-Path: it goes outside, too */
	/* These go by way of the queue, too; the field Authentication-Results
	 * goes with them. */
	const struct smtp_forward *forward;
	size_t nforward;
	struct sv results;
	bool known; /* its sender may be told when that fails */
	/* Port 25 only: what was found out, or NULL.  Action and override are
	 * each account's. */
	const struct verdict *verdict;
	bool unscanned; /* junk because ClamAV was away, for all of them */
};

enum smtp_tls {
	SMTP_TLS_NONE,
	SMTP_TLS_STARTED, /* by STARTTLS */
	SMTP_TLS_IMPLICIT /* from the first byte: its own port */
};

struct smtp_login {
	char account[SMTP_ACCOUNT_MAX];
	uint32_t number;
	uint64_t credential; /* what it logged in with: see smtp_server_kick */
};

/* A mail that may bring a report about a domain of ours. */
struct smtp_report_mail {
	struct sv from; /* the author's domain, if it is known */
	bool verified;	/* the mail has proved to be from there */
	bool expected;	/* it says that it is a report */
	int fd;		/* the message */
	uint64_t size;
};

#define SMTP_BLOCK_LISTS_MAX 16
#define SMTP_CODES_MAX	     32

/* Asked about the other side's address: dns/block_list.h.  What of its codes
 * is not in refuse makes mail junk. */
struct smtp_block_list {
	char zone[DNS_NAME_MAX];
	uint32_t code[SMTP_CODES_MAX][2], refuse[SMTP_CODES_MAX][2];
	size_t ncode, nrefuse;
};

struct smtp_feedback;
struct list_name;
struct smtp_signing;
struct verdict;

struct smtp_ops {
	/*
	 * Who gets mail for this address (local@domain, or "postmaster"):
	 * calls add() for each account.  RC_NOTFOUND: ours, but nobody's;
	 * RC_DENIED: not ours; RC_NOSPACE: above its quota.
	 */
	int (*lookup)(void *ctx, struct sv address,
	    void (*add)(void *arg, const char *account), void *arg);
	/*
	 * To how many addresses at other servers does this one lead, beside
	 * the accounts of lookup?  Appends the alias by which it does.  NULL:
	 * none does.
	 */
	size_t (*forwards)(void *ctx, struct sv address, struct buf *alias);
	/*
	 * Is it an address under which we have passed something on, to which
	 * that comes back?  RC_OK; RC_NOTFOUND: it is not of that kind;
	 * RC_DENIED: forged; RC_TIMEOUT: too old; RC_TEMP.  NULL: none is.
	 */
	int (*returns)(void *ctx, struct sv address);
	/* RC_OK, RC_DENIED (wrong), RC_TEMP.  sasl: a PLAIN message. */
	int (*login)(void *ctx, struct sv sasl, const char *peer,
	    enum smtp_tls tls, struct smtp_login *out);
	/* May this account write as that address? */
	bool (*may_send)(
	    void *ctx, const struct smtp_login *who, struct sv address);
	/* May mail go to other domains at all?  NULL: no. */
	bool (*may_leave)(void *ctx);
	/* An empty unlinked file for a message above 1 MiB; RC_TEMP,
	 * RC_NOSPACE. */
	int (*file)(void *ctx, int *fd_out);
	/*
	 * Submission, of a message that goes outside: appends its signatures,
	 * header fields, to *out; none for another domain's From.  What is not
	 * RC_OK means that it cannot be signed now and must not leave.  NULL:
	 * mail leaves unsigned.
	 */
	int (*sign)(void *ctx, const struct smtp_signing *g, struct buf *out);
	/*
	 * Looks for viruses; may take minutes.  RC_OK: out says what there
	 * is, maybe that it could not be found out; RC_NOTFOUND: nobody is to
	 * be asked.  NULL: the same.
	 */
	int (*scan)(
	    void *ctx, const struct smtp_scanned *m, struct clamd_answer *out);
	/* RC_OK only when each account has it on the disk, or the queue has.
	 * With recipients outside, or forwarded, all go through the queue, in
	 * one step.
	 * RC_TEMP, RC_NOSPACE.  fd stays the caller's. */
	int (*deliver)(
	    void *ctx, const struct smtp_delivery *d, struct err *err);
	/*
	 * Asks for a name and returns: RC_OK, and fn is called once, later, in
	 * another thread, after ms at the latest; else fn is not called.  any:
	 * macros have made it, see dns_ask_any.  NULL: nothing that arrives is
	 * judged.
	 */
	int (*ask)(void *ctx, const char *name, bool any, enum dns_type type,
	    int64_t ms, dns_done_fn *fn, void *arg);
	/* The answer, if it was had a moment ago: for the caller to free.
	 * NULL: none is remembered. */
	bool (*recall)(void *ctx, const char *name, bool any,
	    enum dns_type type, struct dns_answer *out);
	/*
	 * What the owner wants of mail for a recipient's domain: NULL, as in
	 * the limits; whether what a sealer says of mail that it has passed on
	 * (ARC) is to be believed, and whether a mailing list is welcome: NULL,
	 * none.
	 */
	enum smtp_inbound (*inbound)(void *ctx, struct sv domain);
	bool (*trusts)(void *ctx, struct sv domain, const char *sealer);
	bool (*welcomes)(
	    void *ctx, struct sv domain, const struct list_name *list);
	/*
	 * Has this account, or anybody here (""), written to this address?
	 * RC_TEMP: that cannot be found out now.  NULL: nobody has.
	 */
	int (*knows)(
	    void *ctx, const char *account, const char *address, bool *yes);
	/*
	 * Is a suspicious stranger to come again?  name: of the peer's address,
	 * or ""; triple: network, sender and recipients' domain.  False also if
	 * greylisting is off, of the hosts that our own mail goes through, and
	 * when that cannot be found out. NULL: nobody is.
	 */
	bool (*greylists)(void *ctx);
	bool (*grey)(
	    void *ctx, const char *peer, const char *name, struct sv triple);
	/* How such mail has fared here; and that one more was refused.  What
	 * is delivered is noted by deliver.  NULL: nobody remembers. */
	void (*standing)(void *ctx, struct verdict *v);
	void (*refused)(void *ctx, const struct verdict *v);
	/* The block lists that are asked: at most SMTP_BLOCK_LISTS_MAX, *out
	 * for the caller to free.  NULL: none is. */
	size_t (*block_lists)(void *ctx, struct smtp_block_list **out);
	/* Is the domain one of ours, or below one?  NULL: none is. */
	bool (*is_own)(void *ctx, struct sv domain);
	/* What became of a message, for its owner's history; and what is only
	 * counted.  NULL: nobody wants to know. */
	void (*note)(void *ctx, const struct history_step *step);
	void (*count)(void *ctx, enum history_count what);
	/* Port 25, of one that was delivered: hands a copy to who reads
	 * reports, and returns.  fd stays the caller's.  NULL: nobody does. */
	void (*report)(void *ctx, const struct smtp_report_mail *m);
	/* What a message has shown about its author's domain, whose owner asks
	 * for reports.  NULL: nobody gets one. */
	void (*feedback)(void *ctx, const struct smtp_feedback *f);
};

#endif
