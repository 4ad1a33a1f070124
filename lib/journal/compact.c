#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

#define PIECE	      (1u << 20) /* of a snapshot */
#define SNAPSHOT_HEAD 16u
#define WRITE_BYTES   (256u << 10)

struct compaction {
	struct journal *j;
	const struct journal_compaction *c;
	struct journal_compacted *sum;
	struct segment **run; /* with a reference each */
	size_t n;
	struct segment *out;
	struct buf snapshot;
	uint64_t snapshot_seq; /* that it stands for */
	int fd;
	uint64_t off; /* what is written of the new file */
	struct buf buf;
	uint32_t count;
	uint64_t *body; /* files that go with their records */
	size_t nbody, body_cap;
};

/* ---- choosing ---- */

struct survey {
	const struct journal_compaction *c;
	const struct journal *j;
	const struct segment *s;
	uint64_t last, kept, dropped, elsewhere;
};

static void
survey_entry(void *arg, const struct toc_entry *e)
{
	struct survey *v = arg;

	/* Notes that came later repeat their entries. */
	if (e->seq <= v->last || e->off >= v->s->end || e->seq > v->s->max_seq)
		return;
	v->last = e->seq;
	if (v->c->keep(v->c->arg, e->seq, e->type)) {
		v->kept += rec_bytes(e->len);
		return;
	}
	v->dropped++;
	if (e->flags & JOURNAL_ELSEWHERE)
		v->elsewhere += v->j->inline_max;
}

/* Whether a segment is worth it, and what it would give. */
static bool
worth_it(const struct compaction *x, const struct survey *v, uint64_t *dead)
{
	uint64_t all = v->s->end + v->elsewhere;

	*dead = all > v->kept + SEG_HEADER ? all - v->kept - SEG_HEADER : 0;
	if (x->c->all)
		return true;
	if (x->c->share == 0)
		return v->dropped > 0;
	return *dead * 100 >= (uint64_t)x->c->share * all;
}

struct candidate {
	uint64_t kept, dead;
	bool good;
};

/* The row that gives most; *first and the number of its segments. */
static size_t
best_run(const struct compaction *x, const struct candidate *k, size_t n,
    uint64_t room, size_t *at)
{
	uint64_t limit = x->c->all ? UINT64_MAX : x->j->segment_bytes;
	uint64_t most = 0;
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t kept = 0, dead = 0;
		size_t m = 0;

		while (i + m < n && k[i + m].good &&
		       (m == 0 || kept + k[i + m].kept <= limit) &&
		       kept + k[i + m].kept <= room) {
			kept += k[i + m].kept;
			dead += k[i + m].dead;
			m++;
		}
		if (m > 0 && (best == 0 || dead > most)) {
			most = dead;
			best = m;
			*at = i;
		}
	}
	if (best > 0 && !x->c->all && x->c->share > 0 &&
	    (most < x->c->snapshot_bytes ||
		most - x->c->snapshot_bytes < x->c->min_bytes))
		best = 0;
	return best;
}

/* What the new segment may take of the disk, beside the snapshot. */
static uint64_t
room_for(const struct compaction *x)
{
	uint64_t spoken_for = SPARE_BYTES + SEG_HEADER + x->c->snapshot_bytes;
	uint64_t room = journal_free_bytes(x->j);

	return room > spoken_for ? room - spoken_for : 0;
}

/* Takes references on the row of segments; RC_NOTFOUND, RC_NOSPACE. */
static int
choose(struct compaction *x)
{
	struct journal *j = x->j;
	uint64_t room = room_for(x);
	struct candidate *k;
	size_t n = 0, at = 0, closed;
	int r = RC_OK;

	pthread_mutex_lock(&j->index);
	/* More may be closed meanwhile; they come behind these. */
	closed = j->nseg > 0 ? j->nseg - 1 : 0;
	k = xcalloc(closed + 1, sizeof *k);
	for (; n < closed && r == RC_OK; n++) {
		struct segment *s = j->seg[n];
		struct survey v = {.c = x->c, .j = j, .s = s};

		if (s->max_seq > x->c->upto)
			break;
		r = segment_index(j, s);
		if (r == RC_OK)
			toc_each(&s->toc, survey_entry, &v);
		k[n].good = worth_it(x, &v, &k[n].dead) && !s->spoiled &&
			    (!x->c->last || n + 1 == closed);
		k[n].kept = v.kept;
		/* Readers come in between. */
		pthread_mutex_unlock(&j->index);
		pthread_mutex_lock(&j->index);
	}
	if (r == RC_OK) {
		if (room > 0)
			x->n = best_run(x, k, n, room, &at);
		if (x->n == 0)
			r = best_run(x, k, n, UINT64_MAX, &at) > 0
				? RC_NOSPACE
				: RC_NOTFOUND;
	}
	x->run = xcalloc(x->n + 1, sizeof *x->run);
	for (size_t i = 0; i < x->n; i++) {
		x->run[i] = j->seg[at + i];
		x->run[i]->users++;
	}
	pthread_mutex_unlock(&j->index);
	free(k);
	return r;
}

/* ---- writing ---- */

static int
rest(struct compaction *x, uint64_t bytes)
{
	return x->c->pause == NULL || x->c->pause(x->c->arg, bytes) ? RC_OK
								    : RC_TEMP;
}

static int
put_out(struct compaction *x)
{
	uint64_t n = x->buf.n;
	int r;

	if (n == 0)
		return RC_OK;
	r = disk_pwrite(x->j->io, x->fd, x->buf.p, x->buf.n, x->off);
	if (r != RC_OK && (errno == ENOSPC || errno == EDQUOT))
		r = RC_NOSPACE;
	x->off += n;
	buf_reset(&x->buf);
	return r == RC_OK ? rest(x, n) : r;
}

static int
put_snapshot(struct compaction *x)
{
	struct sv s = buf_sv(&x->snapshot);
	uint32_t count = (uint32_t)((s.n + PIECE - 1) / PIECE);
	char *p = xmalloc(SNAPSHOT_HEAD + PIECE);
	int r = RC_OK;

	if (count == 0)
		count = 1;
	for (uint32_t i = 0; i < count && r == RC_OK; i++) {
		size_t n = s.n < PIECE ? s.n : PIECE;
		struct rec_header h = {.type = JOURNAL_TYPE_SNAPSHOT,
		    .len = (uint32_t)(SNAPSHOT_HEAD + n),
		    .time = (uint64_t)clk_now()};

		be_put64(p, x->snapshot_seq);
		be_put32(p + 8, i);
		be_put32(p + 12, count);
		if (n > 0)
			memcpy(p + SNAPSHOT_HEAD, s.p, n);
		s = sv_skip(s, n);
		h.decoded_len = h.len;
		h.crc = crc32c(0, p, h.len);
		record_put(&x->buf, &h, x->out->h.key, sv_of(p, h.len));
		x->count++;
		r = put_out(x);
	}
	free(p);
	return r;
}

static void
dropped(struct compaction *x, const struct scanned *r)
{
	struct body_ref ref;

	x->sum->dropped++;
	if (!(r->h.flags & JOURNAL_ELSEWHERE)) {
		x->sum->dropped_bytes += r->h.len;
		return;
	}
	if (body_ref_decode(r->payload, &ref) != RC_OK)
		return;
	x->sum->dropped_bytes += ref.size;
	x->sum->before += ref.size; /* a file that goes, too */
	x->body = xgrow(x->body, &x->body_cap, x->nbody + 1, sizeof *x->body);
	x->body[x->nbody++] = ref.name;
}

/* The record as it was, and the note that its user had made. */
static void
copied(struct compaction *x, struct segment *from, const struct scanned *r)
{
	struct journal *j = x->j;
	struct toc_id id = segment_toc_id(j, from);
	struct toc_entry e = {.seq = r->h.seq,
	    .off = x->off + x->buf.n,
	    .len = r->h.len,
	    .type = r->h.type,
	    .flags = r->h.flags,
	    .codec = r->h.codec,
	    .crc = r->h.crc,
	    .note_len = TOC_NO_NOTE};
	struct buf note;

	buf_init(&note, JOURNAL_NOTE_MAX);
	pthread_mutex_lock(&j->index);
	if (segment_index(j, from) != RC_OK ||
	    toc_note_get(&from->toc, &id, r->h.seq, &note) != RC_OK)
		buf_reset(&note);
	pthread_mutex_unlock(&j->index);
	record_put(&x->buf, &r->h, x->out->h.key, r->payload);
	toc_add(&x->out->toc, &e, buf_sv(&note), x->off + x->buf.n);
	buf_fini(&note);
	x->count++;
}

/*
 * The whole segment is read, not only what its table lists: if anything that
 * counts cannot be read, it is not for us to throw the rest of it away.
 */
static int
copy_segment(struct compaction *x, struct segment *s)
{
	struct scanned a;
	struct scan sc;
	int r = segment_open(x->j, s);

	if (r != RC_OK)
		return r;
	x->sum->before += s->end;
	scan_init(&sc, x->j->io, s->fd, s->h.key, SEG_HEADER, s->end);
	while (r == RC_OK && scan_next(&sc, &a) == RC_OK) {
		if (a.gap > 0 || !a.ok || a.head_mended || a.mended) {
			r = RC_DAMAGED;
			break;
		}
		r = rest(x, rec_bytes(a.h.len));
		if (!(a.h.flags & JOURNAL_NAMED) || a.h.seq > s->max_seq)
			continue;
		if (x->c->keep(x->c->arg, a.h.seq, a.h.type))
			copied(x, s, &a);
		else
			dropped(x, &a);
		if (r == RC_OK && x->buf.n >= WRITE_BYTES)
			r = put_out(x);
	}
	if (r == RC_OK && a.gap > 0)
		r = RC_DAMAGED;
	scan_fini(&sc);
	if (r == RC_DAMAGED)
		s->spoiled = true;
	return r;
}

static void
head_fill(struct compaction *x)
{
	struct segment *a = x->run[0], *b = x->run[x->n - 1];
	struct seg_header *h = &x->out->h;

	*h = a->h;
	h->replaces = RANGESET_EMPTY;
	for (size_t i = 0; i < x->n; i++) {
		const struct rangeset *before = &x->run[i]->h.replaces;

		/* One that could not be removed then must not come back. */
		for (size_t k = 0;
		     k < before->n && h->replaces.n < SEG_RANGES_MAX / 2; k++)
			rangeset_add(
			    &h->replaces, before->r[k].lo, before->r[k].hi);
		if (i + 1 < x->n)
			rangeset_add(&h->replaces, x->run[i]->h.number,
			    x->run[i]->h.number);
	}
	h->number = b->h.number;
	h->epoch = b->h.epoch;
	h->compacted = true;
	h->time = (uint64_t)clk_now();
	randombytes_buf(h->key, sizeof h->key);
	x->out->max_seq = b->max_seq;
}

static int
write_new(struct compaction *x, const char *temp)
{
	struct commit c = {.flushed = x->out->max_seq, .flags = COMMIT_GAPS};
	const struct journal_io *io = x->j->io;
	char *p;
	int r;

	x->fd = io->open(io, x->j->logfd, temp, O_RDWR | O_CREAT | O_TRUNC);
	if (x->fd < 0)
		return errno == ENOSPC ? RC_NOSPACE : RC_IO;
	p = buf_reserve(&x->buf, SEG_HEADER);
	must(p != NULL);
	seg_header_encode(&x->out->h, p);
	buf_added(&x->buf, SEG_HEADER);
	r = put_snapshot(x);
	for (size_t i = 0; i < x->n && r == RC_OK; i++)
		r = copy_segment(x, x->run[i]);
	if (r != RC_OK)
		return r;
	c.count = x->count;
	commit_put(&x->buf, &c, x->out->max_seq, x->out->h.key);
	r = put_out(x);
	if (r == RC_OK && !sabotaged(SABOTAGE_COMPACT_UNSYNCED) &&
	    io->datasync(io, x->fd) < 0)
		r = RC_IO;
	return r;
}

/* ---- taking the place of the old ones ---- */

/* Their readers go on with the files that they have open. */
static int
swap(struct compaction *x)
{
	struct journal *j = x->j;
	size_t at = 0;
	int r = RC_OK;

	pthread_mutex_lock(&j->index);
	while (at < j->nseg && j->seg[at] != x->run[0])
		at++;
	must(at + x->n < j->nseg && j->seg[at + x->n - 1] == x->run[x->n - 1]);
	x->out->fd = x->fd;
	x->fd = -1;
	j->open_fds++;
	x->out->end = x->off;
	x->out->allocated = x->off;
	x->out->scan_to = x->off;
	x->out->toc.loaded = true;
	toc_advance(&x->out->toc, x->off);
	j->seg[at] = x->out;
	x->out = NULL;
	memmove(j->seg + at + 1, j->seg + at + x->n,
	    (j->nseg - at - x->n) * sizeof *j->seg);
	j->nseg -= x->n - 1;
	for (size_t i = 0; i < x->n; i++)
		x->run[i]->dropped = true;
	pthread_mutex_unlock(&j->index);
	return r;
}

static void
unlink_old(struct compaction *x)
{
	const struct journal_io *io = x->j->io;
	char name[SEG_NAME_MAX];

	for (size_t i = 0; i + 1 < x->n; i++) {
		seg_name(x->run[i]->h.number, ".toc", name);
		(void)io->unlink(io, x->j->logfd, name);
		seg_name(x->run[i]->h.number, "", name);
		(void)io->unlink(io, x->j->logfd, name);
	}
}

/* From here on the old tables of contents are not written any more: the last
 * one's name is about to become the new one's. */
static void
tocs_retire(struct compaction *x)
{
	char name[SEG_NAME_MAX];

	pthread_mutex_lock(&x->j->index);
	for (size_t i = 0; i < x->n; i++)
		x->run[i]->toc.broken = true;
	seg_name(x->run[x->n - 1]->h.number, ".toc", name);
	(void)x->j->io->unlink(x->j->io, x->j->logfd, name);
	pthread_mutex_unlock(&x->j->index);
}

static int
take_place(struct compaction *x, const char *temp)
{
	const struct journal_io *io = x->j->io;
	char name[SEG_NAME_MAX];
	int r = RC_OK;

	/* All files must be open while their names still lead to them. */
	for (size_t i = 0; i < x->n && r == RC_OK; i++)
		r = segment_open(x->j, x->run[i]);
	if (r != RC_OK)
		return r;
	tocs_retire(x);
	seg_name(x->run[x->n - 1]->h.number, "", name);
	if (io->rename(io, x->j->logfd, temp, name) < 0)
		return RC_IO;
	if (sabotaged(SABOTAGE_UNLINK_EARLY))
		unlink_old(x);
	if (!sabotaged(SABOTAGE_UNLINK_EARLY) &&
	    io->dirsync(io, x->j->logfd) < 0) {
		/* Which of the two is there after a crash is open; both are
		 * good, but nothing may be removed. */
		pthread_mutex_lock(&x->j->mu);
		journal_poison(x->j, "compaction");
		pthread_mutex_unlock(&x->j->mu);
		return RC_IO;
	}
	r = swap(x);
	unlink_old(x);
	for (size_t i = 0; i < x->nbody; i++) {
		body_name(x->body[i], name);
		(void)io->unlink(io, x->j->logfd, name);
	}
	/* Before the next one replaces this one: an old segment that came back
	 * then would have nobody who says that it is replaced. */
	if (io->dirsync(io, x->j->logfd) < 0) {
		pthread_mutex_lock(&x->j->mu);
		journal_poison(x->j, "compaction");
		pthread_mutex_unlock(&x->j->mu);
		r = RC_IO;
	}
	return r;
}

static int
compact_once(struct journal *j, const struct journal_compaction *c,
    struct journal_compacted *out)
{
	struct compaction x = {.j = j, .c = c, .sum = out, .fd = -1};
	char temp[SEG_NAME_MAX];
	int r;

	memset(out, 0, sizeof *out);
	must(j->ready && !j->readonly);
	buf_init(&x.buf, SIZE_MAX / 4);
	buf_init(&x.snapshot, SIZE_MAX / 4);
	r = choose(&x);
	if (r != RC_OK)
		goto out;
	c->snapshot(c->arg, &x.snapshot, &x.snapshot_seq);
	x.out = xcalloc(1, sizeof *x.out);
	toc_init(&x.out->toc);
	x.out->fd = -1;
	head_fill(&x);
	seg_name(x.out->h.number, ".new", temp);
	r = write_new(&x, temp);
	/* Nothing that the snapshot knows may be less durable than it is. */
	if (r == RC_OK && !sabotaged(SABOTAGE_COMPACT_AHEAD))
		r = journal_flush(j, x.snapshot_seq);
	out->segments = x.n;
	out->after = x.off;
	if (r == RC_OK)
		r = take_place(&x, temp);
	else if (x.fd >= 0)
		(void)j->io->unlink(j->io, j->logfd, temp);
out:
	for (size_t i = 0; i < x.n; i++)
		segment_unref(j, x.run[i]);
	if (x.fd >= 0)
		j->io->close(j->io, x.fd);
	if (x.out != NULL) {
		x.out->fd = -1;
		segment_free(j, x.out);
	}
	free(x.body);
	free(x.run);
	buf_fini(&x.snapshot);
	buf_fini(&x.buf);
	return r;
}

int
journal_compact(struct journal *j, const struct journal_compaction *c,
    struct journal_compacted *out)
{
	int r;

	/* What cannot be read does not keep the others from it. */
	do
		r = compact_once(j, c, out);
	while (r == RC_DAMAGED);
	return r;
}
