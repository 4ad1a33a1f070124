#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "store/store_priv.h"

#define INBOX	 "INBOX"
#define RESERVED STORE_PAST " shows deleted mail: choose another name"

/* ---- the two lists ---- */

static size_t
id_place(struct store *st, uint32_t id)
{
	size_t lo = 0, hi = st->nmailbox;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (st->by_id[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static size_t
name_place(struct store *st, struct sv name)
{
	size_t lo = 0, hi = st->nmailbox;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sv_cmp(sv_str(st->by_name[mid]->name), name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct mailbox *
mailbox_by_id(struct store *st, uint32_t id)
{
	size_t i = id_place(st, id);

	return i < st->nmailbox && st->by_id[i]->id == id ? st->by_id[i] : NULL;
}

struct mailbox *
mailbox_named(struct store *st, struct sv name)
{
	size_t i = name_place(st, name);

	return i < st->nmailbox && sv_eq(sv_str(st->by_name[i]->name), name)
		   ? st->by_name[i]
		   : NULL;
}

struct mailbox *
mailbox_by_name(struct store *st, const char *name)
{
	struct mailbox *mb = NULL;
	struct buf b;

	buf_init(&b, NAME_BYTES_MAX);
	if (mailbox_name_check(name, &b, NULL) == RC_OK)
		mb = mailbox_named(st, buf_sv(&b));
	buf_fini(&b);
	return mb;
}

static void
name_insert(struct store *st, struct mailbox *mb, size_t n)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sv_cmp(sv_str(st->by_name[mid]->name), sv_str(mb->name)) <
		    0)
			lo = mid + 1;
		else
			hi = mid;
	}
	memmove(st->by_name + lo + 1, st->by_name + lo,
	    (n - lo) * sizeof *st->by_name);
	st->by_name[lo] = mb;
}

static void
name_remove(struct store *st, struct mailbox *mb)
{
	size_t i = name_place(st, sv_str(mb->name));

	/* Two of one name only while a rename is being applied. */
	while (st->by_name[i] != mb)
		i++;
	memmove(st->by_name + i, st->by_name + i + 1,
	    (st->nmailbox - i - 1) * sizeof *st->by_name);
}

struct mailbox *
mailbox_new(struct store *st, uint32_t id, struct sv name)
{
	struct mailbox *mb = xcalloc(1, sizeof *mb);
	size_t i = id_place(st, id);

	mb->id = id;
	mb->name = sv_dup(name);
	mb->uidnext = 1;
	st->by_id =
	    xgrow(st->by_id, &st->id_cap, st->nmailbox + 1, sizeof *st->by_id);
	st->by_name = xgrow(
	    st->by_name, &st->name_cap, st->nmailbox + 1, sizeof *st->by_name);
	memmove(st->by_id + i + 1, st->by_id + i,
	    (st->nmailbox - i) * sizeof *st->by_id);
	st->by_id[i] = mb;
	name_insert(st, mb, st->nmailbox);
	st->nmailbox++;
	if (st->last_mailbox < id)
		st->last_mailbox = id;
	return mb;
}

void
mailbox_set_name(struct store *st, struct mailbox *mb, struct sv name)
{
	name_remove(st, mb);
	free(mb->name);
	mb->name = sv_dup(name);
	name_insert(st, mb, st->nmailbox - 1);
}

void
mailbox_free(struct mailbox *mb)
{
	for (size_t i = 0; i < mb->nflog; i++)
		rangeset_fini(&mb->flog[i].uids);
	free(mb->flog);
	free(mb->vanished);
	versions_free(mb);
	table_fini(&mb->t);
	free(mb->name);
	free(mb);
}

void
mailbox_detach(struct store *st, struct mailbox *mb, uint64_t seq)
{
	size_t i = id_place(st, mb->id);

	name_remove(st, mb);
	memmove(st->by_id + i, st->by_id + i + 1,
	    (st->nmailbox - i - 1) * sizeof *st->by_id);
	st->nmailbox--;
	mb->dead = true;
	mb->modseq = seq;
	views_dirty(mb, NULL, seq);
	for (struct view *v = mb->views; v != NULL; v = v->next)
		v->gone = true;
	if (mb->views == NULL) {
		mailbox_free(mb);
		return;
	}
	mb->next_dead = st->dead;
	st->dead = mb;
}

void
mailbox_bury(struct store *st, struct mailbox *mb)
{
	struct mailbox **p = &st->dead;

	while (*p != mb)
		p = &(*p)->next_dead;
	*p = mb->next_dead;
	mailbox_free(mb);
}

/* ---- names ---- */

int
mailbox_name_check(const char *name, struct buf *out, struct err *err)
{
	struct sv s = sv_str(name), rest = s;
	uint32_t depth = 0;

	if (s.n == 0 || s.n > NAME_BYTES_MAX)
		return err_set(err, RC_SYNTAX,
		    "a mailbox name has 1 to %u bytes", NAME_BYTES_MAX);
	if (!utf8_valid(s))
		return err_set(err, RC_SYNTAX, "the name is not UTF-8");
	for (size_t i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]))
			return err_set(
			    err, RC_SYNTAX, "control character in the name");
	while (rest.p != NULL) {
		struct sv level = sv_split(&rest, '/');

		if (level.n == 0)
			return err_set(
			    err, RC_SYNTAX, "empty level in the name");
		if (++depth > NAME_DEPTH_MAX)
			return err_set(err, RC_SYNTAX, "more than %u levels",
			    NAME_DEPTH_MAX);
		if (depth == 1 && sv_ieq(level, SV(INBOX)))
			level = SV(INBOX);
		if (depth > 1)
			buf_addc(out, '/');
		buf_addsv(out, level);
	}
	return RC_OK;
}

/* The first mailbox below `name`; its index, or nmailbox. */
static size_t
child_of(struct store *st, struct sv name)
{
	struct buf b;
	size_t i;

	buf_init(&b, NAME_BYTES_MAX + 1);
	buf_addsv(&b, name);
	buf_addc(&b, '/');
	i = name_place(st, buf_sv(&b));
	if (i < st->nmailbox &&
	    !sv_starts(sv_str(st->by_name[i]->name), buf_sv(&b)))
		i = st->nmailbox;
	buf_fini(&b);
	return i;
}

static bool
is_below(struct sv name, struct sv above)
{
	return name.n > above.n && sv_starts(name, above) &&
	       name.p[above.n] == '/';
}

/* ---- subscriptions ---- */

static size_t
subscription_place(struct store *st, struct sv name)
{
	size_t lo = 0, hi = st->nsubscribed;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sv_cmp(sv_str(st->subscribed[mid]), name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
subscribed(struct store *st, struct sv name)
{
	size_t i = subscription_place(st, name);

	return i < st->nsubscribed && sv_eq(sv_str(st->subscribed[i]), name);
}

void
subscription_set(struct store *st, struct sv name, bool on)
{
	size_t i = subscription_place(st, name);
	bool is = subscribed(st, name);

	if (on == is)
		return;
	if (on) {
		st->subscribed = xgrow(st->subscribed, &st->subscribed_cap,
		    st->nsubscribed + 1, sizeof *st->subscribed);
		memmove(st->subscribed + i + 1, st->subscribed + i,
		    (st->nsubscribed - i) * sizeof *st->subscribed);
		st->subscribed[i] = sv_dup(name);
		st->nsubscribed++;
	} else {
		free(st->subscribed[i]);
		st->nsubscribed--;
		memmove(st->subscribed + i, st->subscribed + i + 1,
		    (st->nsubscribed - i) * sizeof *st->subscribed);
	}
}

/* ---- special uses ---- */

/*
 * On the disk they are one byte: a single use is its number, from 1; several
 * are their bits with the highest one set.
 */
#define USE_SEVERAL 0x80u

static uint8_t
use_pack(unsigned use)
{
	uint8_t n = 1;

	if (use == STORE_USE_NONE)
		return 0;
	if (use & (use - 1))
		return (uint8_t)(USE_SEVERAL | use);
	while (use >> n != 0)
		n++;
	return n;
}

static unsigned
use_unpack(uint8_t b)
{
	if (b & USE_SEVERAL)
		return b & ~USE_SEVERAL;
	return b >= 1 && b <= 7 ? 1u << (b - 1) : STORE_USE_NONE;
}

/* ---- listing ---- */

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
		m->subscribed = subscribed(st, name);
		m->has_children = child_of(st, name) < st->nmailbox;
	}
	for (size_t i = 0; i < st->nsubscribed; i++) {
		struct sv name = sv_str(st->subscribed[i]);

		if (mailbox_named(st, name) != NULL)
			continue;
		list_add(out, &cap, name);
		out->m[out->n - 1].subscribed = true;
		out->m[out->n - 1].has_children =
		    child_of(st, name) < st->nmailbox;
	}
	past_list(st, out, &cap);
	raise_need(need, st->names_seq);
	store_unlock(st);
	if (out->n > 0)
		qsort(out->m, out->n, sizeof *out->m, by_name);
}

void
store_mailbox_list_fini(struct store_mailbox_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->m[i].name);
	free(l->m);
	*l = (struct store_mailbox_list){NULL, 0};
}

/* ---- changes ---- */

void
mailbox_plan(struct store *st, struct commit_set *cs, struct sv name,
    unsigned use, bool subscribe)
{
	struct change *c = commit_change(cs, CHANGE_MADE);

	c->mailbox = ++st->last_mailbox;
	c->uidvalidity = store_next_uidvalidity(st);
	c->name = name;
	c->use = use_pack(use);
	c->selectable = true;
	c->on = subscribe;
}

int
mailbox_plan_levels(struct store *st, struct commit_set *cs, struct sv name,
    unsigned use, struct err *err)
{
	if (st->nmailbox + NAME_DEPTH_MAX > MAILBOXES_MAX)
		return err_set(err, RC_TOOBIG, "too many mailboxes");
	for (size_t i = 0; i < name.n; i++) {
		struct sv level = sv_first(name, i);

		if (name.p[i] == '/' && mailbox_named(st, level) == NULL)
			mailbox_plan(st, cs, level, STORE_USE_NONE, false);
	}
	mailbox_plan(st, cs, name, use, false);
	return RC_OK;
}

int
store_mailbox_create(struct store *st, const char *name, unsigned use,
    uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct mailbox *was;
	struct buf b;
	int r;

	buf_init(&b, NAME_BYTES_MAX);
	commit_init(&cs);
	store_lock(st);
	r = mailbox_name_check(name, &b, err);
	if (r == RC_OK)
		r = store_check_writable(st, err);
	if (r != RC_OK)
		goto out;
	was = mailbox_named(st, buf_sv(&b));
	if (was != NULL && was->selectable) {
		raise_need(need, st->names_seq);
		r = err_set(err, RC_EXISTS, "the mailbox exists already");
		goto out;
	}
	if (!past_reserves(st, buf_sv(&b)))
		r = mailbox_plan_levels(st, &cs, buf_sv(&b), use, err);
	else if (past_is_listed(st, buf_sv(&b)))
		r = err_set(err, RC_EXISTS, "the mailbox exists already");
	else
		r = err_set(err, RC_DENIED, RESERVED);
	if (r == RC_OK)
		commit_run(st, &cs, NULL, need);
out:
	store_unlock(st);
	commit_fini(&cs);
	buf_fini(&b);
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
	children = child_of(st, sv_str(mb->name)) < st->nmailbox;
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

	buf_init(&name, NAME_BYTES_MAX);
	buf_init(&names, SIZE_MAX / 4);
	commit_init(&cs);
	store_lock(st);
	r = mailbox_name_check(to, &name, err);
	if (r == RC_OK)
		r = store_check_writable(st, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, st->names_seq);
	mb = mailbox_by_name(st, from);
	if (mb == NULL)
		r = err_set(err, RC_NOTFOUND, "no such mailbox");
	else if (mailbox_named(st, buf_sv(&name)) != NULL)
		r = err_set(err, RC_EXISTS, "the mailbox exists already");
	else if (past_reserves(st, buf_sv(&name)))
		r = err_set(err, RC_DENIED, RESERVED);
	else if (strcmp(mb->name, INBOX) == 0)
		r = rename_inbox(st, mb, &cs, buf_sv(&name), err);
	else
		r = rename_tree(st, mb, &cs, buf_sv(&name), &names, err);
	if (r == RC_OK)
		commit_run(st, &cs, NULL, need);
out:
	store_unlock(st);
	commit_fini(&cs);
	buf_fini(&names);
	buf_fini(&name);
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

	buf_init(&b, NAME_BYTES_MAX);
	commit_init(&cs);
	store_lock(st);
	r = mailbox_name_check(name, &b, err);
	if (r == RC_OK)
		r = store_check_writable(st, err);
	if (r != RC_OK)
		goto out;
	raise_need(need, st->names_seq);
	if (subscribed(st, buf_sv(&b)) == on)
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
	store_unlock(st);
	commit_fini(&cs);
	buf_fini(&b);
	return r;
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
		mb = past_open(st, name, need);
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
		if (mb->past)
			mailbox_bury(st, mb);
	}
	store_unlock(st);
	return r;
}
