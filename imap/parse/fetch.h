/*
 * What FETCH asks for [RFC 3501 6.4.5, RFC 3516 4.2, RFC 7162 3.1.4, RFC
 * 8474 5.3, RFC 8514 4.2].
 */
#ifndef IMAP_PARSE_FETCH_H
#define IMAP_PARSE_FETCH_H

#include "imap/parse/parse.h"

enum imap_fetch_item {
	IMAP_FETCH_UID = 1 << 0,
	IMAP_FETCH_FLAGS = 1 << 1,
	IMAP_FETCH_INTERNALDATE = 1 << 2,
	IMAP_FETCH_SIZE = 1 << 3,
	IMAP_FETCH_ENVELOPE = 1 << 4,
	IMAP_FETCH_BODYSTRUCTURE = 1 << 5,
	IMAP_FETCH_BODY = 1 << 6,
	IMAP_FETCH_MODSEQ = 1 << 7,
	IMAP_FETCH_EMAILID = 1 << 8,
	IMAP_FETCH_THREADID = 1 << 9,
	IMAP_FETCH_SAVEDATE = 1 << 10
};

enum imap_section_what {
	IMAP_SECTION_ALL, /* the message, or a part's body */
	IMAP_SECTION_HEADER,
	IMAP_SECTION_FIELDS,
	IMAP_SECTION_FIELDS_NOT,
	IMAP_SECTION_TEXT,
	IMAP_SECTION_MIME
};

/* In which form a section is asked for. */
enum imap_section_form {
	IMAP_FORM_BODY,	      /* as it is */
	IMAP_FORM_BINARY,     /* without its transfer encoding */
	IMAP_FORM_BINARY_SIZE /* how long that is */
};

struct imap_section {
	enum imap_section_form form;
	uint32_t *part; /* 1.2.3 */
	size_t npart;
	enum imap_section_what what;
	struct sv *field; /* HEADER.FIELDS */
	size_t nfield;
	bool partial; /* <from.count> */
	uint64_t from, count;
	bool peek;
	const char *name; /* "RFC822.TEXT"; NULL: BODY[...] */
};

struct imap_fetch {
	unsigned items; /* enum imap_fetch_item */
	struct imap_section *section;
	size_t nsection;
	size_t cap;
	bool sets_seen; /* a section without PEEK is asked for */
	/* Modifiers. */
	bool changed_since; /* only what has a MODSEQ above since */
	bool vanished;	    /* and what has gone [RFC 7162 3.2.6] */
	uint64_t since;
};

/* What follows the sequence set: a macro, an item, or a list. */
int imap_fetch_atts(struct imap_in *in, struct imap_fetch *out) RC_USE_RESULT;
/* [SP fetch-modifiers], behind that; MODSEQ joins the items. */
int imap_fetch_modifiers(
    struct imap_in *in, struct imap_fetch *add) RC_USE_RESULT;
int imap_fetch_att(struct imap_in *in, struct imap_fetch *add) RC_USE_RESULT;
/* From "[" to "]"; leaves form, peek, partial and name alone.  With a binary
 * form only part numbers are allowed there. */
int imap_section(struct imap_in *in, struct imap_section *out) RC_USE_RESULT;

/* "BODY[1.2.HEADER.FIELDS (Subject)]<0>", "BINARY[1]", as the response names
 * it. */
void imap_put_section(struct buf *out, const struct imap_section *s);

#endif
