#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "store/fsck.h"
#include "store/fsck_priv.h"

#define PIECE	   (64u << 10)
#define REST_EVERY 1000u /* messages, then memory is given back */

/* ---- rebuild ---- */

static bool
log_is_whole(const struct fsck_report *r)
{
	return r->damage == 0;
}

/* Derived files that something was found in go; with a damaged log the
 * checkpoint stays if it can be read: it may know more than the log. */
static void
remove_derived(struct fsck *k)
{
	for (size_t i = 0; i < k->rep->n; i++) {
		const struct fsck_finding *f = &k->rep->f[i];

		if (sv_ends(sv_str(f->file), SV(".toc")))
			(void)k->io->unlink(k->io, k->dirfd, f->file);
	}
	if (k->point == NULL || log_is_whole(k->rep))
		(void)k->io->unlink(k->io, k->dirfd, "state");
}

/* Summaries are made where they are missing; the rest is found. */
static int
summarise_all(struct store *st)
{
	unsigned n = 0;
	struct buf b;
	int r = RC_OK;

	buf_init(&b, 64u << 20);
	for (size_t i = 0; i < st->nmailbox && r != RC_IO; i++) {
		struct mailbox *mb = st->by_id[i];

		for (size_t m = 0; m < table_count(&mb->t) && r != RC_IO; m++) {
			buf_reset(&b);
			/* One that cannot be read was named already. */
			r = store_summary(st, table_at(&mb->t, m)->body, &b);
			if (++n % REST_EVERY == 0)
				journal_idle(st->j);
		}
	}
	buf_fini(&b);
	return r == RC_IO ? RC_IO : RC_OK;
}

static int
rebuild(const char *dir, const struct fsck_opts *o, struct err *err)
{
	struct store_opts so = {.io = o->io};
	struct store *st = NULL;
	int r = store_open(dir, &so, &st, err);

	if (r != RC_OK)
		return r;
	if (summarise_all(st) != RC_OK)
		r = err_set(err, RC_IO, "the log cannot be read");
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
	return r == RC_OK ? rebuild(dir, o, err) : r;
}

/* ---- repair ---- */

/* A message that is to be brought back. */
struct lost {
	struct fsck_body b;
	int fd; /* its bytes, from `at` on */
	uint64_t at;
	bool by_name; /* it counts: a reference is enough */
};

struct rescue {
	struct fsck *k;
	int logfd;
	struct lost *l;
	size_t n, cap;
	struct fsck_repaired *done;
};

static void
rescue_add(
    struct rescue *x, const struct fsck_body *b, const char *file, uint64_t at)
{
	struct lost *l;
	int fd = -1;

	if (file != NULL) {
		fd = x->k->io->open(x->k->io, x->logfd, file, O_RDONLY);
		if (fd < 0)
			return;
	}
	x->l = xgrow(x->l, &x->cap, x->n + 1, sizeof *x->l);
	l = &x->l[x->n++];
	*l = (struct lost){*b, fd, at, file == NULL};
}

/* The same bytes stand somewhere that counts. */
static bool
is_there(const struct fsck *k, uint64_t size, uint32_t crc)
{
	for (size_t i = 0; i < k->bodies.n; i++)
		if (k->bodies.b[i].crc == crc && k->bodies.b[i].size == size &&
		    k->bodies.b[i].ok)
			return true;
	return false;
}

static void
find_voids(struct rescue *x)
{
	char name[SEG_NAME_MAX];

	for (size_t i = 0; i < x->k->voids.n; i++) {
		const struct fsck_body *b = &x->k->voids.b[i];

		if (!b->ok || is_there(x->k, b->size, b->crc))
			continue;
		if (b->elsewhere)
			body_name(b->file, name);
		else
			seg_name(b->segment, "", name);
		rescue_add(x, b, name, b->elsewhere ? 0 : b->off + REC_HEADER);
	}
}

static void
find_orphans(struct rescue *x)
{
	for (size_t i = 0; i < x->k->bodies.n; i++)
		if (x->k->bodies.b[i].ok && !x->k->bodies.b[i].used)
			rescue_add(x, &x->k->bodies.b[i], NULL, 0);
}

static uint32_t
file_crc(const struct journal_io *io, int fd, uint64_t at, uint64_t size)
{
	char *p = xmalloc(PIECE);
	uint32_t crc = 0;

	for (uint64_t off = 0; off < size; off += PIECE) {
		size_t n = size - off < PIECE ? (size_t)(size - off) : PIECE;

		if (disk_pread(io, fd, p, n, at + off) != RC_OK)
			break;
		crc = crc32c(crc, p, n);
	}
	free(p);
	return crc;
}

/* A file of bytes whose record is gone. */
static void
on_file(void *arg, const char *name)
{
	struct rescue *x = arg;
	const struct fsck *k = x->k;
	struct fsck_body b = {.ok = true};
	struct lost *l;

	if (!body_name_parse(name, &b.file))
		return;
	for (size_t i = 0; i < k->bodies.n; i++)
		if (k->bodies.b[i].elsewhere && k->bodies.b[i].file == b.file)
			return;
	for (size_t i = 0; i < k->voids.n; i++)
		if (k->voids.b[i].elsewhere && k->voids.b[i].file == b.file)
			return;
	rescue_add(x, &b, name, 0);
	if (x->n == 0)
		return;
	l = &x->l[x->n - 1];
	if (k->io->size(k->io, l->fd, &l->b.size) < 0)
		l->b.size = 0;
	l->b.crc = file_crc(k->io, l->fd, 0, l->b.size);
	if (l->b.size == 0 || is_there(k, l->b.size, l->b.crc)) {
		k->io->close(k->io, l->fd);
		x->n--;
	}
}

/*
 * A message whose record's header is wrecked, but of which the table of
 * contents knows where it stood.
 */
static void
on_entry(void *arg, const struct toc_entry *e, uint32_t segment)
{
	struct rescue *x = arg;
	struct fsck *k = x->k;
	struct fsck_body b = {.seq = e->seq,
	    .off = e->off,
	    .segment = segment,
	    .size = e->len,
	    .ok = true};
	struct store *st = fsck_state(k);
	char name[SEG_NAME_MAX];
	struct lost *l;
	size_t had = x->n;

	if (e->type != CHANGE_MESSAGE || (e->flags & JOURNAL_ELSEWHERE) ||
	    fsck_body_find(&k->bodies, e->seq) != NULL)
		return;
	for (size_t i = 0; i < st->nmailbox && b.mailbox == 0; i++) {
		struct table *t = &st->by_id[i]->t;

		for (size_t n = 0; n < table_count(t); n++)
			if (table_at(t, n)->body == e->seq) {
				b.mailbox = st->by_id[i]->id;
				b.msg = *table_at(t, n);
			}
	}
	seg_name(segment, "", name);
	rescue_add(x, &b, name, e->off + REC_HEADER);
	if (x->n == had)
		return;
	l = &x->l[x->n - 1];
	l->b.crc = file_crc(k->io, l->fd, l->at, l->b.size);
	if (is_there(k, l->b.size, l->b.crc)) {
		k->io->close(k->io, l->fd);
		x->n--;
	}
}

static void
rescue_find(struct rescue *x)
{
	struct fsck *k = x->k;
	struct journal_opts jo = {
	    .io = k->io, .kind = {'m', 'a', 'i', 'l'}, .readonly = true};

	x->logfd = k->io->opendir(k->io, k->dirfd, "log", false);
	if (x->logfd < 0)
		return;
	find_voids(x);
	if (log_is_whole(k->rep))
		return;
	find_orphans(x);
	(void)k->io->list(k->io, x->logfd, on_file, x);
	if (journal_audit_tocs(k->dirfd, &jo, on_entry, x) != RC_OK ||
	    journal_audit_headless(k->dirfd, &jo, on_entry, x) != RC_OK)
		mlog(LOG_WARN, "fsck.toc", "text=\"they cannot be read\"");
}

static void
rescue_fini(struct rescue *x)
{
	const struct journal_io *io = x->k->io;

	for (size_t i = 0; i < x->n; i++)
		if (x->l[i].fd >= 0)
			io->close(io, x->l[i].fd);
	if (x->logfd >= 0)
		io->close(io, x->logfd);
	free(x->l);
}

static struct mailbox *
lost_found(struct store *st, uint64_t *need, struct err *err)
{
	int r = store_mailbox_create(
	    st, FSCK_LOST_FOUND, STORE_USE_NONE, need, err);

	return r == RC_OK || r == RC_EXISTS
		   ? mailbox_by_name(st, FSCK_LOST_FOUND)
		   : NULL;
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

static int
add_bytes(struct store *st, struct mailbox *mb, const struct lost *l,
    uint64_t *need, struct err *err)
{
	struct store_add a = {.mailbox = mb->name,
	    .flags.system = l->b.msg.system & SYSTEM_FLAGS,
	    .internal_date = l->b.msg.internal_date != 0
				 ? l->b.msg.internal_date
				 : l->b.time / 1000,
	    .zone = l->b.msg.zone};
	struct store_body *body = store_body_new(st);
	struct store_added added;
	char *p = xmalloc(PIECE);
	int r = RC_OK;

	for (uint64_t off = 0; off < l->b.size && r == RC_OK; off += PIECE) {
		size_t n =
		    l->b.size - off < PIECE ? (size_t)(l->b.size - off) : PIECE;

		r = disk_pread(st->io, l->fd, p, n, l->at + off);
		if (r == RC_OK)
			r = store_body_add(body, p, n);
	}
	free(p);
	if (r == RC_OK)
		return store_add(st, &body, &a, &added, need, err);
	store_body_free(&body);
	return err_set(err, r, "a message cannot be brought back");
}

static int
bring_back(
    struct rescue *x, struct store *st, const struct lost *l, struct err *err)
{
	struct mailbox *mb =
	    l->b.mailbox != 0 ? mailbox_by_id(st, l->b.mailbox) : NULL;
	bool unknown = mb == NULL || !mb->selectable;
	uint64_t need = 0;
	int r = RC_OK;

	if (unknown)
		mb = lost_found(st, &need, err);
	if (mb == NULL)
		return RC_IO;
	if (l->by_name)
		refer(st, mb, &l->b, &need);
	else
		r = add_bytes(st, mb, l, &need, err);
	if (r == RC_OK && store_flush(st, need) != RC_OK)
		r = err_set(err, RC_IO, "the journal cannot be written");
	if (r == RC_OK) {
		x->done->back++;
		x->done->lost_found += unknown;
	}
	return r;
}

int
fsck_repair(const char *dir, const struct fsck_opts *o,
    struct fsck_report *before, struct fsck_report *after,
    struct fsck_repaired *done, struct err *err)
{
	struct store_opts so = {.io = o->io, .low_water_bytes = 1};
	struct store *st = NULL;
	struct rescue x = {.logfd = -1, .done = done};
	struct fsck k;
	int r = fsck_begin(&k, dir, o, before, err);

	memset(done, 0, sizeof *done);
	memset(after, 0, sizeof *after);
	x.k = &k;
	if (r != RC_OK)
		goto out;
	/* Opened before anything is written: a start sweeps up. */
	rescue_find(&x);
	remove_derived(&k);
	k.io->close(k.io, k.lockfd);
	k.lockfd = -1;
	r = store_open(dir, &so, &st, err);
	for (size_t i = 0; i < x.n && r == RC_OK; i++)
		r = bring_back(&x, st, &x.l[i], err);
	if (r == RC_OK && k.knows_more)
		r = store_settle(st, err);
	if (r == RC_OK && summarise_all(st) != RC_OK)
		r = err_set(err, RC_IO, "the log cannot be read");
	store_close(&st);
	if (r == RC_OK)
		r = fsck_check(dir, o, after, err);
out:
	rescue_fini(&x);
	fsck_end(&k);
	return r;
}
