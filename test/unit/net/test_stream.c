/* Streams over a socket pair, in the clear and under TLS. */
#include <check.h>
#include <pthread.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clk.h"
#include "base/io.h"
#include "net/stream.h"
#include "net/tls.h"
#include "test/unit/unit.h"

#define INPUT_MAX 1000

static struct stream *st;
static int far;

static void
setup(void)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	st = stream_new(fd[0], INPUT_MAX);
	far = fd[1];
}

static void
teardown(void)
{
	stream_free(&st);
	stream_free(&st);
	io_close(&far);
}

static void
say(const char *text)
{
	ck_assert_int_eq(io_write_all(far, text, strlen(text)), RC_OK);
}

static void
hear(const char *want)
{
	char b[200] = "";
	ssize_t n = recv(far, b, sizeof b - 1, MSG_DONTWAIT);

	ck_assert_int_eq(n, (ssize_t)strlen(want));
	ck_assert_str_eq(b, want);
}

START_TEST(stream__input_stays_until_it_is_consumed)
{
	ck_assert_int_eq(stream_fill(st, 0), RC_MORE);
	say("abc");
	ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	stream_consume(st, 1);
	say("def");
	ck_assert_int_eq(stream_fill(st, 1000), RC_OK);
	ck_assert(sv_eq(stream_input(st), SV("bcdef")));
	stream_park(st);
	ck_assert(sv_eq(stream_input(st), SV("bcdef")));
	stream_consume(st, 5);
	stream_park(st);
	ck_assert_uint_eq(stream_input(st).n, 0);
	say("x");
	ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	io_close(&far);
	ck_assert_int_eq(stream_fill(st, 0), RC_EOF);
	ck_assert(sv_eq(stream_input(st), SV("x")));
}
END_TEST

START_TEST(stream_fill__holds_its_bound)
{
	char many[INPUT_MAX + 1];

	memset(many, 'x', sizeof many);
	ck_assert_int_eq(io_write_all(far, many, sizeof many), RC_OK);
	while (stream_input(st).n < INPUT_MAX)
		ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	ck_assert_int_eq(stream_fill(st, 0), RC_TOOBIG);
	stream_consume(st, 1);
	ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	ck_assert_uint_eq(stream_input(st).n, INPUT_MAX);
}
END_TEST

START_TEST(stream_fill__times_out)
{
	int64_t start = clk_mono();

	ck_assert_int_eq(stream_fill(st, 50), RC_TIMEOUT);
	ck_assert_int_ge(clk_mono() - start, 50);
	ck_assert_int_lt(clk_mono() - start, 60000);
}
END_TEST

START_TEST(stream_fill__flushes_before_it_waits)
{
	stream_puts(st, "hello ");
	stream_printf(st, "%d", 42);
	ck_assert_uint_eq(stream_total_out(st), 8);
	ck_assert_int_eq(stream_fill(st, 0), RC_MORE);
	hear("hello 42");
	stream_puts(st, "more");
	say("x");
	ck_assert_int_eq(stream_fill(st, 0), RC_OK); /* nothing to wait for */
	ck_assert_int_eq(recv(far, &(char){0}, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(stream_flush(st), RC_OK);
	hear("more");
}
END_TEST

START_TEST(stream_wipe_consumed__leaves_what_is_unread)
{
	say("PASS secret\r\nNOOP\r\n");
	ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	stream_consume(st, 13);
	stream_wipe_consumed(st);
	ck_assert(sv_eq(stream_input(st), SV("NOOP\r\n")));
	ck_assert_ptr_null(memmem(stream_input(st).p - 13, 20, "secret", 6));
	stream_consume(st, 6);
	stream_wipe_consumed(st);
	say("a");
	ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	ck_assert(sv_eq(stream_input(st), SV("a")));
}
END_TEST

START_TEST(stream_flush__gives_a_deaf_peer_up)
{
	int64_t start = clk_mono();
	int i;

	stream_set_write_timeout(st, 50);
	for (i = 0; i < 20000; i++)
		stream_puts(
		    st, "a line that nobody reads, again and again\r\n");
	ck_assert_int_eq(stream_flush(st), RC_TIMEOUT);
	ck_assert_int_ge(clk_mono() - start, 50);
	ck_assert_int_lt(clk_mono() - start, 60000);
	ck_assert_int_eq(stream_flush(st), RC_TIMEOUT); /* it sticks */
	ck_assert_ptr_null(stream_reserve(st, 10));
}
END_TEST

START_TEST(stream_flush__survives_a_closed_peer)
{
	io_close(&far);
	stream_puts(st, "hello");
	ck_assert_int_eq(stream_flush(st), RC_IO);
	stream_close(st);
}
END_TEST

static int gate_rc, gate_calls;

static int
gate(void *arg)
{
	(void)arg;
	gate_calls++;
	return gate_rc;
}

START_TEST(stream_set_gate__nothing_leaves_while_it_fails)
{
	stream_set_gate(st, gate, NULL);
	gate_rc = RC_OK;
	gate_calls = 0;
	stream_puts(st, "one");
	ck_assert_int_eq(stream_flush(st), RC_OK);
	ck_assert_int_eq(stream_flush(st), RC_OK); /* nothing to send */
	ck_assert_int_eq(gate_calls, 1);
	hear("one");
	gate_rc = RC_IO;
	stream_puts(st, "two");
	ck_assert_int_eq(stream_flush(st), RC_IO);
	gate_rc = RC_OK;
	stream_puts(st, "three");
	ck_assert_int_eq(stream_flush(st), RC_IO);
	ck_assert_int_eq(recv(far, &(char){0}, 1, MSG_DONTWAIT), -1);
}
END_TEST

START_TEST(stream_reserve__large_pieces)
{
	char *p = stream_reserve(st, 65536);
	char *back = malloc(65536 + 3);
	size_t n = 0;

	ck_assert_ptr_nonnull(p);
	memset(p, 'x', 65536);
	stream_wrote(st, 65536);
	stream_puts(st, "abc");
	ck_assert_int_eq(stream_flush(st), RC_OK);
	while (n < 65536 + 3) {
		ssize_t k = read(far, back + n, 65536 + 3 - n);

		ck_assert_int_gt(k, 0);
		n += (size_t)k;
	}
	ck_assert(memcmp(back + 65535, "xabc", 4) == 0);
	free(back);
}
END_TEST

/* ---- TLS ---- */

static struct tls_ctx *ctx;

static void
tls_setup(void)
{
	struct buf cert, key;
	struct err err = {0};

	setup();
	tls_library_setup();
	buf_init(&cert, 10000);
	buf_init(&key, 10000);
	ck_assert_int_eq(
	    tls_self_signed("mail.example.org", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &ctx, &err), RC_OK);
	buf_fini(&cert);
	buf_wipe(&key);
}

static void
tls_teardown(void)
{
	tls_ctx_free(&ctx);
	teardown();
}

/* Sends `text` and then writes down all that comes until the end. */
struct client {
	const char *text;
	size_t n, back;
	const char *suites; /* it offers, if not OpenSSL's own */
	bool held;	    /* reads only when `hold` is free */
	bool ok, clean_end;
};

static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;

static void *
tls_client(void *arg)
{
	struct client *c = arg;
	SSL_CTX *cc = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(cc);
	char b[4096];
	int k;

	SSL_set_fd(ssl, far);
	if (c->suites != NULL)
		must(SSL_set_ciphersuites(ssl, c->suites) == 1);
	c->ok = SSL_connect(ssl) == 1;
	if (c->ok && c->n > 0)
		c->ok = SSL_write(ssl, c->text, (int)c->n) == (int)c->n;
	if (c->held) {
		pthread_mutex_lock(&hold);
		pthread_mutex_unlock(&hold);
	}
	while (c->ok && (k = SSL_read(ssl, b, sizeof b)) > 0)
		c->back += (size_t)k;
	c->clean_end = (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
	SSL_free(ssl);
	SSL_CTX_free(cc);
	return NULL;
}

START_TEST(stream_start_tls__carries_both_ways)
{
	struct client c = {.text = "hello", .n = 5};
	struct err err = {0};
	size_t dropped = 99;
	pthread_t t;
	int i;

	ck_assert_int_eq(pthread_create(&t, NULL, tls_client, &c), 0);
	ck_assert(!stream_is_tls(st));
	ck_assert_str_eq(stream_tls_name(st), "");
	ck_assert_int_eq(
	    stream_start_tls(st, ctx, 5000, &dropped, &err), RC_OK);
	ck_assert_uint_eq(dropped, 0);
	ck_assert(stream_is_tls(st));
	ck_assert(sv_starts(sv_str(stream_tls_name(st)), SV("TLSv1.3 ")));
	while (stream_input(st).n < 5)
		ck_assert_int_eq(stream_fill(st, 5000), RC_OK);
	ck_assert(sv_eq(stream_input(st), SV("hello")));
	for (i = 0; i < 10000; i++)
		stream_puts(st, "a line of forty bytes, one of many.....\n");
	ck_assert_int_eq(stream_fill(st, 0), RC_MORE);
	ck_assert_int_eq(stream_flush(st), RC_OK);
	stream_close(st);
	pthread_join(t, NULL);
	ck_assert(c.ok && c.clean_end);
	ck_assert_uint_eq(c.back, 400000);
}
END_TEST

/* Ours is the order, but for one that puts ChaCha20 first. */
START_TEST(stream_start_tls__chooses_the_suite)
{
	static const struct {
		const char *offered, *chosen;
	} rows[] = {
	    {NULL, "TLSv1.3 TLS_AES_128_GCM_SHA256"},
	    {"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
	     "TLS_AES_128_GCM_SHA256",
		"TLSv1.3 TLS_AES_128_GCM_SHA256"},
	    {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		"TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"},
	    {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
		"TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"},
	    {"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
		"TLSv1.3 TLS_AES_256_GCM_SHA384"},
	    {"TLS_AES_256_GCM_SHA384", "TLSv1.3 TLS_AES_256_GCM_SHA384"},
	};
	struct client c = {.suites = rows[_i].offered};
	struct err err = {0};
	size_t dropped;
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, tls_client, &c), 0);
	ck_assert_int_eq(
	    stream_start_tls(st, ctx, 60000, &dropped, &err), RC_OK);
	ck_assert_str_eq(stream_tls_name(st), rows[_i].chosen);
	stream_close(st);
	pthread_join(t, NULL);
	ck_assert(c.ok);
}
END_TEST

/* As the kernel has it: not even a byte finds room. */
static bool
is_full(int fd)
{
	int room, used;
	socklen_t n = sizeof room;

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &n), 0);
	ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &used), 0);
	return used >= room;
}

static void *
close_it(void *arg)
{
	stream_close(arg);
	return NULL;
}

/*
 * The socket is full when the stream is closed, and the client takes its time:
 * it gets the end all the same.
 */
START_TEST(stream_close__waits_for_room_to_say_goodbye)
{
	struct client c = {.text = "", .n = 0};
	struct err err = {0};
	size_t dropped, k;
	pthread_t t, closing;
	int room = 4608;

	ck_assert_int_eq(pthread_mutex_lock(&hold), 0);
	ck_assert_int_eq(setsockopt(stream_fd(st), SOL_SOCKET, SO_SNDBUF, &room,
			     sizeof room),
	    0);
	c.held = true;
	ck_assert_int_eq(pthread_create(&t, NULL, tls_client, &c), 0);
	ck_assert_int_eq(
	    stream_start_tls(st, ctx, 5000, &dropped, &err), RC_OK);
	/* Byte by byte, until not even one finds room. */
	stream_set_write_timeout(st, 60000);
	for (k = 0; !is_full(stream_fd(st)); k++) {
		stream_puts(st, "x");
		ck_assert_int_eq(stream_flush(st), RC_OK);
	}
	ck_assert_int_eq(pthread_create(&closing, NULL, close_it, st), 0);
	ck_assert_int_eq(pthread_mutex_unlock(&hold), 0);
	pthread_join(closing, NULL);
	pthread_join(t, NULL);
	ck_assert(c.ok && c.clean_end);
	ck_assert_uint_eq(c.back, k);
}
END_TEST

START_TEST(stream_start_tls__drops_what_came_in_the_clear)
{
	struct client c = {.text = "A", .n = 1};
	struct err err = {0};
	size_t dropped = 0;
	pthread_t t;

	say("STARTTLS\r\nMAIL FROM:<>\r\n");
	ck_assert_int_eq(stream_fill(st, 0), RC_OK);
	stream_consume(st, 10);
	ck_assert_int_eq(pthread_create(&t, NULL, tls_client, &c), 0);
	ck_assert_int_eq(
	    stream_start_tls(st, ctx, 5000, &dropped, &err), RC_OK);
	ck_assert_uint_eq(dropped, 14);
	ck_assert_int_eq(stream_fill(st, 5000), RC_OK);
	ck_assert(sv_eq(stream_input(st), SV("A")));
	stream_close(st);
	pthread_join(t, NULL);
}
END_TEST

START_TEST(stream_start_tls__times_out)
{
	int64_t start = clk_mono();
	struct err err = {0};
	size_t dropped;

	ck_assert_int_eq(
	    stream_start_tls(st, ctx, 50, &dropped, &err), RC_TIMEOUT);
	ck_assert_int_ge(clk_mono() - start, 50);
	ck_assert(
	    sv_find(sv_str(err.text), SV("timed out")) < strlen(err.text));
	ck_assert_int_ne(stream_flush(st) == RC_OK && !stream_is_tls(st), 1);
	stream_puts(st, "never in the clear");
	ck_assert_int_ne(stream_flush(st), RC_OK);
}
END_TEST

START_TEST(stream_start_tls__refuses_rubbish)
{
	struct err err = {0};
	size_t dropped;

	say("GET / HTTP/1.0\r\n\r\n");
	ck_assert_int_eq(
	    stream_start_tls(st, ctx, 1000, &dropped, &err), RC_IO);
	ck_assert_uint_gt(strlen(err.text), 10);
	stream_close(st);
}
END_TEST

/* A server of the nineties: a key exchange with 1024 bits. */
static SSL_CTX *
weak_context(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	EVP_PKEY_CTX *dh = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = EVP_RSA_gen(2048), *params = NULL;
	X509 *x = X509_new();

	ck_assert(X509_gmtime_adj(X509_getm_notBefore(x), -60) != NULL);
	ck_assert(X509_gmtime_adj(X509_getm_notAfter(x), 600) != NULL);
	ck_assert_int_eq(X509_set_pubkey(x, key), 1);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
	ck_assert_int_eq(SSL_CTX_use_certificate(c, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(c, key), 1);
	ck_assert_int_eq(EVP_PKEY_paramgen_init(dh), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_group_name(dh, "dh_1024_160"), 1);
	ck_assert_int_eq(EVP_PKEY_paramgen(dh, &params), 1);
	ck_assert_int_eq(SSL_CTX_set0_tmp_dh_pkey(c, params), 1);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(c, "DHE-RSA-AES128-SHA"), 1);
	EVP_PKEY_CTX_free(dh);
	EVP_PKEY_free(key);
	X509_free(x);
	return c;
}

static void *
weak_server(void *arg)
{
	SSL *ssl = SSL_new(arg);

	SSL_set_fd(ssl, far);
	(void)SSL_accept(ssl);
	shutdown(far, SHUT_WR);
	SSL_free(ssl);
	return NULL;
}

START_TEST(stream_start_tls_client__takes_weak_keys_only_where_none_will_do)
{
	static const struct {
		enum tls_demand demand;
		bool ok;
	} rows[] = {
	    {TLS_ANY, true}, {TLS_STRONG, false}, {TLS_VERIFIED, false}};
	SSL_CTX *weak = weak_context();
	struct tls_client *c = NULL;
	struct err err = {0};
	pthread_t t;
	int r;

	ck_assert_int_eq(tls_client_new(SV(""), &c, &err), RC_OK);
	ck_assert_int_eq(pthread_create(&t, NULL, weak_server, weak), 0);
	r = stream_start_tls_client(
	    st, c, "mx.example.test", rows[_i].demand, 5000, &err);
	ck_assert_msg((r == RC_OK) == rows[_i].ok, "%d: %s", _i, err.text);
	stream_free(&st);
	pthread_join(t, NULL);
	tls_client_free(&c);
	SSL_CTX_free(weak);
}
END_TEST

START_TEST(tls_ctx_new__names_what_does_not_fit)
{
	struct buf c[2], k[2];
	struct tls_ctx *x = NULL;
	struct tls_cert_info info;
	struct err err = {0};
	int i;

	for (i = 0; i < 2; i++) {
		buf_init(&c[i], 10000);
		buf_init(&k[i], 10000);
		ck_assert_int_eq(
		    tls_self_signed("mail.example.org", &c[i], &k[i], &err),
		    RC_OK);
	}
	ck_assert_int_ne(
	    tls_ctx_new(buf_sv(&c[0]), buf_sv(&k[1]), &x, &err), RC_OK);
	ck_assert_int_ne(tls_ctx_new(SV(""), buf_sv(&k[0]), &x, &err), RC_OK);
	ck_assert_int_ne(tls_ctx_new(buf_sv(&c[0]), SV("x"), &x, &err), RC_OK);
	ck_assert_ptr_null(x);
	ck_assert_int_eq(tls_cert_info(buf_sv(&c[0]), &info, &err), RC_OK);
	ck_assert(info.self_signed);
	ck_assert(sv_find(sv_str(info.names), SV("mail.example.org")) <
		  strlen(info.names));
	ck_assert_int_gt(info.not_after, clk_now() / 1000 + 86400);
	ck_assert(tls_cert_is_for(buf_sv(&c[0]), "mail.example.org"));
	ck_assert(tls_cert_is_for(buf_sv(&c[0]), "MAIL.example.org"));
	ck_assert(!tls_cert_is_for(buf_sv(&c[0]), "example.org"));
	ck_assert(!tls_cert_is_for(SV("junk"), "mail.example.org"));
	ck_assert_int_ne(tls_cert_info(SV("junk"), &info, &err), RC_OK);
	for (i = 0; i < 2; i++) {
		buf_fini(&c[i]);
		buf_fini(&k[i]);
	}
}
END_TEST

START_TEST(tls__every_cipher_has_forward_secrecy_and_cbc_is_last)
{
	struct tls_ctx *mine = NULL;
	STACK_OF(SSL_CIPHER) * all;
	bool cbc = false;
	struct buf cert, key;
	struct err err;
	SSL *ssl;
	int i;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(
	    tls_self_signed("mail.example.org", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &mine, &err), RC_OK);
	ssl = tls_ssl_new(mine);
	all = SSL_get_ciphers(ssl);
	ck_assert_int_gt(sk_SSL_CIPHER_num(all), 5);
	for (i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
		const char *name = SSL_CIPHER_get_name(c);
		int kx = SSL_CIPHER_get_kx_nid(c);

		ck_assert_msg(
		    kx == NID_kx_ecdhe || kx == NID_kx_any, "%s", name);
		ck_assert_msg(!cbc || !SSL_CIPHER_is_aead(c), "%s", name);
		cbc = cbc || !SSL_CIPHER_is_aead(c);
	}
	SSL_free(ssl);
	tls_ctx_free(&mine);
	buf_fini(&cert);
	buf_wipe(&key);
}
END_TEST

UNIT_TESTS(stream)
{
	TCase *t = tcase_create("stream");

	tcase_add_checked_fixture(t, tls_setup, tls_teardown);
	tcase_add_test(
	    t, tls__every_cipher_has_forward_secrecy_and_cbc_is_last);
	tcase_add_test(t, stream__input_stays_until_it_is_consumed);
	tcase_add_test(t, stream_fill__holds_its_bound);
	tcase_add_test(t, stream_fill__times_out);
	tcase_add_test(t, stream_fill__flushes_before_it_waits);
	tcase_add_test(t, stream_wipe_consumed__leaves_what_is_unread);
	tcase_add_test(t, stream_flush__gives_a_deaf_peer_up);
	tcase_add_test(t, stream_flush__survives_a_closed_peer);
	tcase_add_test(t, stream_set_gate__nothing_leaves_while_it_fails);
	tcase_add_test(t, stream_reserve__large_pieces);
	tcase_add_test(t, stream_start_tls__carries_both_ways);
	tcase_add_loop_test(t, stream_start_tls__chooses_the_suite, 0, 6);
	tcase_add_test(t, stream_close__waits_for_room_to_say_goodbye);
	tcase_add_test(t, stream_start_tls__drops_what_came_in_the_clear);
	tcase_add_test(t, stream_start_tls__times_out);
	tcase_add_test(t, stream_start_tls__refuses_rubbish);
	tcase_add_loop_test(t,
	    stream_start_tls_client__takes_weak_keys_only_where_none_will_do, 0,
	    3);
	tcase_add_test(t, tls_ctx_new__names_what_does_not_fit);
	return t;
}
