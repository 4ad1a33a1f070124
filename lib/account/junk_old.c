#include "account/junk_old.h"

#include "account/junk_place.h"

#define CHUNK 256
/* 2020: what is older was saved by a clock that was not set yet. */
#define SET_SINCE 1577836800

static bool
is_old(const struct store_msg *m, int64_t before)
{
	return m->save_date >= SET_SINCE && m->save_date < before &&
	       (m->system & STORE_FLAGGED) == 0;
}

static void
pick_old(struct view *v, int64_t before, struct rangeset *out)
{
	struct store_msg some[CHUNK];
	uint64_t need = 0;
	uint32_t at = 1, n, i;

	while ((n = view_msgs(v, at, CHUNK, some, &need)) > 0) {
		for (i = 0; i < n; i++)
			if (is_old(&some[i], before))
				rangeset_add(out, some[i].uid, some[i].uid);
		at += n;
	}
}

uint64_t
junk_old_expunge(struct store *st, int64_t age_ms, uint64_t *need)
{
	const int64_t before = (store_time(st) - age_ms) / 1000;
	struct store_mailbox_list all;
	const struct store_mailbox *junk;
	struct rangeset old = RANGESET_EMPTY;
	struct err err = {.text = ""};
	uint64_t gone = 0;
	struct view *v;

	store_mailbox_list(st, &all, need);
	junk = junk_mailbox(&all);
	if (junk != NULL &&
	    view_open(st, junk->name, false, NULL, NULL, &v, need) == RC_OK) {
		pick_old(v, before, &old);
		if (old.n > 0 && view_remove(v, &old, need, &err) == RC_OK)
			gone = rangeset_count(&old);
		view_close(&v);
	}
	rangeset_fini(&old);
	store_mailbox_list_fini(&all);
	return gone;
}
