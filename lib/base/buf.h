/*
 * struct buf: the one owned, growing byte buffer.
 *
 * - p[n] is always a NUL, so that p may be handed to libc; the bytes may hold
 *   NULs of their own.
 * - It never grows above max.  A write that would is not done at all, and
 *   sets the sticky `failed`; check it once at the end with buf_ok().
 * - Stored by value in other structs; buf_fini frees and may be called twice.
 * - What is added may be a part of the content itself.  A slice of what the
 *   buffer held before a reset, cut or wipe is a bug, and is caught.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/sv.h"

struct buf {
	char *p;
	size_t n;
	size_t cap; /* bytes allocated, 0 while p is the shared empty string */
	size_t max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);

/* Empties and clears failed, keeps the memory. */
void buf_reset(struct buf *b);
/* Empties and gives the memory back: for buffers of parked sessions. */
void buf_release(struct buf *b);
/* Overwrites the bytes so that no secret stays, then as buf_release. */
void buf_wipe(struct buf *b);

void buf_add(struct buf *b, const void *p, size_t n);
/* The content becomes s, which may be a part of the content now; clears
 * failed. */
void buf_set(struct buf *b, struct sv s);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addsv(struct buf *b, struct sv s);
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* A decimal number; much cheaper than buf_addf. */
void buf_addu(struct buf *b, uint64_t v);

/*
 * Makes room for n bytes behind the content and returns where they start, or
 * NULL (and failed) above max.  buf_added() says how many were written.
 */
char *buf_reserve(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);

/* Cuts n bytes off the front; moves the rest. */
void buf_consume(struct buf *b, size_t n);
/* Cuts behind the first n bytes. */
void buf_truncate(struct buf *b, size_t n);

/* Moves the bytes out, to be freed by the caller; b becomes empty. */
char *buf_take(struct buf *b);

static inline bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

/* The content; valid until the next call that changes b. */
static inline struct sv
buf_sv(const struct buf *b)
{
	return (struct sv){b->p, b->n};
}

#endif
