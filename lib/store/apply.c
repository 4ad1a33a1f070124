#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "journal/sabotage.h"
#include "store/store_priv.h"

/*
 * Changes as they are read back may refer to what a damage has taken away.
 * Messages for a mailbox whose making was lost get a substitute.
 */
static struct mailbox *
mailbox_for(struct store *st, uint32_t id, uint64_t seq)
{
	struct mailbox *mb = mailbox_by_id(st, id);
	char name[32];
	struct buf b;

	if (mb != NULL || id == 0)
		return mb;
	buf_init(&b, sizeof name);
	buf_adds(&b, "Recovered-");
	buf_addu(&b, id);
	mb = mailbox_new(st, id, buf_sv(&b));
	buf_fini(&b);
	mb->selectable = true;
	mb->uidvalidity = ++st->last_uidvalidity;
	mb->modseq = seq;
	st->names_seq = seq;
	mlog(LOG_WARN, "store.mailbox_recovered", "name=%s", mb->name);
	return mb;
}

static void
touch(struct mailbox *mb, uint64_t seq)
{
	if (mb->modseq < seq)
		mb->modseq = seq;
}

static void
slots_apply(struct store *st, struct mailbox *mb, const struct change *c)
{
	for (size_t i = 0; i < c->nslot; i++) {
		uint8_t bit = c->slot[i].bit;
		struct keyword *k = keyword_by_id(st, c->slot[i].keyword);

		if (mb->keyword[bit] != NULL && mb->keyword[bit] != k)
			keyword_forget(st, mb, bit);
		mb->keyword_news += mb->keyword[bit] != k;
		mb->keyword[bit] = k;
		if (bit >= mb->nkeyword)
			mb->nkeyword = bit + 1u;
	}
}

static void
count_in(struct mailbox *mb, const struct msg *m)
{
	if (!(m->system & STORE_SEEN))
		mb->unseen++;
	if (m->system & STORE_DELETED)
		mb->deleted++;
	mb->size += m->size;
}

static void
count_out(struct mailbox *mb, const struct msg *m)
{
	if (!(m->system & STORE_SEEN))
		mb->unseen--;
	if (m->system & STORE_DELETED)
		mb->deleted--;
	mb->size -= m->size;
}

/* Which change does it, when and for whom. */
struct removal {
	uint64_t seq;
	int64_t at;
	const struct view *by;
	bool moved;
};

static void
remove_uids(struct store *st, struct mailbox *mb, const struct rangeset *uids,
    const struct removal *why)
{
	struct msg *gone = NULL;
	size_t first, n;

	if (uids->n == 0)
		return;
	first = table_from(&mb->t, uids->r[0].lo);
	if (first == table_count(&mb->t))
		return;
	version_before_remove(mb, why->seq);
	n = table_remove(&mb->t, uids, &gone);
	for (size_t i = 0; i < n; i++)
		count_out(mb, &gone[i]);
	if (mb->seen_below > first)
		mb->seen_below = first;
	if (sabotaged(SABOTAGE_REUSE_UID) && n > 0 &&
	    gone[n - 1].uid + 1 == mb->uidnext)
		mb->uidnext = gone[n - 1].uid;
	tombstones_add(st, gone, n,
	    &(struct departure){mb->id, why->at, why->seq, why->moved});
	vanished_add(mb, gone, n, why->seq);
	version_removed(mb, &gone, n);
	touch(mb, why->seq);
	views_dirty(mb, why->by, why->seq);
}

/* The bytes stay: a MOVE, not a REPLACE. */
static bool
only_moves(struct mailbox *source, const struct change *c)
{
	size_t i = c->source_uids.n > 0
		       ? table_from(&source->t, c->source_uids.r[0].lo)
		       : SIZE_MAX;

	for (size_t k = 0; i < table_count(&source->t) && k < c->nmsg; k++)
		if (c->msg[k].body == table_at(&source->t, i)->body)
			return true;
	return false;
}

static void
apply_added(struct store *st, const struct change *c, uint64_t seq,
    int64_t time_ms, const struct view *by)
{
	struct mailbox *mb = mailbox_for(st, c->mailbox, seq), *source;
	size_t first = 0;

	if (mb == NULL)
		return;
	slots_apply(st, mb, c);
	/* UIDs only rise; what does not is damage. */
	while (first < c->nmsg && c->msg[first].uid < mb->uidnext)
		first++;
	if (first < c->nmsg) {
		size_t had = table_count(&mb->t), n = c->nmsg - first;

		table_append(&mb->t, c->msg + first, n);
		for (size_t i = 0; i < n; i++) {
			struct msg *m = table_at(&mb->t, had + i);

			m->modseq = seq;
			count_in(mb, m);
		}
		mb->uidnext = c->msg[c->nmsg - 1].uid + 1;
		tombstones_invalidate(st, c->msg + first, n);
		version_added(mb, c->msg + first, n);
		touch(mb, seq);
		views_dirty(mb, NULL, seq);
	}
	if (c->has_delivery && c->nmsg == 1) {
		struct delivery d = {.seq = seq,
		    .time = time_ms,
		    .uidvalidity = mb->uidvalidity,
		    .uid = c->msg[0].uid};

		memcpy(d.id, c->delivery, sizeof d.id);
		deliveries_add(&st->deliveries, &d);
	}
	source = mailbox_by_id(st, c->source);
	if (source != NULL)
		remove_uids(st, source, &c->source_uids,
		    &(struct removal){seq, time_ms, by, only_moves(source, c)});
}

static void
flags_set(struct mailbox *mb, struct msg *m, const struct change *c)
{
	uint8_t system = c->system;
	uint64_t keywords = c->keywords;

	if (c->op == STORE_OP_ADD) {
		system |= m->system;
		keywords |= m->keywords;
	} else if (c->op == STORE_OP_REMOVE) {
		system = (uint8_t)(m->system & ~system);
		keywords = m->keywords & ~keywords;
	}
	count_out(mb, m);
	m->system = system;
	m->keywords = keywords;
	count_in(mb, m);
}

static void
apply_flags(struct store *st, const struct change *c, uint64_t seq,
    const struct view *by)
{
	struct mailbox *mb = mailbox_by_id(st, c->mailbox);
	size_t n;

	if (mb == NULL)
		return;
	slots_apply(st, mb, c);
	n = table_count(&mb->t);
	for (size_t r = 0; r < c->uids.n; r++) {
		size_t i = table_from(&mb->t, c->uids.r[r].lo);

		for (; i < n; i++) {
			struct msg *m = table_at(&mb->t, i);

			if (m->uid > c->uids.r[r].hi)
				break;
			flags_set(mb, m, c);
			m->modseq = seq;
			if (!(m->system & STORE_SEEN) && i < mb->seen_below)
				mb->seen_below = i;
		}
	}
	touch(mb, seq);
	flag_log_add(mb, seq, by, c);
	views_dirty(mb, by, seq);
}

static void
apply_expunged(struct store *st, const struct change *c, uint64_t seq,
    int64_t time_ms, const struct view *by)
{
	struct mailbox *mb = mailbox_by_id(st, c->mailbox);

	if (mb != NULL)
		remove_uids(st, mb, &c->uids,
		    &(struct removal){seq, time_ms, by, false});
}

static void
apply_made(struct store *st, const struct change *c, uint64_t seq)
{
	struct mailbox *was = mailbox_named(st, c->name), *mb;

	/* A level that was only a name becomes a mailbox. */
	if (was != NULL)
		mailbox_detach(st, was, seq);
	mb = mailbox_by_id(st, c->mailbox);
	if (mb != NULL) /* stood in for this one, which was thought lost */
		return;
	mb = mailbox_new(st, c->mailbox, c->name);
	mb->selectable = c->selectable;
	mb->use = c->use;
	mb->uidvalidity = c->uidvalidity;
	mb->modseq = seq;
	if (c->on)
		subscription_set(st, c->name, true);
	if (st->last_uidvalidity < c->uidvalidity)
		st->last_uidvalidity = c->uidvalidity;
	st->names_seq = seq;
}

static void
apply_renamed(struct store *st, const struct change *c, uint64_t seq)
{
	for (size_t i = 0; i < c->npair; i++) {
		struct mailbox *mb = mailbox_by_id(st, c->pair[i].mailbox);
		struct mailbox *was = mailbox_named(st, c->pair[i].name);

		if (mb == NULL)
			continue;
		if (was != NULL && was != mb)
			mailbox_detach(st, was, seq);
		mailbox_set_name(st, mb, c->pair[i].name);
		touch(mb, seq);
	}
	st->names_seq = seq;
}

static void
apply_deleted(
    struct store *st, const struct change *c, uint64_t seq, int64_t time_ms)
{
	struct mailbox *mb = mailbox_by_id(st, c->mailbox), *level;
	char *name;

	if (mb == NULL)
		return;
	name = xstrdup(mb->name);
	for (size_t i = 0; i < table_count(&mb->t); i++)
		tombstones_add(st, table_at(&mb->t, i), 1,
		    &(struct departure){mb->id, time_ms, seq, false});
	deleted_name_set(st, mb->id, sv_str(name));
	mailbox_detach(st, mb, seq);
	if (c->keep_name) {
		level = mailbox_new(st, c->mailbox, sv_str(name));
		level->selectable = false;
		level->modseq = seq;
	}
	free(name);
	st->names_seq = seq;
}

static void
apply_validity(struct store *st, const struct change *c, uint64_t seq)
{
	for (size_t i = 0; i < c->npair; i++) {
		struct mailbox *mb = mailbox_by_id(st, c->pair[i].mailbox);

		if (mb == NULL)
			continue;
		mb->uidvalidity = c->pair[i].uidvalidity;
		touch(mb, seq);
		if (st->last_uidvalidity < mb->uidvalidity)
			st->last_uidvalidity = mb->uidvalidity;
	}
	st->raised_seq = seq;
	if (!c->on)
		st->lost_seq = seq;
	st->names_seq = seq;
}

void
change_apply(struct store *st, const struct change *c, uint64_t seq,
    int64_t time_ms, const struct view *by)
{
	switch ((enum change_type)c->type) {
	case CHANGE_ADDED:
		apply_added(st, c, seq, time_ms, by);
		break;
	case CHANGE_FLAGS:
		apply_flags(st, c, seq, by);
		break;
	case CHANGE_EXPUNGED:
		apply_expunged(st, c, seq, time_ms, by);
		break;
	case CHANGE_MADE:
		apply_made(st, c, seq);
		break;
	case CHANGE_RENAMED:
		apply_renamed(st, c, seq);
		break;
	case CHANGE_DELETED:
		apply_deleted(st, c, seq, time_ms);
		break;
	case CHANGE_SUBSCRIBED:
		subscription_set(st, c->name, c->on);
		st->names_seq = seq;
		break;
	case CHANGE_KEYWORD:
		keyword_set(st, c->keyword_id, c->name);
		break;
	case CHANGE_VALIDITY:
		apply_validity(st, c, seq);
		break;
	case CHANGE_PURGED:
		tombstones_remove(st, c->mailbox, &c->uids);
		break;
	case CHANGE_SCRIPT:
		apply_script(st, c, seq);
		break;
	case CHANGE_MEMO:
		apply_memo(st, c, seq, time_ms);
		break;
	case CHANGE_OUTGOING:
		apply_outgoing(st, c);
		break;
	case CHANGE_MESSAGE:
	case CHANGE_METADATA:
	case CHANGE_VERDICT:
		break;
	}
}
