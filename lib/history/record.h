/*
 * A step as it is on a line and on the disk.  Pure.
 *
 * 2 bytes length of the rest; then fields of 1 byte tag, 2 bytes length, value,
 * big-endian.  Field 1 is always there, and first; others are left out when
 * they are empty; unknown ones are skipped.
 *
 *    1   writer 1, kind 1, count 1, flags 1, when 8 (ms since 1970)
 *    2   code 4        3   number 8
 *    4   who           5   account       6   peer         7   sender
 *    8   text          9   Message-ID   10   subject
 */
#ifndef HISTORY_RECORD_H
#define HISTORY_RECORD_H

#include "ipc/msg_history.h"

#define HISTORY_TAG_SUBJECT 10

void history_record_put(const struct history_step *s, struct buf *out);
/* Where the writer is in a record: its reader knows better. */
#define HISTORY_RECORD_WRITER 5
/*
 * The next one of *all, which is cut off it.  false: it ends here, or is
 * damaged.  The id is left as it is; texts point into *all.
 */
bool history_record_get(struct sv *all, struct history_step *out);
/* Copies all without their fields of that tag; false: there is none. */
bool history_record_strip(struct sv all, uint8_t tag, struct buf *out);

#endif
