#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "backup/backup.h"

#define PIECE (256u << 10)
#define BLOCK 4096u

int
backup_folder(int dirfd, const char *path)
{
	return openat(
	    dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
backup_open_file(int dirfd, const char *path, struct err *err)
{
	int fd =
	    openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		(void)err_sys(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, errno,
		    "%s", path);
	} else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)err_set(
		    err, RC_DAMAGED, "%s is not a regular file", path);
		io_close(&fd);
	}
	return fd;
}

int
backup_make_parents(int dirfd, const char *path)
{
	struct buf b;
	int r = RC_OK;

	buf_init(&b, 4096);
	for (size_t i = 0; path[i] != '\0' && r == RC_OK; i++) {
		if (path[i] != '/' || i == 0)
			continue;
		buf_reset(&b);
		buf_add(&b, path, i);
		if (mkdirat(dirfd, b.p, 0700) != 0 && errno != EEXIST)
			r = RC_IO;
	}
	buf_fini(&b);
	return r;
}

/* What cannot be read of n bytes at off is zero then. */
static void
read_around(int in, char *p, size_t n, uint64_t off)
{
	for (size_t i = 0; i < n; i += BLOCK) {
		size_t k = n - i < BLOCK ? n - i : BLOCK;

		if (io_pread_all(in, p + i, k, off + i) != RC_OK)
			memset(p + i, 0, k);
	}
}

/*
 * Reads from in, writes to out unless that is -1.  RC_DAMAGED: not all could be
 * read; the rest was written, up to size bytes (0: up to the first that could
 * not).  RC_IO: it cannot be written.
 */
static int
pump(int in, int out, uint64_t limit, uint64_t size, uint64_t *bytes,
    char sha[BACKUP_SHA])
{
	bool gaps = false;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char md[EVP_MAX_MD_SIZE];
	char *p = xmalloc(PIECE);
	uint64_t off = 0;
	int r = RC_OK;

	must(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
	while (off < limit && r == RC_OK) {
		size_t want =
		    limit - off < PIECE ? (size_t)(limit - off) : PIECE;
		ssize_t n = pread(in, p, want, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			gaps = true;
		if (n < 0 && off < size) {
			n = (ssize_t)(size - off < want ? size - off : want);
			read_around(in, p, (size_t)n, off);
		}
		if (n <= 0)
			break;
		must(EVP_DigestUpdate(ctx, p, (size_t)n) == 1);
		if (out >= 0)
			r = io_write_all(out, p, (size_t)n);
		off += (uint64_t)n;
	}
	must(EVP_DigestFinal_ex(ctx, md, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	free(p);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(sha + 2 * i, 3, "%02x", md[i]);
	*bytes = off;
	return r == RC_OK && gaps ? RC_DAMAGED : r;
}

int
backup_copy(int from, int dirfd, const char *path, uint64_t limit,
    uint64_t *bytes, char sha[BACKUP_SHA], struct err *err)
{
	int to, r = backup_make_parents(dirfd, path);
	struct stat st;
	uint64_t size;

	if (r != RC_OK)
		return err_sys(err, r, errno, "%s", path);
	to = openat(dirfd, path,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return err_sys(err, RC_IO, errno, "%s", path);
	if (fstat(from, &st) != 0)
		st.st_size = 0;
	size = (uint64_t)st.st_size < limit ? (uint64_t)st.st_size : limit;
	r = pump(from, to, limit, size, bytes, sha);
	if ((r == RC_OK || r == RC_DAMAGED) && fsync(to) != 0)
		r = RC_IO;
	if (r == RC_DAMAGED)
		(void)err_set(
		    err, r, "%s: the disk cannot read all of it", path);
	else if (r != RC_OK)
		(void)err_sys(err, r, errno, "%s", path);
	io_close(&to);
	return r;
}

int
backup_sum(int fd, uint64_t *bytes, char sha[BACKUP_SHA])
{
	return pump(fd, -1, UINT64_MAX, 0, bytes, sha);
}

/* Calls fn for each name in a folder. */
static void
each_name(int fd, void (*fn)(int fd, const char *name, const void *arg),
    const void *arg)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			fn(fd, e->d_name, arg);
	if (d != NULL)
		closedir(d);
}

static void
remove_one(int dirfd, const char *name, const void *arg)
{
	(void)arg;
	backup_remove(dirfd, name);
}

void
backup_remove(int dirfd, const char *name)
{
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return;
	fd = backup_folder(dirfd, name);
	if (fd < 0)
		return;
	each_name(fd, remove_one, NULL);
	io_close(&fd);
	(void)unlinkat(dirfd, name, AT_REMOVEDIR);
}

struct owner {
	uid_t uid;
	gid_t gid;
};

static void
own_one(int dirfd, const char *name, const void *arg)
{
	const struct owner *o = arg;

	backup_own(dirfd, name, o->uid, o->gid);
}

void
backup_own(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	const struct owner o = {uid, gid};
	int fd;

	if (geteuid() != 0)
		return;
	fd = backup_folder(dirfd, name);
	if (fd >= 0) {
		each_name(fd, own_one, &o);
		io_close(&fd);
	}
	(void)!fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

void
backup_stamp(char out[24])
{
	time_t now = (time_t)(clk_now() / 1000);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(out, 24, "%Y%m%dT%H%M%SZ", &tm) == 0)
		out[0] = '\0';
}
