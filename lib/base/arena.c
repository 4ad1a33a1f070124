#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CHUNK_MIN 1000
#define ALIGN	  _Alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, cap;
	_Alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a)
{
	a->head = NULL;
}

void
arena_reset(struct arena *a)
{
	while (a->head != NULL) {
		struct arena_chunk *c = a->head;

		a->head = c->next;
		free(c);
	}
}

void
arena_wipe(struct arena *a)
{
	struct arena_chunk *c;

	for (c = a->head; c != NULL; c = c->next)
		explicit_bzero(c->data, c->used);
	arena_reset(a);
}

static struct arena_chunk *
chunk_new(struct arena *a, size_t n)
{
	size_t cap = a->head != NULL ? a->head->cap * 2 : CHUNK_MIN;
	struct arena_chunk *c;

	if (cap > 64 * 1024)
		cap = 64 * 1024;
	if (cap < n)
		cap = n;
	c = xmalloc(sizeof *c + cap);
	c->used = 0;
	c->cap = cap;
	c->next = a->head;
	a->head = c;
	return c;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->head;
	void *p;

	must(n < SIZE_MAX / 2);
	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (c == NULL || c->cap - c->used < n)
		c = chunk_new(a, n);
	p = c->data + c->used;
	c->used += n;
	memset(p, 0, n);
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	must(!__builtin_mul_overflow(count, size, &n));
	return arena_alloc(a, n);
}

void *
arena_grow(struct arena *a, void *p, size_t *cap, size_t need, size_t size)
{
	size_t c = *cap;
	void *q;

	if (need <= c)
		return p;
	c = c + c / 2 + 8;
	if (c < need)
		c = need;
	q = arena_array(a, c, size);
	if (*cap > 0)
		memcpy(q, p, *cap * size);
	*cap = c;
	return q;
}

struct sv
arena_dup(struct arena *a, struct sv s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return sv_of(p, s.n);
}
