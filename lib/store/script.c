/* Scripts, and what of rules is only looked at. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "store/rules_priv.h"

static int
by_script_name(const void *a, const void *b)
{
	const struct store_script *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
store_script_list(struct store *st, enum store_script_kind kind,
    struct store_scripts *out, uint64_t *need)
{
	*out = (struct store_scripts){.n = 0};
	store_lock(st);
	if (st->rules.nscript > 0)
		out->s = xcalloc(st->rules.nscript, sizeof *out->s);
	for (size_t i = 0; i < st->rules.nscript; i++) {
		const struct script *s = &st->rules.script[i];

		if (s->kind != kind)
			continue;
		out->s[out->n++] =
		    (struct store_script){xstrdup(s->name), s->size, s->active};
		out->bytes += s->size;
	}
	raise_need(need, st->rules.script_seq);
	store_unlock(st);
	if (out->n > 0)
		qsort(out->s, out->n, sizeof *out->s, by_script_name);
}

void
store_scripts_fini(struct store_scripts *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->s[i].name);
	free(l->s);
	*l = (struct store_scripts){.n = 0};
}

int
store_script_get(struct store *st, enum store_script_kind kind, struct sv name,
    struct buf *out, uint64_t *need)
{
	const struct script *s;

	store_lock(st);
	s = script_find(st, (uint8_t)kind, name);
	if (s != NULL)
		buf_add(out, s->text, s->size);
	raise_need(need, st->rules.script_seq);
	store_unlock(st);
	return s == NULL ? RC_NOTFOUND : buf_ok(out) ? RC_OK : RC_TOOBIG;
}

int
store_script_active(struct store *st, struct buf *out, uint64_t *need)
{
	int r = RC_NOTFOUND;

	store_lock(st);
	for (size_t i = 0; i < st->rules.nscript; i++)
		if (st->rules.script[i].active) {
			buf_adds(out, st->rules.script[i].name);
			r = RC_OK;
		}
	raise_need(need, st->rules.script_seq);
	store_unlock(st);
	return r;
}

uint64_t
store_script_version(struct store *st)
{
	uint64_t seq;

	store_lock(st);
	seq = st->rules.script_seq;
	store_unlock(st);
	return seq;
}

/* ---- changes ---- */

static int
check_script_room(struct store *st, enum store_script_kind kind, struct sv name,
    uint64_t size, struct err *err)
{
	const struct script *old = script_find(st, (uint8_t)kind, name);
	uint64_t bytes = 0;
	size_t n = 0;

	if (!store_script_name_ok(name))
		return err_set(err, RC_SYNTAX,
		    "that is not a name for a script: it must be UTF-8 "
		    "without controls, at most %u bytes",
		    STORE_SCRIPT_NAME_MAX);
	for (size_t i = 0; i < st->rules.nscript; i++)
		if (st->rules.script[i].kind == kind) {
			n++;
			bytes += st->rules.script[i].size;
		}
	if (old != NULL)
		bytes -= old->size;
	else if (n >= STORE_SCRIPTS_MAX)
		return err_set(err, RC_EXISTS,
		    "there are %u scripts, and there can be no more",
		    STORE_SCRIPTS_MAX);
	if (size > STORE_SCRIPT_MAX)
		return err_set(err, RC_TOOBIG,
		    "a script can have %u KiB at most", STORE_SCRIPT_MAX >> 10);
	if (bytes + size > STORE_SCRIPTS_BYTES_MAX)
		return err_set(err, RC_TOOBIG,
		    "all scripts together can have %u KiB at most",
		    STORE_SCRIPTS_BYTES_MAX >> 10);
	return RC_OK;
}

int
store_script_room(struct store *st, enum store_script_kind kind, struct sv name,
    uint64_t size, uint64_t *need, struct err *err)
{
	int r;

	store_lock(st);
	r = check_script_room(st, kind, name, size, err);
	raise_need(need, st->rules.script_seq);
	store_unlock(st);
	return r;
}

/* What may be changed: it is there, and the store takes changes. */
static int
check_script_change(struct store *st, uint8_t kind, struct sv name,
    struct script **out, struct err *err)
{
	*out = script_find(st, kind, name);
	if (*out == NULL)
		return err_set(
		    err, RC_NOTFOUND, "there is no script of that name");
	return store_check_writable(st, err);
}

int
store_script_put(struct store *st, enum store_script_kind kind, struct sv name,
    struct sv text, uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct change *c;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = check_script_room(st, kind, name, text.n, err);
	if (r == RC_OK)
		r = store_check_writable(st, err);
	if (r == RC_OK)
		r = store_check_space(st, err);
	if (r == RC_OK) {
		c = commit_change(&cs, CHANGE_SCRIPT);
		c->op = SCRIPT_PUT;
		c->kind = (uint8_t)kind;
		c->name = name;
		c->text = text;
		commit_run(st, &cs, NULL, need);
	}
	store_unlock(st);
	commit_fini(&cs);
	return r;
}

int
store_script_delete(struct store *st, enum store_script_kind kind,
    struct sv name, uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct script *s;
	struct change *c;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = check_script_change(st, (uint8_t)kind, name, &s, err);
	if (r == RC_OK && s->active)
		r = err_set(err, RC_PERM,
		    "the active script cannot be deleted; activate another "
		    "one, or none, before");
	if (r == RC_OK) {
		c = commit_change(&cs, CHANGE_SCRIPT);
		c->op = SCRIPT_DELETE;
		c->kind = (uint8_t)kind;
		c->name = name;
		commit_run(st, &cs, NULL, need);
	}
	store_unlock(st);
	commit_fini(&cs);
	return r;
}

int
store_script_rename(struct store *st, struct sv name, struct sv to,
    uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct script *s;
	struct change *c;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = check_script_change(st, STORE_SCRIPT_PERSON, name, &s, err);
	if (r == RC_OK && !store_script_name_ok(to))
		r = err_set(
		    err, RC_SYNTAX, "the new name is not one for a script");
	if (r == RC_OK && script_find(st, STORE_SCRIPT_PERSON, to) != NULL)
		r = err_set(
		    err, RC_EXISTS, "there is a script of that name already");
	if (r == RC_OK) {
		c = commit_change(&cs, CHANGE_SCRIPT);
		c->op = SCRIPT_RENAME;
		c->name = name;
		c->pair = xcalloc(1, sizeof *c->pair);
		c->pair[0].name = to;
		c->npair = 1;
		commit_run(st, &cs, NULL, need);
	}
	store_unlock(st);
	commit_fini(&cs);
	return r;
}

int
store_script_activate(
    struct store *st, struct sv name, uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct script *s;
	struct change *c;
	int r;

	commit_init(&cs);
	store_lock(st);
	r = name.n > 0
		? check_script_change(st, STORE_SCRIPT_PERSON, name, &s, err)
		: store_check_writable(st, err);
	if (r == RC_OK) {
		c = commit_change(&cs, CHANGE_SCRIPT);
		c->op = SCRIPT_ACTIVATE;
		c->name = name;
		commit_run(st, &cs, NULL, need);
	}
	store_unlock(st);
	commit_fini(&cs);
	return r;
}

/* ---- memos and what is to be sent ---- */

bool
store_memo_has(struct store *st, enum store_memo_kind kind,
    const uint8_t key[STORE_MEMO_KEY], int64_t now, uint64_t *need)
{
	struct store_memo m = {.kind = (uint8_t)kind};
	const struct store_memo *found;
	bool has;

	memcpy(m.key, key, sizeof m.key);
	store_lock(st);
	found = memo_find(st, &m);
	has = found != NULL && found->until >= now;
	raise_need(need, journal_next(st->j) - 1);
	store_unlock(st);
	return has;
}

size_t
store_outgoing_count(struct store *st)
{
	size_t n;

	store_lock(st);
	n = st->rules.noutgoing;
	store_unlock(st);
	return n;
}

void
store_outgoing_list(
    struct store *st, struct store_outgoings *out, uint64_t *need)
{
	*out = (struct store_outgoings){.n = 0};
	store_lock(st);
	if (st->rules.noutgoing > 0)
		out->o = xcalloc(st->rules.noutgoing, sizeof *out->o);
	for (size_t i = 0; i < st->rules.noutgoing; i++) {
		const struct outgoing *o = &st->rules.outgoing[i];
		struct store_outgoing *to = &out->o[out->n++];

		memcpy(to->id, o->id, sizeof to->id);
		to->body = o->body;
		to->size = o->size;
		to->envelope = xmemdup0(o->envelope, o->nenvelope);
		to->nenvelope = o->nenvelope;
	}
	raise_need(need, journal_next(st->j) - 1);
	store_unlock(st);
}

void
store_outgoings_fini(struct store_outgoings *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->o[i].envelope);
	free(l->o);
	*l = (struct store_outgoings){.n = 0};
}

/* The same bytes may have been for others, too, who are refused as well. */
static bool
is_in(struct mailbox *mb, uint64_t body)
{
	for (size_t i = table_count(&mb->t); i > 0; i--)
		if (table_at(&mb->t, i - 1)->body == body)
			return true;
	return false;
}

/* Its bytes become a message of that mailbox, if they are not one already. */
static void
plan_kept(struct store *st, struct commit_set *cs, const struct outgoing *o,
    const char *keep)
{
	struct mailbox *mb = mailbox_by_name(st, keep);
	struct change *c;

	if (mb == NULL || !mb->selectable)
		mb = mailbox_by_name(st, INBOX);
	if (mb == NULL || mb->uidnext == UINT32_MAX || is_in(mb, o->body))
		return;
	c = commit_change(cs, CHANGE_ADDED);
	c->mailbox = mb->id;
	c->msg = xcalloc(1, sizeof *c->msg);
	c->nmsg = 1;
	c->msg[0] = (struct msg){.uid = mb->uidnext,
	    .body = o->body,
	    .size = (uint32_t)o->size,
	    .internal_date = clk_now() / 1000,
	    .save_date = (uint32_t)(clk_now() / 1000)};
}

int
store_outgoing_end(struct store *st, const uint8_t id[16], const char *keep,
    uint64_t *need, struct err *err)
{
	struct commit_set cs;
	struct outgoing *o;
	struct change *c;
	int r;

	commit_init(&cs);
	store_lock(st);
	o = outgoing_find(st, id);
	r = o != NULL ? store_check_writable(st, err)
		      : err_set(err, RC_NOTFOUND, "it does not wait");
	if (r == RC_OK) {
		if (keep != NULL)
			plan_kept(st, &cs, o, keep);
		c = commit_change(&cs, CHANGE_OUTGOING);
		c->op = OUTGOING_ENDED;
		c->has_delivery = true;
		memcpy(c->delivery, id, sizeof c->delivery);
		commit_run(st, &cs, NULL, need);
	}
	store_unlock(st);
	commit_fini(&cs);
	return r;
}
