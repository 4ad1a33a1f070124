#include <errno.h>
#include <sys/socket.h>

#include "front/front_priv.h"

/* How many of the n bytes the socket takes now; -1: it is broken. */
static ssize_t
send_now(int fd, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k =
		    send(fd, p + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			break;
		if (k < 0)
			return -1;
		done += (size_t)k;
	}
	return (ssize_t)done;
}

bool
flow_send(int fd, struct buf *kept, const char *p, size_t n)
{
	ssize_t done = kept->n == 0 ? send_now(fd, p, n) : 0;

	if (done < 0)
		return false;
	buf_add(kept, p + done, n - (size_t)done);
	return buf_ok(kept);
}

bool
flow_flush(int fd, struct buf *kept)
{
	ssize_t done = send_now(fd, kept->p, kept->n);

	if (done < 0)
		return false;
	buf_consume(kept, (size_t)done);
	if (kept->n == 0)
		buf_release(kept);
	return true;
}
