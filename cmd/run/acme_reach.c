#include "cmd/run/acme_reach.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/clk.h"
#include "base/io.h"
#include "net/tls.h"

#define LOOK_MS	   5000
#define TICK_MS	   200
#define ANSWER_MAX 8192

static const unsigned char acme_tls[] = "\x0a"
					"acme-tls/1";

/* False: it is too late, or we are to end. */
static bool
wait_for(int fd, short events, int64_t until, atomic_bool *stop)
{
	struct pollfd p = {.fd = fd, .events = events};

	while (clk_mono() < until && !atomic_load(stop))
		if (poll(&p, 1, TICK_MS) != 0)
			return p.revents != 0;
	return false;
}

/* -1: there is nobody. */
static int
open_line(
    const struct in6_addr *at, uint16_t port, int64_t until, atomic_bool *stop)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
	    .sin6_port = htons(port),
	    .sin6_addr = *at};
	struct sockaddr_in four = {
	    .sin_family = AF_INET, .sin_port = htons(port)};
	bool is_four = IN6_IS_ADDR_V4MAPPED(at);
	int fd, e = 0, r;
	socklen_t n = sizeof e;

	fd = socket(is_four ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	memcpy(&four.sin_addr, at->s6_addr + 12, 4);
	r = is_four ? connect(fd, (struct sockaddr *)&four, sizeof four)
		    : connect(fd, (struct sockaddr *)&six, sizeof six);
	if ((r == 0 || errno == EINPROGRESS) &&
	    wait_for(fd, POLLOUT, until, stop) &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0)
		return fd;
	io_close(&fd);
	return -1;
}

bool
acme_reach_http(const struct in6_addr *at, uint16_t port, const char *name,
    const char *path, const char *text, atomic_bool *stop)
{
	int64_t until = clk_mono() + LOOK_MS;
	int fd = open_line(at, port, until, stop);
	bool found = false;
	struct buf b;
	ssize_t n;

	if (fd < 0)
		return false;
	buf_init(&b, ANSWER_MAX);
	buf_addf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    path, name);
	/* So little fits into a new connection. */
	n = send(fd, b.p, b.n, MSG_NOSIGNAL);
	buf_reset(&b);
	while (n > 0 && !found && wait_for(fd, POLLIN, until, stop)) {
		char bytes[1024];

		n = recv(fd, bytes, sizeof bytes, 0);
		if (n > 0)
			buf_add(&b, bytes, (size_t)n);
		if (!buf_ok(&b))
			break;
		found = sv_find(buf_sv(&b), sv_str(text)) < b.n;
	}
	buf_fini(&b);
	io_close(&fd);
	return found;
}

static bool
shake_hands(SSL *ssl, int fd, int64_t until, atomic_bool *stop)
{
	for (;;) {
		int r = SSL_connect(ssl);

		if (r == 1)
			return true;
		r = SSL_get_error(ssl, r);
		if (r != SSL_ERROR_WANT_READ && r != SSL_ERROR_WANT_WRITE)
			return false;
		if (!wait_for(fd, r == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
			until, stop))
			return false;
	}
}

static bool
shows(SSL *ssl, struct sv cert_pem)
{
	X509 *its = SSL_get1_peer_certificate(ssl), *ours = NULL;
	BIO *bio = BIO_new_mem_buf(cert_pem.p, (int)cert_pem.n);
	const unsigned char *p = NULL;
	unsigned n = 0;
	bool same;

	if (bio != NULL)
		ours = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	SSL_get0_alpn_selected(ssl, &p, &n);
	same = its != NULL && ours != NULL && X509_cmp(its, ours) == 0 &&
	       sv_eq(sv_of(p, n), SV("acme-tls/1"));
	BIO_free(bio);
	X509_free(ours);
	X509_free(its);
	return same;
}

bool
acme_reach_tls(const struct in6_addr *at, uint16_t port, const char *name,
    struct sv cert_pem, atomic_bool *stop)
{
	int64_t until = clk_mono() + LOOK_MS;
	int fd = open_line(at, port, until, stop);
	struct tls_client *client = NULL;
	bool found = false;
	struct err err;
	SSL *ssl;

	if (fd < 0)
		return false;
	if (tls_client_new(SV(""), &client, &err) == RC_OK) {
		ssl = tls_client_ssl(client, name, TLS_ANY);
		found = SSL_set_fd(ssl, fd) == 1 &&
			SSL_set_alpn_protos(
			    ssl, acme_tls, sizeof acme_tls - 1) == 0 &&
			shake_hands(ssl, fd, until, stop) &&
			shows(ssl, cert_pem);
		SSL_free(ssl);
	}
	tls_client_free(&client);
	ERR_clear_error();
	io_close(&fd);
	return found;
}
