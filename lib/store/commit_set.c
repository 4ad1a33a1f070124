/*
 * Changes that belong together, collected before one of them is made.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
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
commit_verdict(struct commit_set *cs, struct sv verdict)
{
	(void)commit_change(cs, CHANGE_VERDICT);
	buf_addsv(&cs->bytes[cs->n - 1], verdict);
	cs->item[cs->n - 1].flags = JOURNAL_NAMED;
	cs->item[cs->n - 1].payload = buf_sv(&cs->bytes[cs->n - 1]);
}
