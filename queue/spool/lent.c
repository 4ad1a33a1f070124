#include "queue/spool/lent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/io.h"

/*
 * The kernel grants a lease to read only where nobody can write: neither by a
 * descriptor, however often it was copied or sent on, nor by a mapping.  Where
 * the file system knows no leases nothing can be said, and nothing is counted.
 */
static bool
is_lent(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

bool
lent_room(struct lent *l, size_t most)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		if (is_lent(l->fd[i]))
			l->fd[n++] = l->fd[i];
		else
			io_close(&l->fd[i]);
	l->n = n;
	return n < most;
}

void
lent_add(struct lent *l, int fd)
{
	l->fd = xgrow(l->fd, &l->cap, l->n + 1, sizeof *l->fd);
	l->fd[l->n++] = fd;
}

void
lent_fini(struct lent *l)
{
	while (l->n > 0)
		io_close(&l->fd[--l->n]);
	free(l->fd);
	l->fd = NULL;
	l->cap = 0;
}
