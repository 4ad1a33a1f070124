/*
 * Header fields in which programs keep what is not of the message: flags,
 * keywords, labels.  Pure.
 *
 *   Status, X-Status, X-Keywords       mbox files of most programs
 *   X-Mozilla-Status, -Status2, -Keys  Thunderbird, in all its stores
 *   X-Gmail-Labels                     Takeout
 *   X-Evolution                        Evolution
 *   X-Account-Key, X-UIDL	       Thunderbird, of the account
 *   X-UID, X-IMAPbase, Content-Length  of the file only
 */
#ifndef IMAP_TRANSFER_FIELDS_H
#define IMAP_TRANSFER_FIELDS_H

#include <stdint.h>

#include "base/buf.h"

enum fields_where {
	FIELDS_MBOX, /* all of these */
	FIELDS_FILE  /* a file of one message: Thunderbird's and labels only */
};

struct fields {
	struct buf flags; /* of IMAP, separated by spaces */
	struct buf place; /* the folder that labels say, UTF-8; or empty */
	unsigned use;	  /* of that folder */
	bool labels;	  /* there were some */
	bool internal;	  /* no message: a program's notes to itself */
	bool expunged;	  /* deleted, and not yet cut out of the file */
	int64_t date;	  /* Date, else the first Received; 0: none */
	int32_t zone;
	bool seen_date;
};

void fields_init(struct fields *f);
void fields_fini(struct fields *f);
void fields_reset(struct fields *f);

/* One field, with what is folded below it.  True: it is not the message's. */
bool fields_take(struct fields *f, enum fields_where where, struct sv field);
void fields_add_flag(struct fields *f, struct sv flag);

/* A whole header in, what is the message's of it out. */
void fields_filter(struct fields *f, enum fields_where where, struct sv header,
    struct buf *out);

/* The next field of a header, with what is folded below it. */
struct sv fields_next(struct sv *header);

/* Does the line begin like a header field: a name and a colon? */
bool fields_is_field(struct sv line);
/* ... whose name is one that mail has? */
bool fields_is_known(struct sv line);

#endif
