/*
 * What people are told: progress with rate and time left, what was left out
 * and why, and the sum of it all.
 *
 * Progress counts units, whatever the source knows beforehand: messages, or
 * bytes of a file.
 */
#ifndef IMAP_TRANSFER_REPORT_H
#define IMAP_TRANSFER_REPORT_H

#include <stdint.h>

#include "imap/transfer/broker.h"

struct report {
	struct broker *broker;
	const char *verb; /* "imported" */

	uint64_t total, done; /* units */
	int64_t began, told;  /* clk_mono */

	uint64_t came, bytes, known, skipped;
	struct {
		struct buf name;
		uint64_t came, known, skipped;
	} folder;
	struct buf skips; /* lines for the end */
	uint64_t unlisted;
	bool quiet; /* nothing is printed: all of it will be seen once more */
};

void report_init(struct report *r, struct broker *broker, const char *verb);
void report_fini(struct report *r);

/* A run begins, perhaps once more after a break; came and bytes go on. */
void report_begin(struct report *r);
void report_expect(struct report *r, uint64_t units);
void report_advance(struct report *r, uint64_t units);

void report_folder(struct report *r, struct sv name);
/* Says in a line what came in this folder, where no progress is shown. */
void report_folder_end(struct report *r);

void report_came(struct report *r, uint64_t bytes);
/* An earlier run has brought it. */
void report_known(struct report *r);
/* A message, file or folder is left out; what and why. */
void report_skip(struct report *r, struct sv what, const char *why);
/* Something else that people should know; not an error. */
void report_note(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The summary; `complete`: all of the source was seen. */
void report_end(struct report *r, bool complete);

#endif
