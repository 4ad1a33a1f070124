/*
 * Files that were given to another process: as many as it may hold at a time,
 * whatever has become of it.  What it says of them need not be true, so the
 * kernel is asked: a file that nobody has open to write is back.
 */
#ifndef QUEUE_SPOOL_LENT_H
#define QUEUE_SPOOL_LENT_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: none. */
struct lent {
	int *fd;
	size_t n, cap;
};

/* Forgets those that are back; true: there is room for one more. */
bool lent_room(struct lent *l, size_t most);
/* Takes fd: the file, opened to read only, whose other descriptor is given
 * away. */
void lent_add(struct lent *l, int fd);
void lent_fini(struct lent *l);

#endif
