/*
 * Lists of addresses in header fields: From, To, Cc and their like
 * [RFC 5322 3.4, 4.4].
 *
 * An iterator, so that a list of ten thousand costs no more memory than one
 * address.  What does not parse is still reported, as far as it can be read,
 * with `broken` set, and reading goes on behind the next comma: a caller that
 * shows or checks a list must not miss the address behind a bad one.
 */
#ifndef MAIL_ADDRLIST_H
#define MAIL_ADDRLIST_H

#include "base/buf.h"

enum mail_addr_kind {
	MAIL_ADDR_MAILBOX,
	MAIL_ADDR_GROUP,    /* name: the group's */
	MAIL_ADDR_GROUP_END /* no fields */
};

/*
 * All slices hold values: quotes, backslashes, comments and line breaks are
 * gone.  Encoded words are as they were.  A p of NULL means: was not there.
 */
struct mail_addr {
	enum mail_addr_kind kind;
	bool broken;
	struct sv name;	 /* display name, or the last comment */
	struct sv route; /* "@a,@b" of an old source route */
	struct sv local;
	struct sv domain;
};

struct mail_addrlist {
	struct sv rest;
	bool in_group;
	struct buf text;    /* the values of the address at hand */
	struct buf comment; /* the last one seen */
};

void mail_addrlist_init(struct mail_addrlist *l, struct sv field_value);
void mail_addrlist_fini(struct mail_addrlist *l);
/* The next one; false at the end.  *out is valid until the next call. Every
 * GROUP is followed by its GROUP_END, also when the input lacks it. */
bool mail_addrlist_next(struct mail_addrlist *l, struct mail_addr *out);

/*
 * Who has written it, for fields like From: calls fn for each mailbox, which
 * has both parts then, until it says something else than RC_OK, which is
 * returned.  RC_SYNTAX: there is no usable address.
 *
 * What programs write that know no quoting is understood, too.  Where the list
 * does not parse, a single address in angle brackets is the one that is meant,
 * whatever comes before it, and without brackets a single address at all:
 * "[NAS] Ben <ben@x>", "Smith, Ben <ben@x>", "ben@x <ben@x>", "Ben <ben@x>;",
 * "Ben ben@x".  Addresses outside of the brackets that others could read as
 * well are reported first; what is directly before them is a name.
 */
int mail_author_each(struct sv field_value,
    int (*fn)(void *arg, const struct mail_addr *a), void *arg) RC_USE_RESULT;

#endif
