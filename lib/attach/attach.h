/*
 * What is attached to a message and is dangerous to open: programs and scripts,
 * by what is in them and not only by what they are called, also inside
 * archives; documents with macros; archives that nobody can look into.  Pure,
 * and bounded however the message is made.
 *
 * Nothing is said of an innocent file that merely contains something odd, such
 * as a PDF: what is found here is worth a sentence to its owner.
 */
#ifndef ATTACH_ATTACH_H
#define ATTACH_ATTACH_H

#include "mime/mime.h"

enum attach_what {
	ATTACH_NOTHING,
	ATTACH_ENCRYPTED, /* an archive, some of it behind a password */
	ATTACH_MACROS,	  /* a document with programs in it */
	ATTACH_SCRIPT,	  /* run by a double click, or by a shell */
	ATTACH_PROGRAM,	  /* of Windows, Linux, macOS, Java */
	ATTACH_WHATS
};

/* "a program" ... for people. */
const char *attach_what_name(enum attach_what w);

/* ---- one file ---- */

#define ATTACH_HEAD 4096 /* bytes that are looked at */

/*
 * By its first ATTACH_HEAD bytes (all, of a short one) and its name, which may
 * be empty.  A script that has only text in it is told by its name, or by the
 * "#!" of its first line.
 */
enum attach_what attach_type(struct sv head, struct sv name);

/* ---- a message ---- */

#define ATTACH_NAME_MAX	 256
#define ATTACH_FILE_MAX	 (8u << 20)  /* bytes of an archive looked into */
#define ATTACH_ALL_MAX	 (32u << 20) /* of all of them, unpacked */
#define ATTACH_FILES_MAX 256	     /* of a message, archives' included */
#define ATTACH_DEPTH	 2	     /* archives within archives */

struct attach_findings {
	/* The worst, and the file that is: "a.zip/b.exe", its odd bytes
	 * replaced; the first of several. */
	enum attach_what what;
	char name[ATTACH_NAME_MAX];
	bool has[ATTACH_WHATS];
	/* Something was not looked into: too large, too deep, too many, or of a
	 * kind that nobody here knows. */
	bool unseen;
};

void attach_look(
    struct sv msg, const struct mime_msg *m, struct attach_findings *out);

#endif
