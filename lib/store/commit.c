#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "store/store_priv.h"

void
commit_init(struct commit_set *cs)
{
	memset(cs, 0, sizeof *cs);
}

void
commit_fini(struct commit_set *cs)
{
	for (size_t i = 0; i < cs->n; i++) {
		change_fini(&cs->change[i]);
		buf_fini(&cs->bytes[i]);
	}
	free(cs->bytes);
	free(cs->change);
	free(cs->item);
	commit_init(cs);
}

struct change *
commit_change(struct commit_set *cs, uint16_t type)
{
	size_t cap = cs->cap;

	if (cs->n == cap) {
		cap = cap * 2 + 4;
		cs->item = xreallocarray(cs->item, cap, sizeof *cs->item);
		cs->change = xreallocarray(cs->change, cap, sizeof *cs->change);
		cs->bytes = xreallocarray(cs->bytes, cap, sizeof *cs->bytes);
		cs->cap = cap;
	}
	memset(&cs->item[cs->n], 0, sizeof *cs->item);
	cs->item[cs->n].type = type;
	change_init(&cs->change[cs->n], type);
	buf_init(&cs->bytes[cs->n], JOURNAL_PAYLOAD_MAX);
	return &cs->change[cs->n++];
}

void
commit_message(struct commit_set *cs, struct journal_blob *blob, struct sv note)
{
	(void)commit_change(cs, CHANGE_MESSAGE);
	cs->item[cs->n - 1].flags = JOURNAL_NAMED;
	cs->item[cs->n - 1].blob = blob;
	cs->item[cs->n - 1].note = note;
}

void
commit_run(struct store *st, struct commit_set *cs, const struct view *by,
    uint64_t *need)
{
	int64_t now = clk_now();
	uint64_t seq;

	if (cs->n == 0)
		return;
	for (size_t i = 0; i < cs->n; i++) {
		if (cs->item[i].type == CHANGE_MESSAGE)
			continue;
		change_encode(&cs->change[i], &cs->bytes[i]);
		cs->item[i].payload = buf_sv(&cs->bytes[i]);
	}
	/* The same for those who read it back as for us. */
	for (size_t i = 0; i < cs->n; i++)
		cs->item[i].time = now;
	seq = journal_append(st->j, cs->item, cs->n);
	for (size_t i = 0; i < cs->n; i++)
		if (cs->item[i].type != CHANGE_MESSAGE)
			change_apply(st, &cs->change[i], seq + i, now, by);
	raise_need(need, seq + cs->n - 1);
}
