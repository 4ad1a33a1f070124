/*
 * The list of all mailboxes, and one line about one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/store_priv.h"

static void
list_add(struct store_mailbox_list *l, size_t *cap, struct sv name)
{
	l->m = xgrow(l->m, cap, l->n + 1, sizeof *l->m);
	memset(&l->m[l->n], 0, sizeof *l->m);
	l->m[l->n++].name = sv_dup(name);
}

static int
by_name(const void *a, const void *b)
{
	const struct store_mailbox *x = a, *y = b;
	bool xi = strcmp(x->name, INBOX) == 0, yi = strcmp(y->name, INBOX) == 0;

	if (xi != yi)
		return xi ? -1 : 1;
	return sv_cmp(sv_str(x->name), sv_str(y->name));
}

void
store_mailbox_list(
    struct store *st, struct store_mailbox_list *out, uint64_t *need)
{
	size_t cap = 0;

	*out = (struct store_mailbox_list){NULL, 0};
	store_lock(st);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct mailbox *mb = st->by_name[i];
		struct sv name = sv_str(mb->name);
		struct store_mailbox *m;

		list_add(out, &cap, name);
		m = &out->m[out->n - 1];
		m->id = mb->id;
		m->use = use_unpack(mb->use);
		m->exists = true;
		m->selectable = mb->selectable;
		m->subscribed = is_subscribed(st, name);
		m->has_children = mailbox_child(st, name) < st->nmailbox;
	}
	for (size_t i = 0; i < st->nsubscribed; i++) {
		struct sv name = sv_str(st->subscribed[i]);

		if (mailbox_named(st, name) != NULL)
			continue;
		list_add(out, &cap, name);
		out->m[out->n - 1].subscribed = true;
		out->m[out->n - 1].has_children =
		    mailbox_child(st, name) < st->nmailbox;
	}
	restore_list(st, out, &cap);
	raise_need(need, st->names_seq);
	store_unlock(st);
	if (out->n > 0)
		qsort(out->m, out->n, sizeof *out->m, by_name);
}

static uint64_t
deleted_size(struct mailbox *mb)
{
	uint64_t size = 0;
	size_t i, n = mb->deleted > 0 ? table_count(&mb->t) : 0;

	for (i = 0; i < n; i++)
		if (table_at(&mb->t, i)->system & STORE_DELETED)
			size += table_at(&mb->t, i)->size;
	return size;
}

int
store_status(struct store *st, const char *name, struct store_status *out,
    uint64_t *need)
{
	struct mailbox *mb;
	int r = RC_NOTFOUND;

	store_lock(st);
	raise_need(need, st->names_seq);
	mb = mailbox_by_name(st, name);
	if (mb == NULL)
		mb = restore_open(st, name, need);
	if (mb != NULL && mb->selectable) {
		*out = (struct store_status){
		    .messages = (uint32_t)table_count(&mb->t),
		    .unseen = mb->unseen,
		    .uidnext = mb->uidnext,
		    .uidvalidity = mb->uidvalidity,
		    .size = mb->size,
		    .modseq = mb->modseq,
		    .epoch = journal_epoch(st->j),
		    .id = mb->id,
		    .deleted = mb->deleted,
		    .deleted_size = deleted_size(mb)};
		raise_need(need, mb->modseq);
		r = RC_OK;
		if (mb->in_restore)
			mailbox_free_dead(st, mb);
	}
	store_unlock(st);
	return r;
}
