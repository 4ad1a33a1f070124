#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "store/store_priv.h"

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
mailbox_free_dead(struct store *st, struct mailbox *mb)
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

size_t
mailbox_child(struct store *st, struct sv name)
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

bool
is_subscribed(struct store *st, struct sv name)
{
	size_t i = subscription_place(st, name);

	return i < st->nsubscribed && sv_eq(sv_str(st->subscribed[i]), name);
}

void
subscription_set(struct store *st, struct sv name, bool on)
{
	size_t i = subscription_place(st, name);
	bool is = is_subscribed(st, name);

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

unsigned
use_unpack(uint8_t b)
{
	if (b & USE_SEVERAL)
		return b & ~USE_SEVERAL;
	return b >= 1 && b <= 7 ? 1u << (b - 1) : STORE_USE_NONE;
}

/* ---- a list of them ---- */

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
