/*
 * Segments go from the oldest on, when nobody in them waits any more.  One
 * message that waits for five days, or is held for a year, would keep all that
 * came behind it on the disk.  So when most of what is there is dead, those
 * who live in the oldest segment are written anew at the end, body and all that
 * is known of them, in one batch: after a crash the item is there as it was, or
 * anew, or both, which a replay takes for one.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/log.h"
#include "queue/spool/spool.h"
#include "queue/spool/spool_priv.h"

#define DEAD_MIN   (64u << 20) /* less is not worth the writing */
#define STEP_MAX   (32u << 20) /* bytes at a time */
#define ITEM_BYTES 512	       /* beside the body, about */
#define ITEM_MAX   (8u << 20)

/* ---- one item ---- */

static int
add_to_blob(void *arg, const char *p, size_t n)
{
	return journal_blob_add(arg, p, n);
}

static int
copy_body(struct spool *s, const struct spool_item *it, struct journal_blob *b)
{
	int r = spool_read_checked(s, it, add_to_blob, b);

	return r == RC_OK ? journal_blob_seal(b) : r;
}

/* Its attempts, one after the other in b; their ends in end. */
static void
put_attempts(const struct spool_item *it, struct buf *b, size_t *end)
{
	size_t i;

	for (i = 0; i < it->nattempt; i++) {
		const struct spool_attempt *a = &it->attempt[i];
		struct record_tried t = {.item = it->seq,
		    .rcpt = a->rcpt,
		    .attempts = it->rcpt[a->rcpt].attempts,
		    .when = a->when,
		    .next = it->rcpt[a->rcpt].next_try,
		    .reply_text = sv_str(a->reply_text)};

		record_tried(&t, b);
		end[i] = b->n;
	}
}

static int
renew(struct spool *s, struct spool_item *it)
{
	struct journal_blob *blob = journal_blob_new(s->journal);
	struct journal_item *rec = xcalloc(it->nattempt + 2, sizeof *rec);
	size_t *end = xcalloc(it->nattempt + 1, sizeof *end), i;
	uint64_t body = journal_next(s->journal);
	struct buf item, tried;
	int r;

	buf_init(&item, ITEM_MAX);
	buf_init(&tried, ITEM_MAX);
	r = copy_body(s, it, blob);
	if (r != RC_OK)
		goto out;
	record_renewed(it, body, &item);
	put_attempts(it, &tried, end);
	if (!buf_ok(&item) || !buf_ok(&tried)) {
		r = RC_TOOBIG;
		goto out;
	}
	rec[0] = (struct journal_item){
	    .type = RECORD_BODY, .flags = JOURNAL_NAMED, .blob = blob};
	rec[1] = (struct journal_item){
	    .type = RECORD_ITEM, .payload = buf_sv(&item)};
	for (i = 0; i < it->nattempt; i++) {
		size_t from = i > 0 ? end[i - 1] : 0;

		rec[2 + i] = (struct journal_item){.type = RECORD_TRIED,
		    .payload = sv_of(tried.p + from, end[i] - from)};
	}
	spool_append(s, rec, it->nattempt + 2);
	it->body = body;
	spool_add_large(s, body, it->size);
	spool_to_end(s, it);
out:
	buf_fini(&tried);
	buf_fini(&item);
	free(end);
	free(rec);
	journal_blob_free(&blob);
	return r;
}

/* ---- when ---- */

/* What is where: before the segment in use, and in it. */
struct weight {
	uint64_t old, old_living;
	uint64_t large, large_living; /* files of the segment in use */
};

static void
weigh(const struct spool *s, const struct journal_span *span, struct weight *w)
{
	const struct spool_item *it;
	size_t i;

	*w = (struct weight){.old = span->bytes};
	for (i = 0; i < s->nlarge; i++)
		if (s->large[i].seq < span->active)
			w->old += s->large[i].size;
		else
			w->large += s->large[i].size;
	for (it = s->first; it != NULL; it = it->next)
		if (it->body < span->active)
			w->old_living += it->size + ITEM_BYTES;
		else if (it->size > SPOOL_INLINE_MAX)
			w->large_living += it->size;
}

/* Files of segments that are gone. */
static void
forget_large(struct spool *s, uint64_t first)
{
	size_t n = 0;

	while (n < s->nlarge && s->large[n].seq < first)
		n++;
	if (n == 0)
		return;
	s->nlarge -= n;
	memmove(s->large, s->large + n, s->nlarge * sizeof *s->large);
}

/* A segment with few records may stand for gigabytes in files: it is ended, by
 * a record that says nothing. */
static void
end_segment(struct spool *s)
{
	char payload[12] = {0};
	struct journal_item rec = {
	    .type = RECORD_MARK, .payload = sv_of(payload, sizeof payload)};

	journal_roll(s->journal);
	spool_append(s, &rec, 1);
}

/*
 * Gives back what is held by few who have waited long: writes those of the
 * oldest segment anew, at most so much at a time that nobody waits for it, so
 * that the next spool_tidy can remove it.  Does nothing as long as that would
 * cost more than it gives.
 */
static void
renew_oldest(struct spool *s)
{
	struct journal_span span;
	struct spool_item *it, *next;
	struct weight w;
	uint64_t done = 0;
	size_t n = 0;

	journal_span(s->journal, &span);
	forget_large(s, span.first);
	weigh(s, &span, &w);
	if (w.large > w.large_living + DEAD_MIN)
		end_segment(s);
	if (w.old < 2 * w.old_living || w.old - w.old_living < DEAD_MIN)
		return;
	for (it = s->first; it != NULL && it->body < span.second; it = next) {
		next = it->next;
		/* What is scarce is for outcomes and reports. */
		if (done > STEP_MAX ||
		    spool_room(s) < it->size + SPOOL_LOW_WATER)
			break;
		if (renew(s, it) != RC_OK)
			continue; /* it holds its segment */
		done += it->size;
		n++;
	}
	if (n > 0)
		mlog(LOG_INFO, "spool.renew", "messages=%zu bytes=%llu", n,
		    (unsigned long long)done);
}

/* All before that can go. */
static uint64_t
first_needed(const struct spool *s)
{
	return s->first != NULL ? s->first->body : s->flushed;
}

bool
spool_outgrown(struct spool *s)
{
	struct journal_span span;

	journal_span(s->journal, &span);
	return span.second > span.first && first_needed(s) >= span.second;
}

void
spool_tidy(struct spool *s)
{
	/* What takes the place of something is on the disk before that goes. */
	if (spool_pending(s))
		return;
	if (journal_drop_before(s->journal, first_needed(s)) != RC_OK)
		mlog(LOG_ERROR, "spool.tidy",
		    "text=\"old segments of the spool cannot be removed\"");
	journal_idle(s->journal);
	renew_oldest(s);
}
