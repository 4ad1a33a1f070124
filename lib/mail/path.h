/*
 * Addresses as they stand in SMTP commands [RFC 5321 4.1.2].
 *
 * Pure and strict: what is no Path is refused.  Accepted beyond the grammar
 * and nothing else: 8-bit bytes in the local part are refused (SMTPUTF8 is
 * not offered).
 */
#ifndef MAIL_PATH_H
#define MAIL_PATH_H

#include <stdbool.h>

#include "base/buf.h"

struct mail_path_limits {
	size_t local;  /* [RFC 5321 4.5.3.1.1] 64 octets */
	size_t domain; /* [RFC 5321 4.5.3.1.2] 255 octets */
	size_t path;   /* [RFC 5321 4.5.3.1.3] 256 with the punctuation */
};

#define MAIL_PATH_LIMITS ((struct mail_path_limits){64, 255, 512})

/* Slices point into the text that was parsed. */
struct mail_path {
	bool null;	   /* "<>" */
	struct sv local;   /* as written, with quotes if it had them */
	struct sv domain;  /* empty for "postmaster" alone; else a domain or an
			      address literal in brackets */
	struct sv mailbox; /* local@domain as written */
};

/*
 * Path = "<" [ A-d-l ":" ] Mailbox ">"; also "<>" if null_ok and, as
 * [RFC 5321 4.1.1.3] demands, "<postmaster>" without a domain.  Cuts it off
 * *in.  RC_SYNTAX, RC_TOOBIG.
 */
int mail_path_parse(struct sv *in, const struct mail_path_limits *lim,
    bool null_ok, struct mail_path *out) RC_USE_RESULT;

/* Domain = sub-domain *("." sub-domain), or an address literal. */
bool mail_domain_valid(struct sv s);
bool mail_address_literal_valid(struct sv s);

/* Appends the address without needless quoting: "a b"@x stays, "ab"@x is
 * ab@x.  For look-ups, where case is folded by the caller. */
void mail_path_plain(const struct mail_path *p, struct buf *out);

#endif
