/*
 * What an IMAP server says, as seen by a client [RFC 3501 7, RFC 9051 7]:
 * one whole response, framed by imap/parse/frame.h, into one struct.  Pure:
 * bytes and limits in, values out.
 *
 * A message's bytes do not pass through here.  Where FETCH is about to give
 * BODY[] or BINARY[] as a literal, imap_response_parse on what came so far says
 * RC_MORE with the literal's size; the caller takes the bytes off the stream
 * and gives what follows them to imap_response_rest.
 *
 * Leniency: what is not understood is OTHER, and data items of FETCH that
 * nobody asked for are skipped, as clients must [RFC 3501 2.2.2].  Keywords
 * that could not be set on another server are counted and left out.
 */
#ifndef IMAP_CLIENT_RESPONSE_H
#define IMAP_CLIENT_RESPONSE_H

#include "imap/parse/parse.h"

enum imap_response_kind {
	IMAP_RESPONSE_OTHER,
	IMAP_RESPONSE_CONTINUE,	  /* "+": go ahead */
	IMAP_RESPONSE_CONDITION,  /* OK, NO, BAD, BYE, PREAUTH */
	IMAP_RESPONSE_CAPABILITY, /* text: the names */
	IMAP_RESPONSE_LIST,
	IMAP_RESPONSE_STATUS,
	IMAP_RESPONSE_NAMESPACE, /* list: prefix and delimiter of one's own */
	IMAP_RESPONSE_EXISTS,	 /* number */
	IMAP_RESPONSE_EXPUNGE,	 /* number */
	IMAP_RESPONSE_FETCH	 /* number */
};

enum imap_condition {
	IMAP_COND_OK,
	IMAP_COND_NO,
	IMAP_COND_BAD,
	IMAP_COND_BYE,
	IMAP_COND_PREAUTH
};

/* Attributes of a mailbox in LIST. */
#define IMAP_LIST_NOSELECT 0x0001u
#define IMAP_LIST_EXPUNGED 0x0002u /* IMAP_LIST_RESTORE */
#define IMAP_LIST_SHOWN	   0x0004u /* subscribed */
#define IMAP_LIST_DRAFTS   0x0010u
#define IMAP_LIST_SENT	   0x0020u
#define IMAP_LIST_JUNK	   0x0040u
#define IMAP_LIST_TRASH	   0x0080u
#define IMAP_LIST_ARCHIVE  0x0100u
#define IMAP_LIST_ALL	   0x0200u
#define IMAP_LIST_FLAGGED  0x0400u
#define IMAP_LIST_USES	   0x07f0u

struct imap_fetch_data {
	uint32_t uid;  /* 0: not given */
	uint64_t size; /* RFC822.SIZE */
	bool has_size;
	bool has_flags;
	struct sv flags;	    /* separated by spaces, without \Recent */
	unsigned strange;	    /* keywords left out */
	struct imap_date_time date; /* secs 0: not given */
	bool has_body;		    /* BODY[] or BINARY[], and not NIL */
	struct sv body;		    /* of one that came as a string */
	uint64_t literal;	    /* with RC_MORE: the bytes that follow */
};

struct imap_response {
	enum imap_response_kind kind;
	struct sv tag; /* empty: untagged */
	enum imap_condition cond;
	struct sv code;	     /* "APPENDUID" of "[APPENDUID 5 6]" */
	struct sv code_args; /* "5 6" */
	struct sv text;	     /* for people; CAPABILITY: the names */
	uint32_t number;
	struct imap_fetch_data fetch;
	struct {
		unsigned attributes; /* IMAP_LIST_ */
		char delimiter;	     /* NUL: none */
		struct sv wire;	     /* the name as it came */
		struct sv name;	     /* in UTF-8, '/' between its levels */
	} list;			     /* of STATUS, too */
	struct {
		uint32_t messages, uidnext, uidvalidity; /* 0: not given */
	} status;
};

/* The whole text is one response.  RC_SYNTAX, RC_TOOBIG; RC_MORE as above. */
int imap_response_parse(
    struct imap_in *in, struct imap_response *out) RC_USE_RESULT;
/* What follows the literal, for a response that was RC_MORE; RC_MORE again if
 * there is one more. */
int imap_response_rest(
    struct imap_in *in, struct imap_response *out) RC_USE_RESULT;

/* Is the name in the list of capabilities? */
bool imap_capability_has(struct sv list, struct sv name);

/* The last UID of the arguments of APPENDUID, and the UIDVALIDITY
 * [RFC 4315 3]. */
int imap_appenduid_parse(struct sv args, uint32_t *uidvalidity_out,
    uint32_t *last_uid_out) RC_USE_RESULT;

#endif
