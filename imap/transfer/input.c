#include "imap/transfer/input.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "imap/transfer/archive.h"
#include "archive/zip.h"

#define WINDOW 65536

struct inflating {
	z_stream z;
	bool over;
	char window[WINDOW];
};

static void
start(struct input *in)
{
	in->at = in->begin;
	in->given = 0;
	in->crc = (uint32_t)crc32(0, NULL, 0);
	if (in->z == NULL)
		return;
	in->z->over = false;
	in->z->z.avail_in = 0;
	must(inflateReset(&in->z->z) == Z_OK);
}

static void
deflated(struct input *in)
{
	in->z = xcalloc(1, sizeof *in->z);
	must(inflateInit2(&in->z->z, -MAX_WBITS) == Z_OK);
}

void
input_member(const struct archive_member *m, struct input *out)
{
	*out = (struct input){.fd = m->fd,
	    .borrowed = true,
	    .size = m->size,
	    .mtime = m->mtime,
	    .begin = m->at,
	    .end = m->at + m->packed,
	    .checked = m->has_crc,
	    .crc_want = m->crc};
	if (m->deflate)
		deflated(out);
	start(out);
}

void
input_file(int fd, struct input *out)
{
	struct stat st;

	*out = (struct input){.fd = fd, .end = UINT64_MAX};
	if (fstat(fd, &st) == 0) {
		out->size = (uint64_t)st.st_size;
		out->mtime = (int64_t)st.st_mtime;
	}
}

void
input_close(struct input *in)
{
	if (in->z != NULL)
		(void)inflateEnd(&in->z->z);
	free(in->z);
	in->z = NULL;
	if (!in->borrowed)
		io_close(&in->fd);
	in->fd = -1;
}

/* ---- reading ---- */

/* Of the bytes in the file; 0 at the end of them. */
static ssize_t
read_raw(struct input *in, char *p, size_t n)
{
	ssize_t k;

	if (n > in->end - in->at)
		n = (size_t)(in->end - in->at);
	do
		k = n > 0 ? pread(in->fd, p, n, (off_t)in->at) : 0;
	while (k < 0 && errno == EINTR);
	if (k > 0)
		in->at += (uint64_t)k;
	/* The archive has said that there are more. */
	return k == 0 && n > 0 && in->borrowed ? -1 : k;
}

static ssize_t
read_inflated(struct input *in, char *p, size_t n)
{
	struct inflating *f = in->z;
	ssize_t k;
	int r;

	f->z.next_out = (Bytef *)p;
	f->z.avail_out = (uInt)(n < WINDOW ? n : WINDOW);
	n = f->z.avail_out;
	while (!f->over && f->z.avail_out == n) {
		if (f->z.avail_in == 0) {
			k = read_raw(in, f->window, WINDOW);
			if (k <= 0)
				return -1; /* it is cut off */
			f->z.next_in = (const Bytef *)f->window;
			f->z.avail_in = (uInt)k;
		}
		r = inflate(&f->z, Z_NO_FLUSH);
		f->over = r == Z_STREAM_END;
		if (r != Z_OK && !f->over)
			return -1;
	}
	return (ssize_t)(n - f->z.avail_out);
}

ssize_t
input_read(struct input *in, char *p, size_t n)
{
	ssize_t k;

	if (n == 0)
		return 0;
	k = in->z != NULL ? read_inflated(in, p, n) : read_raw(in, p, n);
	if (k > 0) {
		in->given += (uint64_t)k;
		if (in->checked)
			in->crc =
			    (uint32_t)crc32(in->crc, (const Bytef *)p, (uInt)k);
	}
	if (in->borrowed && k >= 0 &&
	    (in->given > in->size || (k == 0 && in->given < in->size)))
		return -1;
	if (k == 0 && in->checked && in->crc != in->crc_want)
		return -1;
	return k;
}

ssize_t
input_read_full(struct input *in, char *p, size_t n)
{
	size_t got = 0;
	ssize_t k = 0;

	while (got < n && (k = input_read(in, p + got, n - got)) > 0)
		got += (size_t)k;
	return k < 0 ? -1 : (ssize_t)got;
}

bool
input_seek(struct input *in, uint64_t to)
{
	char *waste;
	ssize_t k = 1;

	if (in->z == NULL && !in->checked) {
		if (to > in->end - in->begin)
			return false;
		in->at = in->begin + to;
		in->given = to;
		return true;
	}
	if (to < in->given)
		start(in);
	waste = xmalloc(WINDOW);
	while (in->given < to && k > 0) {
		uint64_t n = to - in->given;

		k = input_read(in, waste, n < WINDOW ? (size_t)n : WINDOW);
	}
	free(waste);
	return in->given == to;
}

size_t
input_peek(struct input *in, char *p, size_t n)
{
	size_t got = 0;
	ssize_t k;

	if (!input_seek(in, 0))
		return 0;
	/* What is damaged later begins all the same. */
	while (got < n && (k = input_read(in, p + got, n - got)) > 0)
		got += (size_t)k;
	(void)input_seek(in, 0);
	return got;
}

int
input_measure(int fd, uint64_t at, uint64_t end, struct zip_entry *io)
{
	struct input in = {.fd = fd,
	    .borrowed = true,
	    .begin = at,
	    .end = end,
	    .size = UINT64_MAX};
	char *waste = xmalloc(WINDOW);
	uint64_t size = 0;
	uint32_t crc = (uint32_t)crc32(0, NULL, 0);
	ssize_t k;

	deflated(&in);
	start(&in);
	while ((k = read_inflated(&in, waste, WINDOW)) > 0) {
		size += (uint64_t)k;
		crc = (uint32_t)crc32(crc, (const Bytef *)waste, (uInt)k);
	}
	io->size = size;
	io->packed = in.at - at - in.z->z.avail_in;
	io->crc = crc;
	input_close(&in);
	free(waste);
	return k == 0 ? RC_OK : RC_SYNTAX;
}
