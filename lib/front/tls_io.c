#include <errno.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "front/front_priv.h"

#define SHARE_BYTES (FLOW_BYTES + 16384) /* what a turn reads from a client */

/*
 * OpenSSL writes each record with a call of its own.  Here it writes into the
 * loop's buffer through a BIO of ours, and one send(2) carries what one turn
 * has produced.  Writing into memory never blocks, so SSL_write never has to
 * be repeated; what the socket does not take is kept as cipher text.
 */
static int
collect_write(BIO *b, const char *p, size_t n, size_t *done)
{
	struct conn *c = BIO_get_data(b);

	buf_add(&c->shard->cipher, p, n);
	*done = n;
	return buf_ok(&c->shard->cipher);
}

static long
collect_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_PUSH ||
	       cmd == BIO_CTRL_POP;
}

/*
 * OpenSSL goes on reading until it has bytes for us, and records that bring
 * none may come without an end.  So the client's socket is read through a
 * filter that says "nothing now" once a turn's share is used up: the socket
 * stays readable, and the others of this loop have their turn before it.
 */
static int
share_read(BIO *b, char *p, size_t n, size_t *done)
{
	struct conn *c = BIO_get_data(b);
	int ok;

	BIO_clear_retry_flags(b);
	*done = 0;
	if (c->share == 0) {
		BIO_set_retry_read(b);
		return 0;
	}
	ok = BIO_read_ex(BIO_next(b), p, n < c->share ? n : c->share, done);
	BIO_copy_next_retry(b);
	c->share -= *done;
	return ok;
}

static long
share_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	return BIO_ctrl(BIO_next(b), cmd, num, ptr);
}

static int
bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *collect, *share;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_methods(void)
{
	collect =
	    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "collect");
	share = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "share");
	must(collect != NULL && share != NULL);
	(void)BIO_meth_set_write_ex(collect, collect_write);
	(void)BIO_meth_set_ctrl(collect, collect_ctrl);
	(void)BIO_meth_set_create(collect, bio_create);
	(void)BIO_meth_set_read_ex(share, share_read);
	(void)BIO_meth_set_ctrl(share, share_ctrl);
	(void)BIO_meth_set_create(share, bio_create);
}

static BIO *
bio_of(struct conn *c, const BIO_METHOD *method)
{
	BIO *b = BIO_new(method);

	must(b != NULL);
	BIO_set_data(b, c);
	return b;
}

void
wire_start_tls(struct conn *c)
{
	BIO *r = BIO_new_socket(c->fd, BIO_NOCLOSE);

	must(r != NULL);
	must(pthread_once(&once, make_methods) == 0);
	c->ssl = tls_ssl_new(c->shard->l->o.tls);
	SSL_set0_rbio(c->ssl, BIO_push(bio_of(c, share), r));
	SSL_set0_wbio(c->ssl, bio_of(c, collect));
}

static bool
send_collected(struct conn *c)
{
	struct buf *b = &c->shard->cipher;
	bool ok = buf_ok(b) && flow_send(c->fd, &c->out, b->p, b->n);

	buf_reset(b);
	return ok;
}

int
wire_handshake(struct conn *c)
{
	int k, e;

	ERR_clear_error();
	c->share = SHARE_BYTES;
	k = SSL_accept(c->ssl);
	if (k != 1) {
		e = SSL_get_error(c->ssl, k);
		if (!send_collected(c))
			return -1;
		return e == SSL_ERROR_WANT_READ ? 0 : -1;
	}
	return send_collected(c) ? 1 : -1;
}

static long
read_tls(struct conn *c, char *p, size_t n)
{
	size_t got = 0, total = 0;
	int k;

	c->share = SHARE_BYTES;
	/* Until the buffer is full or OpenSSL has nothing any more: what it
	 * has decrypted already makes no epoll event. */
	while (total < n) {
		ERR_clear_error();
		k = SSL_read_ex(c->ssl, p + total, n - total, &got);
		if (k != 1)
			break;
		total += got;
	}
	if (c->shard->cipher.n > 0 && !send_collected(c))
		return -2;
	if (total > 0)
		return (long)total;
	switch (SSL_get_error(c->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -1;
	default:
		return -2;
	}
}

long
wire_read(struct conn *c, char *p, size_t n)
{
	ssize_t k;

	if (c->ssl != NULL)
		return read_tls(c, p, n);
	do
		k = recv(c->fd, p, n, MSG_DONTWAIT);
	while (k < 0 && errno == EINTR);
	if (k > 0)
		return k;
	if (k == 0)
		return -1;
	return errno == EAGAIN ? 0 : -2;
}

bool
wire_write(struct conn *c, const char *p, size_t n)
{
	size_t put;

	if (c->ssl == NULL)
		return flow_send(c->fd, &c->out, p, n);
	while (n > 0) {
		ERR_clear_error();
		if (SSL_write_ex(c->ssl, p, n, &put) != 1) {
			/* It is the whole loop's: nothing for the next one. */
			buf_reset(&c->shard->cipher);
			return false;
		}
		p += put;
		n -= put;
	}
	return send_collected(c);
}

bool
wire_flush(struct conn *c)
{
	return flow_flush(c->fd, &c->out);
}

void
wire_bye(struct conn *c)
{
	if (c->ssl == NULL || !SSL_is_init_finished(c->ssl))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(c->ssl);
	(void)send_collected(c);
}

long
wire_discard(struct conn *c)
{
	ssize_t k;

	do
		k = recv(c->fd, c->shard->flow, FLOW_BYTES, MSG_DONTWAIT);
	while (k < 0 && errno == EINTR);
	if (k < 0 && errno == EAGAIN)
		return 0;
	return k > 0 ? (long)k : -1;
}
