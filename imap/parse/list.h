/*
 * What LIST asks for [RFC 3501 6.3.8, RFC 5258, RFC 5819, RFC 6154].
 */
#ifndef IMAP_PARSE_LIST_H
#define IMAP_PARSE_LIST_H

#include "imap/parse/parse.h"

enum imap_list_option {
	IMAP_LIST_SUBSCRIBED = 1 << 0,
	IMAP_LIST_REMOTE = 1 << 1, /* selection only; no mailbox is remote */
	IMAP_LIST_RECURSIVEMATCH = 1 << 2, /* selection only */
	IMAP_LIST_SPECIAL_USE = 1 << 3,
	IMAP_LIST_CHILDREN = 1 << 4, /* return only */
	IMAP_LIST_STATUS = 1 << 5    /* return only: status says what */
};

struct imap_list {
	bool extended;	      /* options, or patterns in parentheses */
	unsigned select, ret; /* enum imap_list_option */
	unsigned status;      /* enum imap_status_att */
	struct sv reference;
	struct sv *pattern; /* as on the wire */
	size_t npattern;
};

/* What follows "LIST ".  RC_TOOBIG also for more patterns than
 * lim->patterns. */
int imap_list_args(struct imap_in *in, struct imap_list *out) RC_USE_RESULT;

#endif
