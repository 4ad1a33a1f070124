#include "queue/spool/grey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/believed.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "journal/crc32c.h"

#define FILE_NAME "grey"
#define FILE_NEW  "grey.new"
#define MAGIC	  "hmgrey1\n"
#define CLOCK_AT  24u
#define CLOCK_MAX 64u
#define HEAD	  (CLOCK_AT + CLOCK_MAX)
#define ENTRY	  20u
#define SLOTS	  (2 * GREY_ROWS)

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the key's place");

struct row {
	uint64_t key;
	uint32_t first, last, passed; /* seconds since 1970; passed 0: not */
	int64_t mono;		      /* of the first, or of the start */
};

struct grey {
	int dirfd;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct believed clock;
	struct row *row;
	size_t n, cap;
	uint16_t *slot; /* 1 and more: of row; by the key */
	bool dirty;
};

_Static_assert(GREY_ROWS < UINT16_MAX, "a slot's number");

/* ---- the table ---- */

static size_t
slot_of(const struct grey *g, uint64_t key)
{
	size_t s = (size_t)key % SLOTS;

	while (g->slot[s] != 0 && g->row[g->slot[s] - 1].key != key)
		s = (s + 1) % SLOTS;
	return s;
}

static void
rebuild(struct grey *g)
{
	size_t i;

	memset(g->slot, 0, SLOTS * sizeof *g->slot);
	for (i = 0; i < g->n; i++)
		g->slot[slot_of(g, g->row[i].key)] = (uint16_t)(i + 1);
}

/* Those that have passed come first, then who came last. */
static int
by_worth(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if ((x->passed != 0) != (y->passed != 0))
		return x->passed != 0 ? -1 : 1;
	return x->last > y->last ? -1 : x->last < y->last;
}

static struct row *
add_row(struct grey *g, const struct row *r)
{
	if (g->n == GREY_ROWS) {
		qsort(g->row, g->n, sizeof *g->row, by_worth);
		g->n -= GREY_ROWS / 8;
		rebuild(g);
	}
	g->row = xgrow(g->row, &g->cap, g->n + 1, sizeof *g->row);
	g->row[g->n++] = *r;
	g->slot[slot_of(g, r->key)] = (uint16_t)g->n;
	return &g->row[g->n - 1];
}

static int64_t
since(uint32_t then, int64_t now)
{
	return now - (int64_t)then;
}

/* Has it to begin anew? */
static bool
is_over(const struct row *r, int64_t now)
{
	return r->passed != 0 ? since(r->last, now) > GREY_KEEP_S
			      : since(r->first, now) > GREY_WINDOW_S;
}

bool
grey_pass(struct grey *g, struct sv triple, int64_t wall, int64_t mono)
{
	int64_t now = believed_look(&g->clock, wall, mono) / 1000;
	struct row new = {.first = (uint32_t)now, .mono = mono}, *r;
	size_t s;

	(void)crypto_shorthash((unsigned char *)&new.key,
	    (const unsigned char *)triple.p, triple.n, g->key);
	new.last = new.first;
	g->dirty = true;
	s = slot_of(g, new.key);
	if (g->slot[s] == 0) {
		(void)add_row(g, &new);
		return false;
	}
	r = &g->row[g->slot[s] - 1];
	if (is_over(r, now))
		*r = new;
	/* Set back since then, the wall clock says nothing. */
	else if (r->passed == 0 && (since(r->first, now) >= GREY_WAIT_S ||
				       mono - r->mono >= GREY_WAIT_S * 1000ll))
		r->passed = (uint32_t)now;
	r->last = (uint32_t)now;
	return r->passed != 0;
}

size_t
grey_count(const struct grey *g)
{
	return g->n;
}

/* ---- the file ---- */

static void
encode(const struct grey *g, struct buf *out)
{
	char b[CLOCK_MAX] = "";
	struct buf clock;
	size_t i;

	buf_adds(out, MAGIC);
	buf_add(out, g->key, sizeof g->key);
	buf_init(&clock, CLOCK_MAX - 1);
	believed_print(&g->clock, &clock);
	if (buf_ok(&clock) && clock.n > 0)
		memcpy(b, clock.p, clock.n);
	buf_fini(&clock);
	buf_add(out, b, CLOCK_MAX);
	for (i = 0; i < g->n; i++) {
		const struct row *r = &g->row[i];

		memcpy(b, &r->key, 8);
		be_put32(b + 8, r->first);
		be_put32(b + 12, r->last);
		be_put32(b + 16, r->passed);
		buf_add(out, b, ENTRY);
	}
	be_put32(b, buf_ok(out) ? crc32c(0, out->p, out->n) : 0);
	buf_add(out, b, 4);
}

void
grey_sync(struct grey *g)
{
	struct buf b;
	int fd;

	if (!g->dirty)
		return;
	g->dirty = false;
	buf_init(&b, HEAD + GREY_ROWS * ENTRY + 4);
	encode(g, &b);
	fd = openat(
	    g->dirfd, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !buf_ok(&b) || io_write_all(fd, b.p, b.n) != RC_OK ||
	    fdatasync(fd) != 0 ||
	    renameat(g->dirfd, FILE_NEW, g->dirfd, FILE_NAME) != 0)
		mlog(LOG_WARN, "queue.grey",
		    "text=\"who was greylisted cannot be noted: %s\"",
		    strerror(errno));
	io_close(&fd);
	buf_fini(&b);
}

/* RC_SYNTAX: it is damaged, or not one of ours. */
static int
decode(struct grey *g, struct sv all)
{
	int64_t mono = clk_mono();
	struct sv rows, clock;

	if (all.n < HEAD + 4 || (all.n - HEAD - 4) % ENTRY != 0 ||
	    !sv_starts(all, SV(MAGIC)) ||
	    crc32c(0, all.p, all.n - 4) != be_get32(all.p + all.n - 4))
		return RC_SYNTAX;
	memcpy(g->key, all.p + 8, sizeof g->key);
	clock = sv_first(sv_skip(all, CLOCK_AT), CLOCK_MAX);
	if (believed_parse(
		sv_first(clock, sv_chr(clock, '\0')), mono, &g->clock) != RC_OK)
		g->clock = (struct believed){.time = 0};
	rows = sv_first(sv_skip(all, HEAD), all.n - HEAD - 4);
	for (; rows.n > 0; rows = sv_skip(rows, ENTRY)) {
		struct row r = {.first = be_get32(rows.p + 8),
		    .last = be_get32(rows.p + 12),
		    .passed = be_get32(rows.p + 16),
		    .mono = mono};

		memcpy(&r.key, rows.p, 8);
		if (g->slot[slot_of(g, r.key)] == 0)
			(void)add_row(g, &r);
	}
	return RC_OK;
}

static int
read_file(struct grey *g, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	int r = RC_SYNTAX;
	struct buf b;
	char *p;

	if (size <= 0 || size > (off_t)(HEAD + GREY_ROWS * ENTRY + 4))
		return RC_SYNTAX;
	buf_init(&b, (size_t)size);
	p = buf_reserve(&b, (size_t)size);
	if (p != NULL && io_pread_all(fd, p, (size_t)size, 0) == RC_OK) {
		buf_added(&b, (size_t)size);
		r = decode(g, buf_sv(&b));
	}
	buf_fini(&b);
	return r;
}

struct grey *
grey_open(int dirfd)
{
	struct grey *g = xcalloc(1, sizeof *g);
	int fd;

	g->dirfd = dup(dirfd);
	g->slot = xcalloc(SLOTS, sizeof *g->slot);
	randombytes_buf(g->key, sizeof g->key);
	fd = openat(dirfd, FILE_NAME, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read_file(g, fd) != RC_OK)
		mlog(LOG_WARN, "queue.grey",
		    "text=\"the file spool/grey is damaged; who was "
		    "greylisted is forgotten\"");
	io_close(&fd);
	return g;
}

void
grey_free(struct grey **gp)
{
	struct grey *g = *gp;

	if (g == NULL)
		return;
	grey_sync(g);
	io_close(&g->dirfd);
	free(g->slot);
	free(g->row);
	free(g);
	*gp = NULL;
}
