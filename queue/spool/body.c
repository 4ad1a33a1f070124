/* Messages into the journal and out of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "queue/spool/spool.h"
#include "queue/spool/spool_priv.h"

#define MEMFD_MAX (1 << 20)

int
spool_read(struct spool *s, const struct spool_item *it,
    int (*fn)(void *arg, const char *p, size_t n), void *arg)
{
	char *chunk = xmalloc(SPOOL_CHUNK);
	uint64_t at = 0;
	int r = RC_OK;

	while (r == RC_OK && at < it->size) {
		size_t n = it->size - at < SPOOL_CHUNK ? (size_t)(it->size - at)
						       : SPOOL_CHUNK;

		r = journal_read(s->journal, it->body, at, chunk, n);
		if (r == RC_OK)
			r = fn(arg, chunk, n);
		at += n;
	}
	free(chunk);
	return r;
}

int
spool_read_at(struct spool *s, const struct spool_item *it, uint64_t at,
    char *p, size_t n)
{
	return journal_read(s->journal, it->body, at, p, n);
}

int
spool_peek(struct spool *s, const struct spool_item *it, struct buf *out)
{
	size_t n = it->size < out->max ? (size_t)it->size : out->max;
	char *p = buf_reserve(out, n);
	int r;

	if (p == NULL)
		return RC_TOOBIG;
	r = journal_read(s->journal, it->body, 0, p, n);
	if (r == RC_OK)
		buf_added(out, n);
	return r;
}

/* One that is read in one piece is checked by that. */
int
spool_read_checked(struct spool *s, const struct spool_item *it,
    int (*fn)(void *arg, const char *p, size_t n), void *arg)
{
	int r = RC_OK;

	if (it->size > SPOOL_CHUNK)
		r = journal_verify(s->journal, it->body);
	return r == RC_OK ? spool_read(s, it, fn, arg) : r;
}

/* ---- in ---- */

static bool
has_eight_bit(const char *p, size_t n)
{
	size_t i;
	unsigned char all = 0;

	for (i = 0; i < n; i++)
		all |= (unsigned char)p[i];
	return (all & 0x80) != 0;
}

static int
intake_add(void *arg, const char *p, size_t n)
{
	struct spool_intake *in = arg;

	in->eight_bit = in->eight_bit || has_eight_bit(p, n);
	return journal_blob_add(in->blob, p, n);
}

int
spool_take_body(struct spool *s, struct spool_intake *in,
    const struct spool_put *p, struct err *err)
{
	int r = RC_OK;

	if (p->front.n > 0)
		r = intake_add(in, p->front.p, p->front.n);
	if (r == RC_OK && p->of != NULL)
		r = spool_read_checked(s, p->of, intake_add, in);
	else if (r == RC_OK)
		r = p->fd >= 0 ? io_copy_fd(p->fd, p->size, p->size_max,
				     intake_add, in)
			       : intake_add(in, p->bytes.p, p->bytes.n);
	if (r == RC_OK)
		r = journal_blob_seal(in->blob);
	if (r != RC_OK)
		return err_set(err, r,
		    r == RC_NOSPACE ? "the disk is full"
				    : "the message cannot be copied");
	return RC_OK;
}

/* ---- out ---- */

/* By name and unlinked: not every file system has O_TMPFILE. */
static int
make_file(int *fd_out, int *read_out, struct err *err)
{
	static unsigned number;
	char name[64];
	int fd;

	(void)snprintf(name, sizeof name, "incoming/%08x%08x",
	    (unsigned)getpid(), number++);
	fd = open(
	    name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? RC_NOSPACE : RC_TEMP,
		    errno, "cannot make a file in the spool");
	if (read_out != NULL)
		*read_out = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	(void)unlink(name);
	*fd_out = fd;
	return RC_OK;
}

int
spool_tmpfile(int *fd_out, int *read_out, struct err *err)
{
	struct statvfs disk;

	if (statvfs(".", &disk) == 0 &&
	    (uint64_t)disk.f_bavail * disk.f_frsize < SPOOL_LOW_WATER)
		return err_set(err, RC_NOSPACE, "the disk is nearly full");
	return make_file(fd_out, read_out, err);
}

static int
write_chunk(void *arg, const char *p, size_t n)
{
	const int *fd = arg;

	return io_write_all(*fd, p, n);
}

int
spool_body(struct spool *s, const struct spool_item *it, struct sv front,
    int *fd_out, struct err *err)
{
	bool memory = it->size + front.n <= MEMFD_MAX;
	int fd = -1, r = RC_OK;

	if (memory) {
		fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0)
			return err_sys(err, RC_TEMP, errno, "no memory file");
	} else {
		/* Each sees what those before it have taken. */
		if (spool_room(s) < it->size + front.n + SPOOL_LAST_WATER)
			return err_set(
			    err, RC_NOSPACE, "the disk is nearly full");
		r = make_file(&fd, NULL, err);
		if (r != RC_OK)
			return r;
	}
	r = io_write_all(fd, front.p, front.n);
	if (r == RC_OK)
		r = spool_read_checked(s, it, write_chunk, &fd);
	if (r != RC_OK) {
		io_close(&fd);
		return err_set(err, r, "the message %llu cannot be copied",
		    (unsigned long long)it->seq);
	}
	if (memory)
		(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	*fd_out = fd;
	return RC_OK;
}
