#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

/* One record of the last segment, as its end is being judged. */
struct seen {
	uint64_t seq, off, end, time;
	struct commit c;
	bool commit, ok;
};

struct seen_list {
	struct seen *r;
	size_t n, cap;
	uint64_t trailing; /* bytes behind the last record */
	uint64_t end;
};

static int
look(struct journal *j, struct segment *s, uint64_t from, struct seen_list *l)
{
	struct scanned x;
	struct scan sc;

	scan_init(&sc, j->io, s->fd, s->h.key, from, s->end);
	while (scan_next(&sc, &x) == RC_OK) {
		struct seen *e;

		l->r = xgrow(l->r, &l->cap, l->n + 1, sizeof *l->r);
		e = &l->r[l->n++];
		memset(e, 0, sizeof *e);
		e->seq = x.h.seq;
		e->time = x.h.time;
		e->off = x.off;
		e->end = sc.off;
		/* What may be torn is not mended: it would count as whole. */
		e->ok = x.ok && !x.mended;
		e->commit = x.h.type == JOURNAL_TYPE_COMMIT && e->ok &&
			    commit_decode(x.payload, &e->c) == RC_OK &&
			    e->c.flushed <= e->seq;
	}
	l->trailing = x.gap;
	l->end = x.off + x.gap;
	scan_fini(&sc);
	return sc.unread && !j->salvage ? RC_IO : RC_OK;
}

/* True if the commit at l->r[i] has all its records before it. */
static bool
whole(const struct seen_list *l, size_t i)
{
	uint32_t count = l->r[i].c.count;

	if (count > i)
		return false;
	for (uint32_t k = 1; k <= count; k++) {
		const struct seen *e = &l->r[i - k];

		if (e->commit || !e->ok ||
		    (e->seq != l->r[i].seq - (k - 1) &&
			!(l->r[i].c.flags & COMMIT_GAPS)))
			return false;
	}
	return true;
}

static void
judge(const struct seen_list *l, uint64_t flushed, uint64_t from,
    struct verdict *v)
{
	memset(v, 0, sizeof *v);
	v->flushed = flushed;
	for (size_t i = 0; i < l->n; i++)
		if (l->r[i].commit && l->r[i].c.flushed > v->flushed)
			v->flushed = l->r[i].c.flushed;
	v->keep = v->flushed;
	for (size_t i = 0; i < l->n; i++) {
		const struct seen *e = &l->r[i];

		if (!e->commit || e->seq <= v->keep)
			continue;
		if (!whole(l, i) || e->seq - e->c.count > v->keep)
			break;
		v->keep = e->seq;
	}
	if (sabotaged(SABOTAGE_IGNORE_COMMIT))
		for (size_t i = 0; i < l->n; i++)
			if (l->r[i].ok && l->r[i].seq > v->keep)
				v->keep = l->r[i].seq;
	v->end = l->end > from ? l->end : from;
	v->tail_off = v->end;
	v->void_off = v->end;
	for (size_t i = l->n; i-- > 0;) {
		if (l->r[i].seq > v->keep)
			v->void_off = l->r[i].off;
		if (l->r[i].seq > v->flushed)
			v->tail_off = l->r[i].off;
		if (l->r[i].seq <= v->keep && l->r[i].time > v->time)
			v->time = l->r[i].time;
	}
	if (v->void_off == v->end)
		v->void_off = v->end - l->trailing;
	if (v->tail_off > v->void_off)
		v->tail_off = v->void_off;
	if (l->n > 0) {
		const struct seen *e = &l->r[l->n - 1];

		if (e->commit && e->c.count == 0 &&
		    (e->c.flags & COMMIT_CLEAN) && e->seq == v->keep &&
		    l->trailing == 0 && v->void_off == v->end)
			v->clean_off = e->off;
	}
	if (sabotaged(SABOTAGE_CLEAN_ALWAYS) && v->clean_off == 0)
		v->clean_off = v->void_off;
}

/* What the last segment's table of contents knows. */
struct told {
	uint64_t upto, last, reach;
};

static struct told
ask_toc(struct journal *j, struct segment *s)
{
	struct toc_id id = segment_toc_id(j, s);
	struct told t = {.upto = 0};

	if (s->toc_wrong)
		return t;
	pthread_mutex_lock(&j->index);
	toc_load(&s->toc, &id);
	t.upto = s->toc.upto;
	t.last = toc_last(&s->toc);
	t.reach = toc_reach(&s->toc, s->h.first_seq);
	/* It is read when it is wanted, with what it lacks. */
	toc_fini(&s->toc, &id);
	pthread_mutex_unlock(&j->index);
	return t;
}

/*
 * Up to which number records were flushed, as far as anything but the last
 * segment's own records tells: its table of contents, segments behind it that
 * are lost, somebody who has vouched for it.  Not more than v->keep: its end is
 * its end.
 */
static uint64_t
flushed_elsewhere(
    struct journal *j, const struct told *t, const struct verdict *v)
{
	uint64_t seq = segments_lost(j, v->keep);
	uint64_t reach = t->reach > v->keep ? t->reach : v->keep + 1;

	if ((t->upto > v->void_off || t->last > v->keep) && reach > seq)
		seq = reach;
	return seq > j->vouched ? seq : j->vouched;
}

/* base: what was flushed before `from`.  *ends: the last number, as the
 * segment itself has it. */
static int
judge_last(struct journal *j, uint64_t base, uint64_t from, struct verdict *v,
    uint64_t *ends)
{
	struct segment *s = segment_last(j);
	struct seen_list l = {.end = from};
	struct told t = {.upto = 0};
	uint64_t seq;
	int r = RC_OK;

	if (s != NULL)
		r = segment_open(j, s);
	/* Before the records: somebody may be writing both, and a table that
	 * was read later would know of more than there seems to be. */
	if (s != NULL && r == RC_OK)
		t = ask_toc(j, s);
	if (s != NULL && r == RC_OK)
		r = look(j, s, from, &l);
	if (r == RC_OK) {
		judge(&l, base, from, v);
		if (v->time == 0 && s != NULL)
			v->time = s->h.time;
		*ends = v->keep;
		seq = flushed_elsewhere(j, &t, v);
		if (seq > v->keep)
			judge(&l, seq, from, v);
	}
	free(l.r);
	return r;
}

int
segment_judge(struct journal *j, struct verdict *v, uint64_t *ends)
{
	const struct segment *s = segment_last(j);

	return judge_last(
	    j, s != NULL ? s->h.prev_seq : 0, SEG_HEADER, v, ends);
}

/* ---- handing the records out ---- */

struct replay {
	struct journal *j;
	uint64_t from, keep; /* records between are wanted */
	uint64_t expect;     /* the next number, if none is missing */
	journal_replay_fn fn;
	void *arg;
	struct journal_report *report;
	struct err *err;
};

static void
damaged(struct replay *p, const struct segment *s, uint64_t off, uint64_t n)
{
	p->report->damaged++;
	p->report->damaged_bytes += n;
	mlog(LOG_ERROR, "journal.damaged",
	    "segment=%06u offset=%llu bytes=%llu", s->h.number,
	    (unsigned long long)off, (unsigned long long)n);
}

static int
hand_out(struct replay *p, const struct scanned *x)
{
	struct journal_record r = {.seq = x->h.seq,
	    .time = (int64_t)x->h.time,
	    .type = x->h.type,
	    .flags = x->h.flags,
	    .codec = x->h.codec,
	    .size = x->h.len,
	    .payload = x->payload};

	if (x->h.codec != 0)
		return err_set(p->err, RC_NOSUPPORT,
		    "record %llu has a codec "
		    "that this version does not know",
		    (unsigned long long)x->h.seq);
	if (x->h.flags & JOURNAL_ELSEWHERE) {
		struct body_ref ref;

		if (body_ref_decode(x->payload, &ref) == RC_OK)
			r.size = ref.size;
	} else if (x->h.flags & JOURNAL_NAMED) {
		r.payload = SV("");
	}
	return p->fn(p->arg, &r);
}

/* A damage is for good, and those who have seen it begin anew: what the disk
 * may give back the next time is none. */
static int
unread(struct replay *p, const struct segment *s)
{
	if (p->j->salvage)
		return RC_OK;
	return err_set(p->err, RC_IO,
	    "log/%06u: the disk cannot read all of it (if that persists: fsck "
	    "--repair)",
	    s->h.number);
}

static int
replay_segment(struct replay *p, struct segment *s, uint64_t off)
{
	uint64_t max = s == segment_last(p->j) ? p->keep : s->max_seq;
	struct scanned x;
	struct scan sc;
	int r = segment_open(p->j, s);

	if (r != RC_OK)
		return err_set(
		    p->err, r, "log/%06u cannot be opened", s->h.number);
	scan_init(&sc, p->j->io, s->fd, s->h.key, off, s->end);
	while (r == RC_OK && scan_next(&sc, &x) == RC_OK) {
		if (x.h.type == JOURNAL_TYPE_COMMIT ||
		    x.h.type == JOURNAL_TYPE_SNAPSHOT || x.h.seq > max) {
			if (x.gap > 0 && x.h.seq <= max)
				damaged(p, s, x.off - x.gap, x.gap);
			continue;
		}
		if (x.gap > 0)
			damaged(p, s, x.off - x.gap, x.gap);
		if (x.h.seq <= p->from)
			continue;
		if (x.h.seq > p->expect)
			p->report->damaged_seq = x.h.seq - 1;
		p->expect = x.h.seq + 1;
		if (x.mended || x.head_mended)
			damaged(p, s, x.off, sc.off - x.off);
		if (x.ok) {
			r = hand_out(p, &x);
			continue;
		}
		damaged(p, s, x.off, sc.off - x.off);
		if (!(x.h.flags & JOURNAL_NAMED))
			p->report->damaged_seq = x.h.seq;
	}
	if (r == RC_OK && max >= p->expect && max > p->from) {
		p->report->damaged_seq = max;
		damaged(p, s, x.off, x.gap);
		p->expect = max + 1;
	}
	scan_fini(&sc);
	return r == RC_OK && sc.unread ? unread(p, s) : r;
}

/* ---- the unclean end ---- */

/* The records behind F up to keep, under the new segment's key, and their
 * commit. */
static uint64_t
tail_copy(struct journal *j, struct segment *s, const struct verdict *v,
    const unsigned char key[SEG_KEY], struct buf *out)
{
	struct commit c = {.flushed = v->keep};
	struct scanned x;
	struct scan sc;

	scan_init(&sc, j->io, s->fd, s->h.key, v->tail_off, v->end);
	while (scan_next(&sc, &x) == RC_OK) {
		if (x.h.type == JOURNAL_TYPE_COMMIT || !x.ok ||
		    x.h.seq <= v->flushed || x.h.seq > v->keep)
			continue;
		record_put(out, &x.h, key, x.payload);
		c.count++;
	}
	scan_fini(&sc);
	if (c.count > 0)
		commit_put(out, &c, v->keep, key);
	return c.count;
}

static int
new_segment(struct journal *j, const struct verdict *v,
    struct journal_report *report, struct err *err)
{
	struct segment *s = segment_last(j);
	struct seg_header h;
	struct buf tail;
	int r;

	/* The last one's name may be in the page cache only: it must not be
	 * the successor alone that is left. */
	if (j->io->dirsync(j->io, j->logfd) < 0)
		return err_sys(err, RC_IO, errno, "log");
	segment_header_next(j, j->epoch, &h);
	buf_init(&tail, SIZE_MAX / 4);
	h.first_seq = v->flushed + 1;
	h.prev_seq = v->flushed;
	h.prev_off = v->tail_off;
	if (sabotaged(SABOTAGE_SKIP_TAIL_COPY)) {
		h.first_seq = v->keep + 1;
		h.prev_seq = v->keep;
		h.prev_off = v->void_off;
	} else {
		report->copied = tail_copy(j, s, v, h.key, &tail);
	}
	if (v->end > v->void_off) {
		report->void_bytes = v->end - v->void_off;
		mlog(LOG_WARN, "journal.void",
		    "segment=%06u offset=%llu bytes=%llu", s->h.number,
		    (unsigned long long)v->void_off,
		    (unsigned long long)report->void_bytes);
	}
	r = segment_create(j, &h, buf_sv(&tail));
	if (r != RC_OK)
		err_set(err, r, "a new segment cannot be made");
	else
		j->plan_off = SEG_HEADER + tail.n;
	buf_fini(&tail);
	return r;
}

/* The first of all, or after the loss of all. */
static int
first_segment(struct journal *j, struct err *err)
{
	struct seg_header h;

	do
		randombytes_buf(&j->epoch, sizeof j->epoch);
	while (j->epoch == 0);
	segment_header_next(j, j->epoch, &h);
	h.prev = h.number - 1; /* 0, or one that is lost */
	h.first_seq = j->last + 1;
	j->plan_off = SEG_HEADER;
	if (segment_create(j, &h, SV("")) != RC_OK)
		return err_set(err, RC_IO, "the first segment cannot be made");
	return RC_OK;
}

static int
make_ready(struct journal *j, const struct verdict *v,
    struct journal_report *report, struct err *err)
{
	int r = RC_OK;

	j->last = v->keep;
	j->flushed = v->keep;
	if (j->readonly) {
		j->ready = true;
		return RC_OK;
	}
	if (j->nseg == 0) {
		r = first_segment(j, err);
	} else if (v->clean_off == 0 ||
		   segment_last(j)->h.number != j->top_number) {
		report->unclean = v->clean_off == 0;
		r = new_segment(j, v, report, err);
	} else {
		struct segment *s = segment_last(j);

		s->end = v->clean_off;
		s->scan_to = v->clean_off;
		j->plan_off = v->clean_off;
		j->clean_on_disk = true;
	}
	if (r != RC_OK)
		return r;
	segment_activate(j);
	memcpy(j->plan_key, j->active->h.key, sizeof j->plan_key);
	r = segment_open(j, j->active);
	/* With a damage, a file that nobody names may be the last copy. */
	if (r == RC_OK && report->unclean && report->damaged == 0 &&
	    report->damaged_seq == 0 && j->bodies && segments_complete(j))
		r = bodies_sweep(j, v->time);
	if (r == RC_OK)
		reserve_make(j);
	j->ready = r == RC_OK;
	return r;
}

/* The first segment that has something behind `from`. */
static size_t
start_at(struct journal *j, const struct journal_mark *from, uint64_t *off)
{
	*off = SEG_HEADER;
	if (from == NULL)
		return 0;
	for (size_t i = 0; i < j->nseg; i++)
		if (j->seg[i]->h.number == from->segment) {
			*off = from->off < j->seg[i]->end ? from->off
							  : j->seg[i]->end;
			return i;
		}
	return 0;
}

/* ---- a snapshot ---- */

#define SNAPSHOT_HEAD 16u

/* Walks through a segment's snapshot; RC_DAMAGED if a piece is missing. */
static int
snapshot_walk(struct replay *p, struct segment *s, uint64_t *seq, bool hand)
{
	uint32_t index = 0, count = 1;
	struct scanned x;
	struct scan sc;
	int r = segment_open(p->j, s);

	if (r != RC_OK)
		return r;
	scan_init(&sc, p->j->io, s->fd, s->h.key, SEG_HEADER, s->end);
	for (; r == RC_OK && index < count; index++) {
		struct journal_record rec = {.type = JOURNAL_TYPE_SNAPSHOT};

		if (scan_next(&sc, &x) != RC_OK || !x.ok || x.gap > 0 ||
		    x.h.type != JOURNAL_TYPE_SNAPSHOT ||
		    x.payload.n < SNAPSHOT_HEAD ||
		    be_get32(x.payload.p + 8) != index) {
			r = RC_DAMAGED;
			break;
		}
		*seq = be_get64(x.payload.p);
		count = be_get32(x.payload.p + 12);
		rec.seq = *seq;
		rec.time = (int64_t)x.h.time;
		rec.flags = index + 1 == count;
		rec.payload = sv_skip(x.payload, SNAPSHOT_HEAD);
		if (hand)
			r = p->fn(p->arg, &rec);
	}
	scan_fini(&sc);
	return r == RC_DAMAGED && sc.unread && !p->j->salvage ? RC_IO : r;
}

/* For which number it stands; its first piece says so. */
static int
snapshot_peek(struct replay *p, struct segment *s, uint64_t *seq)
{
	struct scanned x;
	struct scan sc;
	int r = segment_open(p->j, s);

	if (r != RC_OK)
		return r;
	scan_init(&sc, p->j->io, s->fd, s->h.key, SEG_HEADER, s->end);
	if (scan_next(&sc, &x) != RC_OK || !x.ok || x.gap > 0 ||
	    x.h.type != JOURNAL_TYPE_SNAPSHOT || x.payload.n < SNAPSHOT_HEAD)
		r = RC_DAMAGED;
	else
		*seq = be_get64(x.payload.p);
	scan_fini(&sc);
	return r == RC_DAMAGED && sc.unread && !p->j->salvage ? RC_IO : r;
}

static void
snapshot_damaged(struct replay *p, struct segment *s)
{
	damaged(p, s, SEG_HEADER, 0);
	if (p->report->damaged_seq < s->h.prev_seq)
		p->report->damaged_seq = s->h.prev_seq;
}

/* The one with the highest number between two; NULL: none.  Those that cannot
 * be read are named, once. */
static int
snapshot_best(struct replay *p, uint64_t below, bool first, uint64_t *top,
    struct segment **best)
{
	uint64_t seq;

	*best = NULL;
	*top = p->from;
	for (size_t i = 0; i < p->j->nseg; i++) {
		struct segment *s = p->j->seg[i];
		int r;

		if (!s->h.compacted)
			continue;
		r = snapshot_peek(p, s, &seq);
		if (r == RC_IO)
			return unread(p, s);
		if (r != RC_OK && first)
			snapshot_damaged(p, s);
		else if (r == RC_OK && seq > *top && seq < below) {
			*best = s;
			*top = seq;
		}
	}
	return RC_OK;
}

/* Hands out the highest snapshot that is whole and behind p->from. */
static int
snapshot_replay(struct replay *p, uint64_t *found)
{
	uint64_t below = UINT64_MAX, top, seq;
	struct segment *s;
	int r;

	*found = 0;
	for (;;) {
		r = snapshot_best(p, below, below == UINT64_MAX, &top, &s);
		if (r != RC_OK || s == NULL)
			return r;
		r = snapshot_walk(p, s, &seq, false);
		if (r == RC_OK) {
			*found = top;
			return snapshot_walk(p, s, &seq, true);
		}
		if (r == RC_IO)
			return unread(p, s);
		snapshot_damaged(p, s);
		below = top;
	}
}

/* The snapshot was flushed after all that it stands for: where the journal
 * ends before it, something is lost. */
static void
snapshot_verdict(struct replay *p, uint64_t seq, struct verdict *v)
{
	if (seq <= v->keep)
		return;
	v->keep = seq;
	v->flushed = seq;
	v->tail_off = v->void_off;
	v->clean_off = 0;
	p->report->damaged_seq = seq;
}

static int
replay_judge(struct replay *p, size_t first, uint64_t off, struct verdict *v,
    uint64_t *ends)
{
	struct segment *s = segment_last(p->j);
	uint64_t from = SEG_HEADER, base = 0;
	int r;

	if (s != NULL) {
		base = s->h.prev_seq;
		if (first == p->j->nseg - 1)
			from = off;
		if (from > SEG_HEADER && p->from > base)
			base = p->from;
	}
	r = judge_last(p->j, base, from, v, ends);
	return r == RC_OK ? r
			  : err_set(p->err, r,
				"log/%06u: the disk cannot read its end (if "
				"that persists: fsck --repair)",
				s != NULL ? s->h.number : 0);
}

/* A log of mail begins at its beginning. */
static void
beginning(struct replay *p)
{
	const struct segment *s = p->j->nseg > 0 ? p->j->seg[0] : NULL;

	if (s == NULL) {
		p->expect = p->j->salvage ? p->keep + 1 : 1;
		if (p->keep > 0) {
			p->report->damaged++;
			p->report->damaged_seq = p->keep;
		}
		return;
	}
	p->expect = s->h.first_seq;
	if (!journal_beheaded(p->j))
		return;
	p->report->damaged_seq = s->h.first_seq - 1;
	damaged(p, s, 0, 0);
}

int
journal_replay(struct journal *j, const struct journal_mark *from,
    journal_replay_fn fn, void *arg, struct journal_report *report,
    struct err *err)
{
	struct replay p = {
	    .j = j, .fn = fn, .arg = arg, .report = report, .err = err};
	struct verdict v;
	uint64_t off, snapshot, ends;
	size_t first;
	int r;

	must(!j->ready);
	memset(report, 0, sizeof *report);
	first = start_at(j, from, &off);
	p.from = from != NULL ? from->seq : 0;
	r = replay_judge(&p, first, off, &v, &ends);
	if (r != RC_OK)
		return r;
	if (p.from > ends)
		return err_set(err, RC_DAMAGED,
		    "the journal ends before the "
		    "checkpoint");
	r = snapshot_replay(&p, &snapshot);
	if (r != RC_OK)
		return r;
	if (snapshot > 0) {
		p.from = snapshot;
		snapshot_verdict(&p, snapshot, &v);
		first = 0;
		off = SEG_HEADER;
		while (
		    first + 1 < j->nseg && j->seg[first]->max_seq <= snapshot)
			first++;
	}
	p.keep = v.keep;
	p.expect = p.from + 1;
	if (from == NULL && snapshot == 0)
		beginning(&p);
	for (size_t i = first; i < j->nseg && r == RC_OK; i++)
		r = replay_segment(
		    &p, j->seg[i], i == first ? off : SEG_HEADER);
	if (r != RC_OK)
		return r;
	return make_ready(j, &v, report, err);
}
