#include <openssl/ssl.h>
#include <unistd.h>

#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

struct client {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	pthread_t session;
};

static struct tls_ctx *
server_ctx(void)
{
	struct buf cert, key;
	struct tls_ctx *ctx = NULL;
	struct err err;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(
	    tls_self_signed("mail.example.org", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &ctx, &err), RC_OK);
	buf_fini(&cert);
	buf_wipe(&key);
	return ctx;
}

static void
client_open(struct client *c, struct fixture *k)
{
	c->fd = fixture_start(k, &c->session);
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->ssl = NULL;
}

static void
client_tls(struct client *c)
{
	c->ssl = SSL_new(c->ctx);
	ck_assert_int_eq(SSL_set_fd(c->ssl, c->fd), 1);
	ck_assert_int_eq(SSL_connect(c->ssl), 1);
}

static void
client_say(struct client *c, const char *text)
{
	size_t n = strlen(text);

	if (c->ssl != NULL)
		ck_assert_int_eq(SSL_write(c->ssl, text, (int)n), (int)n);
	else
		ck_assert_int_eq(write(c->fd, text, n), (ssize_t)n);
}

/* Reads up to the last line of a reply. */
static void
client_hear(struct client *c, struct buf *out)
{
	buf_reset(out);
	for (;;) {
		char b;
		ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, &b, 1)
					   : read(c->fd, &b, 1);
		size_t nl;

		if (n <= 0)
			return;
		buf_addc(out, b);
		if (b != '\n')
			continue;
		nl = sv_rchr(sv_first(buf_sv(out), out->n - 1), '\n');
		nl = nl == out->n - 1 ? 0 : nl + 1;
		if (out->p[nl + 3] == ' ')
			return;
	}
}

static void
client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	(void)close(c->fd);
	pthread_join(c->session, NULL);
}

static void
expect(struct client *c, const char *say, const char *code)
{
	struct buf out;

	buf_init(&out, 10000);
	if (say != NULL)
		client_say(c, say);
	client_hear(c, &out);
	ck_assert_msg(sv_starts(buf_sv(&out), sv_str(code)), "%s: got %s",
	    say != NULL ? say : "", out.p);
	buf_fini(&out);
}

START_TEST(smtp_starttls__what_was_sent_in_the_clear_is_gone)
{
	struct client c;
	struct fixture k;
	struct tls_ctx *ctx = server_ctx();

	fixture_init(&k, true);
	k.o.tls = ctx;
	k.not_loopback = true;
	client_open(&c, &k);
	expect(&c, NULL, "220");
	expect(&c, "EHLO c\r\n", "250");
	expect(&c, "STARTTLS\r\nNOOP injected\r\nEHLO injected\r\n", "220");
	client_tls(&c);
	/* Neither the injected commands nor the EHLO before count. */
	expect(&c, "MAIL FROM:<anna@example.org>\r\n", "503");
	expect(&c, "EHLO c\r\n", "250");
	expect(&c, "STARTTLS\r\n", "503");
	expect(&c, "AUTH PLAIN AGFubmEAc2VjcmV0\r\n", "235");
	expect(&c, "MAIL FROM:<anna@example.org>\r\n", "250");
	expect(&c, "RCPT TO:<anna@example.org>\r\n", "250");
	expect(&c, "DATA\r\n", "354");
	expect(&c, "From: anna@example.org\r\n\r\nx\r\n.\r\n", "250");
	expect(&c, "QUIT\r\n", "221");
	client_close(&c);
	ck_assert_uint_eq(k.ngot, 1);
	ck_assert(sv_find(buf_sv(&k.got[0].message), SV(" with ESMTPSA id ")) <
		  k.got[0].message.n);
	ck_assert(sv_find(buf_sv(&k.got[0].message), SV("(TLSv1.3 ")) <
		  k.got[0].message.n);
	fixture_fini(&k);
	tls_ctx_free(&ctx);
}
END_TEST

START_TEST(smtp_tls__from_the_first_byte)
{
	struct client c;
	struct fixture k;
	struct tls_ctx *ctx = server_ctx();

	fixture_init(&k, true);
	k.o.tls = ctx;
	k.not_loopback = k.implicit_tls = true;
	client_open(&c, &k);
	client_tls(&c);
	expect(&c, NULL, "220");
	expect(&c, "EHLO c\r\n", "250");
	expect(&c, "AUTH LOGIN\r\n", "334");
	expect(&c, "YW5uYQ==\r\n", "334");
	expect(&c, "c2VjcmV0\r\n", "235");
	expect(&c, "QUIT\r\n", "221");
	client_close(&c);
	fixture_fini(&k);
	tls_ctx_free(&ctx);
}
END_TEST

START_TEST(smtp_tls__rubbish_for_a_handshake_ends)
{
	struct client c;
	struct fixture k;
	struct tls_ctx *ctx = server_ctx();
	struct buf out;

	fixture_init(&k, true);
	k.o.tls = ctx;
	k.implicit_tls = true;
	buf_init(&out, 1000);
	client_open(&c, &k);
	client_say(&c, "EHLO c\r\n");
	fixture_read_all(c.fd, &out);
	ck_assert(sv_find(buf_sv(&out), SV("220")) == out.n);
	client_close(&c);
	buf_fini(&out);
	fixture_fini(&k);
	tls_ctx_free(&ctx);
}
END_TEST

UNIT_TESTS(tls)
{
	TCase *tc = tcase_create("tls");

	tcase_add_test(tc, smtp_starttls__what_was_sent_in_the_clear_is_gone);
	tcase_add_test(tc, smtp_tls__from_the_first_byte);
	tcase_add_test(tc, smtp_tls__rubbish_for_a_handshake_ends);
	return tc;
}
