#include "ipc/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

void
codec_u8(struct codec *c, uint8_t *v)
{
	if (c->way == CODEC_PUT)
		msg_put_u8(c->m, *v);
	else if (c->way == CODEC_GET)
		*v = msg_get_u8(c->m);
}

void
codec_below(struct codec *c, uint8_t *v, uint8_t end)
{
	codec_u8(c, v);
	if (c->way == CODEC_GET && *v >= end) {
		c->m->bad = true;
		*v = 0;
	}
}

void
codec_bool(struct codec *c, bool *v)
{
	uint8_t byte = *v;

	codec_below(c, &byte, 2);
	if (c->way == CODEC_GET)
		*v = byte != 0;
}

void
codec_u32(struct codec *c, uint32_t *v)
{
	if (c->way == CODEC_PUT)
		msg_put_u32(c->m, *v);
	else if (c->way == CODEC_GET)
		*v = msg_get_u32(c->m);
}

void
codec_u16(struct codec *c, uint16_t *v)
{
	uint32_t wide = *v;

	codec_u32(c, &wide);
	if (c->way != CODEC_GET)
		return;
	c->m->bad |= wide > UINT16_MAX;
	*v = (uint16_t)wide;
}

void
codec_rc(struct codec *c, int *v)
{
	uint32_t bits = (uint32_t)*v;

	codec_u32(c, &bits);
	if (c->way != CODEC_GET)
		return;
	*v = (int)bits;
	if (*v < RC_NOSUPPORT || *v > RC_MORE) {
		c->m->bad = true;
		*v = RC_SYNTAX;
	}
}

void
codec_u64(struct codec *c, uint64_t *v)
{
	if (c->way == CODEC_PUT)
		msg_put_u64(c->m, *v);
	else if (c->way == CODEC_GET)
		*v = msg_get_u64(c->m);
}

void
codec_i64(struct codec *c, int64_t *v)
{
	uint64_t bits = (uint64_t)*v;

	codec_u64(c, &bits);
	if (c->way == CODEC_GET)
		*v = (int64_t)bits;
}

void
codec_sv(struct codec *c, struct sv *v)
{
	if (c->way == CODEC_PUT)
		msg_put_sv(c->m, *v);
	else if (c->way == CODEC_GET)
		*v = msg_get_sv(c->m);
}

void
codec_text(struct codec *c, struct sv *v, size_t max)
{
	codec_sv(c, v);
	if (c->way == CODEC_GET && (v->n >= max || sv_chr(*v, '\0') < v->n)) {
		c->m->bad = true;
		*v = SV("");
	}
}

void
codec_bytes(struct codec *c, void *v, size_t n)
{
	if (c->way == CODEC_PUT)
		msg_put_sv(c->m, sv_of(v, n));
	else if (c->way == CODEC_GET)
		msg_get_bytes(c->m, v, n);
}

void
codec_fd(struct codec *c, int *fd)
{
	if (c->way == CODEC_PUT)
		msg_put_fd(c->m, *fd);
	else if (c->way == CODEC_GET)
		*fd = msg_take_fd(c->m);
	else
		io_close(fd);
}

void
codec_fd_maybe(struct codec *c, int *fd)
{
	bool was_bad;

	if (c->way == CODEC_PUT && *fd < 0)
		return;
	was_bad = c->way == CODEC_GET && c->m->bad;
	codec_fd(c, fd);
	if (c->way == CODEC_GET)
		c->m->bad = was_bad;
}

void
codec_list(struct codec *c, void **list, uint32_t *n, size_t size, uint32_t max)
{
	if (c->way == CODEC_FREE)
		return;
	codec_u32(c, n);
	if (c->way == CODEC_PUT) {
		/* Nobody would take it. */
		c->m->b.failed |= *n > max;
		return;
	}
	/* Each element has a byte at least: a number that the rest of the
	 * message cannot hold costs no memory. */
	if (c->m->bad || *n > max || *n > c->m->b.n - c->m->at) {
		c->m->bad = true;
		*n = 0;
	}
	*list = *n > 0 ? xcalloc(*n, size) : NULL;
}

void
codec_list_end(struct codec *c, void **list, uint32_t *n)
{
	if (c->way != CODEC_FREE)
		return;
	free(*list);
	*list = NULL;
	*n = 0;
}

void
codec_put(const struct codec_type *t, struct msg *m, void *v)
{
	struct codec c = {m, CODEC_PUT};

	t->fields(&c, v);
}

int
codec_get(const struct codec_type *t, struct msg *m, void *v)
{
	struct codec c = {m, CODEC_GET};

	memset(v, 0, t->size);
	t->fields(&c, v);
	if (msg_end(m) == RC_OK)
		return RC_OK;
	codec_fini(t, v);
	return RC_SYNTAX;
}

void
codec_fini(const struct codec_type *t, void *v)
{
	struct codec c = {NULL, CODEC_FREE};

	t->fields(&c, v);
}
