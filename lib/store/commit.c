#include "base/clk.h"
#include "store/store_priv.h"

void
commit_run(struct store *st, struct commit_set *cs, const struct view *by,
    uint64_t *need)
{
	int64_t now = clk_now();
	uint64_t seq;

	if (cs->n == 0)
		return;
	for (size_t i = 0; i < cs->n; i++) {
		if (change_is_bytes(cs->item[i].type))
			continue;
		change_encode(&cs->change[i], &cs->bytes[i]);
		cs->item[i].payload = buf_sv(&cs->bytes[i]);
	}
	/* The same for those who read it back as for us. */
	for (size_t i = 0; i < cs->n; i++)
		cs->item[i].time = now;
	seq = journal_append(st->j, cs->item, cs->n);
	for (size_t i = 0; i < cs->n; i++)
		if (!change_is_bytes(cs->item[i].type))
			change_apply(st, &cs->change[i], seq + i, now, by);
	raise_need(need, seq + cs->n - 1);
}
