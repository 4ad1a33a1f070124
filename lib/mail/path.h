/*
 * Addresses as they are in SMTP commands [RFC 5321 4.1.2].  Pure.
 *
 * What others write is read as far as it can be understood [RFC 5321 4.5.3.1,
 * 4.1.2]: local parts of any printable bytes and of lengths far above 64, as
 * bounce addresses have; dots at either end or next to each other, as those of
 * telephone companies have; underscores, hyphens at the ends of labels and a
 * last dot in domains; blanks within the angle brackets, or no brackets.  8-bit
 * bytes are not (SMTPUTF8 is not offered), nor anything that could break a line
 * or end an angle.
 *
 * What we write is strict: see mail_address_write.
 */
#ifndef MAIL_PATH_H
#define MAIL_PATH_H

#include <stdbool.h>

#include "base/buf.h"

struct mail_path_limits {
	size_t local;  /* [RFC 5321 4.5.3.1.1] 64 octets, if one must */
	size_t domain; /* [RFC 5321 4.5.3.1.2] 255 octets */
	size_t path;   /* [RFC 5321 4.5.3.1.3] 256 with the punctuation */
};

/* So that a header field with the address still fits a line of 998 bytes. */
#define MAIL_PATH_LIMITS ((struct mail_path_limits){700, 255, 1500})
/* Of an address within these limits, plain or written. */
#define MAIL_ADDRESS_MAX 1000

/* Slices point into the text that was parsed. */
struct mail_path {
	bool null;	  /* "<>" */
	struct sv local;  /* as written, with quotes if it had them */
	struct sv domain; /* empty for "postmaster" alone; else a domain without
			     a last dot, or an address literal in brackets */
	struct sv mailbox; /* local@domain as written */
};

/*
 * Path = "<" [ A-d-l ":" ] Mailbox ">", or without the brackets; also "<>" if
 * null_ok and, as [RFC 5321 4.1.1.3] demands, "<postmaster>" without a domain.
 * Cuts it off *in.  RC_SYNTAX, RC_TOOBIG, RC_NOSUPPORT: not ASCII.
 */
int mail_path_parse(struct sv *in, const struct mail_path_limits *lim,
    bool null_ok, struct mail_path *out) RC_USE_RESULT;

/* Domain = sub-domain *("." sub-domain), strictly; or an address literal. */
bool mail_domain_valid(struct sv s);
bool mail_address_literal_valid(struct sv s);

/*
 * Appends the address in the one form in which it is kept and compared (case is
 * folded by the caller): a local part of atoms and dots, in whatever order, has
 * no quotes, every other one has.  "ab"@x is ab@x, a..b@x stays, "a b"@x too.
 */
void mail_path_plain(const struct mail_path *p, struct buf *out);
/* Appends a plain address as we write it into commands and header fields:
 * "a..b"@x [RFC 5321 4.1.2]. */
void mail_address_write(struct sv plain, struct buf *out);

#endif
