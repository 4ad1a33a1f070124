/*
 * A tar, a compressed tar or a zip, as a tree of files: what the broker gives
 * is then read from here, below one folder of it.  Members of a tar and of a
 * zip are read where they are; a compressed tar is decompressed into a file
 * without a name first.
 *
 * In memory are the names only.
 */
#ifndef IMAP_TRANSFER_ARCHIVE_H
#define IMAP_TRANSFER_ARCHIVE_H

#include "imap/transfer/broker.h"
#include "imap/transfer/report.h"

#define ARCHIVE_MEMBERS_MAX 1000000u
#define ARCHIVE_NAMES_MAX   (192u << 20)
/* So much of a compressed tar comes without question; more only if it is not
 * made to fill a disk. */
#define ARCHIVE_FREE  ((uint64_t)1 << 30)
#define ARCHIVE_RATIO 100

enum archive_kind {
	ARCHIVE_NONE,
	ARCHIVE_TAR,
	ARCHIVE_ZIP,
	ARCHIVE_GZIP /* of a tar, or of something else */
};

/* Pure.  What a file is that begins like that (512 bytes). */
enum archive_kind archive_kind(struct sv start);

/*
 * Reads which members the broker's file `path` has.  What is not taken is
 * reported.
 */
int archive_open(struct broker *b, struct report *report, const char *path,
    struct archive **out, struct err *err) RC_USE_RESULT;
void archive_free(struct archive **a);

enum archive_content {
	ARCHIVE_HAS_NOTHING,
	ARCHIVE_HAS_MAILDIR,
	ARCHIVE_HAS_MBOX,
	ARCHIVE_HAS_EML
};
struct archive_found {
	enum archive_content content;
	const char *file; /* the mbox or message; "" for a folder; borrowed */
};
/*
 * All paths are below the folder `inner` from here on; with "" below that
 * which has all of the mail in it.  `want`: what is to be there; else what is
 * there is found out.  RC_NOTFOUND.
 */
int archive_enter(struct archive *a, const char *inner,
    enum archive_content want, struct archive_found *out,
    struct err *err) RC_USE_RESULT;

struct archive_member {
	int fd; /* borrowed */
	uint64_t at, packed, size;
	int64_t mtime;
	bool deflate, has_crc;
	uint32_t crc;
};

int archive_find(const struct archive *a, const char *path,
    struct archive_member *out, struct err *err) RC_USE_RESULT;
/* Calls fn for each name in the folder. */
int archive_list(const struct archive *a, const char *path,
    void (*fn)(void *arg, enum broker_type type, struct sv name), void *arg,
    struct err *err) RC_USE_RESULT;

#endif
