#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

void
segment_free(struct journal *j, struct segment *s)
{
	struct toc_id id = segment_toc_id(j, s);

	toc_fini(&s->toc, &id);
	if (s->fd >= 0) {
		j->io->close(j->io, s->fd);
		j->open_fds--;
	}
	rangeset_fini(&s->h.replaces);
	free(s);
}

struct segment *
segment_last(struct journal *j)
{
	return j->nseg > 0 ? j->seg[j->nseg - 1] : NULL;
}

struct segment *
segment_of(struct journal *j, uint64_t seq)
{
	struct segment *s = NULL;

	pthread_mutex_lock(&j->index);
	for (size_t lo = 0, hi = j->nseg; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (j->seg[mid]->h.first_seq <= seq) {
			s = j->seg[mid];
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	if (s != NULL)
		s->users++;
	pthread_mutex_unlock(&j->index);
	return s;
}

void
segment_activate(struct journal *j)
{
	struct segment *was = j->active;

	pthread_mutex_lock(&j->index);
	j->active = segment_last(j);
	j->active->users++;
	pthread_mutex_unlock(&j->index);
	segment_unref(j, was);
}

/* Closes files that nobody reads when too many are open. */
static void
close_some(struct journal *j)
{
	for (size_t i = 0; i < j->nseg && j->open_fds > OPEN_SEGMENTS; i++) {
		struct segment *s = j->seg[i];

		if (s->users == 0 && s->fd >= 0) {
			j->io->close(j->io, s->fd);
			s->fd = -1;
			j->open_fds--;
		}
	}
}

static int
open_locked(struct journal *j, struct segment *s)
{
	char name[SEG_NAME_MAX];

	if (s->fd >= 0)
		return RC_OK;
	seg_name(s->h.number, "", name);
	s->fd = j->io->open(j->io, j->logfd, name,
	    s == segment_last(j) && !j->readonly ? O_RDWR : O_RDONLY);
	if (s->fd < 0)
		return RC_IO;
	j->open_fds++;
	s->users++; /* not this one */
	close_some(j);
	s->users--;
	return RC_OK;
}

int
segment_open(struct journal *j, struct segment *s)
{
	int r;

	pthread_mutex_lock(&j->index);
	r = open_locked(j, s);
	pthread_mutex_unlock(&j->index);
	return r;
}

void
segment_unref(struct journal *j, struct segment *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&j->index);
	if (--s->users == 0 && s->dropped)
		segment_free(j, s);
	pthread_mutex_unlock(&j->index);
}

struct toc_id
segment_toc_id(struct journal *j, const struct segment *s)
{
	return (struct toc_id){j->io, j->logfd, &s->h};
}

int
segment_index(struct journal *j, struct segment *s)
{
	struct toc_id id = segment_toc_id(j, s);
	struct buf mine, notes;
	uint64_t last;
	struct scanned x;
	struct scan sc;
	int r;

	if (s->toc.loaded)
		return RC_OK;
	r = open_locked(j, s);
	if (r != RC_OK)
		return r;
	/* What this process has appended itself comes behind the rest. */
	mine = s->toc.entries;
	notes = s->toc.notes;
	buf_init(&s->toc.entries, mine.max);
	buf_init(&s->toc.notes, notes.max);
	if (s->toc_wrong)
		s->toc.loaded = true;
	else
		toc_load(&s->toc, &id);
	last = toc_last(&s->toc);
	scan_init(&sc, j->io, s->fd, s->h.key, s->toc.upto, s->scan_to);
	while (scan_next(&sc, &x) == RC_OK) {
		struct toc_entry e = {.seq = x.h.seq,
		    .off = x.off,
		    .len = x.h.len,
		    .type = x.h.type,
		    .flags = x.h.flags,
		    .codec = x.h.codec,
		    .crc = x.h.crc};

		s->holes = s->holes || x.gap > 0;
		/* Numbers rise; what does not belongs to nobody. */
		if (x.h.type == JOURNAL_TYPE_COMMIT || x.h.seq <= last)
			continue;
		last = x.h.seq;
		if (x.h.flags & JOURNAL_NAMED)
			toc_add(&s->toc, &e, SV(""), sc.off);
	}
	scan_fini(&sc);
	/* What a damage hides only an older table knows: it is not written
	 * over. */
	s->holes = s->holes || x.gap > 0 || sc.unread;
	s->toc.broken = s->toc.broken || s->holes;
	toc_advance(&s->toc, s->scan_to);
	for (size_t i = 0; i < mine.n; i += TOC_ENTRY) {
		struct toc_entry e;

		toc_entry_decode(mine.p + i, &e);
		toc_add(&s->toc, &e,
		    e.note_len == TOC_NO_NOTE
			? SV("")
			: sv_of(notes.p + e.note_off, e.note_len),
		    e.off + rec_bytes(e.len));
	}
	toc_advance(&s->toc, s->end);
	buf_fini(&mine);
	buf_fini(&notes);
	return RC_OK;
}

/* Name, flush, rename, flush the folder: it is there whole or not at all. */
static int
file_make(struct journal *j, uint32_t number, struct sv bytes, int *fd_out)
{
	const struct journal_io *io = j->io;
	char temp[SEG_NAME_MAX], name[SEG_NAME_MAX];
	int fd;

	seg_name(number, ".new", temp);
	seg_name(number, "", name);
	fd = io->open(io, j->logfd, temp, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0 && errno == ENOSPC && reserve_use(j))
		fd = io->open(io, j->logfd, temp, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0)
		return RC_IO;
	if (io->allocate(io, fd, 0, bytes.n) < 0 && !reserve_use(j))
		goto fail;
	if (disk_pwrite(io, fd, bytes.p, bytes.n, 0) != RC_OK)
		goto fail;
	if (!sabotaged(SABOTAGE_SKIP_TAIL_SYNC) && io->datasync(io, fd) < 0)
		goto fail;
	if (io->rename(io, j->logfd, temp, name) < 0)
		goto fail;
	if (!sabotaged(SABOTAGE_SKIP_DIRSYNC) && io->dirsync(io, j->logfd) < 0)
		goto fail;
	*fd_out = fd;
	return RC_OK;
fail:
	io->close(io, fd);
	return RC_IO;
}

void
segment_header_next(struct journal *j, uint64_t epoch, struct seg_header *h)
{
	struct segment *last = j->active != NULL ? j->active : segment_last(j);

	memset(h, 0, sizeof *h);
	memcpy(h->kind, j->kind, 4);
	h->number = j->top_number + 1;
	h->epoch = epoch;
	randombytes_buf(h->key, sizeof h->key);
	h->time = (uint64_t)clk_now();
	if (last != NULL) {
		h->prev = last->h.number;
		h->prev_epoch = last->h.epoch;
	}
}

int
segment_create(struct journal *j, const struct seg_header *h, struct sv content)
{
	struct segment *s = xcalloc(1, sizeof *s), *prev;
	struct buf b;
	char *p;
	int r;

	buf_init(&b, SIZE_MAX / 4);
	p = buf_reserve(&b, SEG_HEADER + content.n);
	must(p != NULL);
	seg_header_encode(h, p);
	if (content.n > 0)
		memcpy(p + SEG_HEADER, content.p, content.n);
	buf_added(&b, SEG_HEADER + content.n);
	s->h = *h;
	toc_init(&s->toc);
	s->fd = -1;
	s->end = SEG_HEADER + content.n;
	s->allocated = s->end;
	s->scan_to = s->end;
	r = file_make(j, h->number, buf_sv(&b), &s->fd);
	buf_fini(&b);
	if (r != RC_OK) {
		free(s);
		return r;
	}
	pthread_mutex_lock(&j->index);
	prev = segment_last(j);
	if (prev != NULL) {
		prev->max_seq = h->prev_seq;
		prev->end = h->prev_off;
		if (prev->scan_to > h->prev_off)
			prev->scan_to = h->prev_off;
	}
	j->seg = xgrow(j->seg, &j->seg_cap, j->nseg + 1, sizeof *j->seg);
	j->seg[j->nseg++] = s;
	j->open_fds++;
	j->top_number = h->number;
	pthread_mutex_unlock(&j->index);
	return RC_OK;
}

/* ---- at start ---- */

struct listing {
	struct journal *j;
	uint32_t *number;
	size_t n, cap;
	uint32_t *replaced;
	size_t nreplaced, replaced_cap;
	/* NNNNNN.new: of a compaction, and of what was to be the next segment
	 * meanwhile. */
	uint32_t *unfinished;
	size_t nunfinished, unfinished_cap;
	uint32_t *toc;
	size_t ntoc, toc_cap;
};

static void
number_add(uint32_t **v, size_t *n, size_t *cap, uint32_t number)
{
	*v = xgrow(*v, cap, *n + 1, sizeof **v);
	(*v)[(*n)++] = number;
}

static struct unusable *
unusable_add(struct journal *j, uint32_t number, uint64_t bytes)
{
	struct unusable *u;

	j->unusable =
	    xgrow(j->unusable, &j->unusable_cap, j->nunusable + 1, sizeof *u);
	u = &j->unusable[j->nunusable++];
	*u = (struct unusable){.number = number, .bytes = bytes};
	return u;
}

static void
listing_add(void *arg, const char *name)
{
	struct listing *l = arg;
	uint32_t v;
	uint64_t body;

	if (seg_name_parse(name, "", &v)) {
		number_add(&l->number, &l->n, &l->cap, v);
	} else if (seg_name_parse(name, ".new", &v)) {
		number_add(
		    &l->unfinished, &l->nunfinished, &l->unfinished_cap, v);
		return;
	} else if (seg_name_parse(name, ".toc", &v)) {
		number_add(&l->toc, &l->ntoc, &l->toc_cap, v);
	} else if (seg_name_parse(name, SEG_ASIDE, &v)) {
		unusable_add(l->j, v, 0)->aside = true;
	} else if (body_name_parse(name, &body)) {
		l->j->bodies = true;
	} else {
		return;
	}
	l->j->emptied = true;
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
by_unusable(const void *a, const void *b)
{
	const struct unusable *x = a, *y = b;

	return by_number(&x->number, &y->number);
}

/* One that is there, and of which nothing can be told. */
static void
unusable(struct journal *j, uint32_t number, uint64_t bytes, bool headless,
    const char *why)
{
	struct unusable *u = unusable_add(j, number, bytes);

	mlog(LOG_ERROR, "journal.segment_unreadable",
	    "segment=%u bytes=%llu why=\"%s\"", number,
	    (unsigned long long)bytes, why);
	u->headless = headless;
	(void)snprintf(u->why, sizeof u->why, "%s", why);
}

/* What the disk refuses today it may give tomorrow: nobody goes on without it
 * but a repair. */
static int
refused(struct journal *j, uint32_t number, uint64_t bytes, struct err *err)
{
	int e = errno;

	if (!j->salvage)
		return err_sys(err, RC_IO, e, "log/%06u", number);
	unusable(j, number, bytes, false, strerrordesc_np(e));
	return RC_OK;
}

/* Reads one segment's header and puts the segment on the table. */
static int
segment_load(struct journal *j, uint32_t number, struct err *err)
{
	const struct journal_io *io = j->io;
	struct segment *s = xcalloc(1, sizeof *s);
	char raw[SEG_HEADER], name[SEG_NAME_MAX];
	int r;

	toc_init(&s->toc);
	seg_name(number, "", name);
	s->fd = io->open(io, j->logfd, name, O_RDWR);
	if (s->fd < 0 && j->readonly)
		s->fd = io->open(io, j->logfd, name, O_RDONLY);
	j->top_number = number;
	if (s->fd < 0) {
		r = refused(j, number, 0, err);
		goto fail;
	}
	j->open_fds++;
	if (io->size(io, s->fd, &s->end) < 0) {
		r = refused(j, number, 0, err);
		goto fail;
	}
	r = disk_pread(io, s->fd, raw, sizeof raw, 0);
	if (r == RC_IO) {
		r = refused(j, number, s->end, err);
		goto fail;
	}
	if (r == RC_OK)
		r = seg_header_decode(raw, &s->h);
	if (r == RC_NOSUPPORT) {
		r = err_set(err, r, "log/%s: written by a newer version", name);
		goto fail;
	}
	if (r != RC_OK || s->h.number != number) {
		unusable(j, number, s->end, true,
		    "both copies of its header are damaged");
		r = RC_OK;
		goto fail;
	}
	if (memcmp(s->h.kind, j->kind, 4) != 0) {
		r = err_set(err, RC_DAMAGED,
		    "log/%s belongs to a \"%.4s\", "
		    "not to a \"%.4s\"",
		    name, s->h.kind, j->kind);
		goto fail;
	}
	s->allocated = s->end;
	s->scan_to = s->end;
	j->seg = xgrow(j->seg, &j->seg_cap, j->nseg + 1, sizeof *j->seg);
	j->seg[j->nseg++] = s;
	close_some(j);
	return RC_OK;
fail:
	segment_free(j, s);
	return r;
}

bool
journal_replaced(struct journal *j, uint32_t segment)
{
	for (size_t i = 0; i < j->nseg; i++) {
		const struct seg_header *h = &j->seg[i]->h;

		if (rangeset_has(&h->replaces, segment) ||
		    (h->compacted && h->number == segment))
			return true;
	}
	return false;
}

/* Takes what was replaced off the table. */
static void
drop_replaced(struct journal *j, struct listing *l)
{
	size_t k = 0;

	for (size_t i = 0; i < j->nseg; i++)
		for (size_t n = 0; n < j->nseg; n++)
			if (n != i && rangeset_has(&j->seg[n]->h.replaces,
					  j->seg[i]->h.number))
				j->seg[i]->dropped = true;
	for (size_t i = 0; i < j->nseg; i++) {
		struct segment *s = j->seg[i];

		if (!s->dropped) {
			j->seg[k++] = s;
			continue;
		}
		l->replaced = xgrow(l->replaced, &l->replaced_cap,
		    l->nreplaced + 1, sizeof *l->replaced);
		l->replaced[l->nreplaced++] = s->h.number;
		segment_free(j, s);
	}
	j->nseg = k;
}

/* Segments of which nothing is left but a table of contents, and the highest
 * number that was ever in use. */
static void
leftovers(struct journal *j, const struct listing *l)
{
	size_t kept = 0;

	if (j->nunusable > 0)
		qsort(j->unusable, j->nunusable, sizeof *j->unusable,
		    by_unusable);
	for (size_t i = 0; i < j->nunusable; i++) {
		if (j->unusable[i].number > j->top_number)
			j->top_number = j->unusable[i].number;
		if (!journal_replaced(j, j->unusable[i].number))
			j->unusable[kept++] = j->unusable[i];
	}
	j->nunusable = kept;
	for (size_t i = 0; i < l->ntoc; i++) {
		uint32_t v = l->toc[i];
		bool there = false;

		for (size_t n = 0; n < l->n; n++)
			there = there || l->number[n] == v;
		if (!there)
			number_add(
			    &j->toc_only, &j->ntoc_only, &j->toc_only_cap, v);
		if (v > j->top_number)
			j->top_number = v;
	}
}

/* Every compacted segment is one batch, flushed before it got its name. */
static bool
compacted_whole(struct journal *j)
{
	bool whole = true;

	for (size_t i = 0; i < j->nseg && whole; i++) {
		struct segment *s = j->seg[i];
		struct scanned x;
		struct scan sc;

		if (s->h.replaces.n == 0)
			continue;
		if (segment_open(j, s) != RC_OK)
			return false;
		scan_init(&sc, j->io, s->fd, s->h.key, SEG_HEADER, s->end);
		while (scan_next(&sc, &x) == RC_OK)
			whole = whole && x.ok && x.gap == 0;
		whole = whole && x.gap == 0 && !sc.unread;
		scan_fini(&sc);
	}
	return whole;
}

bool
toc_of_number(struct journal *j, uint32_t number,
    void (*fn)(void *arg, const struct toc_entry *e), void *arg,
    uint64_t *reach)
{
	struct seg_header h = {.number = number};
	struct toc_id id = {j->io, j->logfd, &h};
	struct toc t;
	bool found;

	toc_init(&t);
	found = toc_load_keyless(&t, &id);
	if (found && fn != NULL)
		toc_each(&t, fn, arg);
	if (reach != NULL)
		*reach = found ? toc_reach(&t, 0) : 0;
	toc_fini(&t, &id);
	return found;
}

uint64_t
segments_lost(struct journal *j, uint64_t keep)
{
	uint32_t last = j->nseg > 0 ? segment_last(j)->h.number : 0;
	uint64_t room = 0, reach, most = 0;

	for (size_t i = 0; i < j->nunusable; i++)
		if (j->unusable[i].number > last) {
			room += j->unusable[i].bytes / REC_HEADER + 1;
			if (toc_of_number(
				j, j->unusable[i].number, NULL, NULL, &reach) &&
			    reach > most)
				most = reach;
		}
	for (size_t i = 0; i < j->ntoc_only; i++)
		if (j->toc_only[i] > last) {
			room++;
			if (toc_of_number(
				j, j->toc_only[i], NULL, NULL, &reach) &&
			    reach > most)
				most = reach;
		}
	if (room == 0)
		return 0;
	return most > keep + room ? most : keep + room;
}

bool
journal_beheaded(const struct journal *j)
{
	return j->nseg > 0 && j->seg[0]->h.prev != 0 &&
	       memcmp(j->kind, "mail", 4) == 0;
}

bool
segments_complete(struct journal *j)
{
	if (j->nunusable > 0)
		return false;
	if (journal_beheaded(j))
		return false;
	for (size_t i = 1; i < j->nseg; i++)
		if (j->seg[i]->h.prev != j->seg[i - 1]->h.number)
			return false;
	return true;
}

/*
 * What a crash has left behind.  A compaction's new segment may have its name
 * in the page cache only: that is flushed first, or the old ones could go
 * without it.
 */
static int
sweep(struct journal *j, const struct listing *l, struct err *err)
{
	const struct journal_io *io = j->io;
	char name[SEG_NAME_MAX];

	if (j->readonly)
		return RC_OK;
	for (size_t i = 0; i < l->nunfinished; i++) {
		seg_name(l->unfinished[i], ".new", name);
		(void)io->unlink(io, j->logfd, name);
	}
	/* Those that have replaced them may be damaged meanwhile. */
	if (l->nreplaced == 0 || !compacted_whole(j))
		return RC_OK;
	if (!sabotaged(SABOTAGE_UNLINK_EARLY) && io->dirsync(io, j->logfd) < 0)
		return err_sys(err, RC_IO, errno, "log");
	for (size_t i = 0; i < l->nreplaced; i++) {
		seg_name(l->replaced[i], ".toc", name);
		(void)io->unlink(io, j->logfd, name);
		seg_name(l->replaced[i], "", name);
		(void)io->unlink(io, j->logfd, name);
	}
	if (io->dirsync(io, j->logfd) < 0)
		return err_sys(err, RC_IO, errno, "log");
	return RC_OK;
}

/* Each says where its predecessor ended. */
static int
chain(struct journal *j, struct err *err)
{
	for (size_t i = 1; i < j->nseg; i++) {
		struct segment *a = j->seg[i - 1], *b = j->seg[i];

		if (b->h.prev != a->h.number) {
			a->max_seq = b->h.first_seq - 1;
			continue; /* one is missing: the replay finds out */
		}
		if (b->h.prev_epoch != a->h.epoch)
			return err_set(err, RC_DAMAGED,
			    "log/%06u does not "
			    "continue log/%06u: another journal's file",
			    b->h.number, a->h.number);
		a->max_seq = b->h.prev_seq;
		/* The place is of the segment before it was compacted. */
		if (!a->h.compacted && b->h.prev_off <= a->end)
			a->end = b->h.prev_off;
		a->scan_to = a->end;
	}
	return RC_OK;
}

int
segments_load(struct journal *j, struct err *err)
{
	struct listing l = {.j = j};
	int r = RC_OK;

	if (j->io->list(j->io, j->logfd, listing_add, &l) < 0) {
		r = err_sys(err, RC_IO, errno, "log");
		goto out;
	}
	if (l.n > 0)
		qsort(l.number, l.n, sizeof *l.number, by_number);
	for (size_t i = 0; i < l.n && r == RC_OK; i++)
		r = segment_load(j, l.number[i], err);
	if (r != RC_OK)
		goto out;
	if (l.n > 0 && j->nseg == 0 && !j->salvage) {
		r = err_set(err, RC_DAMAGED, "no segment in log/ can be read");
		goto out;
	}
	drop_replaced(j, &l);
	leftovers(j, &l);
	r = chain(j, err);
	if (r == RC_OK)
		r = sweep(j, &l, err);
out:
	free(l.toc);
	free(l.replaced);
	free(l.unfinished);
	free(l.number);
	return r;
}
