/* A message that is a file, pushed into a sink. */
#ifndef IMAP_EXCHANGE_FILE_H
#define IMAP_EXCHANGE_FILE_H

#include "imap/exchange/message.h"

/*
 * Opens and pushes the bytes, line ends made CR LF; fill() sets what is known
 * of the message (its flags, its date: the file's, if it leaves 0) once they
 * are all through.  What cannot be read is reported; RC_OK then.
 */
struct file_source {
	struct exchange *x;
	const struct sink *to;
	void (*fill)(void *arg, struct exchange_msg *m);
	void (*head)(void *arg, struct sv bytes); /* the first ones; or NULL */
	void *arg;
};

int file_push(const struct file_source *f, const char *path,
    const struct exchange_msg *m, struct err *err) RC_USE_RESULT;

#endif
