/*
 * Memory for small things of a size we choose.  These never return NULL: out
 * of memory ends the process with one line in the log, and the supervisor
 * starts it anew; what was acknowledged is on the disk.  A size that a peer
 * controls is checked against a limit before it gets here; message bodies live
 * in files.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
/* Overflow of count * size ends the process, too. */
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* n bytes and a NUL behind them. */
char *xmemdup0(const void *p, size_t n)
    __attribute__((malloc, returns_nonnull));

/*
 * Makes room for `need` elements of `size` bytes in an array that has room
 * for *cap; grows by half again so that pushes are cheap.
 */
void *xgrow(void *p, size_t *cap, size_t need, size_t size);

/*
 * One process has many threads but few of them allocate at once: fewer
 * malloc arenas and an early return of freed memory to the system keep an
 * idle process small.  Call first thing in main.
 */
void alloc_setup(void);
/* Gives free heap memory back to the system. */
void alloc_trim(void);

#endif
