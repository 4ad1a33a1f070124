/*
 * The mailing list that a message says it has come through: List-Post
 * [RFC 2369 3.4], List-Id [RFC 2919], or the envelope's sender.  Pure.
 *
 * Anybody can write these.  One counts only if a DKIM signature of the list's
 * domain, or of one above it, has passed: then that domain has sent what is
 * in From.  And it must be that domain that has named the list, lest one who
 * gets a message signed by a host of many lists names another of them: either
 * the signature covers the field, or the message comes from the domain itself
 * (SPF).  A field that is there twice names no list.
 */
#ifndef MSGAUTH_LIST_H
#define MSGAUTH_LIST_H

#include "msgauth/dkim_verify.h"
#include "msgauth/spf.h"

#define LIST_ADDRESS_MAX 256

enum list_source {
	LIST_POST,
	LIST_ID,
	LIST_SENDER,
	LIST_SOURCES
};

struct list_name {
	enum list_source source;
	/* To which one writes, lower case: "club@lists.example.org", also for
	 * List-Id: <club.lists.example.org> and for a sender like
	 * club-bounces+anna=example.net@lists.example.org. */
	char address[LIST_ADDRESS_MAX];
	char id[DNS_NAME_MAX];	   /* of LIST_ID, else empty */
	char domain[DNS_NAME_MAX]; /* whose signature counts */
};

/* sender: plain, or empty.  At most one of each source; returns how many. */
size_t list_names(const struct fieldset *fields, struct sv sender,
    struct list_name out[LIST_SOURCES]);

bool list_is_confirmed(const struct list_name *l,
    const struct dkim_verdict *dkim, size_t ndkim,
    const struct spf_outcome *mailfrom);

/*
 * The list that an address belongs to, in lower case: of club-bounces@,
 * club-request@, owner-club@, club+subscribe@, club-return-7-anna=example.org@
 * it is club@; any other address is its own.  RC_SYNTAX: it is not an address,
 * or too long.
 */
int list_address_of(
    struct sv address, char out[LIST_ADDRESS_MAX]) RC_USE_RESULT;

/* The author's address, lower case, if From is there once and has exactly one;
 * else "". */
void list_author(const struct fieldset *fields, char out[LIST_ADDRESS_MAX]);

#endif
