/*
 * What programs and providers call their folders and labels, in the languages
 * that people have them in.  Pure.  ASCII case does not count; other letters
 * are as those programs write them.
 */
#ifndef IMAP_TRANSFER_USUAL_H
#define IMAP_TRANSFER_USUAL_H

#include "base/buf.h"

/* The special use (IMAP_LIST_SENT ...) of a folder that is usually called so
 * (mail/folder.h), or 0. */
unsigned usual_use(struct sv name);
bool usual_inbox(struct sv name);

/* What a label of Gmail's, as Takeout writes them, says of a message. */
enum usual_label {
	LABEL_OWN, /* a name that the user has given */
	LABEL_USE, /* usual_use() knows it */
	LABEL_INBOX,
	LABEL_READ,
	LABEL_UNREAD,
	LABEL_STARRED,
	LABEL_ARCHIVED,
	LABEL_OTHER /* important, a category: no folder, no flag */
};
enum usual_label usual_label(struct sv label);

#endif
