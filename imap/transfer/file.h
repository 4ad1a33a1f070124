/* A message that is a file, pushed into a sink. */
#ifndef IMAP_TRANSFER_FILE_H
#define IMAP_TRANSFER_FILE_H

#include "imap/transfer/message.h"

/*
 * Opens and pushes the bytes: decompressed, if they are gzip or zlib; of .emlx
 * the message; line ends made CR LF; without the fields of Thunderbird's.
 * fill() sets what is known of the message (its flags, its date: the file's, if
 * it leaves 0) once they are all through.  What cannot be read, or does not
 * look like a message, is reported; RC_OK then.
 */
struct file_source {
	struct transfer *x;
	const struct sink *to;
	bool ours;    /* an export has written it: whatever it is */
	bool lenient; /* it is where nothing else is */
	void (*fill)(void *arg, struct transfer_msg *m);
	void (*head)(void *arg, struct sv bytes); /* the first ones; or NULL */
	void *arg;
};

int file_push(const struct file_source *f, const char *path,
    const struct transfer_msg *m, struct err *err) RC_USE_RESULT;

#endif
