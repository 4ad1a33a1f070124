#include "journal/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/rc.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* The name of a new folder is kept in the one above. */
static int
flush_above(int fd)
{
	int above = openat(fd, "..", DIR_FLAGS), r;

	if (above < 0)
		return -1;
	r = fsync(above);
	close(above);
	return r;
}

static int
real_opendir(
    const struct journal_io *io, int dirfd, const char *path, bool create)
{
	int fd = openat(dirfd, path, DIR_FLAGS);

	(void)io;
	if (fd >= 0 || errno != ENOENT || !create)
		return fd;
	if (mkdirat(dirfd, path, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(dirfd, path, DIR_FLAGS);
	if (fd >= 0 && flush_above(fd) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
real_open(const struct journal_io *io, int dirfd, const char *name, int flags)
{
	(void)io;
	return openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void
real_close(const struct journal_io *io, int fd)
{
	(void)io;
	close(fd);
}

static ssize_t
real_pread(const struct journal_io *io, int fd, void *p, size_t n, uint64_t off)
{
	(void)io;
	return pread(fd, p, n, (off_t)off);
}

static ssize_t
real_pwrite(
    const struct journal_io *io, int fd, const void *p, size_t n, uint64_t off)
{
	(void)io;
	return pwrite(fd, p, n, (off_t)off);
}

static int
real_datasync(const struct journal_io *io, int fd)
{
	(void)io;
	return fdatasync(fd);
}

static int
real_dirsync(const struct journal_io *io, int dirfd)
{
	(void)io;
	return fsync(dirfd);
}

static int
real_size(const struct journal_io *io, int fd, uint64_t *out)
{
	struct stat st;

	(void)io;
	if (fstat(fd, &st) < 0)
		return -1;
	*out = (uint64_t)st.st_size;
	return 0;
}

static int
real_allocate(const struct journal_io *io, int fd, uint64_t off, uint64_t n)
{
	struct stat st;
	int e;

	(void)io;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)n) == 0)
		return 0;
	/* Only a full disk is news; the rest is a file system or a sandbox
	 * that does not know how. */
	if (errno != ENOSPC && errno != EDQUOT)
		return 0;
	/* ext4 keeps what it has found until then: the last of the disk. */
	e = errno;
	if (fstat(fd, &st) == 0)
		(void)!ftruncate(fd, st.st_size);
	errno = e;
	return -1;
}

static int
real_rename(
    const struct journal_io *io, int dirfd, const char *from, const char *to)
{
	(void)io;
	return renameat(dirfd, from, dirfd, to);
}

static int
real_unlink(const struct journal_io *io, int dirfd, const char *name)
{
	(void)io;
	return unlinkat(dirfd, name, 0);
}

static int
real_list(const struct journal_io *io, int dirfd,
    void (*fn)(void *arg, const char *name), void *arg)
{
	int fd = openat(dirfd, ".", DIR_FLAGS);
	struct dirent *e;
	DIR *d;
	int e_read;

	(void)io;
	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return -1;
	}
	errno = 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			fn(arg, e->d_name);
	e_read = errno;
	closedir(d);
	errno = e_read;
	return e_read != 0 ? -1 : 0;
}

static int
real_changed(
    const struct journal_io *io, int dirfd, const char *name, int64_t *out)
{
	struct stat st;

	(void)io;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	*out = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return 0;
}

static int
real_free_bytes(const struct journal_io *io, int dirfd, uint64_t *out)
{
	struct statvfs v;

	(void)io;
	if (fstatvfs(dirfd, &v) < 0)
		return -1;
	*out = (uint64_t)v.f_bavail * (uint64_t)v.f_frsize;
	return 0;
}

static void *
real_map(const struct journal_io *io, int fd, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	(void)io;
	return p == MAP_FAILED ? NULL : p;
}

static void
real_unmap(const struct journal_io *io, void *p, size_t n)
{
	(void)io;
	munmap(p, n);
}

static int
real_lock(const struct journal_io *io, int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)io;
	return fcntl(fd, F_OFD_SETLK, &l);
}

const struct journal_io journal_disk = {
    .opendir = real_opendir,
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .datasync = real_datasync,
    .dirsync = real_dirsync,
    .size = real_size,
    .allocate = real_allocate,
    .rename = real_rename,
    .unlink = real_unlink,
    .list = real_list,
    .changed = real_changed,
    .free_bytes = real_free_bytes,
    .map = real_map,
    .unmap = real_unmap,
    .lock = real_lock,
};

int
disk_pread_some(const struct journal_io *io, int fd, void *p, size_t n,
    uint64_t off, size_t *got)
{
	char *q = p;

	*got = 0;
	while (*got < n) {
		ssize_t k = io->pread(io, fd, q + *got, n - *got, off + *got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return RC_IO;
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return RC_OK;
}

int
disk_pread(const struct journal_io *io, int fd, void *p, size_t n, uint64_t off)
{
	size_t got;
	int r = disk_pread_some(io, fd, p, n, off, &got);

	if (r != RC_OK)
		return r;
	return got == n ? RC_OK : RC_EOF;
}

int
disk_pwrite(
    const struct journal_io *io, int fd, const void *p, size_t n, uint64_t off)
{
	const char *q = p;

	while (n > 0) {
		ssize_t k = io->pwrite(io, fd, q, n, off);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return RC_IO;
		q += k;
		off += (uint64_t)k;
		n -= (size_t)k;
	}
	return RC_OK;
}
