/* Opening an archive: what it is, and all its members into the index. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "imap/transfer/archive_index.h"
#include "imap/transfer/tar.h"
#include "archive/unpack.h"

#define PIECE 65536

/* A compressed file on its way into one that can be read anywhere. */
struct spooling {
	struct archive *a;
	int fd;
	uint64_t packed;
	struct err *err;
};

static int
spool_out(void *arg, struct sv s)
{
	struct spooling *p = arg;
	struct archive *a = p->a;

	if (a->size + s.n > ARCHIVE_FREE &&
	    (a->size + s.n) / ARCHIVE_RATIO > p->packed)
		return err_set(p->err, RC_PERM,
		    "what it unpacks to is far too large for it: it looks "
		    "made to fill the disk");
	a->size += s.n;
	errno = 0;
	return io_write_all(p->fd, s.p, s.n) == RC_OK
		   ? RC_OK
		   : err_sys(p->err, RC_NOSPACE, errno,
			 "it cannot be unpacked into a temporary file "
			 "(TMPDIR says where)");
}

static int
spool(struct archive *a, struct err *err)
{
	struct unpack *u = unpack_new(UNPACK_AUTO);
	struct spooling p = {.a = a, .fd = -1, .err = err};
	char *piece = xmalloc(PIECE);
	ssize_t n = 0;
	int r = broker_scratch(a->broker, &p.fd, err);

	a->size = 0;
	while (r == RC_OK &&
	       (n = pread(a->fd, piece, PIECE, (off_t)p.packed)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		p.packed += (uint64_t)n;
		r = unpack_feed(u, sv_of(piece, (size_t)n), spool_out, &p);
	}
	if (r == RC_SYNTAX || n < 0 || (r == RC_OK && !unpack_done(u))) {
		report_skip(a->report, sv_str(a->path),
		    "it is damaged or cut off; what is before that is read");
		r = RC_OK;
	}
	unpack_free(&u);
	free(piece);
	io_close(&a->fd);
	a->fd = p.fd;
	return r;
}

/* The name of what is in NAME.gz. */
static int
read_single(struct archive *a, struct err *err)
{
	struct entry e = {
	    .kind = ENTRY_FILE, .packed = a->size, .size = a->size};
	struct sv name = sv_str(a->path);

	if (sv_ends(name, SV(".gz")) && name.n > 3)
		name.n -= 3;
	a->single = true;
	return archive_add(a, name, &e, SV(""), err);
}

static int
read_members(struct archive *a, struct err *err)
{
	char start[TAR_BLOCK];
	enum archive_kind kind;
	ssize_t n = pread(a->fd, start, sizeof start, 0);
	int r = RC_OK;

	kind = archive_kind(sv_of(start, n > 0 ? (size_t)n : 0));
	if (kind == ARCHIVE_GZIP) {
		r = spool(a, err);
		if (r != RC_OK)
			return r;
		n = pread(a->fd, start, sizeof start, 0);
		kind = archive_kind(sv_of(start, n > 0 ? (size_t)n : 0));
		if (kind != ARCHIVE_TAR)
			return read_single(a, err);
	}
	a->zip = kind == ARCHIVE_ZIP;
	if (kind == ARCHIVE_NONE)
		return err_set(err, RC_PERM, "it is neither a tar nor a zip");
	return a->zip ? archive_read_zip(a, err) : archive_read_tar(a, err);
}

int
archive_open(struct broker *b, struct report *report, const char *path,
    struct archive **out, struct err *err)
{
	struct archive *a = xcalloc(1, sizeof *a);
	struct stat st;
	int r;

	a->broker = b;
	a->report = report;
	a->path = path;
	a->fd = -1;
	buf_init(&a->names, ARCHIVE_NAMES_MAX);
	buf_init(&a->root, ARCHIVE_PATH_MAX + 2);
	r = broker_open(b, path, &a->fd, err);
	if (r == RC_OK && fstat(a->fd, &st) != 0)
		r = err_sys(err, RC_PERM, errno, "%.100s", path);
	if (r == RC_OK) {
		a->size = (uint64_t)st.st_size;
		r = read_members(a, err);
	}
	if (r == RC_OK)
		archive_sort(a);
	if (r == RC_OK && a->links > 0)
		report_note(report,
		    "%s: symbolic links in it, which are not "
		    "followed: %u",
		    path, a->links);
	if (r != RC_OK)
		archive_free(&a);
	*out = a;
	return r;
}
