/*
 * What programs call the files and folders in which they keep mail, as levels
 * of a mailbox's name; pure.
 */
#ifndef IMAP_TRANSFER_DISK_H
#define IMAP_TRANSFER_DISK_H

#include "base/buf.h"

/* Appends a level: UTF-8 in Unicode's form C, since a Mac writes form D; bytes
 * that are not UTF-8 are windows-1252. */
void disk_put_name(struct buf *out, struct sv entry);
/* ... all levels of a path. */
void disk_put_path(struct buf *out, struct sv path);

/* NAME of NAME.mbox, NAME.sbd, and Eudora's NAME.mbx and NAME.fol, in any
 * case. */
struct sv disk_strip(struct sv entry);
/* KMail has what is below NAME in the folder .NAME.directory: NAME, or empty
 * for any other. */
struct sv disk_kmail(struct sv entry);
/* Mirrors of a server that separates levels by dots: "INBOX.Sent",
 * "[Gmail].Drafts". */
bool disk_has_dots(struct sv entry);

/* Does the name end so, in any case? */
bool disk_ends(struct sv name, struct sv end);

#endif
