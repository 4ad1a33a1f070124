#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "journal/salvage.h"
#include "store/fsck.h"
#include "store/fsck_priv.h"

#define PIECE	   (64u << 10)
#define REST_EVERY 1000u /* messages, then memory is given back */

/* ---- rebuild ---- */

/* Derived files that something was found in go.  With a damaged log all stay:
 * they may know what it does not any more, and what of them is wrong an opening
 * finds out. */
static void
remove_derived(struct fsck *k)
{
	if (k->rep->damage > 0)
		return;
	for (size_t i = 0; i < k->rep->n; i++) {
		const struct fsck_finding *f = &k->rep->f[i];

		if (sv_ends(sv_str(f->file), SV(".toc")))
			(void)k->io->unlink(k->io, k->dirfd, f->file);
	}
	(void)k->io->unlink(k->io, k->dirfd, "state");
}

/* Summaries are made where they are missing; the rest is found. */
static void
summarise_all(struct store *st)
{
	unsigned n = 0;
	struct buf b;

	buf_init(&b, 64u << 20);
	for (size_t i = 0; i < st->nmailbox; i++) {
		struct mailbox *mb = st->by_id[i];

		for (size_t m = 0; m < table_count(&mb->t); m++) {
			buf_reset(&b);
			/* One that cannot be read was named already. */
			if (store_summary(st, table_at(&mb->t, m)->body, &b) !=
			    RC_OK)
				buf_reset(&b);
			if (++n % REST_EVERY == 0)
				journal_idle(st->j);
		}
	}
	buf_fini(&b);
}

static int
rebuild(const char *dir, const struct fsck_opts *o, struct err *err)
{
	struct store_opts so = {.io = o->io};
	struct store *st = NULL;
	int r = store_open(dir, &so, &st, err);

	if (r != RC_OK)
		return r;
	summarise_all(st);
	store_close(&st);
	return r;
}

int
fsck_rebuild(const char *dir, const struct fsck_opts *o,
    struct fsck_report *out, struct err *err)
{
	struct fsck k;
	int r = fsck_begin(&k, dir, o, out, err);

	if (r == RC_OK)
		remove_derived(&k);
	fsck_end(&k);
	if (r == RC_OK)
		r = rebuild(dir, o, err);
	/* Then what was found says more than that it did not open. */
	return r != RC_OK && r != RC_TEMP && out->damage > 0 ? RC_OK : r;
}

/* ---- repair ---- */

static struct mailbox *
folder_for(struct store *st, const char *name, uint64_t *need, struct err *err)
{
	int r = store_mailbox_create(st, name, STORE_USE_NONE, need, err);

	return r == RC_OK || r == RC_EXISTS ? mailbox_by_name(st, name) : NULL;
}

/* The record counts: a reference to it makes a message. */
static void
refer(struct store *st, struct mailbox *mb, const struct fsck_body *b,
    uint64_t *need)
{
	struct commit_set cs;
	struct change *c;

	store_lock(st);
	commit_init(&cs);
	c = commit_change(&cs, CHANGE_ADDED);
	c->mailbox = mb->id;
	c->msg = xcalloc(1, sizeof *c->msg);
	c->nmsg = 1;
	c->msg->uid = mb->uidnext;
	c->msg->body = b->seq;
	c->msg->size = (uint32_t)b->size;
	c->msg->internal_date = b->time / 1000;
	c->msg->save_date = (uint32_t)(clk_now() / 1000);
	commit_run(st, &cs, NULL, need);
	commit_fini(&cs);
	store_unlock(st);
}

/* Its bytes; RC_NOTFOUND: they cannot be read any more. */
static int
fetch(struct rescue *x, const struct lost *l, struct store_body *body)
{
	const struct journal_io *io = x->k->io;
	int fd = io->open(io, x->logfd, l->file, O_RDONLY), r = RC_OK;
	char *p = xmalloc(PIECE);

	if (fd < 0)
		r = RC_NOTFOUND;
	for (uint64_t off = 0; off < l->b.size && r == RC_OK; off += PIECE) {
		size_t n =
		    l->b.size - off < PIECE ? (size_t)(l->b.size - off) : PIECE;

		if (disk_pread(io, fd, p, n, l->at + off) != RC_OK)
			r = RC_NOTFOUND;
		else
			r = store_body_add(body, p, n);
	}
	free(p);
	if (fd >= 0)
		io->close(io, fd);
	return r;
}

static int
add_bytes(struct rescue *x, struct store *st, struct mailbox *mb,
    const struct lost *l, uint64_t *need, struct err *err)
{
	struct store_add a = {.mailbox = mb->name,
	    .flags.system = l->b.msg.system & SYSTEM_FLAGS,
	    .internal_date = l->b.msg.internal_date != 0
				 ? l->b.msg.internal_date
				 : l->b.time / 1000,
	    .zone = l->b.msg.zone};
	struct store_body *body = store_body_new(st);
	struct store_added added;
	int r = fetch(x, l, body);

	if (r == RC_OK)
		return store_add(st, &body, &a, &added, need, err);
	store_body_free(&body);
	return err_set(err, r, "a message cannot be written");
}

static int
bring_back(
    struct rescue *x, struct store *st, const struct lost *l, struct err *err)
{
	struct mailbox *mb = l->b.mailbox != 0 && l->sure
				 ? mailbox_by_id(st, l->b.mailbox)
				 : NULL;
	bool unknown = mb == NULL || !mb->selectable;
	uint64_t need = 0;
	int r = RC_OK;

	if (unknown)
		mb = folder_for(st, l->sure ? FSCK_LOST_FOUND : FSCK_UNVERIFIED,
		    &need, err);
	if (mb == NULL)
		return RC_IO;
	if (l->by_name)
		refer(st, mb, &l->b, &need);
	else
		r = add_bytes(x, st, mb, l, &need, err);
	if (r == RC_NOTFOUND) {
		rescue_failed(x, l);
		return RC_OK;
	}
	if (r == RC_OK && store_flush(st, need) != RC_OK)
		r = err_set(err, RC_IO, "the journal cannot be written");
	if (r == RC_OK) {
		x->done->back++;
		x->done->lost_found += unknown;
		x->done->unverified += !l->sure;
	}
	return r;
}

int
fsck_repair(const char *dir, const struct fsck_opts *o,
    struct fsck_report *before, struct fsck_report *after,
    struct fsck_repaired *done, struct err *err)
{
	struct store_opts so = {
	    .io = o->io, .low_water_bytes = 1, .salvage = true};
	struct journal_opts jo = {.kind = {'m', 'a', 'i', 'l'}};
	struct store *st = NULL;
	struct rescue x = {.logfd = -1, .done = done};
	struct fsck k;
	int r = fsck_begin(&k, dir, o, before, err);

	memset(done, 0, sizeof *done);
	memset(after, 0, sizeof *after);
	x.k = &k;
	if (r != RC_OK)
		goto out;
	rescue_find(&x);
	remove_derived(&k);
	jo.io = k.io;
	if (before->damage > 0)
		r = journal_put_aside(k.dirfd, &jo, err);
	if (r != RC_OK)
		goto out;
	k.io->close(k.io, k.lockfd);
	k.lockfd = -1;
	r = store_open(dir, &so, &st, err);
	for (size_t i = 0; i < x.n && r == RC_OK; i++)
		r = bring_back(&x, st, &x.l[i], err);
	if (r == RC_OK && k.knows_more)
		r = store_settle(st, err);
	if (r == RC_OK)
		summarise_all(st);
	store_close(&st);
	if (r == RC_OK)
		r = fsck_check(dir, o, after, err);
out:
	rescue_fini(&x);
	fsck_end(&k);
	return r;
}
