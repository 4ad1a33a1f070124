/* Inside archive*.c only. */
#ifndef IMAP_TRANSFER_ARCHIVE_INDEX_H
#define IMAP_TRANSFER_ARCHIVE_INDEX_H

#include "imap/transfer/archive.h"

enum entry_kind {
	ENTRY_FILE,
	ENTRY_FOLDER,
	ENTRY_LINK, /* its target is behind its name */
	ENTRY_SPARSE,
	ENTRY_ENCRYPTED,
	ENTRY_METHOD, /* compressed as we do not read it */
	ENTRY_DAMAGED
};

struct entry {
	uint32_t name; /* in names, up to a NUL */
	uint32_t crc;
	uint64_t at, packed, size;
	int64_t mtime;
	uint32_t number; /* of two with a name the later one counts */
	uint8_t kind;
	bool deflate, has_crc;
};

struct archive {
	struct broker *broker;
	struct report *report;
	const char *path;
	int fd;
	uint64_t size; /* of fd */
	bool zip;
	uint64_t base; /* of zip: what comes before it */
	struct buf names;
	struct entry *e;
	size_t n, cap;
	unsigned links;
	bool single; /* not an archive, but one compressed file */
	struct buf root;
};

/* The longest path within it. */
#define ARCHIVE_PATH_MAX 4000

const char *archive_name(const struct archive *a, size_t i);
/* The first entry whose name is not before s. */
size_t archive_lower(const struct archive *a, struct sv s);
/* Takes the name as the archive has it; reports it where it is not taken.
 * RC_TOOBIG. */
int archive_add(struct archive *a, struct sv name, const struct entry *e,
    struct sv target, struct err *err) RC_USE_RESULT;
/* The index is whole: it is put in order. */
void archive_sort(struct archive *a);

/* ---- archive_read.c ---- */

int archive_read_tar(struct archive *a, struct err *err) RC_USE_RESULT;
int archive_read_zip(struct archive *a, struct err *err) RC_USE_RESULT;

#endif
