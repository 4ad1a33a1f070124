/*
 * A segment's table of contents, log/NNNNNN.toc: where each NAMED record
 * is, and the note its user has attached to it.  Derived: appended lazily,
 * never flushed, rebuilt from the segment when it is missing or does not fit.
 *
 * File: 40 bytes of head (8 "hmjtoc\r\n", 4 version, 4 segment, 8 epoch,
 * 8 SipHash of the 24 bytes before under the segment's key, 4 CRC-32C,
 * 4 zero), then blocks:
 *
 *    0  4  "TBLK"
 *    4  4  number of entries
 *    8  8  place of this block in the file
 *   16  8  segment offset up to which the blocks before this one go
 *   24  8  and up to which they go with it (equal: notes added later)
 *   32  4  bytes of notes behind the entries
 *   36  4  CRC-32C of this head (without this field) and the entries
 *   40 ..  entries of 40 bytes, by rising sequence number:
 *            0 8 sequence  8 8 offset of the record  16 4 payload's length
 *            20 2 type  22 1 flags  23 1 codec
 *            24 4 note's offset in the block's notes  28 4 its length,
 *            2^32-1: none  32 4 its CRC-32C
 *            36 4 CRC-32C of the payload, 0: not known (older versions)
 *   ..     notes
 *
 * Nothing is believed: the record's own header is checked at each read.  But
 * where a damage has taken that, the table alone knows where the record stood
 * and what it was: a table that does not fit a damaged segment is kept.
 * An entry is made after its record was flushed, so a table that reaches
 * further than its segment proves that the segment's end is lost.  All calls
 * are made under the journal's index lock.
 */
#ifndef JOURNAL_TOC_H
#define JOURNAL_TOC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "journal/disk.h"
#include "journal/format.h"

#define TOC_ENTRY   40u
#define TOC_NO_NOTE UINT32_MAX

struct toc_entry {
	uint64_t seq, off;
	uint32_t len;
	uint16_t type;
	uint8_t flags, codec;
	uint32_t note_off, note_len, note_crc;
	uint32_t crc; /* of the payload; 0: not known */
};

struct toc_block {
	uint64_t first, last; /* sequence numbers */
	uint32_t n;
	const unsigned char *raw; /* the entries */
	unsigned char *owned;	  /* the same if not mapped */
	uint64_t notes_off;	  /* in the file */
	uint32_t notes_len;
};

struct toc {
	int fd; /* -1: nothing was written yet by this process */
	bool loaded;
	bool broken;   /* cannot be written; notes are dropped */
	uint64_t size; /* of the file, where the next block goes */
	uint64_t upto; /* segment offset up to which blocks go */
	uint64_t pending_upto;
	struct toc_block *block;
	size_t nblock, cap;
	void *map;
	size_t map_len;
	/* Not written yet, by rising number. */
	struct buf entries, notes;
	/* Notes for older records, in any order. */
	struct buf late, late_notes;
};

/* Everything that names the segment whose table it is. */
struct toc_id {
	const struct journal_io *io;
	int dirfd;
	const struct seg_header *seg;
};

void toc_init(struct toc *t);
void toc_fini(struct toc *t, const struct toc_id *id);

/* Reads what the file has; never fails.  Blocks end at t->upto. */
void toc_load(struct toc *t, const struct toc_id *id);
/*
 * The same for a segment whose header is lost, or which is gone itself: what
 * has its checksums is taken, though nobody can tell any more whether it was
 * this segment's.  false: there is nothing to be read.
 */
bool toc_load_keyless(struct toc *t, const struct toc_id *id);
/*
 * What is in the file behind t->size is the beginning of the head or of a block
 * that belongs there, and not all of it: its writer has died, or is at it.
 * False if anything of what is there contradicts that, or if its checksum shows
 * that only a length in it is wrong.
 */
bool toc_is_cut(const struct toc *t, const struct toc_id *id);
/* The highest number in it, 0: none. */
uint64_t toc_last(const struct toc *t);
/*
 * A number that no record of those has passed that stood before t->upto.
 * first: the lowest that may be in the segment.
 */
uint64_t toc_reach(const struct toc *t, uint64_t first);
/* An entry behind all others, found at segment offset e->off; what is
 * up to `upto` is then known. note may be empty: none. */
void toc_add(
    struct toc *t, const struct toc_entry *e, struct sv note, uint64_t upto);
/* Nothing NAMED is found up to here. */
void toc_advance(struct toc *t, uint64_t upto);
void toc_note(struct toc *t, const struct toc_entry *e, struct sv note);
/* RC_NOTFOUND */
int toc_find(struct toc *t, uint64_t seq, struct toc_entry *out);
/* The note of seq appended to out; RC_NOTFOUND, RC_DAMAGED. */
int toc_note_get(
    struct toc *t, const struct toc_id *id, uint64_t seq, struct buf *out);
/* Writes what is pending. */
void toc_write(struct toc *t, const struct toc_id *id);
size_t toc_pending(const struct toc *t);
/* Forgets everything, as if there were no file; the next block makes it anew
 * unless t->broken is set. */
void toc_discard(struct toc *t, const struct toc_id *id);
/* Calls fn for each entry. */
void toc_each(
    struct toc *t, void (*fn)(void *arg, const struct toc_entry *e), void *arg);

void toc_entry_encode(const struct toc_entry *e, void *out);
void toc_entry_decode(const void *p, struct toc_entry *e);

#endif
