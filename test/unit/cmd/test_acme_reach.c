/* What is seen of ports: ours, another's, nobody's, and one that never ends. */
#include "cmd/run/acme_reach.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/network.h"
#include "net/sni.h"
#include "net/tls.h"
#include "test/unit/unit.h"

#define PATH "/.well-known/acme-challenge/abc"
#define TEXT "abc.def"

struct serving {
	int fd;
	const char *answer; /* NULL: TLS */
	struct tls_ctx *ctx;
	char asked[1024];
};

static void *
serve(void *arg)
{
	struct serving *s = arg;
	int c = accept(s->fd, NULL, NULL);
	ssize_t n;

	ck_assert_int_ge(c, 0);
	if (s->answer != NULL) {
		n = read(c, s->asked, sizeof s->asked - 1);
		if (n > 0)
			(void)!write(c, s->answer, strlen(s->answer));
	} else {
		SSL *ssl = tls_ssl_new(s->ctx);

		(void)SSL_set_fd(ssl, c);
		(void)SSL_accept(ssl);
		SSL_free(ssl);
	}
	(void)close(c);
	return NULL;
}

/* 0: this machine has no such address. */
static uint16_t
start(struct serving *s, const struct in6_addr *at, pthread_t *t)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = *at};
	socklen_t n = sizeof six;

	s->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&six, n) != 0)
		return 0;
	ck_assert_int_eq(listen(s->fd, 4), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&six, &n), 0);
	ck_assert_int_eq(pthread_create(t, NULL, serve, s), 0);
	return ntohs(six.sin6_port);
}

static const struct {
	const char *address, *answer;
	bool seen;
} rows[] = {
    {"127.0.0.1", "HTTP/1.1 200 OK\r\n\r\n" TEXT, true},
    {"::1", "HTTP/1.1 200 OK\r\n\r\n" TEXT, true},
    {"127.0.0.1", "HTTP/1.1 404 Not Found\r\n\r\n" PATH, false},
    {"127.0.0.1", "HTTP/1.1 301 x\r\nLocation: https://x" PATH "\r\n\r\n",
	false},
    {"127.0.0.1", "", false},
};

START_TEST(acme_reach__http)
{
	struct serving s = {.answer = rows[_i].answer};
	atomic_bool stop = false;
	struct in6_addr at;
	pthread_t t;
	uint16_t port;

	ck_assert(network_address(rows[_i].address, &at));
	port = start(&s, &at, &t);
	if (port == 0)
		return;
	ck_assert_int_eq(
	    acme_reach_http(&at, port, "a.test", PATH, TEXT, &stop),
	    rows[_i].seen);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_ptr_nonnull(strstr(s.asked, "GET " PATH " HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(s.asked, "Host: a.test\r\n"));
	(void)close(s.fd);
	/* Nobody is there any more. */
	ck_assert(!acme_reach_http(&at, port, "a.test", PATH, TEXT, &stop));
}
END_TEST

/* We are to end: not after seconds. */
START_TEST(acme_reach__stops)
{
	struct serving s = {.answer = ""};
	atomic_bool stop = true;
	struct in6_addr at;
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	socklen_t n = sizeof six;

	ck_assert(network_address("127.0.0.1", &at));
	six.sin6_addr = at;
	s.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s.fd, (struct sockaddr *)&six, n), 0);
	ck_assert_int_eq(listen(s.fd, 4), 0);
	ck_assert_int_eq(getsockname(s.fd, (struct sockaddr *)&six, &n), 0);
	ck_assert(!acme_reach_http(
	    &at, ntohs(six.sin6_port), "a.test", PATH, TEXT, &stop));
	(void)close(s.fd);
}
END_TEST

static void
make(const char *name, struct buf *cert, struct buf *key)
{
	struct err err;

	buf_init(cert, 65536);
	buf_init(key, 65536);
	ck_assert_int_eq(tls_self_signed(name, cert, key, &err), RC_OK);
}

/* The proof is there; another is; none is. */
START_TEST(acme_reach__tls)
{
	struct buf cert, key, proof, proof_key, other, other_key;
	struct serving s = {.answer = NULL};
	atomic_bool stop = false;
	struct in6_addr at;
	struct sni *sni;
	struct err err;
	pthread_t t;
	uint16_t port;

	tls_library_setup();
	make("mail.test", &cert, &key);
	make("a.test", &proof, &proof_key);
	make("a.test", &other, &other_key);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &s.ctx, &err), RC_OK);
	sni = sni_new(s.ctx);
	if (_i < 2)
		ck_assert_int_eq(sni_challenge(sni, SV("a.test"),
				     buf_sv(&proof), buf_sv(&proof_key), &err),
		    RC_OK);
	ck_assert(network_address("127.0.0.1", &at));
	port = start(&s, &at, &t);
	ck_assert_uint_ne(port, 0);
	ck_assert_int_eq(acme_reach_tls(&at, port, "a.test",
			     buf_sv(_i == 1 ? &other : &proof), &stop),
	    _i == 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	(void)close(s.fd);
	tls_ctx_free(&s.ctx);
	sni_free(&sni);
	buf_fini(&other_key);
	buf_fini(&other);
	buf_fini(&proof_key);
	buf_fini(&proof);
	buf_fini(&key);
	buf_fini(&cert);
}
END_TEST

UNIT_TESTS(acme_reach)
{
	TCase *t = tcase_create("acme_reach");

	tcase_add_loop_test(
	    t, acme_reach__http, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, acme_reach__stops);
	tcase_add_loop_test(t, acme_reach__tls, 0, 3);
	return t;
}
