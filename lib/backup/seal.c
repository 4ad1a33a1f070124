/*
 * The end of a copied journal.  Its last batch may be what a server was just
 * about to flush, so that one who opens a journal which ends there copies that
 * batch and leaves the old one behind as void.  In a backup it has been
 * flushed: a CLEAN commit behind it says so, as after a server's own end.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "backup/backup.h"
#include "journal/crc32c.h"
#include "journal/format.h"
#include "journal/journal.h"

/* The number up to which the batches before `end` reach; false: there are
 * none. */
static bool
last_seq(int fd, uint64_t end, const unsigned char key[SEG_KEY], uint64_t *seq)
{
	char raw[COMMIT_RECORD];
	struct rec_header h;

	if (end < SEG_HEADER + COMMIT_RECORD ||
	    pread(fd, raw, sizeof raw, (off_t)(end - COMMIT_RECORD)) !=
		(ssize_t)sizeof raw ||
	    rec_header_decode(raw, key, &h) != RC_OK ||
	    h.type != JOURNAL_TYPE_COMMIT)
		return false;
	*seq = h.seq;
	return true;
}

static int
put_clean(int fd, uint64_t end, const unsigned char key[SEG_KEY], uint64_t seq)
{
	const struct commit c = {.flushed = seq, .flags = COMMIT_CLEAN};
	struct rec_header h = {.type = JOURNAL_TYPE_COMMIT,
	    .len = COMMIT_BYTES,
	    .decoded_len = COMMIT_BYTES,
	    .seq = seq,
	    .time = (uint64_t)clk_now()};
	char raw[COMMIT_RECORD];

	commit_encode(&c, raw + REC_HEADER);
	h.crc = crc32c(0, raw + REC_HEADER, COMMIT_BYTES);
	rec_header_encode(&h, key, raw);
	if (pwrite(fd, raw, sizeof raw, (off_t)end) != (ssize_t)sizeof raw ||
	    fsync(fd) != 0)
		return RC_IO;
	return RC_OK;
}

int
backup_seal(int dirfd, const char *path, const struct journal_extent *e,
    uint64_t *bytes, char sha[BACKUP_SHA], struct err *err)
{
	int fd = openat(dirfd, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC), r;
	uint64_t seq;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", path);
	/* Where the end is not a commit it is odd, and stays as it is. */
	if (!last_seq(fd, e->bytes, e->key, &seq)) {
		r = RC_NOTFOUND;
	} else {
		r = put_clean(fd, e->bytes, e->key, seq);
		if (r == RC_OK)
			r = backup_sum(fd, bytes, sha);
		if (r != RC_OK)
			(void)err_sys(err, r, errno, "%s", path);
	}
	io_close(&fd);
	return r;
}
