/*
 * What programs and providers call the folders that every account has, in the
 * languages that people have them in.  ASCII case does not count; other letters
 * are as those programs write them.
 */
#ifndef MAIL_FOLDER_H
#define MAIL_FOLDER_H

#include "base/sv.h"

enum mail_folder {
	MAIL_FOLDER_OTHER, /* a name that somebody has thought of */
	MAIL_FOLDER_SENT,
	MAIL_FOLDER_DRAFTS,
	MAIL_FOLDER_JUNK,
	/* Junk for some programs; for some people what they like to read. */
	MAIL_FOLDER_BULK,
	MAIL_FOLDER_TRASH,
	MAIL_FOLDER_ARCHIVE,
	MAIL_FOLDERS
};

/* Only the first level counts, or one right below INBOX or [Gmail]. */
enum mail_folder mail_folder_usual(struct sv name);

#endif
