/*
 * What SEARCH asks for, as a tree [RFC 3501 6.4.4, RFC 4731, RFC 5182,
 * RFC 7162 3.1.5, RFC 8474 6, RFC 8514 4.3].
 */
#ifndef IMAP_PARSE_SEARCH_H
#define IMAP_PARSE_SEARCH_H

#include "imap/parse/parse.h"

enum imap_search_type {
	IMAP_SEARCH_ALL,
	IMAP_SEARCH_AND,     /* child: a list of any length */
	IMAP_SEARCH_OR,	     /* child: two */
	IMAP_SEARCH_NOT,     /* child: one */
	IMAP_SEARCH_SEQ,     /* set */
	IMAP_SEARCH_UID,     /* set */
	IMAP_SEARCH_FLAG,    /* number: a bit of IMAP_SEEN...; NOT for UNSEEN */
	IMAP_SEARCH_NONE,    /* RECENT, NEW: no message */
	IMAP_SEARCH_KEYWORD, /* text */
	IMAP_SEARCH_LARGER,  /* number */
	IMAP_SEARCH_SMALLER,
	IMAP_SEARCH_MODSEQ,	 /* number: as high or higher */
	IMAP_SEARCH_EMAILID,	 /* text */
	IMAP_SEARCH_THREADID,	 /* text */
	IMAP_SEARCH_SAVEDBEFORE, /* days; by the save date */
	IMAP_SEARCH_SAVEDON,
	IMAP_SEARCH_SAVEDSINCE,
	IMAP_SEARCH_BEFORE, /* days; by internal date */
	IMAP_SEARCH_ON,
	IMAP_SEARCH_SINCE,
	IMAP_SEARCH_SENTBEFORE, /* days; by the Date field */
	IMAP_SEARCH_SENTON,
	IMAP_SEARCH_SENTSINCE,
	IMAP_SEARCH_SUBJECT, /* text, in the charset of the command */
	IMAP_SEARCH_FROM,
	IMAP_SEARCH_TO,
	IMAP_SEARCH_CC,
	IMAP_SEARCH_BCC,
	IMAP_SEARCH_HEADER, /* field, text */
	IMAP_SEARCH_BODY,
	IMAP_SEARCH_TEXT
};

struct imap_search_key {
	enum imap_search_type type;
	struct imap_search_key *child; /* first of its children */
	struct imap_search_key *next;  /* its next sibling */
	struct imap_set set;
	uint64_t number;
	int64_t days;
	struct sv text, field;
	void *prepared; /* the evaluator's */
};

enum imap_search_return {
	IMAP_RETURN_MIN = 1 << 0,
	IMAP_RETURN_MAX = 1 << 1,
	IMAP_RETURN_ALL = 1 << 2,
	IMAP_RETURN_COUNT = 1 << 3,
	IMAP_RETURN_SAVE = 1 << 4 /* into "$" [RFC 5182 2.1] */
};

struct imap_search {
	bool esearch;		     /* RETURN was given */
	unsigned result;	     /* enum imap_search_return, or ALL */
	struct sv charset;	     /* empty: none given */
	bool modseq;		     /* MODSEQ is among the keys */
	bool seqnos;		     /* sequence numbers are; not "$" */
	struct imap_search_key *key; /* an AND */
};

/* What follows "SEARCH ". */
int imap_search_program(
    struct imap_in *in, struct imap_search *out) RC_USE_RESULT;
int imap_search_key(
    struct imap_in *in, struct imap_search_key **out) RC_USE_RESULT;

#endif
