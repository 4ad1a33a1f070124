#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static char empty[1];

void
buf_init(struct buf *b, size_t max)
{
	b->p = empty;
	b->n = 0;
	b->cap = 0;
	b->max = max;
	b->failed = false;
}

void
buf_fini(struct buf *b)
{
	if (b->cap > 0)
		free(b->p);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->cap > 0)
		b->p[0] = '\0';
}

void
buf_release(struct buf *b)
{
	buf_fini(b);
}

void
buf_wipe(struct buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->p, b->cap);
	buf_fini(b);
}

/* The one place where a buffer grows. */
static bool
grow(struct buf *b, size_t more)
{
	size_t need, cap;

	if (b->failed || __builtin_add_overflow(b->n, more, &need) ||
	    need > b->max || need >= SIZE_MAX / 2) {
		b->failed = true;
		return false;
	}
	if (need + 1 <= b->cap)
		return true;
	cap = b->cap + b->cap / 2 + 64;
	if (cap < need + 1)
		cap = need + 1;
	if (cap > b->max + 1)
		cap = b->max + 1;
	b->p = xreallocarray(b->cap > 0 ? b->p : NULL, cap, 1);
	b->cap = cap;
	return true;
}

/* Does p lie in b's memory?  Where, is in *at then. */
static bool
within(const struct buf *b, const void *p, size_t *at)
{
	/* As numbers: they need not be of the same object. */
	*at = (size_t)((uintptr_t)p - (uintptr_t)b->p);
	return *at < b->cap;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	size_t at;
	bool own = n > 0 && within(b, p, &at);

	/* What was reset away or cut off is not what it was. */
	must(!own || (at <= b->n && n <= b->n - at));
	if (!grow(b, n))
		return;
	if (own) /* grow may have moved it */
		p = b->p + at;
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
buf_set(struct buf *b, struct sv s)
{
	size_t at;

	if (s.n == 0 || !within(b, s.p, &at)) {
		buf_reset(b);
		buf_addsv(b, s);
		return;
	}
	must(at <= b->n && s.n <= b->n - at);
	memmove(b->p, s.p, s.n);
	buf_truncate(b, s.n);
	b->failed = false;
}

void
buf_addc(struct buf *b, char c)
{
	if (b->failed || b->n + 1 >= b->cap) {
		buf_add(b, &c, 1);
		return;
	}
	b->p[b->n++] = c;
	b->p[b->n] = '\0';
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addsv(struct buf *b, struct sv s)
{
	buf_add(b, s.p, s.n);
}

void
buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->failed ? 0 : b->cap - (b->cap > 0 ? b->n : 0);
	va_list again;
	int n;

	/* Mostly there is room, and it is done in one go. */
	va_copy(again, ap);
	n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, fmt, again);
	va_end(again);
	must(n >= 0);
	if ((size_t)n < room) {
		b->n += (size_t)n;
		return;
	}
	if (room > 0)
		b->p[b->n] = '\0';
	if (!grow(b, (size_t)n))
		return;
	(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_addv(b, fmt, ap);
	va_end(ap);
}

void
buf_addu(struct buf *b, uint64_t v)
{
	char t[20];
	size_t i = sizeof t;

	do {
		t[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(b, t + i, sizeof t - i);
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (!grow(b, n))
		return NULL;
	return b->p + b->n;
}

void
buf_added(struct buf *b, size_t n)
{
	must(b->cap > b->n && n <= b->cap - 1 - b->n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
buf_consume(struct buf *b, size_t n)
{
	must(n <= b->n);
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n + 1);
	b->n -= n;
}

void
buf_truncate(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->n = n;
	if (b->cap > 0)
		b->p[n] = '\0';
}

char *
buf_take(struct buf *b)
{
	char *p;

	if (b->cap == 0)
		return xstrdup("");
	p = b->p;
	buf_init(b, b->max);
	return p;
}
