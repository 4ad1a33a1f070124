#include "ipc/line.h"

#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define HEADER	     16 /* type, descriptors, id, deadline */
#define QUEUE_MAX    4096
#define SOCKET_BYTES (512 * 1024)

struct queued {
	struct msg m;
	struct queued *next;
};

struct line {
	struct ev_loop *loop;
	struct ev *ev;
	int fd;
	line_msg_fn *on_msg;
	line_eof_fn *on_eof;
	void *arg;
	char *scratch; /* MSG_MAX bytes; mostly untouched memory */
	bool dead; /* freed inside a callback: the tick's end waits for it */
	bool in_callback;

	pthread_mutex_t lock; /* of what follows */
	struct queued *queue, **queue_end;
	unsigned nqueue;
	bool gone;
};

int
line_pair(int fd[2])
{
	const int bytes = SOCKET_BYTES;
	int i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return RC_IO;
	for (i = 0; i < 2; i++)
		(void)setsockopt(
		    fd[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	return RC_OK;
}

static int
send_now(int fd, const struct msg *m, int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MSG_FD_MAX * sizeof(int))];
	} control = {0};
	unsigned char head[HEADER] = {0};
	struct iovec iov[2] = {{head, sizeof head}, {m->b.p, m->b.n}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};

	be_put16(head, m->type);
	be_put16(head + 2, (uint16_t)m->nfd);
	be_put32(head + 4, m->id);
	be_put64(head + 8, (uint64_t)m->deadline);
	if (m->nfd > 0) {
		struct cmsghdr *c = &control.align;

		h.msg_control = control.space;
		h.msg_controllen = CMSG_SPACE(m->nfd * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nfd * sizeof(int));
		memcpy(CMSG_DATA(c), m->fd, m->nfd * sizeof(int));
	}
	while (sendmsg(fd, &h, flags | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EAGAIN	     ? RC_MORE
		       : errno == EPIPE	     ? RC_EOF
		       : errno == ECONNRESET ? RC_EOF
					     : RC_TEMP;
	}
	return RC_OK;
}

static int
recv_now(int fd, struct msg *m, int flags, char *body)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MSG_FD_MAX * sizeof(int))];
	} control = {0};
	unsigned char head[HEADER];
	struct iovec iov[2] = {{head, sizeof head}, {body, MSG_MAX}};
	struct msghdr h = {.msg_iov = iov,
	    .msg_iovlen = 2,
	    .msg_control = control.space,
	    .msg_controllen = sizeof control.space};
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(fd, &h, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? RC_MORE : RC_EOF;
	if (n == 0)
		return RC_EOF;
	msg_init(m, 0);
	for (c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			m->nfd = (unsigned)((c->cmsg_len - CMSG_LEN(0)) /
					    sizeof(int));
			memcpy(m->fd, CMSG_DATA(c), m->nfd * sizeof(int));
		}
	if (n >= HEADER) {
		m->type = be_get16(head);
		m->id = be_get32(head + 4);
		m->deadline = (int64_t)be_get64(head + 8);
		buf_add(&m->b, body, (size_t)n - HEADER);
	}
	explicit_bzero(body, (size_t)(n > HEADER ? n - HEADER : 0));
	/* Descriptors lost on the way (our table is full): the fields are
	 * there, msg_take_fd() will say that the descriptor is not. */
	if (n < HEADER || (h.msg_flags & MSG_TRUNC) != 0) {
		msg_fini(m);
		return RC_SYNTAX;
	}
	return RC_OK;
}

int
line_send_fd(int fd, struct msg *m)
{
	int r = buf_ok(&m->b) ? send_now(fd, m, 0) : RC_TEMP;

	msg_fini(m);
	return r == RC_EOF ? RC_TEMP : r;
}

int
line_recv_fd(int fd, struct msg *m)
{
	char *scratch = xmalloc(MSG_MAX);
	int r = recv_now(fd, m, 0, scratch);

	free(scratch);
	return r;
}

int
line_ask_fd(int fd, struct msg *m, int64_t timeout_ms, struct msg *reply)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const int64_t until = clk_mono() + timeout_ms;
	int64_t left;
	int r, k;

	m->id = 1;
	m->deadline = until;
	r = line_send_fd(fd, m);
	if (r != RC_OK)
		return RC_TEMP;
	do {
		left = until - clk_mono();
		k = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (k < 0 && errno == EINTR);
	if (k <= 0)
		return k == 0 ? RC_TIMEOUT : RC_TEMP;
	r = line_recv_fd(fd, reply);
	if (r == RC_OK && reply->type != MSG_REPLY) {
		msg_fini(reply);
		r = RC_SYNTAX;
	}
	return r;
}

/* Sends what waits; with the lock held. */
static void
send_queue(struct line *l)
{
	struct queued *q;

	while ((q = l->queue) != NULL) {
		int r = send_now(l->fd, &q->m, 0);

		if (r == RC_MORE)
			return;
		l->queue = q->next;
		if (l->queue == NULL)
			l->queue_end = &l->queue;
		l->nqueue--;
		msg_fini(&q->m);
		free(q);
	}
	ev_set(l->ev, EPOLLIN);
}

static void
line_destroy(void *arg)
{
	struct line *l = arg;
	struct queued *q;

	while ((q = l->queue) != NULL) {
		l->queue = q->next;
		msg_fini(&q->m);
		free(q);
	}
	(void)pthread_mutex_destroy(&l->lock);
	free(l->scratch);
	free(l);
}

/* One callback; false if the line was freed in it. */
static bool
line_callback(struct line *l, struct msg *m)
{
	l->in_callback = true;
	if (m != NULL)
		l->on_msg(l, m, l->arg);
	else
		l->on_eof(l, l->arg);
	l->in_callback = false;
	return !l->dead;
}

static void (*line_judge)(int fd, void *arg);
static void *line_judge_arg;

void
line_set_judge(void (*judge)(int fd, void *arg), void *arg)
{
	line_judge = judge;
	line_judge_arg = arg;
}

void
line_accuse(struct line *l)
{
	if (line_judge != NULL)
		line_judge(l->fd, line_judge_arg);
}

static void
line_event(struct ev *e, uint32_t events, void *arg)
{
	struct line *l = arg;
	int budget = 64; /* others want their turn */

	(void)e;
	if ((events & EPOLLOUT) != 0) {
		pthread_mutex_lock(&l->lock);
		send_queue(l);
		pthread_mutex_unlock(&l->lock);
	}
	while (budget-- > 0) {
		struct msg m;
		int r = recv_now(l->fd, &m, MSG_DONTWAIT, l->scratch);
		bool alive;

		if (r == RC_MORE)
			return;
		if (r == RC_SYNTAX)
			line_accuse(l);
		if (r != RC_OK) {
			pthread_mutex_lock(&l->lock);
			l->gone = true;
			pthread_mutex_unlock(&l->lock);
			ev_del(&l->ev);
			if (!line_callback(l, NULL))
				line_destroy(l);
			return;
		}
		/* Who asked has given up: work for nobody is not begun. */
		if (m.deadline != 0 && m.deadline < clk_mono()) {
			mlog(LOG_DEBUG, "line.late", "type=%u", m.type);
			msg_fini(&m);
			continue;
		}
		alive = line_callback(l, &m);
		msg_fini(&m);
		if (!alive) {
			line_destroy(l);
			return;
		}
	}
}

struct line *
line_new(struct ev_loop *loop, int fd, line_msg_fn *on_msg, line_eof_fn *on_eof,
    void *arg)
{
	struct line *l = xcalloc(1, sizeof *l);

	l->loop = loop;
	l->fd = fd;
	l->on_msg = on_msg;
	l->on_eof = on_eof;
	l->arg = arg;
	l->queue_end = &l->queue;
	l->scratch = xmalloc(MSG_MAX);
	must(pthread_mutex_init(&l->lock, NULL) == 0);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->ev = ev_add(loop, fd, EPOLLIN, line_event, l);
	return l;
}

void
line_free(struct line **lp)
{
	struct line *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	pthread_mutex_lock(&l->lock);
	l->gone = true;
	ev_del(&l->ev);
	io_close(&l->fd);
	pthread_mutex_unlock(&l->lock);
	l->dead = true;
	if (!l->in_callback)
		line_destroy(l);
}

bool
line_gone(struct line *l)
{
	bool gone;

	pthread_mutex_lock(&l->lock);
	gone = l->gone;
	pthread_mutex_unlock(&l->lock);
	return gone;
}

int
line_send(struct line *l, struct msg *m)
{
	struct queued *q;
	int r;

	pthread_mutex_lock(&l->lock);
	if (!buf_ok(&m->b) || l->gone || l->nqueue >= QUEUE_MAX) {
		r = RC_TEMP;
	} else {
		r = l->queue == NULL ? send_now(l->fd, m, 0) : RC_MORE;
		if (r == RC_EOF) {
			l->gone = true;
			r = RC_TEMP;
		} else if (r == RC_MORE) {
			q = xcalloc(1, sizeof *q);
			q->m = *m;
			msg_init(m, 0);
			*l->queue_end = q;
			l->queue_end = &q->next;
			l->nqueue++;
			ev_set(l->ev, EPOLLIN | EPOLLOUT);
			r = RC_OK;
		}
	}
	pthread_mutex_unlock(&l->lock);
	msg_fini(m);
	return r;
}

void
line_tell(struct line *l, struct msg *m)
{
	if (line_send(l, m) != RC_OK)
		mlog(LOG_DEBUG, "line.lost", "type=%u", m->type);
}
