/* `backup`: one file, copied or linked. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/command/backup_parts.h"
#include "journal/crc32c.h"
#include "journal/format.h"

#define ROUNDS 7 /* backups, in which all that is linked is read once */

void
backup_complain(struct making *m, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	fflush(stdout);
	buf_init(&b, 4096);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	(void)fputs(b.p, stderr);
	if (m->complaints++ == 0)
		(void)err_set(&m->first, RC_OK, "%s", b.p);
	buf_fini(&b);
	(void)fputc('\n', stderr);
}

static bool
same_start(int a, int b)
{
	char p[SEG_HEADER], q[SEG_HEADER];
	ssize_t n = pread(a, p, sizeof p, 0);

	return n > 0 && pread(b, q, sizeof q, 0) == n &&
	       memcmp(p, q, (size_t)n) == 0;
}

/* Whether it is the turn of this file to be read before it is linked. */
static bool
is_due(const struct making *m, const char *path)
{
	return m->read_all ||
	       crc32c(0, path, strlen(path)) % ROUNDS == m->round % ROUNDS;
}

/*
 * The old backup's file, and the server's own, against what the manifest says:
 * these files never change, so whichever differs has rotted.  false: the
 * backup's has, and is copied anew.
 */
static bool
is_sound(
    struct making *m, int from, int old, const char *path, const json_t *entry)
{
	char sha[BACKUP_SHA];
	uint64_t n;

	if (backup_sum(old, &n, sha) != RC_OK || !backup_fits(entry, n, sha)) {
		buf_addf(&m->notes,
		    "%s: the file in the previous backup is damaged; it is "
		    "copied again\n",
		    path);
		return false;
	}
	if (backup_sum(from, &n, sha) != RC_OK || !backup_fits(entry, n, sha))
		backup_complain(m,
		    "%s: the server's file is damaged; the backup keeps its "
		    "own copy; run: hearthmail fsck",
		    path);
	return true;
}

/* A link to the backup before, if it has the same; else false. */
static bool
link_before(struct making *m, int from, const char *path, uint64_t size)
{
	const json_t *e = json_object_get(m->before, path);
	struct err err;
	bool same;
	int fd;

	if (e == NULL ||
	    (uint64_t)json_integer_value(json_object_get(e, "bytes")) != size)
		return false;
	fd = backup_open_file(m->prev, path, &err);
	if (fd < 0)
		return false;
	same = same_start(from, fd) &&
	       (!is_due(m, path) || is_sound(m, from, fd, path, e));
	io_close(&fd);
	return same && backup_make_parents(m->dir, path) == RC_OK &&
	       linkat(m->prev, path, m->dir, path, 0) == 0;
}

int
backup_take(struct making *m, int dirfd, const char *name, const char *path,
    uint64_t limit, bool final, struct err *err)
{
	int from = backup_open_file(dirfd, name, err);
	char sha[BACKUP_SHA] = "";
	uint64_t bytes;
	struct stat st;
	json_t *e;
	int r = RC_OK;

	if (from < 0)
		return err->code == RC_NOTFOUND ? RC_NOTFOUND : RC_IO;
	if (fstat(from, &st) != 0)
		st.st_size = 0;
	bytes = (uint64_t)st.st_size < limit ? (uint64_t)st.st_size : limit;
	(void)unlinkat(m->dir, path, 0);
	if (final && link_before(m, from, path, bytes)) {
		e = json_deep_copy(json_object_get(m->before, path));
		m->linked++;
	} else {
		r = backup_copy(from, m->dir, path, bytes, &bytes, sha, err);
		if (r == RC_DAMAGED) {
			backup_complain(m, "%s", err->text);
			r = RC_OK;
		}
		if (r != RC_OK) {
			m->full = true;
			goto out;
		}
		e = json_pack("{s:s,s:I,s:s}", "path", path, "bytes",
		    (json_int_t)bytes, "sha256", sha);
		m->copied++;
		m->bytes += bytes;
	}
	json_object_set_new(m->files, path, e);
out:
	io_close(&from);
	return r;
}
