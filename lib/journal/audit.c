#include "journal/audit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/plural.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"

#define PIECE (256u << 10)

struct named {
	uint64_t seq, off;
	uint32_t len;
	uint16_t type;
	uint8_t flags;
};

struct audit {
	struct journal *j;
	const struct audit_ops *ops;
	void *arg;
	struct audit_sum *sum;
	struct verdict v; /* of the last segment */
	uint64_t ends;	  /* the last number that it has itself */

	/* The segment in hand. */
	struct segment *s;
	char file[AUDIT_FILE_MAX];
	bool last;
	uint64_t max, end; /* what counts: numbers up to, bytes below */
	uint64_t expect;   /* the next number; 0: any */
	uint32_t batch;	   /* records since the last commit */
	bool hurt;	   /* this batch has a damage that was told already */
	struct named *named;
	size_t n, cap;
};

static void __attribute__((format(printf, 6, 7)))
tell(struct audit *a, enum audit_level level, const char *file, uint64_t off,
    uint64_t bytes, const char *fmt, ...)
{
	struct audit_finding f = {.level = level, .off = off, .bytes = bytes};
	va_list ap;

	(void)snprintf(f.file, sizeof f.file, "%s", file);
	va_start(ap, fmt);
	(void)vsnprintf(f.text, sizeof f.text, fmt, ap);
	va_end(ap);
	a->ops->finding(a->arg, &f);
}

static void __attribute__((format(printf, 4, 5))) tell_record(struct audit *a,
    const struct scanned *x, uint64_t seq, const char *fmt, ...)
{
	struct audit_finding f = {.level = AUDIT_DAMAGE,
	    .off = x->off,
	    .bytes = rec_bytes(x->h.len),
	    .seq = seq};
	va_list ap;

	(void)snprintf(f.file, sizeof f.file, "%s", a->file);
	va_start(ap, fmt);
	(void)vsnprintf(f.text, sizeof f.text, fmt, ap);
	va_end(ap);
	a->ops->finding(a->arg, &f);
}

/* ---- header ---- */

static void
check_header(struct audit *a)
{
	unsigned char raw[SEG_HEADER], want[SEG_HEADER];
	size_t from = 0, to = SEG_HEADER;

	if (disk_pread(a->j->io, a->s->fd, raw, sizeof raw, 0) != RC_OK) {
		tell(a, AUDIT_DAMAGE, a->file, 0, SEG_HEADER,
		    "the header cannot be read");
		return;
	}
	seg_header_encode(&a->s->h, want);
	while (from < to && raw[from] == want[from])
		from++;
	while (to > from && raw[to - 1] == want[to - 1])
		to--;
	if (from < to)
		tell(a, AUDIT_DAMAGE, a->file, from, to - from,
		    "the header is damaged; its other copy is good, nothing is "
		    "lost");
}

/* ---- bytes that are in a file of their own ---- */

static bool
body_is_fine(struct audit *a, const struct body_ref *ref, char *name)
{
	const struct journal_io *io = a->j->io;
	uint32_t crc = 0;
	uint64_t size;
	char *p = NULL;
	bool ok = false;
	int fd;

	body_name(ref->name, name);
	fd = io->open(io, a->j->logfd, name, O_RDONLY);
	if (fd < 0)
		return false;
	if (io->size(io, fd, &size) < 0 || size < ref->size)
		goto out;
	p = xmalloc(PIECE);
	for (uint64_t off = 0; off < ref->size; off += PIECE) {
		size_t n =
		    ref->size - off < PIECE ? (size_t)(ref->size - off) : PIECE;

		if (disk_pread(io, fd, p, n, off) != RC_OK)
			goto out;
		crc = crc32c(crc, p, n);
	}
	ok = crc == ref->crc;
out:
	free(p);
	io->close(io, fd);
	return ok;
}

static void
check_body(struct audit *a, const struct scanned *x, struct audit_record *r)
{
	char name[SEG_NAME_MAX];

	if (x->ok && body_ref_decode(x->payload, &r->ref) != RC_OK)
		r->ok = false;
	if (!r->ok || body_is_fine(a, &r->ref, name))
		return;
	r->ok = false;
	if (r->counts)
		tell_record(a, x, x->h.seq,
		    "log/%s, %llu byte%s that belong%s to this record, is "
		    "missing or damaged",
		    name, (unsigned long long)r->ref.size, plural(r->ref.size),
		    each(r->ref.size, "s", ""));
}

/* ---- records ---- */

static bool
padding_is_zero(const struct scanned *x)
{
	size_t n = (size_t)(rec_bytes(x->h.len) - REC_HEADER);

	for (size_t i = x->payload.n; i < n; i++)
		if (x->payload.p[i] != 0)
			return false;
	return true;
}

static void
check_gap(struct audit *a, const struct scanned *x, bool counts)
{
	if (x->gap == 0)
		return;
	if (!counts)
		return; /* told as a whole */
	a->hurt = true;
	tell(a, AUDIT_DAMAGE, a->file, x->off - x->gap, x->gap,
	    "these bytes are no longer a record");
}

static void
check_commit(struct audit *a, const struct scanned *x)
{
	struct commit c;

	if (!x->ok || commit_decode(x->payload, &c) != RC_OK)
		tell_record(a, x, 0,
		    "the end of a batch is damaged; a later one confirms its "
		    "records");
	else if (!a->hurt && c.count != a->batch)
		tell_record(a, x, 0, "a batch of %u record%s has %u", c.count,
		    plural(c.count), a->batch);
	a->batch = 0;
	a->hurt = false;
}

static void
check_number(struct audit *a, const struct scanned *x)
{
	if (a->s->h.compacted) {
		a->batch++;
		return;
	}
	if (a->expect != 0 && x->h.seq > a->expect) {
		struct audit_finding f = {
		    .level = AUDIT_DAMAGE, .off = x->off, .seq = a->expect};

		(void)snprintf(f.file, sizeof f.file, "%s", a->file);
		(void)snprintf(f.text, sizeof f.text,
		    "records %llu to %llu are missing before this one",
		    (unsigned long long)a->expect,
		    (unsigned long long)x->h.seq - 1);
		a->ops->finding(a->arg, &f);
		a->hurt = true;
	} else if (a->expect != 0 && x->h.seq < a->expect) {
		tell_record(a, x, x->h.seq, "number %llu occurs again",
		    (unsigned long long)x->h.seq);
	}
	a->expect = x->h.seq + 1;
	a->batch++;
}

static void
check_record(struct audit *a, const struct scanned *x)
{
	bool counts = x->off < a->end && x->h.seq <= a->max;
	struct audit_record r = {.h = x->h,
	    .segment = a->s->h.number,
	    .off = x->off,
	    .ok = x->ok,
	    .counts = counts,
	    .payload = x->payload};

	check_gap(a, x, counts);
	if (counts && (x->mended || x->head_mended))
		tell_record(a, x, x->h.seq,
		    "one bit of the record's %s is wrong; its checksum shows "
		    "which, nothing is lost",
		    x->head_mended ? "header" : "content");
	if (counts && !padding_is_zero(x))
		tell_record(a, x, 0,
		    "the padding after the record is not zero; nothing is "
		    "lost");
	if (x->h.type == JOURNAL_TYPE_COMMIT) {
		if (counts)
			check_commit(a, x);
		return;
	}
	if (counts) {
		check_number(a, x);
		a->sum->records++;
		if (!x->ok)
			tell_record(a, x, x->h.seq,
			    "the content does not match its checksum");
	}
	if (x->h.flags & JOURNAL_ELSEWHERE)
		check_body(a, x, &r);
	if (counts && (x->h.flags & JOURNAL_NAMED)) {
		a->named = xgrow(a->named, &a->cap, a->n + 1, sizeof *a->named);
		a->named[a->n++] = (struct named){
		    x->h.seq, x->off, x->h.len, x->h.type, x->h.flags};
	}
	if (a->ops->record != NULL)
		a->ops->record(a->arg, &r);
}

static void
check_records(struct audit *a, uint64_t size)
{
	uint64_t voids = 0, void_off = 0;
	struct scanned x;
	struct scan sc;

	scan_init(&sc, a->j->io, a->s->fd, a->s->h.key, SEG_HEADER, size);
	while (scan_next(&sc, &x) == RC_OK) {
		if (x.off >= a->end && voids == 0)
			void_off = x.off;
		if (x.off >= a->end && x.h.type != JOURNAL_TYPE_COMMIT)
			voids++;
		check_record(a, &x);
	}
	scan_fini(&sc);
	if (sc.unread)
		tell(a, AUDIT_DAMAGE, a->file, 0, 0,
		    "the disk cannot read all of it; if that persists, "
		    "--repair recovers the rest");
	if (a->max >= a->expect && a->expect != 0) {
		tell(a, AUDIT_DAMAGE, a->file, x.off, x.gap,
		    "records %llu to %llu are missing at the end",
		    (unsigned long long)a->expect, (unsigned long long)a->max);
		a->expect = a->max + 1;
	}
	if (voids > 0)
		tell(a, AUDIT_NOTE, a->file, void_off, x.off - void_off,
		    "%llu record%s after the last complete batch %s ignored",
		    (unsigned long long)voids, plural(voids),
		    each(voids, "is", "are"));
	if (x.gap > 0)
		tell(a,
		    (a->last ? !a->sum->clean_end : x.off >= a->end)
			? AUDIT_NOTE
			: AUDIT_DAMAGE,
		    a->file, x.off, x.gap,
		    "these bytes after the last record are not a record");
}

/* ---- tables of contents ---- */

static const struct named *
named_find(const struct audit *a, uint64_t seq)
{
	size_t lo = 0, hi = a->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->named[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->n && a->named[lo].seq == seq ? &a->named[lo] : NULL;
}

static void
check_block(
    struct audit *a, struct toc *t, const struct toc_block *b, const char *file)
{
	uint64_t wrong = 0, notes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct named *n;
		struct toc_entry e;

		toc_entry_decode(b->raw + (size_t)i * TOC_ENTRY, &e);
		n = named_find(a, e.seq);
		if (e.off < a->end &&
		    (n == NULL || n->off != e.off || n->len != e.len ||
			n->type != e.type || n->flags != e.flags))
			wrong++;
		if (e.note_len != TOC_NO_NOTE &&
		    (e.note_len > b->notes_len ||
			e.note_off > b->notes_len - e.note_len ||
			crc32c(0,
			    (const char *)t->map + b->notes_off + e.note_off,
			    e.note_len) != e.note_crc))
			notes++;
	}
	if (wrong > 0)
		tell(a, AUDIT_DERIVED, file, b->notes_off, 0,
		    "%llu %s not match the segment", (unsigned long long)wrong,
		    each(wrong, "entry does", "entries do"));
	if (notes > 0)
		tell(a, AUDIT_DERIVED, file, b->notes_off, b->notes_len,
		    "%llu %s damaged", (unsigned long long)notes,
		    each(notes, "summary of a message is",
			"summaries of messages are"));
}

static void
check_toc(struct audit *a)
{
	struct toc_id id = segment_toc_id(a->j, a->s);
	char file[AUDIT_FILE_MAX];
	struct toc t;
	bool cut;

	(void)snprintf(file, sizeof file, "log/%06u.toc", a->s->h.number);
	toc_init(&t);
	toc_load(&t, &id);
	if (t.map != NULL && t.size < t.map_len) {
		/* Tables are written when it suits, those of older segments,
		 * too: a crash may cut any. */
		cut = toc_is_cut(&t, &id);
		tell(a,
		    (a->last || cut) && !a->sum->clean_end ? AUDIT_NOTE
							   : AUDIT_DERIVED,
		    file, t.size, t.map_len - t.size,
		    cut		  ? "its end was not written"
		    : t.size == 0 ? "the head is not this segment's"
				  : "from here on it cannot be read");
	}
	for (size_t i = 0; i < t.nblock; i++)
		check_block(a, &t, &t.block[i], file);
	toc_fini(&t, &id);
}

/* ---- the log as a whole ---- */

static void
check_segment(struct audit *a, struct segment *s)
{
	uint64_t size = 0;

	a->s = s;
	a->n = 0;
	a->batch = 0;
	a->hurt = false;
	a->last = s == segment_last(a->j);
	a->max = a->last ? a->v.keep : s->max_seq;
	a->end = a->last ? a->v.void_off : s->end;
	/* What a compaction has written does not count one by one. */
	if (s->h.compacted)
		a->expect = 0;
	(void)snprintf(a->file, sizeof a->file, "log/%06u", s->h.number);
	if (segment_open(a->j, s) != RC_OK ||
	    a->j->io->size(a->j->io, s->fd, &size) < 0) {
		tell(a, AUDIT_DAMAGE, a->file, 0, 0,
		    "it can no longer be opened");
		return;
	}
	a->sum->segments++;
	a->sum->bytes += size;
	check_header(a);
	check_records(a, size);
	if (s->h.compacted)
		a->expect = s->max_seq + 1;
	check_toc(a);
}

/* Segments that are there and cannot be used, or are not there any more. */
static void
check_unusable(struct audit *a)
{
	const struct journal *j = a->j;
	uint32_t last = j->nseg > 0 ? j->seg[j->nseg - 1]->h.number : 0;
	char file[AUDIT_FILE_MAX];

	for (size_t i = 0; i < j->nunusable; i++) {
		const struct unusable *u = &j->unusable[i];

		(void)snprintf(file, sizeof file, "log/%06u%s", u->number,
		    u->aside ? SEG_ASIDE : "");
		if (u->aside)
			tell(a, AUDIT_DAMAGE, file, 0, 0,
			    "a repair could not read it and has moved it "
			    "aside; if it becomes readable, another --repair "
			    "recovers what is in it");
		else if (u->headless)
			tell(a, AUDIT_DAMAGE, file, 0, SEG_HEADER,
			    "both copies of its header are damaged: only "
			    "--repair finds what messages are in it");
		else
			tell(a, AUDIT_DAMAGE, file, 0, 0,
			    "it cannot be read: %s; if that cannot be fixed, "
			    "--repair continues without it",
			    u->why);
	}
	for (size_t i = 0; i < j->ntoc_only; i++) {
		if (j->toc_only[i] <= last)
			continue;
		(void)snprintf(file, sizeof file, "log/%06u", j->toc_only[i]);
		tell(a, AUDIT_DAMAGE, file, 0, 0,
		    "it is gone: its table of contents is still there");
	}
	if (j->nseg == 0 && j->emptied)
		tell(a, AUDIT_DAMAGE, "log", 0, 0,
		    "there is no segment %s: the mail is gone, or its disk is "
		    "not mounted",
		    j->nunusable > 0 ? "that can be read" : "in it");
	else if (journal_beheaded(j)) {
		(void)snprintf(
		    file, sizeof file, "log/%06u", j->seg[0]->h.number);
		tell(a, AUDIT_DAMAGE, file, 0, 0,
		    "it follows log/%06u, which is missing", j->seg[0]->h.prev);
	}
}

static void
check_chain(struct audit *a)
{
	struct journal *j = a->j;

	for (size_t i = 1; i < j->nseg; i++) {
		const struct seg_header *h = &j->seg[i]->h;

		if (h->prev == j->seg[i - 1]->h.number || h->replaces.n > 0 ||
		    j->seg[i - 1]->h.replaces.n > 0)
			continue;
		(void)snprintf(a->file, sizeof a->file, "log/%06u", h->number);
		tell(a, AUDIT_DAMAGE, a->file, 0, 0,
		    "it follows log/%06u, which is missing", h->prev);
	}
}

int
journal_audit(int dirfd, const struct journal_opts *opts, uint64_t vouched,
    const struct audit_ops *ops, void *arg, struct audit_sum *sum,
    struct err *err)
{
	struct journal_opts o = *opts;
	struct audit a = {.ops = ops, .arg = arg, .sum = sum};
	int r;

	memset(sum, 0, sizeof *sum);
	o.readonly = true;
	o.salvage = true;
	r = journal_open(dirfd, &o, &a.j, err);
	if (r != RC_OK)
		return r;
	journal_vouch(a.j, vouched);
	r = segment_judge(a.j, &a.v, &a.ends);
	if (r != RC_OK) {
		r = err_set(err, r, "the last segment cannot be read");
		goto out;
	}
	sum->clean_end = a.v.clean_off != 0;
	sum->ends = a.ends;
	check_unusable(&a);
	check_chain(&a);
	if (a.j->nseg > 0)
		a.expect = a.j->seg[0]->h.first_seq;
	for (size_t i = 0; i < a.j->nseg; i++)
		check_segment(&a, a.j->seg[i]);
out:
	free(a.named);
	journal_close(&a.j);
	return r;
}
