#include "test/fault/testdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

#define SECTOR	  512u
#define NAME_SIZE 64
#define FD_BASE	  1000
#define FDS	  512
#define BIG	  ((size_t)1 << 40)

struct entry {
	char name[NAME_SIZE];
	int node;
};

struct names {
	struct entry *e;
	size_t n, cap;
};

struct write_op {
	uint64_t off;
	size_t n;
	char *p;
};

enum name_kind {
	NAME_LINK,
	NAME_UNLINK,
	NAME_RENAME
};

struct name_op {
	enum name_kind kind;
	char from[NAME_SIZE], to[NAME_SIZE];
	int node;
};

struct node {
	bool dir, locked;
	uint64_t room; /* allocated: up to here writes need no more */
	struct buf seen, durable;
	struct write_op *w;
	size_t nw, wcap;
	struct names names, durable_names;
	struct name_op *op;
	size_t nop, opcap;
};

struct testdisk {
	struct journal_io io; /* first: found again from the table */
	struct node *node;
	size_t n, cap;
	int fd[FDS]; /* node + 1 */
	uint64_t ops, stop_at, fail_at, capacity;
	int fail_errno;
	uint64_t hook_at;
	void (*hook)(void *arg);
	void *hook_arg;
	uint64_t random;
};

static struct testdisk *
disk_of(const struct journal_io *io)
{
	return (struct testdisk *)(uintptr_t)io;
}

/* ---- helpers ---- */

static int
node_new(struct testdisk *d, bool dir)
{
	struct node *n;

	d->node = xgrow(d->node, &d->cap, d->n + 1, sizeof *d->node);
	n = &d->node[d->n];
	memset(n, 0, sizeof *n);
	n->dir = dir;
	buf_init(&n->seen, BIG);
	buf_init(&n->durable, BIG);
	return (int)d->n++;
}

static struct node *
node_of(struct testdisk *d, int fd)
{
	must(fd >= FD_BASE && fd < FD_BASE + FDS && d->fd[fd - FD_BASE] != 0);
	return &d->node[d->fd[fd - FD_BASE] - 1];
}

static int
fd_new(struct testdisk *d, int node)
{
	for (int i = 0; i < FDS; i++)
		if (d->fd[i] == 0) {
			d->fd[i] = node + 1;
			return FD_BASE + i;
		}
	errno = EMFILE;
	return -1;
}

static struct entry *
name_find(struct names *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->e[i].name, name) == 0)
			return &l->e[i];
	return NULL;
}

static void
name_set(struct names *l, const char *name, int node)
{
	struct entry *e = name_find(l, name);

	if (e == NULL) {
		l->e = xgrow(l->e, &l->cap, l->n + 1, sizeof *l->e);
		e = &l->e[l->n++];
		must(strlen(name) < NAME_SIZE);
		memcpy(e->name, name, strlen(name) + 1);
	}
	e->node = node;
}

static void
name_drop(struct names *l, const char *name)
{
	struct entry *e = name_find(l, name);

	if (e != NULL)
		*e = l->e[--l->n];
}

static void
name_apply(struct names *l, const struct name_op *op)
{
	if (op->kind == NAME_LINK) {
		name_set(l, op->to, op->node);
	} else if (op->kind == NAME_UNLINK) {
		name_drop(l, op->from);
	} else {
		name_drop(l, op->from);
		name_set(l, op->to, op->node);
	}
}

static void
name_change(struct node *dir, enum name_kind kind, const char *from,
    const char *to, int node)
{
	struct name_op *op;

	dir->op = xgrow(dir->op, &dir->opcap, dir->nop + 1, sizeof *dir->op);
	op = &dir->op[dir->nop++];
	memset(op, 0, sizeof *op);
	op->kind = kind;
	op->node = node;
	must(strlen(from) < NAME_SIZE && strlen(to) < NAME_SIZE);
	memcpy(op->from, from, strlen(from) + 1);
	memcpy(op->to, to, strlen(to) + 1);
	name_apply(&dir->names, op);
}

static void
bytes_put(struct buf *b, uint64_t off, const char *p, size_t n)
{
	if (b->n < off + n) {
		size_t more = (size_t)(off + n) - b->n;
		char *q = buf_reserve(b, more);

		memset(q, 0, more);
		buf_added(b, more);
	}
	memcpy(b->p + off, p, n);
}

static void
writes_forget(struct node *n)
{
	for (size_t i = 0; i < n->nw; i++)
		free(n->w[i].p);
	n->nw = 0;
}

/* Counts a call that matters; true if it must fail. */
static bool
tick(struct testdisk *d)
{
	uint64_t me = d->ops++;

	if (me == d->hook_at)
		d->hook(d->hook_arg);
	if (me >= d->stop_at) {
		errno = EIO;
		return true;
	}
	if (me == d->fail_at) {
		errno = d->fail_errno;
		return true;
	}
	return false;
}

static bool
dead(struct testdisk *d)
{
	errno = EIO;
	return d->ops > d->stop_at;
}

/* ---- the table ---- */

static int
td_opendir(
    const struct journal_io *io, int dirfd, const char *path, bool create)
{
	struct testdisk *d = disk_of(io);
	struct entry *e;
	int node;

	if (dead(d))
		return -1;
	if (dirfd == AT_FDCWD)
		return fd_new(d, 0);
	e = name_find(&node_of(d, dirfd)->names, path);
	if (e != NULL)
		return fd_new(d, e->node);
	errno = ENOENT;
	if (!create || tick(d))
		return -1;
	node = node_new(d, true);
	name_change(node_of(d, dirfd), NAME_LINK, "", path, node);
	return fd_new(d, node);
}

static int
td_open(const struct journal_io *io, int dirfd, const char *name, int flags)
{
	struct testdisk *d = disk_of(io);
	struct entry *e = name_find(&node_of(d, dirfd)->names, name);
	int node;

	if (dead(d))
		return -1;
	if (e != NULL) {
		node = e->node;
		if (flags & O_EXCL) {
			errno = EEXIST;
			return -1;
		}
		if (!(flags & O_TRUNC))
			return fd_new(d, node);
		/* A new file under the old name is what a crash may leave. */
		if (tick(d))
			return -1;
		node = node_new(d, false);
		name_change(node_of(d, dirfd), NAME_LINK, "", name, node);
		return fd_new(d, node);
	}
	errno = ENOENT;
	if (!(flags & O_CREAT) || tick(d))
		return -1;
	node = node_new(d, false);
	name_change(node_of(d, dirfd), NAME_LINK, "", name, node);
	return fd_new(d, node);
}

static void
td_close(const struct journal_io *io, int fd)
{
	struct testdisk *d = disk_of(io);

	node_of(d, fd)->locked = false;
	d->fd[fd - FD_BASE] = 0;
}

static ssize_t
td_pread(const struct journal_io *io, int fd, void *p, size_t n, uint64_t off)
{
	struct testdisk *d = disk_of(io);
	struct node *f = node_of(d, fd);

	if (dead(d))
		return -1;
	if (off >= f->seen.n)
		return 0;
	if (n > f->seen.n - off)
		n = (size_t)(f->seen.n - off);
	memcpy(p, f->seen.p + off, n);
	return (ssize_t)n;
}

static uint64_t
blocks(const struct node *f)
{
	return f->seen.n > f->room ? f->seen.n : f->room;
}

/* Of files that have a name or are open. */
static uint64_t
used(const struct testdisk *d)
{
	bool *there = xcalloc(d->n + 1, sizeof *there);
	uint64_t sum = 0;

	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->node[i].names.n; k++)
			there[d->node[i].names.e[k].node] = true;
	for (size_t i = 0; i < FDS; i++)
		if (d->fd[i] != 0)
			there[d->fd[i] - 1] = true;
	for (size_t i = 0; i < d->n; i++)
		if (there[i])
			sum += blocks(&d->node[i]);
	free(there);
	return sum;
}

/* How many bytes more the file may get up to this end. */
static uint64_t
fits(const struct testdisk *d, const struct node *f, uint64_t end)
{
	uint64_t u = used(d), has = blocks(f);

	if (end <= has)
		return end;
	return u + (end - has) <= d->capacity ? end
	       : u < d->capacity	      ? has + (d->capacity - u)
					      : has;
}

static ssize_t
td_pwrite(
    const struct journal_io *io, int fd, const void *p, size_t n, uint64_t off)
{
	struct testdisk *d = disk_of(io);
	struct node *f = node_of(d, fd);
	struct write_op *w;
	uint64_t end;

	if (tick(d))
		return -1;
	f = node_of(d, fd);
	end = fits(d, f, off + n);
	if (end <= off && n > 0) {
		errno = ENOSPC;
		return -1;
	}
	/* As far as it goes. */
	n = (size_t)(end - off);
	f->w = xgrow(f->w, &f->wcap, f->nw + 1, sizeof *f->w);
	w = &f->w[f->nw++];
	w->off = off;
	w->n = n;
	w->p = xmemdup0(p, n);
	bytes_put(&f->seen, off, p, n);
	return (ssize_t)n;
}

static int
td_datasync(const struct journal_io *io, int fd)
{
	struct testdisk *d = disk_of(io);
	struct node *f = node_of(d, fd);
	bool fails = tick(d);

	if (fails && dead(d))
		return -1;
	if (fails) {
		writes_forget(f); /* clean now, and never written */
		errno = d->fail_errno;
		return -1;
	}
	for (size_t i = 0; i < f->nw; i++)
		bytes_put(&f->durable, f->w[i].off, f->w[i].p, f->w[i].n);
	writes_forget(f);
	return 0;
}

static int
td_dirsync(const struct journal_io *io, int dirfd)
{
	struct testdisk *d = disk_of(io);
	struct node *f = node_of(d, dirfd);

	if (tick(d))
		return -1;
	for (size_t i = 0; i < f->nop; i++)
		name_apply(&f->durable_names, &f->op[i]);
	f->nop = 0;
	return 0;
}

static int
td_size(const struct journal_io *io, int fd, uint64_t *out)
{
	struct testdisk *d = disk_of(io);

	if (dead(d))
		return -1;
	*out = node_of(d, fd)->seen.n;
	return 0;
}

static int
td_allocate(const struct journal_io *io, int fd, uint64_t off, uint64_t n)
{
	struct testdisk *d = disk_of(io);
	struct node *f = node_of(d, fd);

	if (tick(d))
		return -1;
	if (fits(d, f, off + n) < off + n) {
		errno = ENOSPC;
		return -1;
	}
	if (f->room < off + n)
		f->room = off + n;
	return 0;
}

static int
td_rename(
    const struct journal_io *io, int dirfd, const char *from, const char *to)
{
	struct testdisk *d = disk_of(io);
	struct node *dir = node_of(d, dirfd);
	struct entry *e = name_find(&dir->names, from);

	if (tick(d))
		return -1;
	if (e == NULL) {
		errno = ENOENT;
		return -1;
	}
	name_change(dir, NAME_RENAME, from, to, e->node);
	return 0;
}

static int
td_unlink(const struct journal_io *io, int dirfd, const char *name)
{
	struct testdisk *d = disk_of(io);
	struct node *dir = node_of(d, dirfd);
	struct entry *e = name_find(&dir->names, name);

	if (tick(d))
		return -1;
	if (e == NULL) {
		errno = ENOENT;
		return -1;
	}
	name_change(dir, NAME_UNLINK, name, "", e->node);
	return 0;
}

static int
td_list(const struct journal_io *io, int dirfd,
    void (*fn)(void *arg, const char *name), void *arg)
{
	struct testdisk *d = disk_of(io);
	struct node *dir = node_of(d, dirfd);

	if (dead(d))
		return -1;
	for (size_t i = 0; i < dir->names.n; i++)
		fn(arg, dir->names.e[i].name);
	return 0;
}

static int
td_free_bytes(const struct journal_io *io, int dirfd, uint64_t *out)
{
	struct testdisk *d = disk_of(io);

	(void)dirfd;
	if (dead(d))
		return -1;
	*out = testdisk_free_bytes(d);
	return 0;
}

static void *
td_map(const struct journal_io *io, int fd, size_t n)
{
	struct testdisk *d = disk_of(io);
	struct node *f = node_of(d, fd);
	char *p;

	if (dead(d))
		return NULL;
	p = xcalloc(1, n + 1);
	memcpy(p, f->seen.p, n < f->seen.n ? n : f->seen.n);
	return p;
}

static void
td_unmap(const struct journal_io *io, void *p, size_t n)
{
	(void)io;
	(void)n;
	free(p);
}

static int
td_lock(const struct journal_io *io, int fd)
{
	struct node *f = node_of(disk_of(io), fd);

	if (f->locked) {
		errno = EAGAIN;
		return -1;
	}
	f->locked = true;
	return 0;
}

/* ---- life ---- */

static void
counters_reset(struct testdisk *d)
{
	d->ops = 0;
	d->stop_at = UINT64_MAX;
	d->fail_at = UINT64_MAX;
	d->hook_at = UINT64_MAX;
}

struct testdisk *
testdisk_new(void)
{
	struct testdisk *d = xcalloc(1, sizeof *d);

	d->io = (struct journal_io){.opendir = td_opendir,
	    .open = td_open,
	    .close = td_close,
	    .pread = td_pread,
	    .pwrite = td_pwrite,
	    .datasync = td_datasync,
	    .dirsync = td_dirsync,
	    .size = td_size,
	    .allocate = td_allocate,
	    .rename = td_rename,
	    .unlink = td_unlink,
	    .list = td_list,
	    .free_bytes = td_free_bytes,
	    .map = td_map,
	    .unmap = td_unmap,
	    .lock = td_lock};
	d->capacity = (uint64_t)1 << 40;
	counters_reset(d);
	(void)node_new(d, true);
	return d;
}

static void
node_fini(struct node *n)
{
	writes_forget(n);
	free(n->w);
	free(n->op);
	free(n->names.e);
	free(n->durable_names.e);
	buf_fini(&n->seen);
	buf_fini(&n->durable);
}

void
testdisk_free(struct testdisk **dp)
{
	struct testdisk *d = *dp;

	if (d == NULL)
		return;
	*dp = NULL;
	for (size_t i = 0; i < d->n; i++)
		node_fini(&d->node[i]);
	free(d->node);
	free(d);
}

static void
names_copy(struct names *to, const struct names *from)
{
	memset(to, 0, sizeof *to);
	for (size_t i = 0; i < from->n; i++)
		name_set(to, from->e[i].name, from->e[i].node);
}

struct testdisk *
testdisk_clone(const struct testdisk *d)
{
	struct testdisk *c = testdisk_new();

	c->capacity = d->capacity;
	while (c->n < d->n)
		(void)node_new(c, false);
	for (size_t i = 0; i < d->n; i++) {
		const struct node *f = &d->node[i];
		struct node *t = &c->node[i];

		t->dir = f->dir;
		t->room = f->room;
		buf_addsv(&t->seen, buf_sv(&f->seen));
		buf_addsv(&t->durable, buf_sv(&f->durable));
		t->w = xgrow(NULL, &t->wcap, f->nw + 1, sizeof *t->w);
		for (size_t k = 0; k < f->nw; k++) {
			t->w[k] = f->w[k];
			t->w[k].p = xmemdup0(f->w[k].p, f->w[k].n);
		}
		t->nw = f->nw;
		names_copy(&t->names, &f->names);
		names_copy(&t->durable_names, &f->durable_names);
		t->op = xgrow(NULL, &t->opcap, f->nop + 1, sizeof *t->op);
		if (f->nop > 0)
			memcpy(t->op, f->op, f->nop * sizeof *t->op);
		t->nop = f->nop;
	}
	return c;
}

const struct journal_io *
testdisk_io(struct testdisk *d)
{
	return &d->io;
}

uint64_t
testdisk_ops(const struct testdisk *d)
{
	return d->ops;
}

void
testdisk_stop_at(struct testdisk *d, uint64_t n)
{
	d->stop_at = n;
}

bool
testdisk_stopped(struct testdisk *d)
{
	return dead(d);
}

void
testdisk_fail_at(struct testdisk *d, uint64_t n, int e)
{
	d->fail_at = n;
	d->fail_errno = e;
}

void
testdisk_hook_at(
    struct testdisk *d, uint64_t n, void (*fn)(void *arg), void *arg)
{
	d->hook_at = n;
	d->hook = fn;
	d->hook_arg = arg;
}

uint64_t
testdisk_free_bytes(const struct testdisk *d)
{
	uint64_t u = used(d);

	return u < d->capacity ? d->capacity - u : 0;
}

void
testdisk_fill(struct testdisk *d)
{
	d->capacity = used(d);
}

void
testdisk_capacity(struct testdisk *d, uint64_t bytes)
{
	d->capacity = bytes;
}

void
testdisk_kill(struct testdisk *d)
{
	memset(d->fd, 0, sizeof d->fd);
	for (size_t i = 0; i < d->n; i++)
		d->node[i].locked = false;
	counters_reset(d);
}

/* xorshift64* */
static bool
coin(struct testdisk *d)
{
	d->random ^= d->random >> 12;
	d->random ^= d->random << 25;
	d->random ^= d->random >> 27;
	return (d->random * 0x2545f4914f6cdd1dull) >> 63;
}

/* Each sector of each write makes it or not. */
static void
write_tear(struct testdisk *d, struct node *f, const struct write_op *w)
{
	uint64_t off = w->off, end = w->off + w->n;

	while (off < end) {
		uint64_t next = (off / SECTOR + 1) * SECTOR;

		if (next > end)
			next = end;
		if (coin(d))
			bytes_put(&f->durable, off, w->p + (off - w->off),
			    (size_t)(next - off));
		off = next;
	}
}

void
testdisk_power_cut(struct testdisk *d, enum testdisk_cut how, uint64_t seed)
{
	testdisk_kill(d);
	d->random = seed * 0x9e3779b97f4a7c15ull + 1;
	for (size_t i = 0; i < d->n; i++) {
		struct node *f = &d->node[i];

		for (size_t k = 0; k < f->nw; k++) {
			if (how == CUT_ALL)
				bytes_put(&f->durable, f->w[k].off, f->w[k].p,
				    f->w[k].n);
			else if (how == CUT_SOME)
				write_tear(d, f, &f->w[k]);
		}
		for (size_t k = 0; k < f->nop; k++)
			if (how == CUT_ALL || (how == CUT_SOME && coin(d)))
				name_apply(&f->durable_names, &f->op[k]);
		writes_forget(f);
		f->nop = 0;
		buf_reset(&f->seen);
		buf_addsv(&f->seen, buf_sv(&f->durable));
		free(f->names.e);
		names_copy(&f->names, &f->durable_names);
	}
}

/* ---- meddling ---- */

static struct node *
dir_of(struct testdisk *d, const char *dir)
{
	struct entry *e;

	if (strcmp(dir, ".") == 0)
		return &d->node[0];
	e = name_find(&d->node[0].names, dir);
	return e != NULL ? &d->node[e->node] : NULL;
}

static struct node *
file_of(struct testdisk *d, const char *dir, const char *name)
{
	struct node *n = dir_of(d, dir);
	struct entry *e = n != NULL ? name_find(&n->names, name) : NULL;

	return e != NULL ? &d->node[e->node] : NULL;
}

bool
testdisk_damage(struct testdisk *d, const char *dir, const char *name,
    uint64_t off, size_t n)
{
	struct node *f = file_of(d, dir, name);

	if (f == NULL || off + n > f->seen.n)
		return false;
	for (size_t i = 0; i < n; i++) {
		f->seen.p[off + i] = (char)(f->seen.p[off + i] ^ 0x55);
		if (off + i < f->durable.n)
			f->durable.p[off + i] =
			    (char)(f->durable.p[off + i] ^ 0x55);
	}
	return true;
}

void
testdisk_put(struct testdisk *d, const char *dir, const char *name,
    const void *p, size_t n)
{
	struct node *where = dir_of(d, dir);
	int node;

	if (where == NULL) {
		node = node_new(d, true);
		name_set(&d->node[0].names, dir, node);
		name_set(&d->node[0].durable_names, dir, node);
	}
	node = node_new(d, false);
	where = dir_of(d, dir);
	name_set(&where->names, name, node);
	name_set(&where->durable_names, name, node);
	buf_add(&d->node[node].seen, p, n);
	buf_add(&d->node[node].durable, p, n);
}

uint64_t
testdisk_size(struct testdisk *d, const char *dir, const char *name)
{
	struct node *f = file_of(d, dir, name);

	return f != NULL ? f->seen.n : UINT64_MAX;
}

void
testdisk_remove_derived(struct testdisk *d)
{
	struct node *log = dir_of(d, "log");

	testdisk_remove(d, ".", "state");
	if (log == NULL)
		return;
	for (size_t i = log->names.n; i-- > 0;) {
		char name[NAME_SIZE];
		size_t n = strlen(log->names.e[i].name);

		memcpy(name, log->names.e[i].name, n + 1);
		if (n > 4 && strcmp(name + n - 4, ".toc") == 0)
			testdisk_remove(d, "log", name);
	}
}

void
testdisk_remove(struct testdisk *d, const char *dir, const char *name)
{
	struct node *n = dir_of(d, dir);

	if (n == NULL)
		return;
	name_drop(&n->names, name);
	name_drop(&n->durable_names, name);
}
