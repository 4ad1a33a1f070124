#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"
#include "journal/sabotage.h"

#define WINDOW	 (256u << 10)
#define SECTOR	 512u
#define MEND_MAX 4096u /* larger: chance could find a bit that is none */
#define BAD_BYTE 0xdb  /* in place of what the disk does not give back */

void
scan_init(struct scan *s, const struct journal_io *io, int fd,
    const unsigned char *key, uint64_t off, uint64_t end)
{
	memset(s, 0, sizeof *s);
	s->io = io;
	s->fd = fd;
	s->key = key;
	s->off = off;
	s->end = end;
	s->step = REC_ALIGN;
}

void
scan_fini(struct scan *s)
{
	free(s->win);
	s->win = NULL;
}

/* A bad sector must not hide its neighbours. */
static void
read_by_sectors(struct scan *s)
{
	for (size_t i = 0; i < s->win_n; i += SECTOR) {
		size_t n = s->win_n - i < SECTOR ? s->win_n - i : SECTOR;
		int r = disk_pread(s->io, s->fd, s->win + i, n, s->win_off + i);

		if (r == RC_OK)
			continue;
		s->unread = s->unread || r == RC_IO;
		memset(s->win + i, BAD_BYTE, n);
	}
}

/* n bytes at off, which end before s->end; NULL otherwise. */
static const char *
peek(struct scan *s, uint64_t off, size_t n)
{
	if (off > s->end || n > s->end - off)
		return NULL;
	if (off >= s->win_off && off - s->win_off <= s->win_n &&
	    n <= s->win_n - (off - s->win_off))
		return s->win + (off - s->win_off);
	s->win_n = n > WINDOW ? n : WINDOW;
	if (s->win_n > s->end - off)
		s->win_n = (size_t)(s->end - off);
	if (s->win_n > s->win_cap) {
		free(s->win);
		s->win = xmalloc(s->win_n);
		s->win_cap = s->win_n;
	}
	s->win_off = off;
	if (disk_pread(s->io, s->fd, s->win, s->win_n, off) != RC_OK)
		read_by_sectors(s);
	return s->win;
}

static bool
fits(const struct scan *s, uint64_t off, const struct rec_header *h)
{
	return h->len <= JOURNAL_PAYLOAD_MAX &&
	       rec_bytes(h->len) <= s->end - off;
}

/* Without the key: is it what we write, and has the payload its checksum? */
static bool
could_be(struct scan *s, uint64_t off, const struct rec_header *h)
{
	const char *p;

	if (h->type < JOURNAL_TYPE_USER || h->codec != 0 ||
	    h->decoded_len != h->len || h->len == 0 ||
	    (h->flags & ~(JOURNAL_NAMED | JOURNAL_ELSEWHERE)) != 0)
		return false;
	p = peek(s, off, (size_t)rec_bytes(h->len));
	return crc32c(0, p + REC_HEADER, h->len) == h->crc;
}

static bool
header_at(struct scan *s, uint64_t off, struct rec_header *h, bool *mended)
{
	const char *p = peek(s, off, REC_HEADER);
	int r;

	if (p == NULL)
		return false;
	r = rec_header_decode(p, s->key, h);
	if (s->key == NULL)
		return r == RC_OK && fits(s, off, h) && could_be(s, off, h);
	/* Only where one must be: behind the one before. */
	if (r == RC_DAMAGED && off == s->off &&
	    rec_header_mend(p, s->key, h) == RC_OK) {
		*mended = true;
		r = RC_OK;
	}
	return r == RC_OK && fits(s, off, h);
}

/* A change of which one bit is wrong is as good as new; the window is ours.
 * Messages are looked at when they are read. */
static bool
payload_mend(struct scan *s, const struct scanned *x)
{
	size_t at = (size_t)(x->off + REC_HEADER - s->win_off);

	return !sabotaged(SABOTAGE_NO_PAYLOAD_CRC) && x->h.len <= MEND_MAX &&
	       (!(x->h.flags & JOURNAL_NAMED) ||
		   (x->h.flags & JOURNAL_ELSEWHERE)) &&
	       crc32c_mend(s->win + at, x->h.len, x->h.crc);
}

/* The last byte behind off that is not zero, plus one; off if there is none. */
static uint64_t
nonzero_end(struct scan *s, uint64_t off)
{
	uint64_t last = off;

	while (off < s->end) {
		size_t n =
		    s->end - off < SECTOR ? (size_t)(s->end - off) : SECTOR;
		const char *p = peek(s, off, n);

		for (size_t i = 0; i < n; i++)
			if (p[i] != 0)
				last = off + i + 1;
		off += n;
	}
	return last;
}

int
scan_next(struct scan *s, struct scanned *out)
{
	uint64_t off = s->off;
	const char *p;

	memset(out, 0, sizeof *out);
	while (!header_at(s, off, &out->h, &out->head_mended)) {
		out->head_mended = false;
		if (off + REC_HEADER >= s->end) {
			out->off = s->off;
			out->gap = nonzero_end(s, s->off) - s->off;
			return RC_EOF;
		}
		off += s->step;
	}
	out->off = off;
	out->gap = off - s->off;
	p = peek(s, off, (size_t)rec_bytes(out->h.len));
	out->payload = sv_of(p + REC_HEADER, out->h.len);
	out->ok = crc32c(0, out->payload.p, out->payload.n) == out->h.crc ||
		  sabotaged(SABOTAGE_NO_PAYLOAD_CRC);
	if (!out->ok && payload_mend(s, out))
		out->ok = out->mended = true;
	s->off = off + rec_bytes(out->h.len);
	return RC_OK;
}
