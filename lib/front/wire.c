#include <errno.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "front/internal.h"

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

static int
collect_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO *
collect_new(struct conn *c)
{
	static BIO_METHOD *method;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	BIO *b;

	pthread_mutex_lock(&lock);
	if (method == NULL) {
		method = BIO_meth_new(
		    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "collect");
		must(method != NULL);
		(void)BIO_meth_set_write_ex(method, collect_write);
		(void)BIO_meth_set_ctrl(method, collect_ctrl);
		(void)BIO_meth_set_create(method, collect_create);
	}
	pthread_mutex_unlock(&lock);
	b = BIO_new(method);
	must(b != NULL);
	BIO_set_data(b, c);
	return b;
}

void
wire_start_tls(struct conn *c)
{
	BIO *r = BIO_new_socket(c->fd, BIO_NOCLOSE);

	must(r != NULL);
	c->ssl = tls_ssl_new(c->shard->l->o.tls);
	SSL_set0_rbio(c->ssl, r);
	SSL_set0_wbio(c->ssl, collect_new(c));
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
		if (SSL_write_ex(c->ssl, p, n, &put) != 1)
			return false;
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
