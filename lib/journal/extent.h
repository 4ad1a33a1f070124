/*
 * Which bytes of a journal somebody else may copy while it is in use.
 *
 * A segment that has a successor never changes again, though compaction may put
 * another in its place, which has another key.  Of the last one only
 * whole batches count, up to where they end at this moment: those bytes never
 * change again either (but for a CLEAN commit, which the next batch is put
 * over, and which is left out).  Whatever was acknowledged before the call was
 * flushed, so it is in them; what is appended during the call may be or not.
 * So a copy of these bytes is the journal as it was at one moment, without a
 * word to the process that writes it: what follows is void at the next
 * opening anyway, and derived files are made anew.
 *
 * Copy the files in the order of the list, bodies (files of their own) after
 * the segments, since they are flushed before a record names them.  If a file
 * is gone meanwhile (compaction, or a spool that has tidied up), ask again and
 * begin again; likewise if at the end a file has another key than was listed.
 */
#ifndef JOURNAL_EXTENT_H
#define JOURNAL_EXTENT_H

#include "journal/format.h"
#include "journal/journal.h"

struct journal_extent {
	uint32_t number;
	uint64_t bytes; /* from the start */
	bool last;
	unsigned char key[SEG_KEY]; /* see journal_extent_holds */
};

/* *out: to be freed.  A journal without segments: n == 0. */
int journal_extents(int dirfd, const struct journal_opts *opts,
    struct journal_extent **out, size_t *n, struct err *err) RC_USE_RESULT;

/* Whether the file of that number is still the one that was listed. */
bool journal_extent_holds(const struct journal_io *io, int logfd,
    const struct journal_extent *e) RC_USE_RESULT;

#endif
