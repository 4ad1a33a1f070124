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
#define MAGIC	  "hmgrey2\n"
#define MAGIC_OLD "hmgrey1\n"
#define CLOCK_AT  24u
#define CLOCK_MAX 64u
#define HEAD	  (CLOCK_AT + CLOCK_MAX)
#define ENTRY	  24u
#define ENTRY_OLD 20u /* without the network */
#define SLOTS	  (2 * GREY_ROWS)
#define KEEP	  (GREY_ROWS / 8 * 7) /* when it is full */
#define KEEP_PAST (GREY_ROWS / 4 * 3) /* of them that have passed */

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the key's place");

struct row {
	uint64_t key;
	uint32_t first, last, passed; /* seconds since 1970; passed 0: not */
	uint32_t net;		      /* hash of the network; 0: unknown */
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

static void
put_row(struct grey *g, const struct row *r)
{
	g->row = xgrow(g->row, &g->cap, g->n + 1, sizeof *g->row);
	g->row[g->n++] = *r;
	g->slot[slot_of(g, r->key)] = (uint16_t)g->n;
}

/* Those that are over go; if that is not enough, of those that have passed and
 * of those that wait the oldest, so that neither kind drives out the other. */
static void
make_room(struct grey *g, int64_t now)
{
	size_t i, n = 0, past = 0;

	for (i = 0; i < g->n; i++)
		if (!is_over(&g->row[i], now))
			g->row[n++] = g->row[i];
	g->n = n;
	if (n > KEEP) {
		qsort(g->row, n, sizeof *g->row, by_worth);
		while (past < n && g->row[past].passed != 0)
			past++;
		if (past > KEEP_PAST) {
			memmove(g->row + KEEP_PAST, g->row + past,
			    (n - past) * sizeof *g->row);
			g->n -= past - KEEP_PAST;
		}
		if (g->n > KEEP)
			g->n = KEEP;
	}
	rebuild(g);
}

/* In place of another: what lies behind its slot may have to move there. */
static void
replace_row(struct grey *g, size_t at, const struct row *r)
{
	size_t s = slot_of(g, g->row[at].key);

	g->slot[s] = 0;
	for (s = (s + 1) % SLOTS; g->slot[s] != 0; s = (s + 1) % SLOTS) {
		uint16_t row = g->slot[s];

		g->slot[s] = 0;
		g->slot[slot_of(g, g->row[row - 1].key)] = row;
	}
	g->row[at] = *r;
	g->slot[slot_of(g, r->key)] = (uint16_t)(at + 1);
}

/* One that waits: a network with many of them loses its own oldest. */
static void
add_row(struct grey *g, const struct row *r, int64_t now)
{
	size_t i, waiting = 0, oldest = 0;

	for (i = 0; i < g->n; i++) {
		const struct row *x = &g->row[i];

		if (x->net != r->net || x->passed != 0)
			continue;
		if (waiting++ == 0 || x->first < g->row[oldest].first)
			oldest = i;
	}
	if (waiting >= GREY_WAITING) {
		replace_row(g, oldest, r);
		return;
	}
	if (g->n == GREY_ROWS)
		make_room(g, now);
	put_row(g, r);
}

/* One more of that network is about to pass: the one not seen for longest makes
 * room.  So does another, since files of older versions may have too many. */
static void
bound_passed(struct grey *g, uint32_t net)
{
	size_t i, past, oldest;
	unsigned round;

	for (round = 0; round < 2; round++) {
		for (i = past = oldest = 0; i < g->n; i++) {
			const struct row *x = &g->row[i];

			if (x->net != net || x->passed == 0)
				continue;
			if (past++ == 0 || x->last < g->row[oldest].last)
				oldest = i;
		}
		if (past < GREY_PASSED)
			return;
		g->row[oldest] = g->row[--g->n];
		rebuild(g);
	}
}

static void
let_pass(struct grey *g, uint64_t key, int64_t now)
{
	bound_passed(g, g->row[g->slot[slot_of(g, key)] - 1].net);
	g->row[g->slot[slot_of(g, key)] - 1].passed = (uint32_t)now;
}

/* The first word of a triple, of IPv6 ("06...") only the /48; not 0. */
static uint32_t
network_of(const struct grey *g, struct sv triple)
{
	struct sv net = sv_first(triple, sv_chr(triple, ' '));
	unsigned char h[crypto_shorthash_BYTES];
	uint32_t n;

	if (sv_starts(net, SV("06")))
		net = sv_first(net, 2 + 48 / 4);
	(void)crypto_shorthash(h, (const unsigned char *)net.p, net.n, g->key);
	n = be_get32((const char *)h);
	return n != 0 ? n : 1;
}

bool
grey_pass(struct grey *g, struct sv triple, int64_t wall, int64_t mono)
{
	int64_t now = believed_look(&g->clock, wall, mono) / 1000;
	struct row new = {.first = (uint32_t)now, .mono = mono}, *r;
	size_t s;

	(void)crypto_shorthash((unsigned char *)&new.key,
	    (const unsigned char *)triple.p, triple.n, g->key);
	new.net = network_of(g, triple);
	new.last = new.first;
	g->dirty = true;
	s = slot_of(g, new.key);
	if (g->slot[s] == 0) {
		add_row(g, &new, now);
		return false;
	}
	r = &g->row[g->slot[s] - 1];
	r->net = new.net;
	if (is_over(r, now))
		*r = new;
	/* Set back since then, the wall clock says nothing. */
	else if (r->passed == 0 && (since(r->first, now) >= GREY_WAIT_S ||
				       mono - r->mono >= GREY_WAIT_S * 1000ll))
		let_pass(g, new.key, now);
	r = &g->row[g->slot[slot_of(g, new.key)] - 1];
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
		be_put32(b + 20, r->net);
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
	bool old = sv_starts(all, SV(MAGIC_OLD));
	size_t entry = old ? ENTRY_OLD : ENTRY;
	struct sv rows, clock;

	if (all.n < HEAD + 4 || (all.n - HEAD - 4) % entry != 0 ||
	    (!old && !sv_starts(all, SV(MAGIC))) ||
	    crc32c(0, all.p, all.n - 4) != be_get32(all.p + all.n - 4))
		return RC_SYNTAX;
	memcpy(g->key, all.p + 8, sizeof g->key);
	clock = sv_first(sv_skip(all, CLOCK_AT), CLOCK_MAX);
	if (believed_parse(
		sv_first(clock, sv_chr(clock, '\0')), mono, &g->clock) != RC_OK)
		g->clock = (struct believed){.time = 0};
	rows = sv_first(sv_skip(all, HEAD), all.n - HEAD - 4);
	for (; rows.n > 0 && g->n < GREY_ROWS; rows = sv_skip(rows, entry)) {
		struct row r = {.first = be_get32(rows.p + 8),
		    .last = be_get32(rows.p + 12),
		    .passed = be_get32(rows.p + 16),
		    .net = old ? 0 : be_get32(rows.p + 20),
		    .mono = mono};

		memcpy(&r.key, rows.p, 8);
		if (g->slot[slot_of(g, r.key)] == 0)
			put_row(g, &r);
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
