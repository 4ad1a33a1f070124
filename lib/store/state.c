/*
 * What every file of the store builds on: its lock, whether it may change
 * now, and the next UIDVALIDITY.
 */
#include "base/clk.h"
#include "journal/sabotage.h"
#include "store/store.h"
#include "store/store_priv.h"

void
store_lock(struct store *st)
{
	pthread_mutex_lock(&st->mu);
}

void
store_unlock(struct store *st)
{
	pthread_mutex_unlock(&st->mu);
}

int
store_check_writable(struct store *st, struct err *err)
{
	if (st->opts.readonly)
		return err_set(err, RC_DENIED, "the account is read-only");
	if (journal_poisoned(st->j))
		return err_set(
		    err, RC_TEMP, "the disk has failed, the account restarts");
	return RC_OK;
}

int
store_check_space(struct store *st, struct err *err)
{
	if (journal_free_bytes(st->j) < st->opts.low_water_bytes)
		return err_set(err, RC_NOSPACE, "the disk is nearly full");
	return RC_OK;
}

uint32_t
store_next_uidvalidity(struct store *st)
{
	int64_t now = clk_now() / 1000;

	if (sabotaged(SABOTAGE_KEEP_UIDVALIDITY))
		return 1;
	st->last_uidvalidity++;
	if (now > st->last_uidvalidity && now <= UINT32_MAX)
		st->last_uidvalidity = (uint32_t)now;
	return st->last_uidvalidity;
}
