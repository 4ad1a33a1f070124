/* What the store takes for the time (store.h). */
#include "base/clk.h"
#include "store/store_priv.h"

int64_t
time_believed(struct store *st)
{
	return st->distrusts ? believed_look(&st->clock, clk_now(), clk_mono())
			     : clk_now();
}

int64_t
store_time(struct store *st)
{
	int64_t now;

	store_lock(st);
	now = time_believed(st);
	store_unlock(st);
	return now;
}

void
store_clock_set(struct store *st, const struct believed *c)
{
	store_lock(st);
	st->clock = *c;
	st->distrusts = true;
	(void)time_believed(st);
	store_unlock(st);
}

void
store_clock_get(struct store *st, struct believed *out)
{
	store_lock(st);
	(void)time_believed(st);
	*out = st->clock;
	store_unlock(st);
}
