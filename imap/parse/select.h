/*
 * The parameters of SELECT and EXAMINE [RFC 7162 3.1.8, 3.2.5].
 */
#ifndef IMAP_PARSE_SELECT_H
#define IMAP_PARSE_SELECT_H

#include "imap/parse/parse.h"

struct imap_select {
	bool condstore;
	bool qresync; /* with the following */
	uint32_t uidvalidity;
	uint64_t modseq;
	bool some;	       /* known was given */
	struct imap_set known; /* UIDs; no "*" here and below */
	/* UIDs of some messages and their sequence numbers at that time: the
	 * n-th belongs to the n-th; empty: not given. */
	struct imap_set seqno, uid;
};

/* [SP select-params], behind the mailbox. */
int imap_select_params(
    struct imap_in *in, struct imap_select *out) RC_USE_RESULT;

#endif
