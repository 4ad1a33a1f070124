/*
 * What clients do to mailboxes as such: create, delete, rename, subscribe.
 */
#include <string.h>

#include "base/alloc.h"
#include "store/store_priv.h"

#define RESERVED STORE_RESTORE " shows deleted mail: choose another name"

static bool
is_below(struct sv name, struct sv above)
{
	return name.n > above.n && sv_starts(name, above) &&
	       name.p[above.n] == '/';
}

/* What all changes by a name begin with; *checked is the name as it is kept. */
static int
change_begin(struct store *st, const char *name, struct buf *checked,
    struct commit_set *cs, struct err *err)
{
	int r;

	buf_init(checked, NAME_BYTES_MAX);
	commit_init(cs);
	store_lock(st);
	r = mailbox_name_check(name, checked, err);
	return r == RC_OK ? store_check_writable(st, err) : r;
}

/* And end with, whatever has come of it. */
static void
change_end(struct store *st, struct buf *checked, struct commit_set *cs)
{
	store_unlock(st);
	commit_fini(cs);
	buf_fini(checked);
}

int
store_mailbox_create(struct store *st, const char *name, unsigned use,
    uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct mailbox *was;
	struct buf b;
	int r;

	r = change_begin(st, name, &b, &cs, err);
	if (r != RC_OK)
		goto out;
	was = mailbox_named(st, buf_sv(&b));
	if (was != NULL && was->selectable) {
		raise_need(need, st->names_seq);
		r = err_set(err, RC_EXISTS, "the mailbox exists already");
		goto out;
	}
	if (!restore_reserves(st, buf_sv(&b)))
		r = mailbox_plan_levels(st, &cs, buf_sv(&b), use, err);
	else if (restore_is_listed(st, buf_sv(&b)))
		r = err_set(err, RC_EXISTS, "the mailbox exists already");
	else
		r = err_set(err, RC_DENIED, RESERVED);
	if (r == RC_OK)
		commit_run(st, &cs, NULL, need);
out:
	change_end(st, &b, &cs);
	return r;
}

int
store_mailbox_delete(
    struct store *st, const char *name, uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct mailbox *mb;
	struct change *c;
	bool children;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = store_check_writable(st, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, st->names_seq);
	mb = mailbox_by_name(st, name);
	if (mb == NULL) {
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
		goto out;
	}
	children = mailbox_child(st, sv_str(mb->name)) < st->nmailbox;
	if (strcmp(mb->name, INBOX) == 0) {
		r = err_set(err, RC_DENIED, "INBOX cannot be deleted");
	} else if (!mb->selectable && children) {
		r = err_set(err, RC_DENIED, "the mailbox has others below it");
	} else {
		c = commit_change(&cs, CHANGE_DELETED);
		c->mailbox = mb->id;
		c->keep_name = children;
		commit_run(st, &cs, NULL, need);
	}
out:
	store_unlock(st);
	commit_fini(&cs);
	return r;
}

/* [RFC 3501 6.3.5]: what INBOX holds moves; it stays, and so do its
 * children. */
static int
rename_inbox(struct store *st, struct mailbox *inbox, struct commit_set *cs,
    struct sv to, struct err *err)
{
	size_t n = table_count(&inbox->t);
	struct change *c;
	int r = mailbox_plan_levels(st, cs, to, STORE_USE_NONE, err);
	uint32_t id = st->last_mailbox;

	if (r != RC_OK || n == 0)
		return r;
	c = commit_change(cs, CHANGE_ADDED);
	c->mailbox = id;
	c->source = inbox->id;
	c->msg = xcalloc(n, sizeof *c->msg);
	c->nmsg = n;
	for (size_t i = 0; i < n; i++) {
		c->msg[i] = *table_at(&inbox->t, i);
		c->msg[i].uid = (uint32_t)(i + 1);
	}
	rangeset_add(&c->source_uids, table_at(&inbox->t, 0)->uid,
	    table_at(&inbox->t, n - 1)->uid);
	for (uint32_t i = 0; i < inbox->nkeyword; i++)
		if (inbox->keyword[i] != NULL)
			c->slot[c->nslot++] = (struct change_slot){
			    (uint8_t)i, inbox->keyword[i]->id};
	return RC_OK;
}

/* The mailbox and all below it, in one record; new names go into *names. */
static int
rename_tree(struct store *st, struct mailbox *mb, struct commit_set *cs,
    struct sv to, struct buf *names, struct err *err)
{
	struct sv from = sv_str(mb->name);
	size_t cut = sv_rchr(to, '/'), used = 0;
	struct change *c;
	int r = RC_OK;

	if (is_below(to, from))
		return err_set(
		    err, RC_DENIED, "a mailbox cannot move below itself");
	if (cut < to.n && mailbox_named(st, sv_first(to, cut)) == NULL)
		r = mailbox_plan_levels(
		    st, cs, sv_first(to, cut), STORE_USE_NONE, err);
	if (r != RC_OK)
		return r;
	c = commit_change(cs, CHANGE_RENAMED);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct sv old = sv_str(st->by_name[i]->name);
		size_t at = names->n;
		struct buf checked;

		if (!sv_eq(old, from) && !is_below(old, from))
			continue;
		buf_addsv(names, to);
		buf_addsv(names, sv_skip(old, from.n));
		buf_addc(names, '\0');
		buf_init(&checked, NAME_BYTES_MAX);
		r = mailbox_name_check(names->p + at, &checked, err);
		if (r == RC_OK && mailbox_named(st, buf_sv(&checked)) != NULL)
			r = err_set(
			    err, RC_EXISTS, "the mailbox exists already");
		buf_fini(&checked);
		if (r != RC_OK)
			return r;
		c->pair = xreallocarray(c->pair, c->npair + 1, sizeof *c->pair);
		c->pair[c->npair++] = (struct change_pair){
		    st->by_name[i]->id, 0, sv_of(NULL, names->n - at - 1)};
	}
	/* The buffer moves no more. */
	for (size_t i = 0; i < c->npair; i++) {
		c->pair[i].name.p = names->p + used;
		used += c->pair[i].name.n + 1;
	}
	return RC_OK;
}

int
store_mailbox_rename(struct store *st, const char *from, const char *to,
    uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct mailbox *mb;
	struct buf name, names;
	int r;

	buf_init(&names, SIZE_MAX / 4);
	r = change_begin(st, to, &name, &cs, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, st->names_seq);
	mb = mailbox_by_name(st, from);
	if (mb == NULL)
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
	else if (mailbox_named(st, buf_sv(&name)) != NULL)
		r = err_set(err, RC_EXISTS, "the mailbox exists already");
	else if (restore_reserves(st, buf_sv(&name)))
		r = err_set(err, RC_DENIED, RESERVED);
	else if (strcmp(mb->name, INBOX) == 0)
		r = rename_inbox(st, mb, &cs, buf_sv(&name), err);
	else
		r = rename_tree(st, mb, &cs, buf_sv(&name), &names, err);
	if (r == RC_OK)
		commit_run(st, &cs, NULL, need);
out:
	change_end(st, &name, &cs);
	buf_fini(&names);
	return r;
}

int
store_mailbox_subscribe(struct store *st, const char *name, bool on,
    uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct change *c;
	struct buf b;
	int r;

	r = change_begin(st, name, &b, &cs, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, st->names_seq);
	if (is_subscribed(st, buf_sv(&b)) == on)
		goto out;
	if (on && st->nsubscribed >= SUBSCRIBED_MAX) {
		r = err_set(err, RC_TOOBIG, "too many subscriptions");
		goto out;
	}
	c = commit_change(&cs, CHANGE_SUBSCRIBED);
	c->name = buf_sv(&b);
	c->on = on;
	commit_run(st, &cs, NULL, need);
out:
	change_end(st, &b, &cs);
	return r;
}

bool
store_mailbox_name_ok(struct store *st, const char *name)
{
	struct buf b;
	bool ok;

	buf_init(&b, NAME_BYTES_MAX);
	ok = mailbox_name_check(name, &b, NULL) == RC_OK;
	store_lock(st);
	ok = ok && !restore_reserves(st, buf_sv(&b));
	store_unlock(st);
	buf_fini(&b);
	return ok;
}
