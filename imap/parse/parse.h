/*
 * The grammar of IMAP commands [RFC 3501 9, RFC 9051 9] as functions, each
 * named after its ABNF production.
 *
 * They read a whole command's text (imap/parse/frame.h) through a cursor,
 * struct imap_in.  On success the cursor is behind what was read; after
 * an error it is of no more use, and `why` says in a few words what was
 * expected.  RC_SYNTAX: the grammar is broken; RC_TOOBIG: a limit was
 * reached.
 *
 * Slices that come out point into the text or into the arena: they live until
 * the first of the two is reset.
 */
#ifndef IMAP_PARSE_PARSE_H
#define IMAP_PARSE_PARSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rangeset.h"
#include "imap/parse/limits.h"

struct imap_in {
	struct sv s; /* what is left */
	const struct imap_limits *lim;
	struct arena *arena;
	unsigned elements; /* counted against lim->elements */
	unsigned depth;
	bool utf8; /* mailbox names are UTF-8: IMAP4rev2 is enabled */
	const char *why;
};

void imap_in_init(struct imap_in *in, struct sv text,
    const struct imap_limits *lim, struct arena *arena);

/* Sets why and returns RC_SYNTAX. */
int imap_expected(struct imap_in *in, const char *what);
/* Counts one element; RC_TOOBIG. */
int imap_element(struct imap_in *in) RC_USE_RESULT;

/* ---- tokens ---- */

bool imap_is_atom_char(char c);
bool imap_is_astring_char(char c);

/* The next byte, or NUL at the end. */
char imap_peek(const struct imap_in *in);
/* If the next byte is c, takes it. */
bool imap_take(struct imap_in *in, char c);
/* Takes the word if it is next, in any case, and no atom goes on behind. */
bool imap_take_word(struct imap_in *in, struct sv word);
int imap_sp(struct imap_in *in) RC_USE_RESULT;
int imap_ch(struct imap_in *in, char c) RC_USE_RESULT;
/* Nothing may follow. */
int imap_end(struct imap_in *in) RC_USE_RESULT;

int imap_tag(struct imap_in *in, struct sv *out) RC_USE_RESULT;
int imap_atom(struct imap_in *in, struct sv *out) RC_USE_RESULT;
int imap_number(struct imap_in *in, uint32_t *out) RC_USE_RESULT;
int imap_number64(struct imap_in *in, uint64_t *out) RC_USE_RESULT;
int imap_nz_number(struct imap_in *in, uint32_t *out) RC_USE_RESULT;
int imap_string(struct imap_in *in, struct sv *out) RC_USE_RESULT;
int imap_astring(struct imap_in *in, struct sv *out) RC_USE_RESULT;
/* *nil_out: it was NIL, *out is empty. */
int imap_nstring(
    struct imap_in *in, struct sv *out, bool *nil_out) RC_USE_RESULT;
int imap_list_mailbox(struct imap_in *in, struct sv *out) RC_USE_RESULT;

/*
 * A mailbox's name in UTF-8, "INBOX" for any spelling of that.  On the wire
 * it is in modified UTF-7, or with in->utf8 in UTF-8 itself.
 * RC_PERM: the string is well-formed, but no name (bad modified UTF-7 or
 * UTF-8): the cursor goes on behind it, so that the rest is still checked.
 */
int imap_mailbox(struct imap_in *in, struct sv *out) RC_USE_RESULT;

/* The arguments of ID, which are read and forgotten. */
int imap_id(struct imap_in *in) RC_USE_RESULT;

/* A MODSEQ [RFC 7162 7, mod-sequence-valzer]: 63 bits. */
int imap_modseq(struct imap_in *in, uint64_t *out) RC_USE_RESULT;
int imap_objectid(struct imap_in *in, struct sv *out) RC_USE_RESULT;

/* ---- sets, flags, dates ---- */

struct imap_range {
	uint32_t lo, hi; /* as written; 0 stands for "*" */
};

struct imap_set {
	struct imap_range *r;
	size_t n;
	bool saved; /* "$", the search result variable; n is 0 then */
};

/* One number or "*", as a set. */
int imap_seq_number(struct imap_in *in, struct imap_set *out) RC_USE_RESULT;
int imap_sequence_set(struct imap_in *in, struct imap_set *out) RC_USE_RESULT;
/* The highest number written, "*" apart. */
uint32_t imap_set_max(const struct imap_set *s);
bool imap_set_has_star(const struct imap_set *s);
/* With star for "*"; adds to *out. */
void imap_set_resolve(
    const struct imap_set *s, uint32_t star, struct rangeset *out);

#define IMAP_SEEN     0x01u
#define IMAP_ANSWERED 0x02u
#define IMAP_FLAGGED  0x04u
#define IMAP_DELETED  0x08u
#define IMAP_DRAFT    0x10u

struct imap_flags {
	uint32_t system;
	struct sv *keyword;
	size_t nkeyword;
	size_t cap;
};

int imap_flag(struct imap_in *in, struct imap_flags *add) RC_USE_RESULT;
int imap_flag_list(struct imap_in *in, struct imap_flags *out) RC_USE_RESULT;

enum imap_store_op {
	IMAP_STORE_SET,
	IMAP_STORE_ADD,
	IMAP_STORE_REMOVE
};

struct imap_store_att {
	enum imap_store_op op;
	bool silent;
	bool conditional;	  /* UNCHANGEDSINCE was given ... */
	uint64_t unchanged_since; /* ... with this, which may be 0 */
	struct imap_flags flags;
};

/* What follows the sequence set: the modifier, if any, and the flags. */
int imap_store_att_flags(
    struct imap_in *in, struct imap_store_att *out) RC_USE_RESULT;

/* Days since 1970-01-01. */
int imap_date(struct imap_in *in, int64_t *days_out) RC_USE_RESULT;

struct imap_date_time {
	int64_t secs; /* since 1970, UTC */
	int32_t zone; /* minutes east of UTC */
};

int imap_date_time(
    struct imap_in *in, struct imap_date_time *out) RC_USE_RESULT;

enum imap_status_att {
	IMAP_STATUS_MESSAGES = 1 << 0,
	IMAP_STATUS_RECENT = 1 << 1,
	IMAP_STATUS_UIDNEXT = 1 << 2,
	IMAP_STATUS_UIDVALIDITY = 1 << 3,
	IMAP_STATUS_UNSEEN = 1 << 4,
	IMAP_STATUS_SIZE = 1 << 5,	      /* [RFC 8438] */
	IMAP_STATUS_DELETED = 1 << 6,	      /* [RFC 9051 6.3.11] */
	IMAP_STATUS_APPENDLIMIT = 1 << 7,     /* [RFC 7889] */
	IMAP_STATUS_HIGHESTMODSEQ = 1 << 8,   /* [RFC 7162 3.1.7] */
	IMAP_STATUS_MAILBOXID = 1 << 9,	      /* [RFC 8474 4.3] */
	IMAP_STATUS_DELETED_STORAGE = 1 << 10 /* [RFC 9208 4.1.4] */
};

/* The parenthesised list of STATUS. */
int imap_status_atts(struct imap_in *in, unsigned *bits_out) RC_USE_RESULT;

/* ---- writing ---- */

/* An astring: as an atom where that is possible, else quoted, else a
 * literal. */
void imap_put_astring(struct buf *out, struct sv s);
/* A mailbox's name, from UTF-8: in modified UTF-7, or with utf8 as it is,
 * quoted [RFC 9051 5.1]. */
void imap_put_mailbox(struct buf *out, struct sv name, bool utf8);
/* "17-Jul-1996 02:44:25 -0700" with its quotes. */
void imap_put_date_time(struct buf *out, int64_t secs, int32_t zone);

#endif
