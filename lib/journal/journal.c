#include "journal/journal.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

#ifdef HM_TEST
enum sabotage journal_sabotage;
#endif

#define BATCH_KEEP (4u << 20) /* a larger buffer is given back */

static void
batch_init(struct batch *b)
{
	memset(b, 0, sizeof *b);
	buf_init(&b->bytes, SIZE_MAX / 4);
	buf_init(&b->entries, SIZE_MAX / 4);
	buf_init(&b->notes, SIZE_MAX / 4);
}

static void
batch_fini(struct batch *b)
{
	buf_fini(&b->notes);
	buf_fini(&b->entries);
	buf_fini(&b->bytes);
}

static void
batch_reset(struct batch *b)
{
	if (b->bytes.cap > BATCH_KEEP || b->notes.cap > BATCH_KEEP) {
		batch_fini(b);
		batch_init(b);
		return;
	}
	buf_reset(&b->bytes);
	buf_reset(&b->entries);
	buf_reset(&b->notes);
	b->count = 0;
	b->roll = false;
}

int
journal_open(int dirfd, const struct journal_opts *opts, struct journal **out,
    struct err *err)
{
	struct journal *j = xcalloc(1, sizeof *j);
	int r = RC_OK;

	must(sodium_init() >= 0);
	j->io = opts->io != NULL ? opts->io : &journal_disk;
	j->dirfd = dirfd;
	j->logfd = -1;
	memcpy(j->kind, opts->kind, sizeof j->kind);
	j->segment_bytes =
	    opts->segment_bytes > 0 ? opts->segment_bytes : SEGMENT_BYTES;
	j->inline_max = opts->inline_max > 0 ? opts->inline_max : INLINE_MAX;
	if (j->inline_max > JOURNAL_PAYLOAD_MAX)
		j->inline_max = JOURNAL_PAYLOAD_MAX;
	j->readonly = opts->readonly;
	j->salvage = opts->salvage;
	pthread_mutex_init(&j->mu, NULL);
	pthread_mutex_init(&j->index, NULL);
	pthread_cond_init(&j->done, NULL);
	batch_init(&j->batch[0]);
	batch_init(&j->batch[1]);
	j->filling = &j->batch[0];
	j->spare = &j->batch[1];
	j->logfd = j->io->opendir(j->io, dirfd, "log", !j->readonly);
	if (j->logfd < 0 && errno == ENOENT && j->readonly && j->salvage) {
		*out = j;
		return RC_OK; /* as if it were empty */
	}
	if (j->logfd < 0) {
		r = err_sys(err, RC_IO, errno, "log");
		goto out;
	}
	r = segments_load(j, err);
	if (r != RC_OK)
		goto out;
	if (j->nseg == 0 && j->emptied && !j->salvage) {
		r = err_set(err, RC_DAMAGED,
		    "log/ no longer has any segment, although files that "
		    "belong to some are left");
		goto out;
	}
	if (j->nseg == 0 && !j->readonly && j->io->dirsync(j->io, dirfd) < 0) {
		r = err_sys(err, RC_IO, errno, "flush of the folder");
		goto out;
	}
	if (j->nseg > 0)
		j->epoch = segment_last(j)->h.epoch;
	*out = j;
	j = NULL;
out:
	journal_close(&j);
	return r;
}

/* A mark is at the beginning of a segment or behind a commit. */
static bool
mark_fits(struct journal *j, struct segment *s, const struct journal_mark *m)
{
	char raw[REC_HEADER];
	struct rec_header h;

	if (s->h.epoch != m->epoch || m->seq + 1 < s->h.first_seq)
		return false;
	if (m->off == SEG_HEADER)
		return true;
	return m->off >= SEG_HEADER + COMMIT_RECORD &&
	       segment_open(j, s) == RC_OK &&
	       disk_pread(j->io, s->fd, raw, sizeof raw,
		   m->off - COMMIT_RECORD) == RC_OK &&
	       rec_header_decode(raw, s->h.key, &h) == RC_OK &&
	       h.type == JOURNAL_TYPE_COMMIT && h.seq == m->seq;
}

bool
journal_has(struct journal *j, const struct journal_mark *m)
{
	for (size_t i = 0; i < j->nseg; i++)
		if (j->seg[i]->h.number == m->segment)
			return mark_fits(j, j->seg[i], m);
	return false;
}

bool
journal_is_empty(struct journal *j)
{
	return j->nseg == 0;
}

void
journal_vouch(struct journal *j, uint64_t seq)
{
	must(!j->ready);
	if (seq > j->vouched)
		j->vouched = seq;
}

void
journal_poison(struct journal *j, const char *what)
{
	int e = errno;

	if (sabotaged(SABOTAGE_NO_POISON))
		return;
	if (!j->poisoned)
		mlog(LOG_ERROR, "journal.poisoned",
		    "at=%s errno=%d error=\"%s\"", what, e, strerrordesc_np(e));
	j->poisoned = true;
}

/* ---- appending ---- */

static void
batch_begin(struct journal *j, struct batch *b)
{
	b->roll = j->plan_off >= j->segment_bytes ||
		  (j->roll_asked && j->plan_off > SEG_HEADER);
	j->roll_asked = false;
	if (b->roll) {
		j->plan_off = SEG_HEADER;
		randombytes_buf(j->plan_key, sizeof j->plan_key);
	}
	memcpy(b->key, j->plan_key, sizeof b->key);
	b->off = j->plan_off;
	b->first = j->last + 1;
}

static void
append_one(struct journal *j, struct batch *b, const struct journal_item *it,
    int64_t now)
{
	struct rec_header h = {.type = it->type,
	    .flags = it->flags,
	    .seq = ++j->last,
	    .time = (uint64_t)(it->time != 0 ? it->time : now)};
	struct sv payload = it->payload;
	char ref_bytes[REF_BYTES];
	bool elsewhere = false;

	if (it->blob != NULL) {
		struct body_ref ref;

		blob_reference(it->blob, &ref, &elsewhere, &payload);
		h.crc = ref.crc;
		if (elsewhere) {
			body_ref_encode(&ref, ref_bytes);
			payload = sv_of(ref_bytes, sizeof ref_bytes);
			h.flags |= JOURNAL_ELSEWHERE;
		}
		blob_committed(it->blob);
	}
	if (it->blob == NULL || elsewhere)
		h.crc = crc32c(0, payload.p, payload.n);
	must(payload.n <= JOURNAL_PAYLOAD_MAX);
	h.len = (uint32_t)payload.n;
	h.decoded_len = h.len;
	if (h.flags & JOURNAL_NAMED) {
		struct toc_entry e = {.seq = h.seq,
		    .off = b->off + b->bytes.n,
		    .len = h.len,
		    .type = h.type,
		    .flags = h.flags,
		    .crc = h.crc,
		    .note_len = TOC_NO_NOTE};
		char raw[TOC_ENTRY];

		if (it->note.n > 0 && it->note.n <= JOURNAL_NOTE_MAX) {
			e.note_off = (uint32_t)b->notes.n;
			e.note_len = (uint32_t)it->note.n;
			buf_addsv(&b->notes, it->note);
		}
		toc_entry_encode(&e, raw);
		buf_add(&b->entries, raw, sizeof raw);
	}
	record_put(&b->bytes, &h, b->key, payload);
	b->count++;
	b->last = h.seq;
}

uint64_t
journal_append(struct journal *j, const struct journal_item *it, size_t n)
{
	int64_t now = clk_now();
	uint64_t first;
	size_t had;

	must(n > 0 && j->ready && !j->readonly);
	pthread_mutex_lock(&j->mu);
	if (j->filling->count == 0)
		batch_begin(j, j->filling);
	first = j->last + 1;
	had = j->filling->bytes.n;
	for (size_t i = 0; i < n; i++)
		append_one(j, j->filling, &it[i], now);
	j->plan_off += j->filling->bytes.n - had;
	pthread_mutex_unlock(&j->mu);
	return first;
}

uint64_t
journal_next(struct journal *j)
{
	uint64_t v;

	pthread_mutex_lock(&j->mu);
	v = j->last + 1;
	pthread_mutex_unlock(&j->mu);
	return v;
}

/* ---- flushing ---- */

/* The leader's: the batch begins a new segment. */
static int
roll(struct journal *j, struct batch *b)
{
	struct seg_header h;
	int r;

	segment_header_next(j, j->epoch, &h);
	memcpy(h.key, b->key, sizeof h.key);
	h.first_seq = b->first;
	h.prev_seq = b->first - 1;
	h.prev_off = j->active->end;
	r = segment_create(j, &h, SV(""));
	if (r == RC_OK)
		segment_activate(j);
	return r;
}

/* How far to reach out: a mailbox with little in it is not worth much room,
 * and a crash leaves it behind. */
static size_t
ahead_bytes(const struct segment *s)
{
	uint64_t n = s->end / 2;

	return n < AHEAD_MIN	 ? AHEAD_MIN
	       : n > AHEAD_BYTES ? AHEAD_BYTES
				 : (size_t)n;
}

/*
 * A write that makes the file longer costs the file system a commit of its
 * own at each flush, which halves the rate of a lone writer of small records,
 * such as flags one by one.  Then a batch takes zeros along, over which the
 * next ones are written.  That doubles what is written, so it is not done for
 * mail, where it was found to win nothing, nor for what comes now and then.
 * Returns how many.
 */
static size_t
zeros_ahead(struct journal *j, struct segment *s, struct batch *b)
{
	size_t n = ahead_bytes(s);
	char *p;

	if (n > j->segment_bytes / 16)
		n = (size_t)(j->segment_bytes / 16);
	if (b->off + b->bytes.n <= s->allocated || b->bytes.n >= n ||
	    b->bytes.n > SMALL_BYTES || clk_mono() - j->written_at > HURRY_MS)
		return 0;
	p = buf_reserve(&b->bytes, n);
	must(p != NULL);
	memset(p, 0, n);
	return n;
}

static bool
allocate(struct journal *j, struct segment *s, uint64_t upto)
{
	if (j->io->allocate(j->io, s->fd, s->end, upto - s->end) != 0) {
		s->allocated = s->end;
		return false;
	}
	s->allocated = upto;
	return true;
}

/* When room is scarce, finds out before the write whether there is some. */
static int
find_room(struct journal *j, struct segment *s, uint64_t upto)
{
	/* The last of it is for the segment that a new start needs. */
	if (journal_spare(j, ahead_bytes(s)) &&
	    allocate(j, s, upto + ahead_bytes(s)))
		return RC_OK;
	if (allocate(j, s, upto))
		return RC_OK;
	if (!reserve_use(j))
		return RC_NOSPACE;
	/* Half of it now, before somebody else has it. */
	return allocate(j, s, upto + RESERVE_BYTES / 2) || allocate(j, s, upto)
		   ? RC_OK
		   : RC_NOSPACE;
}

/* What readers need to find the batch's records. */
static void
batch_index(struct journal *j, struct segment *s, const struct batch *b)
{
	pthread_mutex_lock(&j->index);
	for (size_t i = 0; i < b->entries.n; i += TOC_ENTRY) {
		struct toc_entry e;

		toc_entry_decode(b->entries.p + i, &e);
		toc_add(&s->toc, &e,
		    e.note_len == TOC_NO_NOTE
			? SV("")
			: sv_of(b->notes.p + e.note_off, e.note_len),
		    e.off + rec_bytes(e.len));
	}
	s->end = b->off + b->bytes.n;
	if (s->toc.loaded)
		toc_advance(&s->toc, s->end);
	pthread_mutex_unlock(&j->index);
}

static int
batch_write(struct journal *j, struct batch *b)
{
	struct segment *s;
	uint64_t end;
	size_t ahead = 0;

	if (b->roll && roll(j, b) != RC_OK)
		return RC_IO;
	s = j->active;
	end = b->off + b->bytes.n;
	if (end > s->allocated &&
	    journal_free_bytes(j) > SCARCE_BYTES + b->bytes.n)
		ahead = zeros_ahead(j, s, b);
	else if (end > s->allocated && find_room(j, s, end) != RC_OK)
		return RC_IO;
	if (disk_pwrite(j->io, s->fd, b->bytes.p, b->bytes.n + ahead, b->off) !=
	    RC_OK)
		return RC_IO;
	if (!sabotaged(SABOTAGE_SKIP_DATASYNC) &&
	    j->io->datasync(j->io, s->fd) < 0)
		return RC_IO;
	if (s->allocated < end + ahead)
		s->allocated = end + ahead;
	j->written_at = clk_mono();
	batch_index(j, s, b);
	return RC_OK;
}

/* Under mu: takes what is pending, and what the others appended so far. */
static void
lead(struct journal *j)
{
	struct batch *b = j->filling;
	struct commit c = {.flushed = j->flushed};
	size_t had;
	int r;

	j->leading = true;
	/* Those who shared the last batch are being woken right now: let them
	 * append to this one.  A lone writer goes on at once. */
	if (j->company > 1) {
		pthread_mutex_unlock(&j->mu);
		sched_yield();
		pthread_mutex_lock(&j->mu);
	}
	j->company = b->count;
	c.count = b->count;
	had = b->bytes.n;
	commit_put(&b->bytes, &c, b->last, b->key);
	j->plan_off += b->bytes.n - had;
	j->filling = j->spare;
	j->spare = NULL;
	j->clean_on_disk = false;
	if (sabotaged(SABOTAGE_ANSWER_EARLY)) {
		batch_index(j, j->active, b);
		j->flushed = b->last;
		pthread_cond_broadcast(&j->done);
	}
	pthread_mutex_unlock(&j->mu);
	r = batch_write(j, b);
	pthread_mutex_lock(&j->mu);
	j->leading = false;
	if (r == RC_OK || sabotaged(SABOTAGE_NO_POISON))
		j->flushed = b->last;
	else
		journal_poison(j, "batch");
	batch_reset(b);
	j->spare = b;
	pthread_cond_broadcast(&j->done);
}

/* Not on the way of the answer: the table of contents follows when enough
 * has come together. */
static void
toc_relax(struct journal *j)
{
	struct segment *s;
	struct toc_id id;

	pthread_mutex_lock(&j->index);
	s = j->active;
	if (toc_pending(&s->toc) > TOC_PENDING_BYTES &&
	    journal_spare(j, toc_pending(&s->toc)) &&
	    segment_index(j, s) == RC_OK) {
		id = segment_toc_id(j, s);
		toc_write(&s->toc, &id);
	}
	pthread_mutex_unlock(&j->index);
}

int
journal_flush(struct journal *j, uint64_t seq)
{
	bool led = false;
	int r;

	pthread_mutex_lock(&j->mu);
	if (seq > j->last)
		seq = j->last;
	while (j->flushed < seq && !j->poisoned) {
		if (j->leading) {
			pthread_cond_wait(&j->done, &j->mu);
			continue;
		}
		lead(j);
		led = true;
	}
	r = j->flushed >= seq ? RC_OK : RC_IO;
	pthread_mutex_unlock(&j->mu);
	if (led && r == RC_OK)
		toc_relax(j);
	return r;
}

uint64_t
journal_flushed(struct journal *j)
{
	uint64_t v;

	pthread_mutex_lock(&j->mu);
	v = j->flushed;
	pthread_mutex_unlock(&j->mu);
	return v;
}

bool
journal_poisoned(struct journal *j)
{
	bool v;

	pthread_mutex_lock(&j->mu);
	v = j->poisoned;
	pthread_mutex_unlock(&j->mu);
	return v;
}

bool
journal_mark(struct journal *j, struct journal_mark *out)
{
	bool v;

	pthread_mutex_lock(&j->mu);
	v = j->ready &&
	    ((j->flushed == j->last && !j->leading && !j->poisoned) ||
		sabotaged(SABOTAGE_CHECKPOINT_AHEAD));
	if (v) {
		struct segment *s = j->active;

		*out = (struct journal_mark){.epoch = s->h.epoch,
		    .seq = j->last,
		    .segment = s->h.number,
		    .off = j->plan_off};
	}
	pthread_mutex_unlock(&j->mu);
	return v;
}

uint64_t
journal_epoch(struct journal *j)
{
	uint64_t v;

	pthread_mutex_lock(&j->mu);
	v = j->epoch;
	pthread_mutex_unlock(&j->mu);
	return v;
}

void
journal_skip_to(struct journal *j, uint64_t seq)
{
	pthread_mutex_lock(&j->mu);
	must(j->filling->count == 0);
	if (seq > j->last) {
		j->last = seq;
		j->flushed = seq;
	}
	pthread_mutex_unlock(&j->mu);
}

void
journal_roll(struct journal *j)
{
	pthread_mutex_lock(&j->mu);
	j->roll_asked = true;
	pthread_mutex_unlock(&j->mu);
}

int
journal_new_epoch(struct journal *j)
{
	struct seg_header h;
	uint64_t epoch;
	int r = journal_flush(j, UINT64_MAX);

	if (r != RC_OK)
		return r;
	do
		randombytes_buf(&epoch, sizeof epoch);
	while (epoch == 0);
	pthread_mutex_lock(&j->mu);
	must(!j->leading && j->filling->count == 0);
	segment_header_next(j, epoch, &h);
	h.first_seq = j->last + 1;
	h.prev_seq = j->last;
	h.prev_off = j->active->end;
	r = segment_create(j, &h, SV(""));
	if (r == RC_OK) {
		segment_activate(j);
		memcpy(j->plan_key, h.key, sizeof j->plan_key);
		j->epoch = epoch;
		j->plan_off = SEG_HEADER;
		j->clean_on_disk = false;
	} else {
		journal_poison(j, "new epoch");
	}
	pthread_mutex_unlock(&j->mu);
	return r;
}

void
journal_trim(struct journal *j)
{
	pthread_mutex_lock(&j->mu);
	if (!j->leading && j->filling->count == 0)
		for (size_t i = 0; i < 2; i++) {
			batch_fini(&j->batch[i]);
			batch_init(&j->batch[i]);
		}
	pthread_mutex_unlock(&j->mu);
}

/* ---- the end ---- */

void
journal_idle(struct journal *j)
{
	if (j->readonly || !j->ready)
		return;
	pthread_mutex_lock(&j->index);
	for (size_t i = 0; i < j->nseg; i++) {
		struct segment *s = j->seg[i];
		struct toc_id id = segment_toc_id(j, s);

		if (toc_pending(&s->toc) > 0 &&
		    journal_spare(j, toc_pending(&s->toc)) &&
		    segment_index(j, s) == RC_OK)
			toc_write(&s->toc, &id);
	}
	pthread_mutex_unlock(&j->index);
	journal_trim(j);
	reserve_make(j);
}

/* So that the next start finds nothing to copy.  If this fails it copies. */
static void
end_clean(struct journal *j)
{
	struct segment *s = j->active;
	struct commit c = {.flushed = j->last, .flags = COMMIT_CLEAN};
	struct buf b;

	if (j->poisoned || j->readonly || !j->ready || j->clean_on_disk)
		return;
	buf_init(&b, 4096);
	commit_put(&b, &c, j->last, s->h.key);
	if (disk_pwrite(j->io, s->fd, b.p, b.n, j->plan_off) == RC_OK)
		(void)j->io->datasync(j->io, s->fd);
	buf_fini(&b);
}

void
journal_close(struct journal **jp)
{
	struct journal *j = *jp;

	if (j == NULL)
		return;
	*jp = NULL;
	if (j->ready && !j->readonly) {
		if (journal_flush(j, UINT64_MAX) == RC_OK)
			end_clean(j);
		journal_idle(j);
	}
	for (size_t i = 0; i < j->nseg; i++)
		segment_free(j, j->seg[i]);
	free(j->seg);
	free(j->unusable);
	free(j->toc_only);
	if (j->logfd >= 0)
		j->io->close(j->io, j->logfd);
	batch_fini(&j->batch[1]);
	batch_fini(&j->batch[0]);
	pthread_cond_destroy(&j->done);
	pthread_mutex_destroy(&j->index);
	pthread_mutex_destroy(&j->mu);
	free(j);
}
