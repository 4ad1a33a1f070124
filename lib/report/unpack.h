/*
 * The documents in a mail that brings reports, pure: all parts of the message,
 * whatever their types say, decided by their first bytes.  gzip (also where
 * the name says zip), zip with one or several files, XML and JSON as they are.
 * What is packed is unpacked once more if it is packed again, no deeper.
 *
 * The limit is on what comes out: one document of `unpacked` bytes, and four
 * times that of one mail.
 */
#ifndef REPORT_UNPACK_H
#define REPORT_UNPACK_H

#include "report/record.h"

struct report_document {
	struct sv name;	 /* of the file, if it has one */
	struct sv bytes; /* until the function returns */
	/* Why it could not be unpacked; bytes are empty then. */
	const char *refused;
	/* Its name or type says that it is a report: it is not just any file
	 * or text. */
	bool named;
};

typedef void report_document_fn(void *arg, const struct report_document *d);

/* Calls fn for each that could be a report. */
void report_unpack(struct sv message, const struct report_limits *limits,
    report_document_fn *fn, void *arg);

#endif
