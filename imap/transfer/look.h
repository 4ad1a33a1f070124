/*
 * What the first bytes of a file say of it, pure: is it a message, or what
 * else?  Nothing is taken for a message that does not look like one.
 */
#ifndef IMAP_TRANSFER_LOOK_H
#define IMAP_TRANSFER_LOOK_H

#include "base/buf.h"

/* How many of them are looked at. */
#define LOOK_BYTES (64u * 1024)

/* gzip or zlib, which are read. */
bool look_packed(struct sv start);
bool look_gzip(struct sv start);
bool look_zip(struct sv start);

/* NULL: a message.  Else why it is left out, for people.  `lenient`: its first
 * line may be any field. */
const char *look_why_not(struct sv start, bool lenient);
/* The same for what can be nothing but a message; NULL where it has no sign of
 * something else. */
const char *look_foreign(struct sv start);

/* A file of that name is one message, and not an mbox. */
bool look_message_file(struct sv name, struct sv start);

/* Lines that end in CR alone. */
bool look_cr_only(struct sv start);
/* What says that text is UTF-8, and is none of it. */
struct sv look_skip_mark(struct sv start);

#endif
