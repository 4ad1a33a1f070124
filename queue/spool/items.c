/* The spool's items in memory: found by number and delivery id, and in the
 * order of the journal. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"
#include "queue/spool/spool.h"
#include "queue/spool/spool_priv.h"

#define AGE_MAX (10LL * 24 * 3600 * 1000) /* nothing waits longer */

static int
compare_seq(const void *a, const void *b)
{
	const struct spool_item *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
compare_delivery(const void *a, const void *b)
{
	const struct spool_item *x = a, *y = b;

	return memcmp(x->delivery_id, y->delivery_id, sizeof x->delivery_id);
}

struct spool_item *
spool_find(const struct spool *s, uint64_t seq)
{
	struct spool_item key = {.seq = seq}, **at;

	at = tfind(&key, &s->by_seq, compare_seq);
	return at != NULL ? *at : NULL;
}

struct spool_item *
spool_find_delivery(const struct spool *s, const uint8_t id[16])
{
	struct spool_item key = {.seq = 0}, **at;

	memcpy(key.delivery_id, id, sizeof key.delivery_id);
	at = tfind(&key, &s->by_delivery, compare_delivery);
	return at != NULL ? *at : NULL;
}

/* The oldest first: the list is in the order of the journal. */
static void
list_add(struct spool *s, struct spool_item *it)
{
	it->prev = s->last;
	it->next = NULL;
	if (s->last != NULL)
		s->last->next = it;
	else
		s->first = it;
	s->last = it;
}

static void
list_remove(struct spool *s, struct spool_item *it)
{
	*(it->prev != NULL ? &it->prev->next : &s->first) = it->next;
	*(it->next != NULL ? &it->next->prev : &s->last) = it->prev;
}

void
spool_to_end(struct spool *s, struct spool_item *it)
{
	list_remove(s, it);
	list_add(s, it);
}

void
spool_link(struct spool *s, struct spool_item *it)
{
	list_add(s, it);
	s->n++;
	must(tsearch(it, &s->by_seq, compare_seq) != NULL);
	must(tsearch(it, &s->by_delivery, compare_delivery) != NULL);
}

void
spool_unlink(struct spool *s, struct spool_item *it)
{
	struct spool_item **same;

	list_remove(s, it);
	s->n--;
	(void)tdelete(it, &s->by_seq, compare_seq);
	same = tfind(it, &s->by_delivery, compare_delivery);
	if (same != NULL && *same == it)
		(void)tdelete(it, &s->by_delivery, compare_delivery);
}

static void
remember_ended(struct spool *s, const uint8_t id[16])
{
	if (s->ended == NULL)
		s->ended = xcalloc(SPOOL_ENDED_MAX, sizeof *s->ended);
	memcpy(s->ended[s->nended++ % SPOOL_ENDED_MAX], id, sizeof *s->ended);
}

bool
spool_ended(const struct spool *s, const uint8_t id[16])
{
	size_t i, n = s->nended < SPOOL_ENDED_MAX ? s->nended : SPOOL_ENDED_MAX;

	for (i = 0; i < n; i++)
		if (memcmp(s->ended[i], id, sizeof *s->ended) == 0)
			return true;
	return false;
}

bool
spool_drop_if_done(struct spool *s, struct spool_item *it)
{
	size_t i;

	for (i = 0; i < it->nrcpt; i++)
		if (it->rcpt[i].outcome == SPOOL_WAITS)
			return false;
	if ((it->flags & SPOOL_RULES) != 0)
		remember_ended(s, it->delivery_id);
	spool_unlink(s, it);
	item_free(it);
	return true;
}

struct spool_item *
spool_first(const struct spool *s)
{
	return s->first;
}

size_t
spool_count(const struct spool *s)
{
	return s->n;
}

static void
keep(void *node)
{
	(void)node; /* the items are freed by their list */
}

void
spool_items_free(struct spool *s)
{
	struct spool_item *it;

	tdestroy(s->by_seq, keep);
	tdestroy(s->by_delivery, keep);
	while ((it = s->first) != NULL) {
		s->first = it->next;
		item_free(it);
	}
	free(s->large);
}

void
spool_add_large(struct spool *s, uint64_t seq, uint64_t size)
{
	if (size <= SPOOL_INLINE_MAX)
		return;
	s->large =
	    xgrow(s->large, &s->large_cap, s->nlarge + 1, sizeof *s->large);
	s->large[s->nlarge++] = (struct spool_large){seq, size};
}

/* ---- what is said of them ---- */

/* payload: 8 ITEM, 4 what, and maybe 4 recipient. */
void
spool_apply_mark(struct spool_item *it, struct sv payload)
{
	uint32_t what = be_get32(payload.p + 8);
	size_t i, first = 0, n = it->nrcpt;

	if (what == MARK_DELAY_REPORTED)
		it->delay_reported = true;
	if (what != MARK_HELD && what != MARK_RELEASED)
		return;
	if (payload.n >= SPOOL_MARK_BYTES) {
		first = be_get32(payload.p + 12);
		n = first < n ? first + 1 : 0;
	}
	for (i = first; i < n; i++)
		it->rcpt[i].held = what == MARK_HELD;
}

/*
 * What came by the clock that has stepped is as old as before.  What came by
 * another stays where it is: a server without a battery for its clock begins in
 * 1970, with mail in its spool that came in the right year; when the clock is
 * set, that must not move into the future, where it would never age.
 */
void
spool_apply_step(struct spool *s, int64_t ms, int64_t now)
{
	int64_t before = now - ms;
	struct spool_item *it;

	for (it = s->first; it != NULL; it = it->next) {
		int64_t age = before - it->arrived;

		if (age >= 0 && age < AGE_MAX)
			it->arrived += ms;
		if (it->arrived > now)
			it->arrived = now;
	}
}
