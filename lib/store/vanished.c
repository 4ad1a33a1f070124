/*
 * What has left a mailbox, and when: for clients that come back and ask what
 * happened since [RFC 7162 3.2].  A bounded memory: what it has forgotten is
 * answered with every number that is not there, which a client may be told at
 * any time.
 */
#include <string.h>

#include "base/alloc.h"
#include "store/store_priv.h"

#define VANISHED_MAX 4096u

/* The older half is forgotten. */
static void
forget(struct mailbox *mb)
{
	size_t half = mb->nvanished / 2;

	mb->vanished_floor = mb->vanished[half - 1].seq;
	while (half < mb->nvanished &&
	       mb->vanished[half].seq == mb->vanished_floor)
		half++;
	mb->nvanished -= half;
	memmove(mb->vanished, mb->vanished + half,
	    mb->nvanished * sizeof *mb->vanished);
}

void
vanished_put(struct mailbox *mb, const struct vanished *v)
{
	if (mb->nvanished >= VANISHED_MAX)
		forget(mb);
	mb->vanished = xgrow(mb->vanished, &mb->vanished_cap, mb->nvanished + 1,
	    sizeof *mb->vanished);
	mb->vanished[mb->nvanished++] = *v;
}

void
vanished_add(struct mailbox *mb, const struct msg *gone, size_t n, uint64_t seq)
{
	for (size_t i = 0; i < n;) {
		struct vanished v = {seq, gone[i].uid, gone[i].uid};

		for (i++; i < n && gone[i].uid == v.hi + 1; i++)
			v.hi++;
		vanished_put(mb, &v);
	}
}

/* Without what the view shows. */
static void
add_unseen(struct view *v, struct range r, struct rangeset *out)
{
	size_t i = version_from(v->mb, v->ver, v->count, r.lo);

	for (; i < v->count && r.lo <= r.hi; i++) {
		uint32_t uid = version_uid(v->mb, v->ver, i);

		if (uid > r.hi)
			break;
		if (r.lo < uid)
			rangeset_add(out, r.lo, uid - 1);
		if (uid == UINT32_MAX)
			return;
		r.lo = uid + 1;
	}
	if (r.lo <= r.hi)
		rangeset_add(out, r.lo, r.hi);
}

void
view_vanished(struct view *v, uint64_t since, const struct rangeset *known,
    struct rangeset *out, uint64_t *need)
{
	struct rangeset gone = RANGESET_EMPTY;
	struct mailbox *mb = v->mb;

	rangeset_reset(out);
	store_lock(v->st);
	raise_need(need, mb->modseq);
	if (v->gone)
		goto out;
	if (since < mb->vanished_floor) {
		if (mb->uidnext > 1)
			rangeset_add(&gone, 1, mb->uidnext - 1);
	} else {
		for (size_t i = 0; i < mb->nvanished; i++)
			if (mb->vanished[i].seq > since)
				rangeset_add(&gone, mb->vanished[i].lo,
				    mb->vanished[i].hi);
	}
	if (known != NULL)
		rangeset_intersect(&gone, known);
	for (size_t i = 0; i < gone.n; i++)
		add_unseen(v, gone.r[i], out);
out:
	store_unlock(v->st);
	rangeset_fini(&gone);
}
