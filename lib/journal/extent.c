#include "journal/extent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

#define LOOKS	 5
#define PAUSE_NS (20 * 1000 * 1000)

/* Where the last whole batch ends; false if something before it is odd: a
 * write may have been seen half. */
static bool
batches_end(struct journal *j, struct segment *s, uint64_t *end)
{
	uint32_t batch = 0;
	bool sound = true;
	struct scanned x;
	struct scan sc;

	*end = SEG_HEADER;
	scan_init(&sc, j->io, s->fd, s->h.key, SEG_HEADER, s->end);
	while (scan_next(&sc, &x) == RC_OK) {
		struct commit c;

		if (x.gap > 0 || !x.ok)
			sound = false;
		if (x.h.type != JOURNAL_TYPE_COMMIT) {
			batch++;
			continue;
		}
		if (x.ok && commit_decode(x.payload, &c) == RC_OK &&
		    !(c.flags & COMMIT_CLEAN) && c.count == batch)
			*end = sc.off;
		batch = 0;
	}
	scan_fini(&sc);
	return sound;
}

static int
last_end(struct journal *j, struct segment *s, uint64_t *end)
{
	const struct timespec pause = {0, PAUSE_NS};
	int r = segment_open(j, s);

	for (unsigned i = 0; r == RC_OK && i < LOOKS; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		if (j->io->size(j->io, s->fd, &s->end) < 0)
			r = RC_IO;
		/* What stays odd is a damage: it is copied as it is. */
		else if (batches_end(j, s, end))
			break;
	}
	return r;
}

int
journal_extents(int dirfd, const struct journal_opts *opts,
    struct journal_extent **out, size_t *n, struct err *err)
{
	struct journal_opts o = *opts;
	struct journal_extent *e = NULL;
	struct journal *j = NULL;
	int r;

	o.readonly = true;
	r = journal_open(dirfd, &o, &j, err);
	if (r != RC_OK)
		return r;
	e = xcalloc(j->nseg + 1, sizeof *e);
	for (size_t i = 0; i < j->nseg && r == RC_OK; i++) {
		struct segment *s = j->seg[i];

		e[i].number = s->h.number;
		memcpy(e[i].key, s->h.key, sizeof e[i].key);
		e[i].last = s == segment_last(j);
		if (e[i].last)
			r = last_end(j, s, &e[i].bytes);
		else if (segment_open(j, s) != RC_OK ||
			 j->io->size(j->io, s->fd, &e[i].bytes) < 0)
			r = RC_IO;
	}
	*n = j->nseg;
	journal_close(&j);
	if (r != RC_OK) {
		free(e);
		return err_set(err, r, "a segment cannot be read");
	}
	*out = e;
	return RC_OK;
}

bool
journal_extent_holds(
    const struct journal_io *io, int logfd, const struct journal_extent *e)
{
	struct seg_header h = {.replaces = RANGESET_EMPTY};
	char raw[SEG_HEADER], name[SEG_NAME_MAX];
	bool same = false;
	int fd;

	if (sabotaged(SABOTAGE_UNHELD))
		return true;
	seg_name(e->number, "", name);
	fd = io->open(io, logfd, name, O_RDONLY);
	if (fd < 0)
		return false;
	if (disk_pread(io, fd, raw, sizeof raw, 0) == RC_OK &&
	    seg_header_decode(raw, &h) == RC_OK)
		same = memcmp(h.key, e->key, sizeof e->key) == 0;
	rangeset_fini(&h.replaces);
	io->close(io, fd);
	return same;
}
