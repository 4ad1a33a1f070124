#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

#define NAME_TRIES 8

struct journal_blob {
	struct journal *j;
	struct buf mem; /* while there is no file: all; else: not written yet */
	uint64_t size;
	uint32_t crc;
	uint64_t name;
	uint64_t written;
	int fd; /* -1: in memory */
	int failed;
	bool sealed, committed;
	void *map;
};

#define WRITE_BYTES (256u << 10)

struct journal_blob *
journal_blob_new(struct journal *j)
{
	struct journal_blob *b = xcalloc(1, sizeof *b);

	b->j = j;
	b->fd = -1;
	buf_init(&b->mem, SIZE_MAX / 4);
	return b;
}

static int
fail(struct journal_blob *b)
{
	b->failed = errno == ENOSPC || errno == EDQUOT ? RC_NOSPACE : RC_IO;
	return b->failed;
}

static int
write_out(struct journal_blob *b)
{
	if (b->mem.n == 0)
		return RC_OK;
	if (disk_pwrite(b->j->io, b->fd, b->mem.p, b->mem.n, b->written) !=
	    RC_OK)
		return fail(b);
	b->written += b->mem.n;
	buf_reset(&b->mem);
	return RC_OK;
}

/* It has become too large for memory. */
static int
to_file(struct journal_blob *b)
{
	const struct journal_io *io = b->j->io;
	char name[SEG_NAME_MAX];

	for (int i = 0; b->fd < 0 && i < NAME_TRIES; i++) {
		randombytes_buf(&b->name, sizeof b->name);
		body_name(b->name, name);
		b->fd =
		    io->open(io, b->j->logfd, name, O_RDWR | O_CREAT | O_EXCL);
		if (b->fd < 0 && errno != EEXIST)
			break;
	}
	if (b->fd < 0)
		return fail(b);
	if (write_out(b) != RC_OK)
		return b->failed;
	buf_release(&b->mem);
	return RC_OK;
}

int
journal_blob_add(struct journal_blob *b, const void *p, size_t n)
{
	must(!b->sealed);
	if (b->failed != RC_OK)
		return b->failed;
	b->crc = crc32c(b->crc, p, n);
	b->size += n;
	buf_add(&b->mem, p, n);
	must(buf_ok(&b->mem));
	if (b->fd < 0)
		return b->mem.n > b->j->inline_max ? to_file(b) : RC_OK;
	return b->mem.n >= WRITE_BYTES ? write_out(b) : RC_OK;
}

size_t
journal_blob_memory(const struct journal_blob *b)
{
	return b->mem.cap;
}

bool
journal_blob_is_file(const struct journal_blob *b)
{
	return b->fd >= 0;
}

int
journal_blob_to_file(struct journal_blob *b)
{
	must(!b->sealed);
	if (b->failed != RC_OK)
		return b->failed;
	if (b->fd < 0)
		return to_file(b);
	if (write_out(b) == RC_OK)
		buf_release(&b->mem);
	return b->failed;
}

uint64_t
journal_blob_size(const struct journal_blob *b)
{
	return b->size;
}

int
journal_blob_seal(struct journal_blob *b)
{
	const struct journal_io *io = b->j->io;

	if (b->failed != RC_OK || b->sealed || b->fd < 0) {
		b->sealed = b->failed == RC_OK;
		return b->failed;
	}
	if (write_out(b) != RC_OK)
		return b->failed;
	/* What a failed flush has left is not tried again: the blob fails,
	 * and its file goes. */
	if (!sabotaged(SABOTAGE_SKIP_BODY_SYNC) && io->datasync(io, b->fd) < 0)
		return fail(b);
	if (!sabotaged(SABOTAGE_SKIP_BODY_DIRSYNC) &&
	    io->dirsync(io, b->j->logfd) < 0)
		return fail(b);
	b->sealed = true;
	return RC_OK;
}

int
journal_blob_bytes(struct journal_blob *b, struct sv *out)
{
	if (b->failed != RC_OK)
		return b->failed;
	if (b->fd < 0) {
		*out = buf_sv(&b->mem);
		return RC_OK;
	}
	if (write_out(b) != RC_OK)
		return b->failed;
	if (b->map == NULL)
		b->map = b->j->io->map(b->j->io, b->fd, (size_t)b->size);
	if (b->map == NULL)
		return RC_IO;
	*out = sv_of(b->map, (size_t)b->size);
	return RC_OK;
}

void
journal_blob_free(struct journal_blob **bp)
{
	struct journal_blob *b = *bp;
	char name[SEG_NAME_MAX];

	if (b == NULL)
		return;
	*bp = NULL;
	if (b->map != NULL)
		b->j->io->unmap(b->j->io, b->map, (size_t)b->size);
	if (b->fd >= 0) {
		b->j->io->close(b->j->io, b->fd);
		body_name(b->name, name);
		if (!b->committed)
			(void)b->j->io->unlink(b->j->io, b->j->logfd, name);
	}
	buf_fini(&b->mem);
	free(b);
}

void
blob_reference(const struct journal_blob *b, struct body_ref *out,
    bool *elsewhere, struct sv *bytes)
{
	must(b->sealed);
	out->name = b->name;
	out->size = b->size;
	out->crc = b->crc;
	*elsewhere = b->fd >= 0;
	*bytes = buf_sv(&b->mem);
}

void
blob_committed(struct journal_blob *b)
{
	b->committed = true;
}

int
body_read(struct journal *j, const struct body_ref *r, uint64_t off, void *p,
    size_t len)
{
	char name[SEG_NAME_MAX];
	int fd, rc;

	if (off > r->size || len > r->size - off)
		return RC_EOF;
	body_name(r->name, name);
	fd = j->io->open(j->io, j->logfd, name, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? RC_DAMAGED : RC_IO;
	rc = disk_pread(j->io, fd, p, len, off);
	j->io->close(j->io, fd);
	if (rc == RC_EOF)
		return RC_DAMAGED;
	if (rc == RC_OK && len == r->size && crc32c(0, p, len) != r->crc)
		return RC_DAMAGED;
	return rc;
}

/* ---- entries of a table of contents ---- */

/* The record's own header: nothing in a table of contents is believed. */
int
entry_header(struct journal *j, struct segment *s, const struct toc_entry *e,
    struct rec_header *h)
{
	char raw[REC_HEADER];
	int r = disk_pread(j->io, s->fd, raw, sizeof raw, e->off);

	if (r == RC_IO)
		return r;
	if (r != RC_OK ||
	    (rec_header_decode(raw, s->h.key, h) != RC_OK &&
		rec_header_mend(raw, s->h.key, h) != RC_OK) ||
	    h->seq != e->seq || !(h->flags & JOURNAL_NAMED))
		return RC_DAMAGED;
	return RC_OK;
}

int
entry_ref(struct journal *j, struct segment *s, const struct toc_entry *e,
    struct body_ref *out)
{
	char raw[REF_BYTES];
	struct rec_header h;
	int r;

	if (s->fd < 0) {
		r = RC_IO;
		goto out;
	}
	r = entry_header(j, s, e, &h);
	if (r != RC_OK)
		goto out;
	if (!(h.flags & JOURNAL_ELSEWHERE) || h.len != REF_BYTES) {
		r = RC_DAMAGED;
		goto out;
	}
	r = disk_pread(j->io, s->fd, raw, sizeof raw, e->off + REC_HEADER);
	if (r == RC_EOF || (r == RC_OK && crc32c(0, raw, sizeof raw) != h.crc &&
			       !crc32c_mend(raw, sizeof raw, h.crc)))
		r = RC_DAMAGED;
	if (r == RC_OK)
		r = body_ref_decode(sv_of(raw, sizeof raw), out);
out:
	return r;
}

/* ---- orphans ---- */

#define GRACE_MS (3600 * 1000) /* sealed, and its record not yet written */

struct names {
	struct journal *j;
	struct segment *s;
	uint64_t *v;
	size_t n, cap;
	int r;
};

static void
name_add(struct names *l, uint64_t name)
{
	l->v = xgrow(l->v, &l->cap, l->n + 1, sizeof *l->v);
	l->v[l->n++] = name;
}

static void
on_disk(void *arg, const char *name)
{
	uint64_t v;

	if (body_name_parse(name, &v))
		name_add(arg, v);
}

static void
in_use(void *arg, const struct toc_entry *e)
{
	struct names *l = arg;
	struct body_ref ref;

	if (!(e->flags & JOURNAL_ELSEWHERE))
		return;
	if (entry_ref(l->j, l->s, e, &ref) == RC_OK)
		name_add(l, ref.name);
	else
		l->r = RC_DAMAGED;
}

static int
by_name(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What a void record names may be wanted by a repair. */
static int
voids_in_use(struct names *l)
{
	struct journal *j = l->j;
	struct body_ref ref;
	struct scanned x;
	struct scan sc;
	uint64_t size;

	if (j->io->size(j->io, l->s->fd, &size) < 0)
		return RC_IO;
	if (size <= l->s->end)
		return RC_OK;
	scan_init(&sc, j->io, l->s->fd, l->s->h.key, l->s->end, size);
	while (scan_next(&sc, &x) == RC_OK)
		if ((x.h.flags & JOURNAL_ELSEWHERE) && x.ok &&
		    body_ref_decode(x.payload, &ref) == RC_OK)
			name_add(l, ref.name);
	scan_fini(&sc);
	return RC_OK;
}

static bool
is_young(struct journal *j, const char *name, uint64_t last_record)
{
	int64_t mtime;

	return j->io->changed != NULL &&
	       j->io->changed(j->io, j->logfd, name, &mtime) == 0 &&
	       mtime + GRACE_MS >= (int64_t)last_record;
}

int
bodies_sweep(struct journal *j, uint64_t last_record)
{
	struct names used = {.j = j}, have = {.j = j};
	char name[SEG_NAME_MAX];
	int r = RC_OK;

	pthread_mutex_lock(&j->index);
	for (size_t i = 0; i < j->nseg && r == RC_OK; i++) {
		used.s = j->seg[i];
		r = segment_index(j, used.s);
		if (r == RC_OK)
			toc_each(&used.s->toc, in_use, &used);
		if (r == RC_OK)
			r = voids_in_use(&used);
		if (used.s->holes)
			used.r = RC_DAMAGED;
	}
	pthread_mutex_unlock(&j->index);
	/* While anything is unclear nothing is removed. */
	if (r != RC_OK || used.r != RC_OK) {
		r = RC_OK;
		goto out;
	}
	if (j->io->list(j->io, j->logfd, on_disk, &have) < 0)
		goto out;
	if (used.n > 0)
		qsort(used.v, used.n, sizeof *used.v, by_name);
	for (size_t i = 0; i < have.n; i++) {
		if (used.n > 0 && bsearch(&have.v[i], used.v, used.n,
				      sizeof *used.v, by_name) != NULL)
			continue;
		body_name(have.v[i], name);
		if (is_young(j, name, last_record)) {
			mlog(LOG_INFO, "journal.orphan_kept", "file=log/%s",
			    name);
			continue;
		}
		mlog(LOG_WARN, "journal.orphan", "file=log/%s", name);
		(void)j->io->unlink(j->io, j->logfd, name);
	}
out:
	free(have.v);
	free(used.v);
	return r;
}
