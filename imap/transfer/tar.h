/*
 * The blocks of tar, pure: of 1979, POSIX ustar and pax, and GNU's long names
 * [POSIX.1-2017 pax, "Extended Description"].
 *
 *   header, data padded to 512, header, data ..., two blocks of NUL
 */
#ifndef IMAP_TRANSFER_TAR_H
#define IMAP_TRANSFER_TAR_H

#include <stdint.h>

#include "base/buf.h"

#define TAR_BLOCK    512u
#define TAR_TEXT_MAX (1u << 20) /* of a pax header or a long name */
#define TAR_SIZE_MAX ((uint64_t)1 << 50)

enum tar_kind {
	TAR_FILE,
	TAR_FOLDER,
	TAR_LINK,      /* to a member before it */
	TAR_SYMLINK,   /* leads who knows where */
	TAR_PAX,       /* its data describe the next member */
	TAR_LONG_NAME, /* its data are the next one's name */
	TAR_LONG_LINK,
	TAR_SPARSE, /* of GNU's; its data have holes */
	TAR_OTHER   /* devices, volume labels: nothing of ours */
};

struct tar_header {
	enum tar_kind kind;
	uint64_t size; /* of the data that follow */
	int64_t mtime;
	struct sv prefix, name, link; /* in the block */
	bool extended; /* TAR_SPARSE: a block more of its map follows */
};

/* RC_EOF: a block of NUL, which ends the archive.  RC_SYNTAX: not a header. */
int tar_header_parse(struct sv block, struct tar_header *out) RC_USE_RESULT;
/* Of the map of a sparse member: does yet another block follow? */
bool tar_sparse_goes_on(struct sv block);

/* What a pax header says of the next member. */
struct tar_pax {
	struct sv path, link; /* p == NULL: nothing */
	bool has_size, has_mtime, sparse;
	uint64_t size;
	int64_t mtime;
};

/* RC_SYNTAX: damaged; what was before that is in *out. */
int tar_pax_parse(struct sv text, struct tar_pax *out) RC_USE_RESULT;

#endif
