/*
 * What has come before and is otherwise by now: flags that were changed at the
 * source, and messages that were moved there.  Both are noted while the source
 * is read, and done at the end.
 *
 * Only what has changed there since the last run is changed here: what the
 * user has done here meanwhile stays.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "imap/transfer/to_imap.h"

#define UIDS_MAX 200 /* in one command */

/* ---- the survey ---- */

bool
to_imap_wants_survey(const struct to_imap *t)
{
	return t->c == t->x->own && t->x->nonly == 0 &&
	       state_count(t->state) > 0;
}

static int
survey_folder(void *arg, const struct transfer_folder *f, struct err *err)
{
	struct to_imap *t = arg;

	(void)err;
	buf_set(&t->source, f->name);
	return RC_OK;
}

static bool
survey_want(void *arg, struct sv key)
{
	struct to_imap *t = arg;
	struct state_key k;

	to_imap_source_key(t, key, &k);
	(void)state_set_add(&t->present, &k);
	return false;
}

static int
survey_begin(void *arg, struct err *err)
{
	struct to_imap *t = arg;

	(void)err;
	must(crypto_generichash_init(&t->hash, NULL, 0, STATE_CONTENT_SIZE) ==
	     0);
	return RC_OK;
}

static int
survey_bytes(void *arg, struct sv s, struct err *err)
{
	struct to_imap *t = arg;

	(void)err;
	(void)crypto_generichash_update(
	    &t->hash, (const unsigned char *)s.p, s.n);
	return RC_OK;
}

static int
survey_end(void *arg, const struct transfer_msg *m, struct err *err)
{
	struct to_imap *t = arg;
	struct state_key key, content;

	(void)err;
	(void)crypto_generichash_final(&t->hash, content.b, sizeof content.b);
	to_imap_content_key(t, &content, m->once, &key);
	(void)state_set_add(&t->present, &key);
	return RC_OK;
}

static void
survey_drop(void *arg)
{
	(void)arg;
}

static int
survey_folder_end(void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return RC_OK;
}

void
to_imap_survey_sink(struct to_imap *t, struct sink *out)
{
	*out = (struct sink){.folder = survey_folder,
	    .want = survey_want,
	    .begin = survey_begin,
	    .bytes = survey_bytes,
	    .end = survey_end,
	    .drop = survey_drop,
	    .folder_end = survey_folder_end,
	    .arg = t};
}

static bool
is_orphan(const struct to_imap *t, const struct state_entry *e)
{
	static const struct state_key none;

	return memcmp(&e->content, &none, sizeof none) != 0 &&
	       !state_set_has(&t->present, &e->key);
}

void
to_imap_surveyed(struct to_imap *t)
{
	size_t i;

	state_set_fini(&t->pass);
	/* What could not be read may be there all the same. */
	if (t->x->report->skipped > 0)
		return;
	t->surveyed = true;
	for (i = 0; i < state_count(t->state); i++) {
		const struct state_entry *e = state_entry(t->state, i);

		if (is_orphan(t, e))
			(void)state_set_add(&t->orphan, &e->content);
	}
}

/* ---- noting ---- */

static void
note(struct to_imap *t, const struct state_entry *e, unsigned flags,
    const char *dest)
{
	t->change =
	    xgrow(t->change, &t->change_cap, t->nchange + 1, sizeof *t->change);
	t->change[t->nchange++] = (struct to_change){
	    .entry = (uint32_t)(e - state_entry(t->state, 0)),
	    .flags = flags,
	    .dest = dest != NULL ? xstrdup(dest) : NULL};
}

void
to_imap_known(struct to_imap *t, const struct state_key *key, struct sv flags)
{
	struct state_entry *e = state_find(t->state, key);
	unsigned now = state_flags(flags);

	if (e == NULL || e->uid == 0 || e->flags == STATE_UNKNOWN ||
	    e->flags == now || t->virtual || t->c != t->x->own)
		return;
	note(t, e, now, NULL);
}

bool
to_imap_moved(struct to_imap *t, const struct state_key *key,
    const struct state_key *content, struct sv flags)
{
	size_t i, n = state_count(t->state);

	(void)flags;
	if (!t->surveyed || !state_set_has(&t->orphan, content))
		return false;
	for (i = 0; i < n; i++) {
		struct state_entry *e = state_entry(t->state, i);

		if (memcmp(&e->content, content, sizeof *content) != 0 ||
		    !is_orphan(t, e))
			continue;
		state_put_same(t->state, e, key, &t->log);
		e = state_find(t->state, key);
		(void)state_set_add(&t->present, key);
		if (e->uid != 0 &&
		    strcmp(state_folder(t->state, e), t->dest.p) != 0)
			note(t, e, e->flags, t->dest.p);
		return true;
	}
	return false;
}

/* ---- doing ---- */

static int
store(struct to_imap *t, const struct buf *uids, unsigned bits, char sign,
    struct err *err)
{
	struct buf b;
	unsigned bit;
	bool any = false;
	int r = RC_OK;

	buf_init(&b, 16384);
	buf_addf(&b, "UID STORE %s %cFLAGS.SILENT (", uids->p, sign);
	for (bit = 1; bit < 0x40; bit <<= 1)
		if ((bits & bit) != 0) {
			buf_adds(&b, any ? " " : "");
			buf_adds(&b, state_flag_name(bit));
			any = true;
		}
	buf_addc(&b, ')');
	if (any)
		r = imap_client_command(t->c, NULL, buf_sv(&b), err);
	buf_fini(&b);
	return r == RC_PERM ? RC_OK : r;
}

static int
move(struct to_imap *t, const struct buf *uids, const char *dest,
    struct err *err)
{
	struct buf b;
	int r;

	buf_init(&b, 16384);
	buf_addf(&b, "UID MOVE %s ", uids->p);
	to_imap_put_name(t, sv_str(dest), &b);
	r = imap_client_command(t->c, NULL, buf_sv(&b), err);
	buf_fini(&b);
	return r == RC_PERM ? RC_OK : r;
}

static struct state_entry *
entry_of(struct to_imap *t, const struct to_change *c)
{
	return state_entry(t->state, c->entry);
}

/* Flags before moves, and those that are alike behind one another. */
static int
compare(const void *a, const void *b, void *arg)
{
	struct to_imap *t = arg;
	const struct to_change *x = a, *y = b;
	const struct state_entry *e = entry_of(t, x), *f = entry_of(t, y);

	if ((x->dest != NULL) != (y->dest != NULL))
		return x->dest != NULL ? 1 : -1;
	if (e->folder != f->folder)
		return e->folder < f->folder ? -1 : 1;
	if (x->dest != NULL && strcmp(x->dest, y->dest) != 0)
		return strcmp(x->dest, y->dest);
	if (x->flags != y->flags)
		return x->flags < y->flags ? -1 : 1;
	if (e->flags != f->flags)
		return e->flags < f->flags ? -1 : 1;
	return 0;
}

static bool
alike(struct to_imap *t, const struct to_change *x, const struct to_change *y)
{
	return compare(x, y, t) == 0 &&
	       entry_of(t, x)->uidvalidity == entry_of(t, y)->uidvalidity;
}

static int
open_folder(struct to_imap *t, const struct state_entry *e, struct err *err)
{
	struct buf b;
	int r = to_imap_status(t, sv_str(state_folder(t->state, e)), err);

	if (r == RC_OK && t->uidvalidity != e->uidvalidity)
		r = RC_PERM; /* another of that name */
	if (r != RC_OK)
		return r;
	buf_init(&b, 16384);
	buf_adds(&b, "SELECT ");
	to_imap_put_name(t, sv_str(state_folder(t->state, e)), &b);
	r = imap_client_command(t->c, NULL, buf_sv(&b), err);
	buf_fini(&b);
	return r;
}

/* From i on those that one command can change; *i: behind them. */
static int
change(struct to_imap *t, size_t *i, struct err *err)
{
	const struct to_change *c = &t->change[*i];
	const struct state_entry *e = entry_of(t, c);
	size_t from = *i;
	struct buf uids;
	int r;

	buf_init(&uids, 16384);
	for (; *i < t->nchange && *i - from < UIDS_MAX &&
	       alike(t, c, &t->change[*i]);
	     ++*i) {
		buf_adds(&uids, *i > from ? "," : "");
		buf_addu(&uids, entry_of(t, &t->change[*i])->uid);
	}
	r = open_folder(t, e, err);
	if (r == RC_OK && c->dest != NULL) {
		r = move(t, &uids, c->dest, err);
	} else if (r == RC_OK) {
		r = store(t, &uids, c->flags & ~e->flags, '+', err);
		if (r == RC_OK)
			r = store(t, &uids, e->flags & ~c->flags, '-', err);
	}
	for (; r == RC_OK && c->dest == NULL && from < *i; from++) {
		const struct to_change *done = &t->change[from];

		state_put_flags(
		    t->state, entry_of(t, done), done->flags, &t->log);
		if (t->log.n > t->log.max / 2)
			r = to_imap_log(t, err);
	}
	buf_fini(&uids);
	/* A folder that is not there any more has nothing to be changed. */
	return r == RC_PERM ? RC_OK : r;
}

int
to_imap_sync(struct to_imap *t, struct err *err)
{
	size_t i = 0, moves = 0, k;
	int r = RC_OK;

	if (t->nchange == 0)
		return RC_OK;
	qsort_r(t->change, t->nchange, sizeof *t->change, compare, t);
	for (k = 0; k < t->nchange; k++)
		moves += t->change[k].dest != NULL;
	while (r == RC_OK && i < t->nchange)
		r = change(t, &i, err);
	if (r == RC_OK && imap_client_can(t->c, SV("UNSELECT")))
		r = imap_client_command(t->c, NULL, SV("UNSELECT"), err);
	if (r == RC_OK)
		report_note(t->x->report,
		    "of what an earlier run has brought: flags brought up to "
		    "date: %zu, moved: %zu",
		    t->nchange - moves, moves);
	return r;
}

void
to_imap_sync_fini(struct to_imap *t)
{
	while (t->nchange > 0)
		free(t->change[--t->nchange].dest);
	free(t->change);
	state_set_fini(&t->present);
	state_set_fini(&t->orphan);
}
