/*
 * The records of zip, pure [APPNOTE.TXT 4.3]: its central directory, which
 * lists all members, is found from the end of the file.
 */
#ifndef ARCHIVE_ZIP_H
#define ARCHIVE_ZIP_H

#include <stdint.h>

#include "base/buf.h"

/* So far from the end the last record may begin: behind it is a comment. */
#define ZIP_TAIL      (22u + 65535u)
#define ZIP_END64     56u
#define ZIP_LOCAL     30u
#define ZIP_LOCAL_MAX (ZIP_LOCAL + 2u * 65535u)
#define ZIP_ENTRY_MAX (46u + 3u * 65535u)

struct zip_end {
	uint64_t count;	   /* of members */
	uint64_t at, size; /* of the central directory */
	bool several;	   /* a part of an archive of several files */
	bool large;	   /* the numbers are in the record at large_at */
	uint64_t large_at;
	uint64_t where; /* of the record itself */
};

/* In the last bytes of a file, which begin at `at` of it.  RC_NOTFOUND: this is
 * not a zip archive. */
int zip_end_find(
    struct sv tail, uint64_t at, struct zip_end *out) RC_USE_RESULT;
/* Takes the numbers from the zip64 record.  RC_SYNTAX: it is not there. */
int zip_end64_parse(struct sv s, struct zip_end *io) RC_USE_RESULT;

struct zip_entry {
	struct sv name;	   /* as it is */
	struct sv unicode; /* in UTF-8; empty: not given */
	bool utf8;	   /* name is */
	bool dos;	   /* may have '\\' between levels */
	bool encrypted, symlink;
	unsigned method; /* 0: stored, 8: deflate */
	uint32_t crc;
	uint64_t packed, size;
	uint64_t at;   /* of the local header */
	int64_t mtime; /* 0: not given */
};

/* Cuts an entry of the central directory off *rest.  RC_MORE: it goes on
 * behind that; RC_SYNTAX: this is not an entry. */
int zip_entry_take(struct sv *rest, struct zip_entry *out) RC_USE_RESULT;
/* How long a local header is, by its first ZIP_LOCAL bytes; RC_SYNTAX. */
int zip_local_size(struct sv s, uint64_t *out) RC_USE_RESULT;
/* All of it, with sizes unless they follow the data only (*streamed_out).
 * RC_SYNTAX: it is cut off, or not a local header. */
int zip_local_parse(
    struct sv s, struct zip_entry *out, bool *streamed_out) RC_USE_RESULT;
/* A name in the code page of DOS, 437, as UTF-8. */
void zip_from_dos(struct sv name, struct buf *out);

#endif
