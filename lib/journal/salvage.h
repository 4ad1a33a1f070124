/*
 * What a repair finds in a damaged log beside the records that count, and how
 * it goes on past what cannot be read.
 */
#ifndef JOURNAL_SALVAGE_H
#define JOURNAL_SALVAGE_H

#include "journal/journal.h"
#include "journal/toc.h"

/* Calls with a NAMED record that may be at that place of the file, which is
 * in the folder `log`. */
typedef void (*journal_found_fn)(
    void *arg, const struct toc_entry *e, const char *file);

/*
 * Records that fit their checksums, but that no reader of the log finds: in
 * segments of which both headers are damaged (where a mail may have bytes in it
 * that look like a record: the key is lost), in such as a repair has put aside,
 * and behind a byte too many or too few.
 */
int journal_find_records(int dirfd, const struct journal_opts *opts,
    journal_found_fn fn, void *arg) RC_USE_RESULT;
/* All entries of all tables of contents: where records once stood. */
int journal_find_entries(int dirfd, const struct journal_opts *opts,
    journal_found_fn fn, void *arg) RC_USE_RESULT;

/*
 * Makes a log of which the disk or a mode keeps something back one that can be
 * opened without it: a segment that cannot be read at all becomes NNNNNN.bad,
 * one that can be read in part is copied as far as it can be read, and the
 * original becomes NNNNNN.bad.  Nothing is removed.  RC_NOSPACE, RC_IO: *err
 * says of which file.
 */
int journal_put_aside(
    int dirfd, const struct journal_opts *opts, struct err *err) RC_USE_RESULT;

#endif
