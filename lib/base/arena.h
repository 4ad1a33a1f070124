/*
 * An arena: many small pieces of memory that live exactly as long as one
 * command or transaction and are given back together by its owner.  Nothing
 * in an arena is stored in a longer-lived struct.
 *
 * What goes in is bounded by its user: parsers count their elements and bytes
 * against a limits struct before they allocate.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/sv.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head;
};

void arena_init(struct arena *a);
/* Gives all memory back; the arena can be used again.  Keeps nothing. */
void arena_reset(struct arena *a);
/* As reset, but overwrites first: there was a secret in it. */
void arena_wipe(struct arena *a);

/* n zeroed bytes, aligned for any type; never NULL. */
void *arena_alloc(struct arena *a, size_t n);
/* An array of count elements; overflow ends the process. */
void *arena_array(struct arena *a, size_t count, size_t size);
/*
 * As xgrow, in an arena: room for `need` elements in an array that has room
 * for *cap.  The old array stays where it is until the reset.
 */
void *arena_grow(
    struct arena *a, void *p, size_t *cap, size_t need, size_t size);
/* A copy of s with a NUL behind it. */
struct sv arena_dup(struct arena *a, struct sv s);

#endif
