/*
 * A binary heap of things with a time: the least is found at once, adding and
 * removing cost the logarithm of their number.  The nodes are parts of their
 * owners' structs; the heap keeps pointers to them and owns nothing else.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t key;
	size_t at; /* its place, from 1; 0: in no heap */
};

struct heap {
	struct heap_node **v;
	size_t n, cap;
};

/* The node must be in no heap. */
void heap_add(struct heap *h, struct heap_node *node, int64_t key);
/* Nothing happens if it is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* NULL: empty.  Of equal keys any one. */
struct heap_node *heap_least(const struct heap *h);
/* The nodes stay their owners'. */
void heap_fini(struct heap *h);

/* The struct that a node is a part of. */
#define HEAP_OWNER(node, type, member) \
	((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
