/*
 * .emlx, in which Apple Mail keeps messages, pure: a line with the message's
 * size, the message, and a property list in XML with its flags and dates.
 */
#ifndef IMAP_TRANSFER_EMLX_H
#define IMAP_TRANSFER_EMLX_H

#include <stdint.h>

#include "base/buf.h"

#define EMLX_HEAD_MAX  64
#define EMLX_PLIST_MAX (64u * 1024)

/* The first bytes: where the message begins, and how long it is.  RC_SYNTAX:
 * it is not such a file. */
int emlx_head(
    struct sv start, size_t *off_out, uint64_t *size_out) RC_USE_RESULT;
/* The flags of IMAP, separated by spaces, and when it came; 0: not given. */
void emlx_plist(struct sv plist, struct buf *flags, int64_t *date_out);

#endif
