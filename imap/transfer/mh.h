/*
 * MH keeps messages in files that are called by numbers; pure.  nmh, Claws
 * Mail, Sylpheed, Mew, Gnus; and Cyrus, which writes a dot behind the number.
 * Flags are in .mh_sequences: "unseen: 1-3 7" a line; or in .claws_mark or
 * .sylpheed_mark: the format's number, then each message's number and its
 * flags, all in 32 bits, in the byte order of the machine that wrote it.
 */
#ifndef IMAP_TRANSFER_MH_H
#define IMAP_TRANSFER_MH_H

#include "base/buf.h"

#define MH_SEQUENCES	 ".mh_sequences"
#define MH_SEQUENCES_MAX (1u << 20)

#define MH_MARKS_MAX (16u << 20)

extern const char *const mh_marks[2]; /* the two files */

/* Is it one of the files that make a folder MH's? */
bool mh_is_mark(struct sv name);
bool mh_is_message(struct sv name);
/* The flags of that message, of IMAP, separated by spaces. */
void mh_flags(struct sv sequences, struct sv name, struct buf *out);
/* The same from the marks of Claws Mail or Sylpheed; of several for a message
 * the last counts. */
void mh_mark_flags(struct sv marks, struct sv name, struct buf *out);

#endif
