#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"

#define MEND_BODY_MAX (64u << 10)

static int
lookup(struct journal *j, struct segment *s, uint64_t seq, struct toc_entry *e)
{
	int r;

	pthread_mutex_lock(&j->index);
	r = segment_index(j, s);
	if (r == RC_OK)
		r = toc_find(&s->toc, seq, e);
	pthread_mutex_unlock(&j->index);
	return r;
}

/* The table of contents has told us something wrong: it is made anew, in
 * memory only if it is the segment that is damaged. */
static void
distrust(struct journal *j, struct segment *s)
{
	struct toc_id id = segment_toc_id(j, s);

	mlog(LOG_WARN, "journal.toc_wrong", "segment=%06u", s->h.number);
	if (j->readonly)
		return;
	pthread_mutex_lock(&j->index);
	toc_discard(&s->toc, &id);
	s->toc.loaded = false;
	s->toc_wrong = true;
	s->scan_to = s->end;
	pthread_mutex_unlock(&j->index);
}

/*
 * Finds a record; the segment comes with a reference and its file open.  What
 * the table says is compared with the record, and the table made anew if it
 * was wrong.
 */
static int
locate(struct journal *j, uint64_t seq, struct segment **s_out,
    struct toc_entry *e, struct rec_header *h)
{
	struct segment *s;
	int r = journal_flush(j, seq);

	if (r != RC_OK)
		return r;
	s = segment_of(j, seq);
	if (s == NULL)
		return RC_NOTFOUND;
	r = segment_open(j, s);
	if (r == RC_OK)
		r = lookup(j, s, seq, e);
	if (r == RC_OK)
		r = entry_header(j, s, e, h);
	if (r == RC_DAMAGED) {
		distrust(j, s);
		r = lookup(j, s, seq, e);
		if (r == RC_OK)
			r = entry_header(j, s, e, h);
	}
	if (r != RC_OK) {
		segment_unref(j, s);
		return r;
	}
	*s_out = s;
	return RC_OK;
}

/* A message that was read whole, of which one bit is wrong: no reader needs to
 * know. */
static bool
whole_mend(struct segment *s, const struct toc_entry *e, void *p,
    const struct rec_header *h)
{
	if (h->len > MEND_BODY_MAX || !crc32c_mend(p, h->len, h->crc))
		return false;
	mlog(LOG_WARN, "journal.mended", "segment=%06u offset=%llu",
	    s->h.number, (unsigned long long)e->off);
	return true;
}

int
journal_read(struct journal *j, uint64_t seq, uint64_t off, void *p, size_t len)
{
	struct segment *s = NULL;
	struct toc_entry e;
	struct rec_header h;
	struct body_ref ref;
	int r = locate(j, seq, &s, &e, &h);

	if (r != RC_OK)
		return r;
	if (h.flags & JOURNAL_ELSEWHERE) {
		r = entry_ref(j, s, &e, &ref);
		if (r == RC_OK)
			r = body_read(j, &ref, off, p, len);
		goto out;
	}
	if (off > h.len || len > h.len - off) {
		r = RC_EOF;
		goto out;
	}
	r = disk_pread(j->io, s->fd, p, len, e.off + REC_HEADER + off);
	if (r == RC_EOF ||
	    (r == RC_OK && len == h.len && crc32c(0, p, len) != h.crc &&
		!whole_mend(s, &e, p, &h)))
		r = RC_DAMAGED;
out:
	segment_unref(j, s);
	return r;
}

int
journal_type(struct journal *j, uint64_t seq, uint16_t *out)
{
	struct segment *s = NULL;
	struct toc_entry e;
	struct rec_header h;
	int r = locate(j, seq, &s, &e, &h);

	if (r != RC_OK)
		return r;
	*out = h.type;
	segment_unref(j, s);
	return RC_OK;
}

int
journal_size(struct journal *j, uint64_t seq, uint64_t *out)
{
	struct segment *s = NULL;
	struct toc_entry e;
	struct rec_header h;
	struct body_ref ref;
	int r = locate(j, seq, &s, &e, &h);

	if (r != RC_OK)
		return r;
	if (h.flags & JOURNAL_ELSEWHERE) {
		r = entry_ref(j, s, &e, &ref);
		if (r == RC_OK)
			*out = ref.size;
	} else {
		*out = h.len;
	}
	segment_unref(j, s);
	return r;
}

/* Size and checksum of the bytes of a record, as its header says them. */
static int
expected(struct journal *j, uint64_t seq, uint64_t *size, uint32_t *crc)
{
	struct segment *s = NULL;
	struct toc_entry e;
	struct rec_header h;
	struct body_ref ref;
	int r = locate(j, seq, &s, &e, &h);

	if (r != RC_OK)
		return r;
	*size = h.len;
	*crc = h.crc;
	if (h.flags & JOURNAL_ELSEWHERE) {
		r = entry_ref(j, s, &e, &ref);
		if (r == RC_OK) {
			*size = ref.size;
			*crc = ref.crc;
		}
	}
	segment_unref(j, s);
	return r;
}

int
journal_verify(struct journal *j, uint64_t seq)
{
	const size_t piece = 64 * 1024;
	uint64_t size = 0, off = 0;
	uint32_t want = 0, crc = 0;
	char *p;
	int r = expected(j, seq, &size, &want);

	if (r != RC_OK)
		return r;
	p = xmalloc(piece);
	while (r == RC_OK && off < size) {
		size_t n = size - off < piece ? (size_t)(size - off) : piece;

		r = journal_read(j, seq, off, p, n);
		if (r == RC_OK)
			crc = crc32c(crc, p, n);
		off += n;
	}
	free(p);
	return r == RC_OK && crc != want ? RC_DAMAGED : r;
}

int
journal_note_get(struct journal *j, uint64_t seq, struct buf *out)
{
	struct segment *s;
	struct toc_id id;
	int r = journal_flush(j, seq);

	if (r != RC_OK)
		return r;
	s = segment_of(j, seq);
	if (s == NULL)
		return RC_NOTFOUND;
	id = segment_toc_id(j, s);
	pthread_mutex_lock(&j->index);
	r = segment_index(j, s);
	if (r == RC_OK)
		r = toc_note_get(&s->toc, &id, seq, out);
	pthread_mutex_unlock(&j->index);
	segment_unref(j, s);
	return r;
}

void
journal_note_put(struct journal *j, uint64_t seq, struct sv note)
{
	struct segment *s;
	struct toc_entry e;
	struct toc_id id;

	if (j->readonly || note.n > JOURNAL_NOTE_MAX ||
	    journal_flush(j, seq) != RC_OK)
		return;
	s = segment_of(j, seq);
	if (s == NULL)
		return;
	id = segment_toc_id(j, s);
	pthread_mutex_lock(&j->index);
	if (segment_index(j, s) == RC_OK &&
	    toc_find(&s->toc, seq, &e) == RC_OK) {
		toc_note(&s->toc, &e, note);
		if (toc_pending(&s->toc) > TOC_PENDING_BYTES)
			toc_write(&s->toc, &id);
	}
	pthread_mutex_unlock(&j->index);
	segment_unref(j, s);
}

/* ---- dropping what is no longer wanted ---- */

struct drop {
	struct journal *j;
	struct segment *s;
};

static void
drop_body(void *arg, const struct toc_entry *e)
{
	struct drop *d = arg;
	char name[SEG_NAME_MAX];
	struct body_ref ref;

	if (!(e->flags & JOURNAL_ELSEWHERE) ||
	    entry_ref(d->j, d->s, e, &ref) != RC_OK)
		return;
	body_name(ref.name, name);
	(void)d->j->io->unlink(d->j->io, d->j->logfd, name);
}

/* Under the index lock: the oldest segment's files go, it last. */
static int
drop_oldest(struct journal *j)
{
	struct segment *s = j->seg[0];
	struct drop d = {j, s};
	char name[SEG_NAME_MAX];
	int r = segment_index(j, s);

	if (r != RC_OK)
		return r;
	toc_each(&s->toc, drop_body, &d);
	seg_name(s->h.number, ".toc", name);
	(void)j->io->unlink(j->io, j->logfd, name);
	seg_name(s->h.number, "", name);
	/* One at a time, so that a crash never leaves a hole. */
	if (j->io->unlink(j->io, j->logfd, name) < 0 ||
	    j->io->dirsync(j->io, j->logfd) < 0)
		return RC_IO;
	memmove(j->seg, j->seg + 1, (j->nseg - 1) * sizeof *j->seg);
	j->nseg--;
	s->dropped = true;
	if (s->users == 0)
		segment_free(j, s);
	return RC_OK;
}

int
journal_drop_before(struct journal *j, uint64_t seq)
{
	int r = RC_OK;

	must(!j->readonly);
	pthread_mutex_lock(&j->index);
	while (r == RC_OK && j->nseg > 1 && j->seg[1]->h.first_seq <= seq)
		r = drop_oldest(j);
	pthread_mutex_unlock(&j->index);
	return r;
}

void
journal_span(struct journal *j, struct journal_span *out)
{
	*out = (struct journal_span){.bytes = 0};
	pthread_mutex_lock(&j->index);
	if (j->nseg > 0) {
		out->first = j->seg[0]->h.first_seq;
		out->active = segment_last(j)->h.first_seq;
		out->second = j->seg[j->nseg > 1 ? 1 : 0]->h.first_seq;
	}
	for (size_t i = 0; i + 1 < j->nseg; i++)
		out->bytes += j->seg[i]->end;
	pthread_mutex_unlock(&j->index);
}

uint64_t
journal_oldest_end(struct journal *j, uint64_t *bytes_out)
{
	uint64_t end = 0;

	pthread_mutex_lock(&j->index);
	*bytes_out = 0;
	if (j->nseg > 1)
		end = j->seg[1]->h.first_seq;
	for (size_t i = 0; i + 1 < j->nseg; i++)
		*bytes_out += j->seg[i]->end;
	pthread_mutex_unlock(&j->index);
	return end;
}
