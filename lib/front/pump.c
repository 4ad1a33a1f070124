#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/clk.h"
#include "base/io.h"
#include "front/front_priv.h"

#define STALLED_MS 60000

/*
 * Two directions, each with one rule: do not read what cannot be passed on.
 * A client's EOF becomes shutdown(SHUT_WR) towards the session when all before
 * it has been passed; the session's EOF flushes, says goodbye and closes.
 */

static void pump_session(struct ev *e, uint32_t events, void *arg);

static void
update_watch(struct conn *c)
{
	uint32_t client = 0, session = 0;

	if (c->in.n == 0 && !c->client_eof)
		client |= EPOLLIN;
	/* What OpenSSL has read ahead makes no event; being writable does. */
	if (c->out.n > 0 || (c->held && c->in.n == 0 && !c->client_eof))
		client |= EPOLLOUT;
	if (c->out.n == 0 && !c->session_eof)
		session |= EPOLLIN;
	if (c->in.n > 0)
		session |= EPOLLOUT;
	if (c->session_ev == NULL && session != 0) {
		/* Back from park_session. */
		c->session_watch = session;
		c->session_ev = ev_add(
		    c->shard->loop, c->session_fd, session, pump_session, c);
	}
	conn_watch(c, client, session);
}

/* It reads no more: the client's bytes lead nowhere, what it says counts. */
static void
session_is_deaf(struct conn *c)
{
	buf_release(&c->in);
	c->client_eof = c->client_shut = true;
}

/*
 * The session has ended and its last bytes wait in its socket, but the client
 * does not take what it was sent before.  epoll reports the end whatever is
 * asked for, so the descriptor leaves epoll until there is room again, and
 * the client gets a deadline.
 */
static void
park_session(struct conn *c)
{
	ev_del(&c->session_ev);
	if (c->deadline == 0)
		c->deadline = clk_mono() + STALLED_MS;
	shard_sweep_soon(c->shard);
	session_is_deaf(c);
	conn_watch(c, EPOLLOUT, 0);
}

static void
pass_client_eof(struct conn *c)
{
	if (!c->client_eof || c->in.n > 0 || c->client_shut)
		return;
	c->client_shut = true;
	(void)shutdown(c->session_fd, SHUT_WR);
}

static bool
to_session(struct conn *c, size_t n)
{
	if (flow_send(c->session_fd, &c->in, c->shard->flow, n))
		return true;
	if (!buf_ok(&c->in))
		return false;
	session_is_deaf(c);
	return true;
}

/*
 * Reads from the client while there is something and the session takes it, but
 * a few turns at most, for the others' sake.  What then may be left inside
 * OpenSSL is noted: the socket will not tell of it again.
 */
static bool
read_client(struct conn *c)
{
	int turns;

	c->held = false;
	for (turns = 0; turns < 4 && c->in.n == 0 && !c->client_eof; turns++) {
		long k = wire_read(c, c->shard->flow, FLOW_BYTES);

		if (k == -2)
			return false;
		if (k == 0)
			return true;
		if (k == -1)
			c->client_eof = true;
		else if (!to_session(c, (size_t)k))
			return false;
		/* A short read: there is no more now. */
		if (k < FLOW_BYTES &&
		    (c->ssl == NULL || !SSL_has_pending(c->ssl)))
			return true;
	}
	c->held = c->ssl != NULL && !c->client_eof;
	return true;
}

/*
 * A client that writes a message and the end of its command separately, without
 * TCP_NODELAY, sends the second only when the first is acknowledged, which
 * waits for an answer that will not come before: 40 ms for each message.
 */
static void
acknowledge(struct conn *c)
{
	const int one = 1;

	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
}

static void
session_ended(struct conn *c)
{
	c->session_eof = true;
	/* epoll would go on to report its end while the client still has to
	 * take the last bytes. */
	ev_del(&c->session_ev);
	io_close(&c->session_fd);
	if (!c->session_spoke) {
		/* It died before its first word: the client learns why. */
		struct buf out;

		buf_init(&out, 4096);
		(void)c->shard->l->o.proto->failed(c->front, FRONT_TEMP,
		    "the mailbox is not available now; try again", &out);
		if (!wire_write(c, out.p, out.n)) {
			buf_fini(&out);
			conn_kill(c);
			return;
		}
		buf_fini(&out);
	}
	conn_close(c);
}

static void
session_spoke(struct conn *c)
{
	if (c->session_spoke)
		return;
	c->session_spoke = true;
	c->shard->l->o.proto->close(c->front);
	c->front = NULL;
}

static void
pump_session(struct ev *e, uint32_t events, void *arg)
{
	struct conn *c = arg;
	ssize_t k;

	(void)e;
	if (c->state != CONN_PUMP)
		return;
	if ((events & EPOLLOUT) != 0 && !flow_flush(c->session_fd, &c->in))
		session_is_deaf(c);
	pass_client_eof(c);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && c->out.n > 0) {
		park_session(c);
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && c->out.n == 0) {
		do
			k = recv(c->session_fd, c->shard->flow, FLOW_BYTES,
			    MSG_DONTWAIT);
		while (k < 0 && errno == EINTR);
		if (k == 0 || (k < 0 && errno != EAGAIN)) {
			session_ended(c);
			return;
		}
		if (k > 0) {
			session_spoke(c);
			if (!wire_write(c, c->shard->flow, (size_t)k)) {
				conn_kill(c);
				return;
			}
		}
	}
	update_watch(c);
}

void
pump_client(struct conn *c, uint32_t events)
{
	if ((events & EPOLLOUT) != 0 && !wire_flush(c)) {
		conn_kill(c);
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 || c->held) {
		if (!read_client(c)) {
			conn_kill(c);
			return;
		}
		acknowledge(c);
	}
	pass_client_eof(c);
	/* Both directions are over: nobody is there to be told anything. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		conn_kill(c);
		return;
	}
	update_watch(c);
}

void
pump_end(struct conn *c, int64_t deadline)
{
	c->deadline = deadline;
	shard_sweep_soon(c->shard);
	c->client_eof = true;
	buf_release(&c->in);
	pass_client_eof(c);
	update_watch(c);
}

void
pump_start(struct conn *c, int session_fd)
{
	struct buf rest = c->in;

	c->state = CONN_PUMP;
	c->deadline = 0;
	c->session_fd = session_fd;
	c->session_watch = EPOLLIN;
	c->session_ev =
	    ev_add(c->shard->loop, session_fd, EPOLLIN, pump_session, c);
	/* What came behind the login belongs to the session. */
	buf_init(&c->in, BACKLOG_MAX);
	if (!flow_send(session_fd, &c->in, rest.p, rest.n)) {
		buf_fini(&rest);
		conn_kill(c);
		return;
	}
	buf_fini(&rest);
	/* OpenSSL may hold decrypted bytes that make no event. */
	pump_client(c, c->ssl != NULL ? EPOLLIN : 0);
}
