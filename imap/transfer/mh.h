/*
 * MH keeps messages in files that are called by numbers; pure.  Claws Mail,
 * Sylpheed, nmh.  Flags are in .mh_sequences: "unseen: 1-3 7" a line.
 */
#ifndef IMAP_TRANSFER_MH_H
#define IMAP_TRANSFER_MH_H

#include "base/buf.h"

#define MH_SEQUENCES	 ".mh_sequences"
#define MH_SEQUENCES_MAX (1u << 20)

/* Is it one of the files that make a folder MH's? */
bool mh_is_mark(struct sv name);
bool mh_is_message(struct sv name);
/* The flags of that message, of IMAP, separated by spaces. */
void mh_flags(struct sv sequences, struct sv name, struct buf *out);

#endif
