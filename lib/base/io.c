#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

int
io_write_all(int fd, const void *p, size_t n)
{
	const char *q = p;

	while (n > 0) {
		ssize_t k = write(fd, q, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return RC_IO;
		q += k;
		n -= (size_t)k;
	}
	return RC_OK;
}

int
io_pread_all(int fd, void *p, size_t n, uint64_t off)
{
	char *q = p;

	while (n > 0) {
		ssize_t k = pread(fd, q, n, (off_t)off);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return RC_IO;
		if (k == 0)
			return RC_EOF;
		q += k;
		off += (uint64_t)k;
		n -= (size_t)k;
	}
	return RC_OK;
}

int
io_read_rest(int fd, struct buf *out)
{
	for (;;) {
		char chunk[8192];
		ssize_t k = read(fd, chunk, sizeof chunk);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return RC_IO;
		if (k == 0)
			return RC_OK;
		buf_add(out, chunk, (size_t)k);
		if (!buf_ok(out))
			return RC_TOOBIG;
	}
}

/* All of it; closes fd. */
static int
read_opened(int fd, const char *path, struct buf *out, struct err *err)
{
	int r = io_read_rest(fd, out);

	if (r == RC_IO)
		r = err_sys(err, r, errno, "cannot read %s", path);
	else if (r == RC_TOOBIG)
		r = err_set(
		    err, r, "%s is larger than %zu bytes", path, out->max);
	io_close(&fd);
	return r;
}

static bool
is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int
io_read_file(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? RC_NOTFOUND : RC_IO,
		    errno, "cannot open %s", path);
	/* Another, such as a pipe, might never give anything; but a name in
	 * /dev, such as /dev/stdin, is meant that way. */
	if (strncmp(path, "/dev/", 5) == 0) {
		(void)fcntl(fd, F_SETFL, 0);
	} else if (!is_regular(fd)) {
		io_close(&fd);
		return err_set(err, RC_IO, "%s is not a regular file", path);
	}
	return read_opened(fd, path, out, err);
}

/*
 * Where openat2 is not to be had, in some containers: step by step, each
 * without following a link, and never upwards.
 */
static int
open_step_by_step(int at, const char *path, int flags)
{
	int here = fcntl(at, F_DUPFD_CLOEXEC, 0);
	struct sv rest = sv_str(path);
	char name[256];

	while (here >= 0) {
		struct sv part = sv_split(&rest, '/');
		bool last = rest.p == NULL || rest.n == 0;
		int next;

		if (part.n == 0 || part.n >= sizeof name ||
		    sv_eq(part, SV(".."))) {
			io_close(&here);
			errno = EXDEV;
			return -1;
		}
		sv_copy(part, name, sizeof name);
		next = openat(here, name,
		    last ? flags
			 : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int why = errno;

		io_close(&here);
		errno = why == ENOTDIR && !last ? ELOOP : why;
		if (last || next < 0)
			return next;
		here = next;
	}
	return -1;
}

static int
open_beneath(int at, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	int fd = (int)syscall(SYS_openat2, at, path, &how, sizeof how);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_step_by_step(at, path, flags);
	return fd;
}

int
io_open_below(const char *folder, const char *path, int flags, int *fd_out,
    struct err *err)
{
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = at < 0 ? -1
			: open_beneath(at, path,
			      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				  O_NOFOLLOW | flags);
	int why = errno;

	io_close(&at);
	if (fd < 0 && why == ELOOP)
		return err_set(err, RC_DENIED,
		    "%s/%s is a link, or behind one, and is not followed",
		    folder, path);
	if (fd < 0)
		return err_sys(err, why == ENOENT ? RC_NOTFOUND : RC_IO, why,
		    "cannot open %s/%s", folder, path);
	if ((flags & O_DIRECTORY) == 0 && !is_regular(fd)) {
		io_close(&fd);
		return err_set(err, RC_DENIED, "%s/%s is not a regular file",
		    folder, path);
	}
	*fd_out = fd;
	return RC_OK;
}

int
io_read_below(
    const char *folder, const char *path, struct buf *out, struct err *err)
{
	int fd = -1, r = io_open_below(folder, path, 0, &fd, err);

	return r == RC_OK ? read_opened(fd, path, out, err) : r;
}

static int
flush_folder_of(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;

	io_close(&fd);
	free(copy);
	return r;
}

int
io_replace_file(
    const char *path, struct sv content, unsigned mode, struct err *err)
{
	struct buf tmp;
	int fd, r = RC_OK;

	buf_init(&tmp, 4096);
	buf_addf(&tmp, "%s.tmp", path);
	if (!buf_ok(&tmp))
		return err_set(
		    err, RC_TOOBIG, "the path %.80s... is too long", path);
	fd = open(tmp.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    (mode_t)mode);
	if (fd < 0 || io_write_all(fd, content.p, content.n) != RC_OK ||
	    fsync(fd) != 0 || rename(tmp.p, path) != 0 ||
	    flush_folder_of(path) != RC_OK) {
		r = err_sys(err, errno == ENOSPC ? RC_NOSPACE : RC_IO, errno,
		    "cannot write %s", path);
		/* A draft may hold a secret, and fill a full disk. */
		if (fd >= 0)
			(void)unlink(tmp.p);
	}
	io_close(&fd);
	buf_fini(&tmp);
	return r;
}

#define COPY_CHUNK 65536

int
io_copy_fd(int fd, uint64_t size, uint64_t most, io_bytes_fn *fn, void *arg)
{
	struct stat st;
	uint64_t at = 0;
	char *chunk;
	int r = RC_OK;

	if (size > most)
		return RC_TOOBIG;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != size)
		return RC_SYNTAX;
	chunk = xmalloc(COPY_CHUNK);
	while (r == RC_OK && at < size) {
		size_t n =
		    size - at < COPY_CHUNK ? (size_t)(size - at) : COPY_CHUNK;

		r = io_pread_all(fd, chunk, n, at);
		if (r == RC_OK)
			r = fn(arg, chunk, n);
		at += n;
	}
	free(chunk);
	return r;
}

void
io_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}
