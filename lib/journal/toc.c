#include "journal/toc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/log.h"
#include "journal/crc32c.h"

#define HEAD	   40u
#define BLOCK_HEAD 40u
#define VERSION	   1u
#define PEND_MAX   ((size_t)1 << 31)

static const unsigned char magic[8] = "hmjtoc\r\n";

void
toc_entry_encode(const struct toc_entry *e, void *out)
{
	unsigned char *p = out;

	be_put64(p, e->seq);
	be_put64(p + 8, e->off);
	be_put32(p + 16, e->len);
	be_put16(p + 20, e->type);
	p[22] = e->flags;
	p[23] = e->codec;
	be_put32(p + 24, e->note_off);
	be_put32(p + 28, e->note_len);
	be_put32(p + 32, e->note_crc);
	be_put32(p + 36, e->crc);
}

void
toc_entry_decode(const void *p, struct toc_entry *e)
{
	const unsigned char *q = p;

	e->seq = be_get64(q);
	e->off = be_get64(q + 8);
	e->len = be_get32(q + 16);
	e->type = be_get16(q + 20);
	e->flags = q[22];
	e->codec = q[23];
	e->note_off = be_get32(q + 24);
	e->note_len = be_get32(q + 28);
	e->note_crc = be_get32(q + 32);
	e->crc = be_get32(q + 36);
}

void
toc_init(struct toc *t)
{
	memset(t, 0, sizeof *t);
	t->fd = -1;
	t->upto = SEG_HEADER;
	t->pending_upto = SEG_HEADER;
	buf_init(&t->entries, PEND_MAX);
	buf_init(&t->notes, PEND_MAX);
	buf_init(&t->late, PEND_MAX);
	buf_init(&t->late_notes, PEND_MAX);
}

void
toc_fini(struct toc *t, const struct toc_id *id)
{
	buf_fini(&t->late_notes);
	buf_fini(&t->late);
	buf_fini(&t->notes);
	buf_fini(&t->entries);
	for (size_t i = 0; i < t->nblock; i++)
		free(t->block[i].owned);
	free(t->block);
	if (t->map != NULL)
		id->io->unmap(id->io, t->map, t->map_len);
	if (t->fd >= 0)
		id->io->close(id->io, t->fd);
	toc_init(t);
}

static void
head_make(const struct toc_id *id, unsigned char p[HEAD])
{
	memset(p, 0, HEAD);
	memcpy(p, magic, sizeof magic);
	be_put32(p + 8, VERSION);
	be_put32(p + 12, id->seg->number);
	be_put64(p + 16, id->seg->epoch);
	crypto_shorthash(p + 24, p, 24, id->seg->key);
	be_put32(p + 32, crc32c(0, p, 32));
}

static void
block_push(struct toc *t, const struct toc_block *b)
{
	t->block = xgrow(t->block, &t->cap, t->nblock + 1, sizeof *t->block);
	t->block[t->nblock++] = *b;
}

/* The block at t->size of the mapped file; false at the end or when it does
 * not fit. */
static bool
block_load(struct toc *t)
{
	const unsigned char *p = (const unsigned char *)t->map + t->size;
	size_t room = t->map_len - t->size, len;
	struct toc_block b = {0};
	uint64_t from, to;
	uint32_t crc;

	if (room < BLOCK_HEAD || memcmp(p, "TBLK", 4) != 0)
		return false;
	b.n = be_get32(p + 4);
	from = be_get64(p + 16);
	to = be_get64(p + 24);
	b.notes_len = be_get32(p + 32);
	if (be_get64(p + 8) != t->size || from != t->upto || to < from ||
	    b.n > (room - BLOCK_HEAD) / TOC_ENTRY)
		return false;
	len = BLOCK_HEAD + (size_t)b.n * TOC_ENTRY;
	if (b.notes_len > room - len)
		return false;
	crc = crc32c(0, p, 36);
	crc = crc32c(crc, p + BLOCK_HEAD, len - BLOCK_HEAD);
	if (crc != be_get32(p + 36))
		return false;
	b.raw = p + BLOCK_HEAD;
	b.notes_off = t->size + len;
	if (b.n > 0) {
		b.first = be_get64(b.raw);
		b.last = be_get64(b.raw + (size_t)(b.n - 1) * TOC_ENTRY);
		block_push(t, &b);
	}
	t->size += len + b.notes_len;
	t->upto = to;
	return true;
}

static void
map_file(struct toc *t, const struct toc_id *id)
{
	const struct journal_io *io = id->io;
	char name[SEG_NAME_MAX];
	uint64_t size;
	int fd;

	seg_name(id->seg->number, ".toc", name);
	fd = io->open(io, id->dirfd, name, O_RDONLY);
	if (fd < 0)
		return;
	if (io->size(io, fd, &size) == 0 && size > 0)
		t->map = io->map(io, fd, (size_t)size);
	if (t->map != NULL)
		t->map_len = (size_t)size;
	io->close(io, fd);
}

void
toc_load(struct toc *t, const struct toc_id *id)
{
	unsigned char want[HEAD];

	if (t->loaded)
		return;
	t->loaded = true;
	map_file(t, id);
	if (t->map == NULL)
		return;
	head_make(id, want);
	if (t->map_len < HEAD || memcmp(t->map, want, HEAD) != 0)
		return;
	t->size = HEAD;
	while (block_load(t))
		;
	t->pending_upto = t->upto;
}

bool
toc_load_keyless(struct toc *t, const struct toc_id *id)
{
	const unsigned char *p;

	must(!t->loaded);
	t->loaded = true;
	map_file(t, id);
	p = t->map;
	if (p == NULL || t->map_len < HEAD ||
	    memcmp(p, magic, sizeof magic) != 0 || be_get32(p + 8) != VERSION ||
	    be_get32(p + 12) != id->seg->number ||
	    be_get32(p + 32) != crc32c(0, p, 32))
		return false;
	t->size = HEAD;
	while (block_load(t))
		;
	return t->upto > SEG_HEADER;
}

/* The last entry of all blocks. */
static bool
last_entry(const struct toc *t, struct toc_entry *out)
{
	bool found = false;

	for (size_t i = 0; i < t->nblock; i++) {
		const struct toc_block *b = &t->block[i];
		struct toc_entry e;

		toc_entry_decode(b->raw + (size_t)(b->n - 1) * TOC_ENTRY, &e);
		if (!found || e.seq > out->seq)
			*out = e;
		found = true;
	}
	return found;
}

uint64_t
toc_reach(const struct toc *t, uint64_t first)
{
	uint64_t seq = first > 0 ? first - 1 : 0, off = SEG_HEADER;
	struct toc_entry e;

	if (last_entry(t, &e)) {
		seq = e.seq;
		off = e.off + rec_bytes(e.len);
	}
	return t->upto > off ? seq + (t->upto - off) / REC_HEADER : seq;
}

/* Do as many of these n bytes as are there stand at `at`? */
static bool
agrees(struct sv s, size_t at, const void *want, size_t n)
{
	s = sv_first(sv_skip(s, at), n);
	return memcmp(s.p, want, s.n) == 0;
}

/* Checksum of a block's head with n for its number of entries, and of them. */
static uint32_t
block_crc(struct sv s, uint32_t n)
{
	unsigned char head[36];

	memcpy(head, s.p, sizeof head);
	be_put32(head + 4, n);
	return crc32c(crc32c(0, head, sizeof head), s.p + BLOCK_HEAD,
	    (size_t)n * TOC_ENTRY);
}

/* Can all whole entries in s be a block's that goes up to `to`? */
static bool
are_entries(struct sv s, uint64_t to, uint32_t notes_len)
{
	uint64_t seq = 0, off = 0;
	struct toc_entry e;

	for (; s.n >= TOC_ENTRY; s = sv_skip(s, TOC_ENTRY)) {
		toc_entry_decode(s.p, &e);
		if (e.seq < seq || e.off < off || e.off >= to ||
		    (e.note_len != TOC_NO_NOTE &&
			(e.note_len > notes_len ||
			    e.note_off > notes_len - e.note_len)))
			return false;
		seq = e.seq;
		off = e.off;
	}
	return true;
}

static bool
is_cut_block(const struct toc *t, struct sv s)
{
	unsigned char place[16];
	uint32_t n, notes;
	uint64_t whole;
	struct sv rest;

	be_put64(place, t->size);
	be_put64(place + 8, t->upto);
	if (!agrees(s, 0, "TBLK", 4) || !agrees(s, 8, place, sizeof place))
		return false;
	if (s.n < BLOCK_HEAD)
		return true;
	n = be_get32(s.p + 4);
	notes = be_get32(s.p + 32);
	whole = BLOCK_HEAD + (uint64_t)n * TOC_ENTRY;
	if (be_get64(s.p + 24) < t->upto || whole + notes <= s.n)
		return false;
	if (whole <= s.n)
		return block_crc(s, n) == be_get32(s.p + 36);
	rest = sv_skip(s, BLOCK_HEAD);
	if (!are_entries(rest, be_get64(s.p + 24), notes))
		return false;
	/* The last block, all of which is there, with another number? */
	if (notes > rest.n || (rest.n - notes) % TOC_ENTRY != 0)
		return true;
	n = (uint32_t)((rest.n - notes) / TOC_ENTRY);
	return block_crc(s, n) != be_get32(s.p + 36);
}

bool
toc_is_cut(const struct toc *t, const struct toc_id *id)
{
	struct sv s = sv_skip(sv_of(t->map, t->map_len), (size_t)t->size);
	unsigned char head[HEAD];

	if (s.n == 0)
		return false;
	if (t->size > 0)
		return is_cut_block(t, s);
	head_make(id, head);
	return s.n < HEAD && agrees(s, 0, head, HEAD);
}

uint64_t
toc_last(const struct toc *t)
{
	uint64_t last = 0;

	for (size_t i = 0; i < t->nblock; i++)
		if (t->block[i].last > last)
			last = t->block[i].last;
	return last;
}

static void
pending_add(struct buf *entries, struct buf *notes, const struct toc_entry *in,
    struct sv note)
{
	struct toc_entry e = *in;
	char *p;

	e.note_off = 0;
	e.note_len = TOC_NO_NOTE;
	e.note_crc = 0;
	if (note.n > 0) {
		e.note_off = (uint32_t)notes->n;
		e.note_len = (uint32_t)note.n;
		e.note_crc = crc32c(0, note.p, note.n);
		buf_addsv(notes, note);
	}
	p = buf_reserve(entries, TOC_ENTRY);
	must(p != NULL && buf_ok(notes));
	toc_entry_encode(&e, p);
	buf_added(entries, TOC_ENTRY);
}

void
toc_add(struct toc *t, const struct toc_entry *e, struct sv note, uint64_t upto)
{
	pending_add(&t->entries, &t->notes, e, t->broken ? SV("") : note);
	t->pending_upto = upto;
}

void
toc_advance(struct toc *t, uint64_t upto)
{
	if (upto > t->pending_upto)
		t->pending_upto = upto;
}

void
toc_note(struct toc *t, const struct toc_entry *e, struct sv note)
{
	if (!t->broken && note.n > 0)
		pending_add(&t->late, &t->late_notes, e, note);
}

/* In n sorted entries. */
static bool
search(const void *raw, size_t n, uint64_t seq, struct toc_entry *out)
{
	const unsigned char *p = raw;
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (be_get64(p + mid * TOC_ENTRY) < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n || be_get64(p + lo * TOC_ENTRY) != seq)
		return false;
	toc_entry_decode(p + lo * TOC_ENTRY, out);
	return true;
}

/* The last of n unsorted entries. */
static bool
search_late(const struct buf *late, uint64_t seq, struct toc_entry *out)
{
	for (size_t i = late->n / TOC_ENTRY; i-- > 0;)
		if (be_get64(late->p + i * TOC_ENTRY) == seq) {
			toc_entry_decode(late->p + i * TOC_ENTRY, out);
			return true;
		}
	return false;
}

static bool
in_block(const struct toc_block *b, uint64_t seq, struct toc_entry *out)
{
	return seq >= b->first && seq <= b->last &&
	       search(b->raw, b->n, seq, out);
}

int
toc_find(struct toc *t, uint64_t seq, struct toc_entry *out)
{
	if (search(t->entries.p, t->entries.n / TOC_ENTRY, seq, out))
		return RC_OK;
	for (size_t i = t->nblock; i-- > 0;)
		if (in_block(&t->block[i], seq, out))
			return RC_OK;
	return RC_NOTFOUND;
}

static int
note_take(const void *p, const struct toc_entry *e, struct buf *out)
{
	if (crc32c(0, p, e->note_len) != e->note_crc)
		return RC_DAMAGED;
	buf_add(out, p, e->note_len);
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

/* From a block: out of the mapping, or with a read. */
static int
note_of_block(struct toc *t, const struct toc_id *id, const struct toc_block *b,
    const struct toc_entry *e, struct buf *out)
{
	uint64_t off = b->notes_off + e->note_off;
	size_t had = out->n;
	char *p;

	if (e->note_len > b->notes_len ||
	    e->note_off > b->notes_len - e->note_len)
		return RC_DAMAGED;
	if (b->owned == NULL)
		return note_take((const char *)t->map + off, e, out);
	p = buf_reserve(out, e->note_len);
	if (p == NULL)
		return RC_TOOBIG;
	if (disk_pread(id->io, t->fd, p, e->note_len, off) != RC_OK ||
	    crc32c(0, p, e->note_len) != e->note_crc) {
		buf_truncate(out, had);
		return RC_DAMAGED;
	}
	buf_added(out, e->note_len);
	return RC_OK;
}

int
toc_note_get(
    struct toc *t, const struct toc_id *id, uint64_t seq, struct buf *out)
{
	struct toc_entry e;

	if (search_late(&t->late, seq, &e))
		return note_take(t->late_notes.p + e.note_off, &e, out);
	if (search(t->entries.p, t->entries.n / TOC_ENTRY, seq, &e) &&
	    e.note_len != TOC_NO_NOTE)
		return note_take(t->notes.p + e.note_off, &e, out);
	/* Newest first: a note that was added later comes before its lack. */
	for (size_t i = t->nblock; i-- > 0;)
		if (in_block(&t->block[i], seq, &e) &&
		    e.note_len != TOC_NO_NOTE)
			return note_of_block(t, id, &t->block[i], &e, out);
	return RC_NOTFOUND;
}

size_t
toc_pending(const struct toc *t)
{
	return t->notes.n + t->late_notes.n + t->entries.n / 4;
}

static int
open_for_write(struct toc *t, const struct toc_id *id)
{
	const struct journal_io *io = id->io;
	unsigned char head[HEAD];
	char name[SEG_NAME_MAX];
	int fd;

	seg_name(id->seg->number, ".toc", name);
	fd = io->open(io, id->dirfd, name,
	    t->size == 0 ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR);
	if (fd < 0)
		return RC_IO;
	if (t->fd >= 0)
		io->close(io, t->fd);
	t->fd = fd;
	if (t->size > 0)
		return RC_OK;
	head_make(id, head);
	if (disk_pwrite(io, fd, head, HEAD, 0) != RC_OK)
		return RC_IO;
	t->size = HEAD;
	return RC_OK;
}

static int
write_block(struct toc *t, const struct toc_id *id, struct buf *entries,
    struct buf *notes, uint64_t upto)
{
	struct toc_block b = {0};
	struct buf out;
	unsigned char *p;
	uint32_t crc;
	int r;

	b.n = (uint32_t)(entries->n / TOC_ENTRY);
	b.notes_len = (uint32_t)notes->n;
	b.notes_off = t->size + BLOCK_HEAD + entries->n;
	buf_init(&out, SIZE_MAX / 4);
	p = (unsigned char *)buf_reserve(
	    &out, BLOCK_HEAD + entries->n + notes->n);
	must(p != NULL);
	memcpy(p, "TBLK", 4);
	be_put32(p + 4, b.n);
	be_put64(p + 8, t->size);
	be_put64(p + 16, t->upto);
	be_put64(p + 24, upto);
	be_put32(p + 32, b.notes_len);
	memcpy(p + BLOCK_HEAD, entries->p, entries->n);
	memcpy(p + BLOCK_HEAD + entries->n, notes->p, notes->n);
	crc = crc32c(0, p, 36);
	crc = crc32c(crc, p + BLOCK_HEAD, entries->n);
	be_put32(p + 36, crc);
	buf_added(&out, BLOCK_HEAD + entries->n + notes->n);
	r = disk_pwrite(id->io, t->fd, out.p, out.n, t->size);
	if (r == RC_OK && b.n > 0) {
		b.owned = xmalloc(entries->n);
		memcpy(b.owned, entries->p, entries->n);
		b.raw = b.owned;
		b.first = be_get64(b.raw);
		b.last = be_get64(b.raw + (size_t)(b.n - 1) * TOC_ENTRY);
		block_push(t, &b);
	}
	if (r == RC_OK) {
		t->size += out.n;
		t->upto = upto;
	}
	buf_fini(&out);
	return r;
}

static int
by_seq(const void *a, const void *b)
{
	return memcmp(a, b, 8); /* big-endian */
}

/* Pending entries stay findable without the file; their notes go. */
static void
give_up(struct toc *t, const struct toc_id *id)
{
	t->broken = true;
	mlog(LOG_WARN, "journal.toc_unwritten", "segment=%u errno=%d",
	    id->seg->number, errno);
	for (size_t i = 0; i < t->entries.n; i += TOC_ENTRY)
		be_put32(t->entries.p + i + 28, TOC_NO_NOTE);
	buf_release(&t->notes);
	buf_release(&t->late);
	buf_release(&t->late_notes);
}

void
toc_write(struct toc *t, const struct toc_id *id)
{
	bool fresh = t->entries.n > 0 || t->pending_upto > t->upto;

	must(t->loaded);
	if (t->broken || (!fresh && t->late.n == 0))
		return;
	if (open_for_write(t, id) != RC_OK)
		goto fail;
	if (fresh) {
		if (write_block(t, id, &t->entries, &t->notes,
			t->pending_upto) != RC_OK)
			goto fail;
		buf_release(&t->entries);
		buf_release(&t->notes);
	}
	if (t->late.n > 0) {
		qsort(t->late.p, t->late.n / TOC_ENTRY, TOC_ENTRY, by_seq);
		if (write_block(t, id, &t->late, &t->late_notes, t->upto) !=
		    RC_OK)
			goto fail;
		buf_release(&t->late);
		buf_release(&t->late_notes);
	}
	return;
fail:
	give_up(t, id);
}

void
toc_discard(struct toc *t, const struct toc_id *id)
{
	toc_fini(t, id);
	t->loaded = true;
}

static void
each_raw(const void *raw, size_t n,
    void (*fn)(void *arg, const struct toc_entry *e), void *arg)
{
	const unsigned char *p = raw;
	struct toc_entry e;

	for (size_t i = 0; i < n; i++) {
		toc_entry_decode(p + i * TOC_ENTRY, &e);
		fn(arg, &e);
	}
}

void
toc_each(
    struct toc *t, void (*fn)(void *arg, const struct toc_entry *e), void *arg)
{
	for (size_t i = 0; i < t->nblock; i++)
		each_raw(t->block[i].raw, t->block[i].n, fn, arg);
	each_raw(t->entries.p, t->entries.n / TOC_ENTRY, fn, arg);
}
