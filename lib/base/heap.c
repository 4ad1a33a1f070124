#include "base/heap.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rc.h"

static void
put(struct heap *h, size_t at, struct heap_node *node)
{
	h->v[at - 1] = node;
	node->at = at;
}

static void
sift_up(struct heap *h, size_t at, struct heap_node *node)
{
	while (at > 1 && h->v[at / 2 - 1]->key > node->key) {
		put(h, at, h->v[at / 2 - 1]);
		at /= 2;
	}
	put(h, at, node);
}

static void
sift_down(struct heap *h, size_t at, struct heap_node *node)
{
	for (;;) {
		size_t child = at * 2;

		if (child > h->n)
			break;
		if (child < h->n && h->v[child]->key < h->v[child - 1]->key)
			child++;
		if (h->v[child - 1]->key >= node->key)
			break;
		put(h, at, h->v[child - 1]);
		at = child;
	}
	put(h, at, node);
}

void
heap_add(struct heap *h, struct heap_node *node, int64_t key)
{
	must(node->at == 0);
	h->v = xgrow(h->v, &h->cap, h->n + 1, sizeof(struct heap_node *));
	node->key = key;
	h->n++;
	sift_up(h, h->n, node);
}

void
heap_remove(struct heap *h, struct heap_node *node)
{
	size_t at = node->at;
	struct heap_node *last;

	if (at == 0)
		return;
	last = h->v[--h->n];
	node->at = 0;
	if (last == node)
		return;
	sift_down(h, at, last);
	sift_up(h, last->at, last);
}

struct heap_node *
heap_least(const struct heap *h)
{
	return h->n > 0 ? h->v[0] : NULL;
}

void
heap_fini(struct heap *h)
{
	free(h->v);
	*h = (struct heap){.v = NULL};
}
