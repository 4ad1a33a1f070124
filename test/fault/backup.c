#include "test/fault/backup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "journal/extent.h"
#include "journal/format.h"
#include "store/fsck.h"

#define ATTEMPTS 5

/* ---- copying ---- */

/* RC_NOTFOUND: it is gone. */
static int
copy_file(struct backup *b, int logfd, const char *name, uint64_t limit)
{
	const struct journal_io *io = testdisk_io(b->from);
	int fd = io->open(io, logfd, name, O_RDONLY), r;
	uint64_t size = 0;
	char *p;

	if (fd < 0)
		return RC_NOTFOUND;
	r = io->size(io, fd, &size) == 0 ? RC_OK : RC_IO;
	if (size > limit)
		size = limit;
	p = xmalloc((size_t)size + 1);
	if (r == RC_OK)
		r = disk_pread(io, fd, p, (size_t)size, 0);
	if (r == RC_OK)
		testdisk_put(b->to, "log", name, p, (size_t)size);
	free(p);
	io->close(io, fd);
	return r;
}

struct bodies_copy {
	struct backup *b;
	int logfd;
};

static void
copy_body(void *arg, const char *name)
{
	struct bodies_copy *x = arg;
	uint64_t v;

	if (body_name_parse(name, &v))
		(void)copy_file(x->b, x->logfd, name, UINT64_MAX);
}

static int
open_log(const struct journal_io *io)
{
	int dirfd = io->opendir(io, AT_FDCWD, ".", false);
	int logfd = io->opendir(io, dirfd, "log", false);

	io->close(io, dirfd);
	return logfd;
}

/* Where each segment ends now. */
static int
look(struct backup *b)
{
	struct journal_opts o = {
	    .io = testdisk_io(b->from), .kind = {'m', 'a', 'i', 'l'}};
	int dirfd = o.io->opendir(o.io, AT_FDCWD, ".", false), r;
	struct err err;

	testdisk_free(&b->to);
	b->to = testdisk_new();
	free(b->e);
	b->e = NULL;
	b->n = 0;
	b->attempts++;
	r = journal_extents(dirfd, &o, &b->e, &b->n, &err);
	o.io->close(o.io, dirfd);
	return r;
}

static int
copy_segments(struct backup *b, size_t first, size_t end)
{
	const struct journal_io *io = testdisk_io(b->from);
	int logfd = open_log(io), r = RC_OK;
	char name[SEG_NAME_MAX];

	for (size_t i = first; i < end && r == RC_OK; i++) {
		seg_name(b->e[i].number, "", name);
		r = copy_file(b, logfd, name, b->e[i].bytes);
	}
	io->close(io, logfd);
	return r;
}

/* Files of their own, and a second look. */
static int
end(struct backup *b)
{
	const struct journal_io *io = testdisk_io(b->from);
	struct bodies_copy x = {b, open_log(io)};
	int r = RC_OK;

	(void)io->list(io, x.logfd, copy_body, &x);
	for (size_t i = 0; i < b->n && r == RC_OK; i++)
		if (!journal_extent_holds(io, x.logfd, &b->e[i]))
			r = RC_NOTFOUND;
	io->close(io, x.logfd);
	return r;
}

static void
second_half(void *arg)
{
	struct backup *b = arg;
	int r = b->half ? copy_segments(b, b->n / 2, b->n) : RC_NOTFOUND;

	if (r == RC_OK)
		r = end(b);
	while (r == RC_NOTFOUND && b->attempts < ATTEMPTS) {
		r = look(b);
		if (r == RC_OK)
			r = copy_segments(b, 0, b->n);
		if (r == RC_OK)
			r = end(b);
	}
	b->done = r == RC_OK;
}

static void
first_half(void *arg)
{
	struct backup *b = arg;

	/* Nothing was ever promised: perhaps there is not even a log. */
	if (b->l->acked == NULL)
		return;
	b->begun = true;
	b->acked_at = b->l->acked_at;
	b->half = look(b) == RC_OK && copy_segments(b, 0, b->n / 2) == RC_OK;
	testdisk_hook_at(b->from, b->second, second_half, b);
}

void
backup_plan(struct backup *b, const struct ledger *l, struct testdisk *d,
    uint64_t first, uint64_t second)
{
	*b = (struct backup){.l = l, .from = d, .second = second};
	testdisk_hook_at(d, first, first_half, b);
}

void
backup_end(struct backup *b)
{
	if (b->begun && !b->done)
		second_half(b);
}

void
backup_fini(struct backup *b)
{
	testdisk_free(&b->to);
	free(b->e);
}

/* ---- restoring ---- */

static bool
digest(struct testdisk *d, struct ledger *out, uint8_t sum[FSCK_DIGEST])
{
	const struct fsck_opts o = {.io = testdisk_io(d)};
	struct fsck_report r = {0};
	struct err err = {0, ""};
	bool ok = fsck_check(".", &o, &r, &err) == RC_OK;

	if (!ok)
		ledger_broken(out, "fsck of a backup", err.text, "");
	for (size_t i = 0; i < r.n && r.damage > 0; i++)
		if (r.f[i].level == AUDIT_DAMAGE)
			ledger_broken(
			    out, "fsck of a backup", r.f[i].file, r.f[i].text);
	memcpy(sum, r.digest, FSCK_DIGEST);
	fsck_report_fini(&r);
	return ok;
}

static uint32_t
validity(struct store *st, uint64_t *epoch)
{
	struct store_status s = {.uidvalidity = 0};
	uint64_t need = 0;

	*epoch = store_epoch(st);
	return store_status(st, "INBOX", &s, &need) == RC_OK ? s.uidvalidity
							     : 0;
}

/*
 * The restored account begins anew, and the power fails before call n of it:
 * afterwards it does so again and has everything, under other names.
 */
static bool
restore(const struct backup *b, uint64_t n, struct ledger *out)
{
	const struct store_opts *o;
	struct testdisk *d = testdisk_clone(b->to);
	struct store *st = NULL;
	uint8_t before[FSCK_DIGEST], after[FSCK_DIGEST];
	uint64_t epoch[2] = {0, 0};
	uint32_t v[2] = {0, 0};
	struct err err;
	bool ended = false;

	(void)digest(d, out, before);
	o = script_opts(b->l, testdisk_io(d));
	if (store_open(".", o, &st, &err) == RC_OK) {
		v[0] = validity(st, &epoch[0]);
		testdisk_stop_at(d, testdisk_ops(d) + n);
		ended = store_begin_anew(st, &err) == RC_OK;
		store_close(&st);
	}
	testdisk_power_cut(d, CUT_SOME, n);
	if (store_open(".", o, &st, &err) != RC_OK ||
	    (!ended && store_begin_anew(st, &err) != RC_OK)) {
		ledger_broken(out, "a backup cannot be restored", err.text, "");
		goto out;
	}
	v[1] = validity(st, &epoch[1]);
	if (v[1] <= v[0] || epoch[0] == epoch[1])
		ledger_broken(out, "a restored account is what it was", "", "");
	store_close(&st);
	if (digest(d, out, after) && memcmp(before, after, FSCK_DIGEST) != 0)
		ledger_broken(out, "a restored account differs", "", "");
out:
	store_close(&st);
	testdisk_free(&d);
	return ended;
}

void
backup_check(const struct backup *b, struct ledger *out)
{
	struct testdisk *d;
	struct store *st = NULL;
	struct err err = {0, ""};
	char *dump = NULL;

	if (!b->begun)
		return;
	if (!b->done) {
		ledger_broken(out, "no backup was made", "", "");
		return;
	}
	d = testdisk_clone(b->to);
	if (store_open(".", script_opts(b->l, testdisk_io(d)), &st, &err) !=
	    RC_OK)
		ledger_broken(out, "a backup does not open", err.text, "");
	else if ((dump = ledger_dump(out, st, true)) == NULL)
		ledger_broken(out, "a backup cannot be read", "", "");
	else if (!ledger_was(b->l, dump, b->acked_at))
		ledger_broken(
		    out, "a backup of what never was", dump, b->l->acked);
	free(dump);
	store_close(&st);
	testdisk_free(&d);
	for (uint64_t n = 0; out->why[0] == '\0' && !restore(b, n, out); n++)
		;
}
