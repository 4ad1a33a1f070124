#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/trace.h"
#include "net/tls.h"

#define OUTPUT_MAX 65536
#define READ_CHUNK 16384
#define CLOSE_MS   10000 /* for the last word of TLS to find room */

struct stream {
	int fd;
	SSL *ssl;
	char tls_name[64];
	int (*gate)(void *arg);
	void *gate_arg;
	int64_t write_timeout;
	int64_t deadline;	    /* of everything; 0: none */
	const char *account, *peer; /* for traces */
	struct trace_state trace;

	struct buf in;
	size_t taken; /* bytes at the front of `in` that are consumed */

	struct buf out;
	uint64_t total_out;
	int out_error; /* sticky, RC_OK while all is well */
};

struct stream *
stream_new(int fd, size_t input_max)
{
	struct stream *s = xcalloc(1, sizeof *s);
	int flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	s->fd = fd;
	s->write_timeout = 5 * 60 * 1000;
	buf_init(&s->in, input_max);
	buf_init(&s->out, OUTPUT_MAX);
	return s;
}

void
stream_free(struct stream **sp)
{
	struct stream *s = *sp;

	if (s == NULL)
		return;
	if (s->ssl != NULL)
		SSL_free(s->ssl);
	io_close(&s->fd);
	buf_wipe(&s->in);
	buf_fini(&s->out);
	free(s);
	*sp = NULL;
}

void
stream_set_names(struct stream *s, const char *account, const char *peer)
{
	s->account = account;
	s->peer = peer;
}

int
stream_fd(const struct stream *s)
{
	return s->fd;
}

void
stream_set_gate(struct stream *s, int (*gate)(void *arg), void *arg)
{
	s->gate = gate;
	s->gate_arg = arg;
}

void
stream_set_write_timeout(struct stream *s, int64_t ms)
{
	s->write_timeout = ms;
}

void
stream_set_deadline(struct stream *s, int64_t at)
{
	s->deadline = at;
}

/* ms from now, or the end of everything. */
static int64_t
deadline_in(const struct stream *s, int64_t ms)
{
	int64_t at = clk_mono() + ms;

	return s->deadline != 0 && s->deadline < at ? s->deadline : at;
}

/* Waits for events until the deadline of clk_mono(). */
static int
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline - clk_mono();
		int k;

		if (left < 0)
			left = 0;
		k = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (k > 0)
			return RC_OK;
		if (k == 0)
			return RC_TIMEOUT;
		if (errno != EINTR)
			return RC_IO;
	}
}

/* What an SSL call wants: POLLIN, POLLOUT, or 0 and an error code. */
static short
ssl_wants(SSL *ssl, int ret, int *rc)
{
	switch (SSL_get_error(ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	case SSL_ERROR_ZERO_RETURN:
		*rc = RC_EOF;
		return 0;
	default:
		*rc = RC_IO;
		return 0;
	}
}

/* One attempt to read; RC_MORE with *wants if it would have to wait. */
static int
read_once(struct stream *s, char *p, size_t n, size_t *got, short *wants)
{
	int rc = RC_IO;

	if (s->ssl != NULL) {
		int k;

		ERR_clear_error();
		k = SSL_read_ex(s->ssl, p, n, got);
		if (k == 1)
			return RC_OK;
		*wants = ssl_wants(s->ssl, k, &rc);
		return *wants != 0 ? RC_MORE : rc;
	}
	for (;;) {
		ssize_t k = recv(s->fd, p, n, 0);

		if (k > 0) {
			*got = (size_t)k;
			return RC_OK;
		}
		if (k == 0)
			return RC_EOF;
		if (errno == EINTR)
			continue;
		*wants = POLLIN;
		return errno == EAGAIN ? RC_MORE : RC_IO;
	}
}

/* Moves what is not consumed to the front and makes room. */
static char *
make_room(struct stream *s, size_t *n)
{
	size_t room;

	if (s->taken > 0) {
		buf_consume(&s->in, s->taken);
		s->taken = 0;
	}
	room = s->in.max - s->in.n;
	if (room == 0)
		return NULL;
	*n = room < READ_CHUNK ? room : READ_CHUNK;
	return buf_reserve(&s->in, *n);
}

int
stream_fill(struct stream *s, int64_t timeout_ms)
{
	int64_t deadline = deadline_in(s, timeout_ms);

	for (;;) {
		size_t n, got = 0;
		short wants = 0;
		char *p = make_room(s, &n);
		int r;

		if (p == NULL)
			return RC_TOOBIG;
		r = read_once(s, p, n, &got, &wants);
		if (r == RC_OK)
			buf_added(&s->in, got);
		if (r == RC_OK && trace_is_on())
			trace_bytes(
			    &s->trace, s->account, s->peer, '<', sv_of(p, got));
		if (r != RC_MORE)
			return r;
		if (s->out.n > 0) {
			r = stream_flush(s);
			if (r != RC_OK)
				return r;
		}
		if (timeout_ms == 0)
			return RC_MORE;
		r = wait_for(s->fd, wants, deadline);
		if (r != RC_OK)
			return r;
	}
}

struct sv
stream_input(const struct stream *s)
{
	return sv_skip(buf_sv(&s->in), s->taken);
}

void
stream_consume(struct stream *s, size_t n)
{
	must(n <= s->in.n - s->taken);
	s->taken += n;
	if (s->taken == s->in.n) {
		buf_reset(&s->in);
		s->taken = 0;
	}
}

void
stream_wipe_consumed(struct stream *s)
{
	/* Everything behind the unread bytes is old content of the buffer. */
	if (s->taken > 0)
		explicit_bzero(s->in.p, s->taken);
	if (s->in.cap > s->in.n)
		explicit_bzero(s->in.p + s->in.n, s->in.cap - s->in.n);
}

static int
write_once(struct stream *s, const char *p, size_t n, size_t *put, short *wants)
{
	int rc = RC_IO;

	if (s->ssl != NULL) {
		int k;

		ERR_clear_error();
		k = SSL_write_ex(s->ssl, p, n, put);
		if (k == 1)
			return RC_OK;
		*wants = ssl_wants(s->ssl, k, &rc);
		return *wants != 0 ? RC_MORE : RC_IO;
	}
	for (;;) {
		ssize_t k = send(s->fd, p, n, MSG_NOSIGNAL);

		if (k >= 0) {
			*put = (size_t)k;
			return RC_OK;
		}
		if (errno == EINTR)
			continue;
		*wants = POLLOUT;
		return errno == EAGAIN ? RC_MORE : RC_IO;
	}
}

static int
send_all(struct stream *s)
{
	int64_t deadline = 0;
	size_t done = 0;

	while (done < s->out.n) {
		size_t put = 0;
		short wants = 0;
		int r = write_once(
		    s, s->out.p + done, s->out.n - done, &put, &wants);

		if (r == RC_OK) {
			done += put;
			deadline = 0;
			continue;
		}
		if (r != RC_MORE)
			return r;
		if (s->deadline != 0 && s->deadline <= clk_mono())
			return RC_TIMEOUT;
		if (deadline == 0)
			deadline = deadline_in(s, s->write_timeout);
		r = wait_for(s->fd, wants, deadline);
		if (r != RC_OK)
			return r;
	}
	return RC_OK;
}

/* stream_flush for those who let the error stick. */
static int
flush(struct stream *s)
{
	if (s->out_error == RC_OK && s->out.n > 0) {
		if (s->gate != NULL)
			s->out_error = s->gate(s->gate_arg);
		if (trace_is_on())
			trace_bytes(&s->trace, s->account, s->peer, '>',
			    buf_sv(&s->out));
		if (s->out_error == RC_OK)
			s->out_error = send_all(s);
	}
	buf_reset(&s->out);
	return s->out_error;
}

int
stream_flush(struct stream *s)
{
	return flush(s);
}

void
stream_write(struct stream *s, const void *p, size_t n)
{
	const char *q = p;

	while (n > 0 && s->out_error == RC_OK) {
		size_t room = OUTPUT_MAX - s->out.n, k = n < room ? n : room;

		buf_add(&s->out, q, k);
		s->total_out += k;
		q += k;
		n -= k;
		if (s->out.n == OUTPUT_MAX)
			flush(s);
	}
}

void
stream_puts(struct stream *s, const char *text)
{
	stream_write(s, text, strlen(text));
}

void
stream_putsv(struct stream *s, struct sv text)
{
	stream_write(s, text.p, text.n);
}

void
stream_printf(struct stream *s, const char *fmt, ...)
{
	char small[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	must(n >= 0);
	if ((size_t)n < sizeof small) {
		stream_write(s, small, (size_t)n);
	} else {
		char *big = NULL;

		va_start(ap, fmt);
		n = vasprintf(&big, fmt, ap);
		va_end(ap);
		must(n >= 0 && big != NULL);
		stream_write(s, big, (size_t)n);
		free(big);
	}
}

char *
stream_reserve(struct stream *s, size_t n)
{
	must(n <= OUTPUT_MAX);
	if (s->out.n + n > OUTPUT_MAX)
		flush(s);
	if (s->out_error != RC_OK)
		return NULL;
	return buf_reserve(&s->out, n);
}

void
stream_wrote(struct stream *s, size_t n)
{
	buf_added(&s->out, n);
	s->total_out += n;
}

uint64_t
stream_total_out(const struct stream *s)
{
	return s->total_out;
}

void
stream_park(struct stream *s)
{
	if (s->in.n == s->taken) {
		buf_release(&s->in);
		s->taken = 0;
	}
	if (s->out.n == 0)
		buf_release(&s->out);
}

static void
drop_input(struct stream *s)
{
	buf_wipe(&s->in);
	s->taken = 0;
}

/* s->ssl is new; does what its state says, accept or connect. */
static int
handshake(struct stream *s, int64_t timeout_ms, struct err *err)
{
	int64_t deadline = deadline_in(s, timeout_ms);

	must(SSL_set_fd(s->ssl, s->fd) == 1);
	for (;;) {
		char why[80];
		int k, rc = RC_IO;
		short wants;

		ERR_clear_error();
		k = SSL_do_handshake(s->ssl);
		if (k == 1)
			break;
		wants = ssl_wants(s->ssl, k, &rc);
		if (wants != 0)
			rc = wait_for(s->fd, wants, deadline);
		if (wants == 0 || rc != RC_OK) {
			s->out_error = RC_IO;
			return err_set(err, rc, "TLS handshake: %s",
			    rc == RC_TIMEOUT ? "timed out"
					     : tls_error_text(why, sizeof why));
		}
	}
	tls_describe(s->ssl, s->tls_name, sizeof s->tls_name);
	return RC_OK;
}

int
stream_start_tls(struct stream *s, struct tls_ctx *ctx, int64_t timeout_ms,
    size_t *dropped_out, struct err *err)
{
	*dropped_out = s->in.n - s->taken;
	drop_input(s);
	s->ssl = tls_ssl_new(ctx);
	return handshake(s, timeout_ms, err);
}

int
stream_start_tls_client(struct stream *s, struct tls_client *ctx,
    const char *host, enum tls_demand demand, int64_t timeout_ms,
    struct err *err)
{
	long bad;
	int r;

	drop_input(s);
	s->ssl = tls_client_ssl(ctx, host, demand);
	r = handshake(s, timeout_ms, err);
	bad = SSL_get_verify_result(s->ssl);
	if (r != RC_OK && demand == TLS_VERIFIED && bad != X509_V_OK)
		return err_set(err, RC_DENIED, "TLS: the certificate of %s: %s",
		    host, X509_verify_cert_error_string(bad));
	return r;
}

/* The host by its name or its numeric address [RFC 6125 6]. */
static bool
is_of_host(X509 *x, const char *host)
{
	return X509_check_ip_asc(x, host, 0) == 1 ||
	       X509_check_host(
		   x, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

int
stream_tls_peer(const struct stream *s, const char *host, char sha256_out[65],
    struct err *err)
{
	X509 *x = s->ssl != NULL ? SSL_get1_peer_certificate(s->ssl) : NULL;
	unsigned char md[32];
	unsigned n = 0, i;
	bool ours;
	long bad;

	sha256_out[0] = '\0';
	if (x == NULL)
		return err_set(err, RC_DENIED, "%s has no certificate", host);
	if (X509_digest(x, EVP_sha256(), md, &n) == 1 && n == sizeof md)
		for (i = 0; i < n; i++)
			(void)snprintf(sha256_out + 2 * i, 3, "%02x", md[i]);
	ours = is_of_host(x, host);
	X509_free(x);
	ERR_clear_error();
	bad = SSL_get_verify_result(s->ssl);
	if (bad != X509_V_OK)
		return err_set(err, RC_DENIED, "the certificate of %s: %s",
		    host, X509_verify_cert_error_string(bad));
	if (!ours)
		return err_set(
		    err, RC_DENIED, "the certificate is not one of %s", host);
	return RC_OK;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->ssl != NULL;
}

const char *
stream_tls_name(const struct stream *s)
{
	return s->tls_name;
}

/* The peer may still have to read what was said before: without its end, which
 * has no room until then, it would take that for cut off by somebody. */
static void
say_goodbye(struct stream *s)
{
	int64_t deadline = deadline_in(
	    s, s->write_timeout < CLOSE_MS ? s->write_timeout : CLOSE_MS);
	short wants = POLLOUT;
	int k, rc;

	do {
		ERR_clear_error();
		k = SSL_shutdown(s->ssl);
		/* 0: said, and the peer has not said it yet. */
		wants = k < 0 ? ssl_wants(s->ssl, k, &rc) : 0;
	} while (
	    wants == POLLOUT && wait_for(s->fd, POLLOUT, deadline) == RC_OK);
}

void
stream_close(struct stream *s)
{
	if (stream_flush(s) == RC_OK && s->ssl != NULL)
		say_goodbye(s);
	(void)shutdown(s->fd, SHUT_WR);
}
