#include "smtp/body.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/io.h"

#define COPY_CHUNK   16384
#define RESERVE_STEP (64u * 1024)

void
smtp_body_init(struct smtp_body *b, struct smtp_budget *budget,
    const struct smtp_ops *ops, void *ctx)
{
	memset(b, 0, sizeof *b);
	b->budget = budget;
	b->ops = ops;
	b->ctx = ctx;
	b->fd = -1;
}

static struct smtp_pool *
pool_of(struct smtp_body *b, bool file)
{
	return file ? &b->budget->files : &b->budget->memory;
}

/* Takes up to n bytes in all of the pool that the body is in. */
static bool
reserve(struct smtp_body *b, uint64_t n)
{
	struct smtp_pool *p = pool_of(b, b->file);
	bool ok = true;

	if (n <= b->reserved)
		return true;
	n = (n + RESERVE_STEP - 1) / RESERVE_STEP * RESERVE_STEP;
	pthread_mutex_lock(&b->budget->lock);
	if (p->used + (n - b->reserved) > p->max) {
		ok = false;
	} else {
		p->used += n - b->reserved;
		b->reserved = n;
	}
	pthread_mutex_unlock(&b->budget->lock);
	return ok;
}

static void
give_back(struct smtp_body *b)
{
	pthread_mutex_lock(&b->budget->lock);
	pool_of(b, b->file)->used -= b->reserved;
	pthread_mutex_unlock(&b->budget->lock);
	b->reserved = 0;
}

static int
copy(int from, int to, uint64_t n)
{
	char chunk[COPY_CHUNK];
	uint64_t at = 0;
	int r = RC_OK;

	while (r == RC_OK && at < n) {
		size_t k =
		    n - at < sizeof chunk ? (size_t)(n - at) : sizeof chunk;

		r = io_pread_all(from, chunk, k, at);
		if (r == RC_OK)
			r = io_write_all(to, chunk, k);
		at += k;
	}
	return r;
}

/* The message has outgrown memory. */
static int
move_to_file(struct smtp_body *b)
{
	int fd = -1, r = b->ops->file(b->ctx, &fd);

	if (r == RC_OK && b->fd >= 0)
		r = copy(b->fd, fd, b->size);
	if (r != RC_OK) {
		io_close(&fd);
		return r == RC_IO ? RC_NOSPACE : r;
	}
	io_close(&b->fd);
	b->fd = fd;
	give_back(b);
	b->file = true;
	return RC_OK;
}

void
smtp_body_add(struct smtp_body *b, struct sv bytes)
{
	if (b->error != RC_OK || bytes.n == 0)
		return;
	if (!b->file && b->size + bytes.n > SMTP_BODY_MEMORY)
		b->error = move_to_file(b);
	if (b->error == RC_OK && !reserve(b, b->size + bytes.n))
		b->error = RC_NOSPACE;
	if (b->error == RC_OK && b->fd < 0) {
		b->fd = memfd_create("message", MFD_CLOEXEC);
		if (b->fd < 0)
			b->error = RC_TEMP;
	}
	if (b->error == RC_OK && io_write_all(b->fd, bytes.p, bytes.n) != RC_OK)
		b->error = errno == ENOSPC ? RC_NOSPACE : RC_TEMP;
	b->size += bytes.n;
}

void
smtp_body_fini(struct smtp_body *b)
{
	io_close(&b->fd);
	if (b->budget != NULL)
		give_back(b);
	b->budget = NULL;
}
