/*
 * Addresses in header fields [RFC 5322 3.4, 4.4]: From, To, Cc and so on.
 *
 * Pure, linear, and as tolerant as readers must be: whatever cannot be an
 * address becomes a name without one, and nothing is ever refused.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>

#include "base/buf.h"

enum mail_address_kind {
	MAIL_ADDRESS_MAILBOX,
	MAIL_ADDRESS_GROUP,    /* "Friends:"; its members follow */
	MAIL_ADDRESS_GROUP_END /* ";" */
};

/* Bytes as written, comments gone, quotes and escapes taken off; encoded
 * words are left as they are. */
struct mail_address {
	enum mail_address_kind kind;
	struct buf name;   /* display name or group name; may be empty */
	struct buf route;  /* "@a,@b" of an obsolete source route */
	struct buf local;  /* without quotes */
	struct buf domain; /* may be empty */
	bool has_name;	   /* to tell "" from nothing */
	bool broken;	   /* no address could be read out of it */
};

void mail_address_init(struct mail_address *a);
void mail_address_fini(struct mail_address *a);
/* The next entry of the field value *in, cut off it; false at the end.  a is
 * overwritten. */
bool mail_address_next(struct sv *in, bool *in_group, struct mail_address *a);

#endif
