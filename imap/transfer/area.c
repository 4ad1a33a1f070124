#include "imap/transfer/area.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "imap/transfer/broker.h"

#define MEMORY_MAX (2u << 20)
#define PIECE	   65536

void
area_init(struct area *a, struct broker *broker)
{
	*a = (struct area){.fd = -1, .broker = broker};
	buf_init(&a->memory, MEMORY_MAX);
}

void
area_fini(struct area *a)
{
	buf_fini(&a->memory);
	io_close(&a->fd);
}

static int
add_to_file(struct area *a, struct sv s, struct err *err)
{
	uint64_t off = a->size - MEMORY_MAX;
	int r = RC_OK;

	if (a->fd < 0)
		r = broker_scratch(a->broker, &a->fd, err);
	while (r == RC_OK && s.n > 0) {
		ssize_t k = pwrite(a->fd, s.p, s.n, (off_t)off);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return err_sys(err, RC_NOSPACE, errno,
			    "a large message cannot be kept in a temporary "
			    "file");
		off += (uint64_t)k;
		a->size += (uint64_t)k;
		s = sv_skip(s, (size_t)k);
	}
	return r;
}

int
area_add(struct area *a, struct sv s, struct err *err)
{
	struct sv head = sv_first(s, MEMORY_MAX - a->memory.n);

	buf_addsv(&a->memory, head);
	a->size += head.n;
	s = sv_skip(s, head.n);
	return s.n > 0 ? add_to_file(a, s, err) : RC_OK;
}

void
area_truncate(struct area *a, uint64_t n)
{
	must(n <= a->size);
	a->size = n;
	if (n < a->memory.n)
		buf_truncate(&a->memory, (size_t)n);
	a->memory.failed = false;
}

int
area_each(struct area *a, uint64_t off, uint64_t n,
    int (*fn)(void *arg, struct sv piece), void *arg, struct err *err)
{
	char *p = NULL;
	int r = RC_OK;

	must(off <= a->size && n <= a->size - off);
	while (r == RC_OK && n > 0 && off < a->memory.n) {
		struct sv s = sv_skip(buf_sv(&a->memory), (size_t)off);

		s = sv_first(s, n < PIECE ? (size_t)n : PIECE);
		off += s.n;
		n -= s.n;
		r = fn(arg, s);
	}
	if (n > 0)
		p = xmalloc(PIECE);
	while (r == RC_OK && n > 0) {
		size_t k = n < PIECE ? (size_t)n : PIECE;

		r = io_pread_all(a->fd, p, k, off - MEMORY_MAX);
		if (r != RC_OK)
			r = err_set(
			    err, RC_IO, "the temporary file cannot be read");
		else
			r = fn(arg, sv_of(p, k));
		off += k;
		n -= k;
	}
	free(p);
	return r;
}
