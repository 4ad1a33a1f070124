/*
 * What was found out about a message when it arrived, and what was done about
 * it: a record that goes with it to each account, and is kept with it there,
 * so that nobody has to read it from the header, which others write, too.
 *
 * As bytes: rows of 1 tag, 1 length, value, by rising tag; what is zero or
 * empty is left out, and tags that a reader does not know are skipped.
 *
 *    1  time when MAIL came, ms since 1970 (8, big-endian)
 *    2  address of the peer (16; IPv4 as ::ffff:a.b.c.d)
 *    3  results of SPF for MAIL FROM, SPF for HELO, DKIM (the best), ARC,
 *       DMARC, iprev: a byte each; 0 none, 1 pass, 2 fail, 3 softfail,
 *       4 neutral, 5 policy, 6 temperror, 7 permerror
 *    4  author: 0 one domain, else what was wrong with From (enum
 *       dmarc_author); policy that was published, policy that applied to this
 *       message: 0 none, 1 quarantine, 2 reject; which of SPF (1) and DKIM (2)
 *       passed for the author's domain; a byte each
 *    5  action: 0 delivered, 1 into Junk; why the policy was not done as it
 *       asks: enum verdict_override; a byte each
 *    6  the author's domain
 *    7  its organisational domain
 *    8  the domain that has passed for it
 *    9  the mailing list, or the sealer, that the override is about
 *   10  block lists that have the peer's address: "ZONE=CODE,ZONE=CODE"
 *   11  whether the account has written to the author: enum verdict_known;
 *       whether the message has proved to be from the author's domain; a byte
 *       each
 *   12  the author's address, lower case
 *   13  how mail of the author's domain, and of the peer's network, has fared
 *       here (smtp/standing.h); a byte each
 */
#ifndef MSGAUTH_VERDICT_H
#define MSGAUTH_VERDICT_H

#include "msgauth/check.h"

#define VERDICT_BYTES_MAX  1824
#define VERDICT_LISTED_MAX 256

enum verdict_action {
	VERDICT_DELIVERED,
	VERDICT_JUNK,
	VERDICT_ACTIONS
};

enum verdict_override {
	VERDICT_AS_ASKED, /* nothing was overridden */
	VERDICT_LIST,	  /* a mailing list that is known here */
	VERDICT_ARC,	  /* a sealer that the owner trusts has seen it pass */
	VERDICT_OWNER,	  /* inbound.dmarc asks for less */
	VERDICT_OTHERS,	  /* another recipient's domain takes it: not refused */
	VERDICT_UNKNOWN,  /* it was deferred for as long as that makes sense */
	VERDICT_OVERRIDES
};
/* As reports name it [RFC 9990], "" for nothing: "mailing_list",
 * "trusted_forwarder", "local_policy", "other". */
const char *verdict_override_name(enum verdict_override o);

/* Has the account written to the author? */
enum verdict_known {
	VERDICT_STRANGER,
	VERDICT_KNOWN,	 /* yes, and it is from there */
	VERDICT_CLAIMED, /* yes, if it is from there, which nothing confirms */
	VERDICT_KNOWNS
};

#define VERDICT_SPF_ALIGNED  1u
#define VERDICT_DKIM_ALIGNED 2u

struct verdict {
	int64_t received;
	struct in6_addr peer;
	enum auth_result spf, helo, dkim, arc, dmarc, iprev;
	enum dmarc_author author;
	enum dmarc_policy published, disposition;
	uint8_t aligned; /* VERDICT_*_ALIGNED */
	enum verdict_action action;
	enum verdict_override override;
	char domain[DNS_NAME_MAX], org[DNS_NAME_MAX];
	char aligned_domain[DNS_NAME_MAX];
	char other[LIST_ADDRESS_MAX];	 /* the list or the sealer */
	char listed[VERDICT_LISTED_MAX]; /* "": on no block list */
	enum verdict_known known;	 /* each account's */
	bool verified;			 /* it is from the author's domain */
	char author_address[LIST_ADDRESS_MAX];
	uint8_t domain_standing, network_standing; /* at most 15 */
};

/* All but action, override, other, listed, known, verified and standings.  now:
 * ms since 1970. */
void verdict_make(
    const struct check_result *r, int64_t now, struct verdict *out);
/* Appends it: at most VERDICT_BYTES_MAX. */
void verdict_encode(const struct verdict *v, struct buf *out);
/* As it goes to one account.  The list or sealer is named only if its own
 * override is about that. */
struct verdict_own {
	bool junk;
	enum verdict_override override;
	enum verdict_known known;
};
void verdict_encode_for(
    const struct verdict *v, const struct verdict_own *to, struct buf *out);
/* The author has been written to: what follows of it. */
enum verdict_known verdict_known_of(const struct verdict *v);
/* RC_SYNTAX: these are not its bytes; *out is untouched. */
int verdict_decode(struct sv bytes, struct verdict *out) RC_USE_RESULT;
/* Appends one line for people, without its end. */
void verdict_print(const struct verdict *v, struct buf *out);

#endif
