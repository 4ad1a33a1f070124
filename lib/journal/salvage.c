#include "journal/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "journal/journal_priv.h"

#define PIECE	 (256u << 10)
#define SECTOR	 512u
#define BAD_BYTE 0xdb

struct found {
	struct journal *j;
	journal_found_fn fn;
	void *arg;
	char file[SEG_NAME_MAX];
};

static int
open_all(int dirfd, const struct journal_opts *opts, struct journal **j)
{
	struct journal_opts o = *opts;

	o.readonly = true;
	o.salvage = true;
	return journal_open(dirfd, &o, j, NULL);
}

/* ---- records ---- */

/* odd: only those that are not where a record may begin. */
static void
scan_file(struct found *x, int fd, const unsigned char *key, bool odd)
{
	const struct journal_io *io = x->j->io;
	struct scanned r;
	struct scan sc;
	uint64_t size;

	if (io->size(io, fd, &size) < 0 || size <= SEG_HEADER)
		return;
	scan_init(&sc, io, fd, key, SEG_HEADER, size);
	sc.step = key != NULL ? 1 : REC_ALIGN;
	while (scan_next(&sc, &r) == RC_OK) {
		struct toc_entry e = {.seq = r.h.seq,
		    .off = r.off,
		    .len = r.h.len,
		    .type = r.h.type,
		    .flags = r.h.flags,
		    .crc = r.h.crc,
		    .note_len = TOC_NO_NOTE};

		if ((r.h.flags & JOURNAL_NAMED) && r.ok &&
		    (!odd || r.off % REC_ALIGN != 0))
			x->fn(x->arg, &e, x->file);
	}
	scan_fini(&sc);
}

static void
scan_unusable(struct found *x, const struct unusable *u)
{
	const struct journal_io *io = x->j->io;
	struct seg_header h = {.replaces = RANGESET_EMPTY};
	char raw[SEG_HEADER];
	bool key;
	int fd;

	seg_name(u->number, u->aside ? SEG_ASIDE : "", x->file);
	fd = io->open(io, x->j->logfd, x->file, O_RDONLY);
	if (fd < 0)
		return;
	key = disk_pread(io, fd, raw, sizeof raw, 0) == RC_OK &&
	      seg_header_decode(raw, &h) == RC_OK;
	scan_file(x, fd, key ? h.key : NULL, false);
	rangeset_fini(&h.replaces);
	io->close(io, fd);
}

int
journal_find_records(
    int dirfd, const struct journal_opts *opts, journal_found_fn fn, void *arg)
{
	struct found x = {.fn = fn, .arg = arg};
	int r = open_all(dirfd, opts, &x.j);

	if (r != RC_OK)
		return r;
	for (size_t i = 0; i < x.j->nunusable; i++)
		scan_unusable(&x, &x.j->unusable[i]);
	for (size_t i = 0; i < x.j->nseg; i++) {
		struct segment *s = x.j->seg[i];

		seg_name(s->h.number, "", x.file);
		if (segment_open(x.j, s) == RC_OK)
			scan_file(&x, s->fd, s->h.key, true);
	}
	journal_close(&x.j);
	return RC_OK;
}

/* ---- tables of contents ---- */

static void
each_entry(void *arg, const struct toc_entry *e)
{
	struct found *x = arg;

	x->fn(x->arg, e, x->file);
}

int
journal_find_entries(
    int dirfd, const struct journal_opts *opts, journal_found_fn fn, void *arg)
{
	struct found x = {.fn = fn, .arg = arg};
	int r = open_all(dirfd, opts, &x.j);

	if (r != RC_OK)
		return r;
	for (size_t i = 0; i < x.j->nseg; i++) {
		struct segment *s = x.j->seg[i];
		struct toc_id id = segment_toc_id(x.j, s);
		struct toc t;

		seg_name(s->h.number, "", x.file);
		toc_init(&t);
		toc_load(&t, &id);
		toc_each(&t, each_entry, &x);
		toc_fini(&t, &id);
	}
	for (size_t i = 0; i < x.j->nunusable; i++) {
		const struct unusable *u = &x.j->unusable[i];

		seg_name(u->number, u->aside ? SEG_ASIDE : "", x.file);
		(void)toc_of_number(x.j, u->number, each_entry, &x, NULL);
	}
	journal_close(&x.j);
	return RC_OK;
}

/* ---- putting aside ---- */

static int
failed(int e, const char *name, struct err *err)
{
	return err_sys(err, e == ENOSPC || e == EDQUOT ? RC_NOSPACE : RC_IO, e,
	    "log/%s", name);
}

static int
rename_aside(struct journal *j, uint32_t number, struct err *err)
{
	const struct journal_io *io = j->io;
	char name[SEG_NAME_MAX], aside[SEG_NAME_MAX];
	int fd;

	seg_name(number, "", name);
	seg_name(number, SEG_ASIDE, aside);
	fd = io->open(io, j->logfd, aside, O_RDONLY);
	if (fd >= 0)
		io->close(io, fd);
	if (fd >= 0 || errno != ENOENT)
		return err_set(err, RC_EXISTS, "log/%s is in the way", aside);
	mlog(LOG_WARN, "journal.aside", "file=log/%s", aside);
	if (io->rename(io, j->logfd, name, aside) < 0)
		return failed(errno, name, err);
	return RC_OK;
}

/* n bytes, those that the disk refuses filled in; whether there were any. */
static bool
read_what_can_be(
    const struct journal_io *io, int fd, char *p, size_t n, uint64_t off)
{
	bool refused = false;

	if (disk_pread(io, fd, p, n, off) == RC_OK)
		return false;
	for (size_t i = 0; i < n; i += SECTOR) {
		size_t k = n - i < SECTOR ? n - i : SECTOR;

		if (disk_pread(io, fd, p + i, k, off + i) == RC_OK)
			continue;
		memset(p + i, BAD_BYTE, k);
		refused = true;
	}
	return refused;
}

static bool
is_refused(struct journal *j, struct segment *s, char *p)
{
	uint64_t size;

	if (segment_open(j, s) != RC_OK || j->io->size(j->io, s->fd, &size) < 0)
		return false;
	for (uint64_t off = 0; off < size; off += PIECE) {
		size_t n = size - off < PIECE ? (size_t)(size - off) : PIECE;

		if (read_what_can_be(j->io, s->fd, p, n, off))
			return true;
	}
	return false;
}

static int
copy_readable(struct journal *j, struct segment *s, char *p, struct err *err)
{
	const struct journal_io *io = j->io;
	char temp[SEG_NAME_MAX], name[SEG_NAME_MAX];
	uint64_t size = 0;
	int to, r = RC_OK;

	seg_name(s->h.number, ".new", temp);
	seg_name(s->h.number, "", name);
	to = io->open(io, j->logfd, temp, O_RDWR | O_CREAT | O_TRUNC);
	if (to < 0 || io->size(io, s->fd, &size) < 0)
		r = failed(errno, temp, err);
	for (uint64_t off = 0; r == RC_OK && off < size; off += PIECE) {
		size_t n = size - off < PIECE ? (size_t)(size - off) : PIECE;

		(void)read_what_can_be(io, s->fd, p, n, off);
		if (disk_pwrite(io, to, p, n, off) != RC_OK)
			r = failed(errno, temp, err);
	}
	if (r == RC_OK && io->datasync(io, to) < 0)
		r = failed(errno, temp, err);
	if (to >= 0)
		io->close(io, to);
	if (r == RC_OK)
		r = rename_aside(j, s->h.number, err);
	if (r == RC_OK && io->rename(io, j->logfd, temp, name) < 0)
		r = failed(errno, name, err);
	if (r != RC_OK)
		(void)io->unlink(io, j->logfd, temp);
	return r;
}

int
journal_put_aside(int dirfd, const struct journal_opts *opts, struct err *err)
{
	struct journal *j = NULL;
	char *p = xmalloc(PIECE);
	int r = open_all(dirfd, opts, &j);

	if (r != RC_OK)
		r = err_set(err, r, "the log cannot be opened");
	for (size_t i = 0; r == RC_OK && i < j->nunusable; i++)
		if (!j->unusable[i].headless && !j->unusable[i].aside)
			r = rename_aside(j, j->unusable[i].number, err);
	for (size_t i = 0; r == RC_OK && i < j->nseg; i++)
		if (is_refused(j, j->seg[i], p))
			r = copy_readable(j, j->seg[i], p, err);
	if (r == RC_OK && j->logfd >= 0 && j->io->dirsync(j->io, j->logfd) < 0)
		r = failed(errno, "", err);
	journal_close(&j);
	free(p);
	return r;
}
