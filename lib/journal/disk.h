/*
 * The disk as the journal and the store see it: one small table of functions.
 * The real one is journal_disk; tests put one in its place that drops, tears,
 * reorders, fails, fills up and stops where they want it to.
 *
 * All calls return -1 (or NULL) with errno set, like the system calls they
 * stand for, and are resumed after signals by the callers.  Everything is
 * named relative to a folder's descriptor, so that it works after chroot and
 * inside the sandbox.
 */
#ifndef JOURNAL_DISK_H
#define JOURNAL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct journal_io {
	/* A folder below dirfd (AT_FDCWD: any path); made, 0700, with create.
	 */
	int (*opendir)(const struct journal_io *io, int dirfd, const char *path,
	    bool create);
	/* flags as for open(2): O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC;
	 * files are made 0600. */
	int (*open)(const struct journal_io *io, int dirfd, const char *name,
	    int flags);
	void (*close)(const struct journal_io *io, int fd);
	ssize_t (*pread)(const struct journal_io *io, int fd, void *p, size_t n,
	    uint64_t off);
	ssize_t (*pwrite)(const struct journal_io *io, int fd, const void *p,
	    size_t n, uint64_t off);
	int (*datasync)(const struct journal_io *io, int fd);
	/* fsync of a folder: names made, renamed and removed are durable. */
	int (*dirsync)(const struct journal_io *io, int dirfd);
	int (*size)(const struct journal_io *io, int fd, uint64_t *out);
	/* Makes sure that writes into this range find room; the file's size
	 * does not change.  A file system that cannot: success.  Without
	 * room, all that lay behind the file's end is given back. */
	int (*allocate)(
	    const struct journal_io *io, int fd, uint64_t off, uint64_t n);
	int (*rename)(const struct journal_io *io, int dirfd, const char *from,
	    const char *to);
	int (*unlink)(const struct journal_io *io, int dirfd, const char *name);
	/* Every name but . and .. */
	int (*list)(const struct journal_io *io, int dirfd,
	    void (*fn)(void *arg, const char *name), void *arg);
	/* When the file was last written to, ms since 1970; may be NULL: a
	 * disk that cannot tell. */
	int (*changed)(const struct journal_io *io, int dirfd, const char *name,
	    int64_t *out);
	/* What an ordinary user can still write. */
	int (*free_bytes)(
	    const struct journal_io *io, int dirfd, uint64_t *out);
	/* n bytes from the start, private and copied on write; unmapped with
	 * the same n. */
	void *(*map)(const struct journal_io *io, int fd, size_t n);
	void (*unmap)(const struct journal_io *io, void *p, size_t n);
	/* An exclusive OFD lock for as long as fd is open; EAGAIN if another
	 * process has it. */
	int (*lock)(const struct journal_io *io, int fd);
};

extern const struct journal_io journal_disk;

/* Whole reads and writes on a table.  RC_OK, RC_IO, or RC_EOF (fewer bytes
 * than asked for). */
int disk_pread(
    const struct journal_io *io, int fd, void *p, size_t n, uint64_t off);
int disk_pwrite(
    const struct journal_io *io, int fd, const void *p, size_t n, uint64_t off);
/* Reads as many of n bytes as there are. */
int disk_pread_some(const struct journal_io *io, int fd, void *p, size_t n,
    uint64_t off, size_t *got);

#endif
