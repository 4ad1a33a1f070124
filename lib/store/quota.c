#include "store/store_priv.h"

static void
usage(struct store *st, struct store_usage *out)
{
	*out = (struct store_usage){.quota = st->opts.quota};
	for (size_t i = 0; i < st->nmailbox; i++) {
		out->bytes += st->by_id[i]->size;
		out->messages += table_count(&st->by_id[i]->t);
	}
}

int
quota_check(struct store *st, uint64_t more, uint64_t less, struct err *err)
{
	struct store_usage u;

	if (st->opts.quota == 0)
		return RC_OK;
	usage(st, &u);
	if (u.bytes + more <= u.quota + less)
		return RC_OK;
	return err_set(err, RC_NOSPACE,
	    "the account's quota does not allow %llu bytes more",
	    (unsigned long long)more);
}

void
store_usage(struct store *st, struct store_usage *out, uint64_t *need)
{
	store_lock(st);
	usage(st, out);
	for (size_t i = 0; i < st->nmailbox; i++)
		raise_need(need, st->by_id[i]->modseq);
	store_unlock(st);
}

void
store_set_quota(struct store *st, uint64_t bytes)
{
	store_lock(st);
	st->opts.quota = bytes;
	store_unlock(st);
}

int
store_room(struct store *st, uint64_t bytes, struct err *err)
{
	int r;

	store_lock(st);
	r = quota_check(st, bytes, 0, err);
	store_unlock(st);
	return r;
}
