/* Handshakes in memory: which certificate a client gets by what it asks for. */
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/sni.h"
#include "test/unit/unit.h"

#define ACME   \
	"\x0a" \
	"acme-tls/1"
#define HTTP   \
	"\x08" \
	"http/1.1"
#define H2     \
	"\x02" \
	"h2"

static struct tls_ctx *first;
static struct sni *sni;
static SSL_CTX *client_ctx;

static void
make(const char *name, struct buf *cert, struct buf *key)
{
	struct err err;

	buf_init(cert, 65536);
	buf_init(key, 65536);
	ck_assert_int_eq(tls_self_signed(name, cert, key, &err), RC_OK);
}

static void
add(bool proof, const char *id, const char *name)
{
	struct buf cert, key;
	struct err err;

	make(name, &cert, &key);
	ck_assert_int_eq((proof ? sni_challenge : sni_set)(sni, sv_str(id),
			     buf_sv(&cert), buf_sv(&key), &err),
	    RC_OK);
	buf_fini(&cert);
	buf_fini(&key);
}

static void
setup(void)
{
	struct buf cert, key;
	struct err err;

	tls_library_setup();
	make("mail.a.test", &cert, &key);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &first, &err), RC_OK);
	buf_fini(&cert);
	buf_fini(&key);
	sni = sni_new(first);
	client_ctx = SSL_CTX_new(TLS_client_method());
	add(false, "one", "mta-sts.a.test");
	add(false, "two", "mta-sts.b.test");
	add(true, "proof.a.test", "proof.a.test");
	add(true, "mail.a.test", "proof.of.mail");
}

static void
teardown(void)
{
	SSL_CTX_free(client_ctx);
	tls_ctx_free(&first);
	sni_free(&sni);
}

static void
step(SSL *from, SSL *to)
{
	char bytes[16384];
	int n;

	(void)SSL_do_handshake(from);
	while ((n = BIO_read(SSL_get_wbio(from), bytes, sizeof bytes)) > 0)
		ck_assert_int_eq(BIO_write(SSL_get_rbio(to), bytes, n), n);
}

static SSL *
begin(SSL *ssl)
{
	BIO *r = BIO_new(BIO_s_mem()), *w = BIO_new(BIO_s_mem());

	BIO_set_mem_eof_return(r, -1);
	BIO_set_mem_eof_return(w, -1);
	SSL_set_bio(ssl, r, w);
	return ssl;
}

static const struct {
	const char *sni, *alpn;
	int version;	  /* at most; 0: any */
	const char *name; /* in the certificate; NULL: it fails */
	bool proof;
} rows[] = {
    {"mail.a.test", NULL, 0, "mail.a.test", false},
    {"mail.a.test", HTTP, 0, "mail.a.test", false},
    {"mail.a.test", H2 HTTP, 0, "mail.a.test", false},
    {"mta-sts.a.test", NULL, 0, "mta-sts.a.test", false},
    {"MTA-STS.b.test", HTTP, 0, "mta-sts.b.test", false},
    {"mta-sts.b.test", HTTP, TLS1_2_VERSION, "mta-sts.b.test", false},
    {"mta-sts.b.test.", NULL, 0, "mta-sts.b.test", false},
    /* Nobody's name, or none. */
    {"c.test", NULL, 0, "mail.a.test", false},
    {"c.test", HTTP, TLS1_2_VERSION, "mail.a.test", false},
    {NULL, NULL, 0, "mail.a.test", false},
    {NULL, HTTP, 0, "mail.a.test", false},
    {"a", NULL, 0, "mail.a.test", false},
    /* Proofs: to whom they are for, and to nobody else. */
    {"proof.a.test", ACME, 0, "proof.a.test", true},
    {"proof.a.test", ACME, TLS1_2_VERSION, "proof.a.test", true},
    {"PROOF.a.test", ACME, 0, "proof.a.test", true},
    {"mail.a.test", ACME, 0, "proof.of.mail", true},
    {"proof.a.test", ACME HTTP, 0, "mail.a.test", false},
    {"proof.a.test", HTTP ACME, 0, "mail.a.test", false},
    {"proof.a.test", NULL, 0, "mail.a.test", false},
    {"mta-sts.a.test", ACME, 0, NULL, false},
    {"c.test", ACME, 0, NULL, false},
    {NULL, ACME, 0, NULL, false},
    {"mail.a.test", H2, 0, NULL, false},
};

START_TEST(sni__row)
{
	SSL *server = begin(tls_ssl_new(first));
	SSL *client = begin(SSL_new(client_ctx));
	const char *alpn = rows[_i].alpn;
	X509 *x;
	int i;

	SSL_set_connect_state(client);
	if (rows[_i].sni != NULL)
		ck_assert_int_eq(
		    SSL_set_tlsext_host_name(client, rows[_i].sni), 1);
	if (alpn != NULL)
		ck_assert_int_eq(
		    SSL_set_alpn_protos(client, (const unsigned char *)alpn,
			(unsigned)strlen(alpn)),
		    0);
	if (rows[_i].version != 0)
		SSL_set_max_proto_version(client, rows[_i].version);
	for (i = 0; i < 6; i++) {
		step(client, server);
		step(server, client);
	}
	ck_assert_int_eq(SSL_is_init_finished(client), rows[_i].name != NULL);
	x = SSL_get1_peer_certificate(client);
	if (rows[_i].name == NULL) {
		ck_assert_ptr_null(x);
		ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()),
		    SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
	} else {
		ck_assert_msg(
		    X509_check_host(x, rows[_i].name, 0, 0, NULL) == 1,
		    "%d: not of %s", _i, rows[_i].name);
		ck_assert_int_eq(sni_is_challenge(server), rows[_i].proof);
	}
	X509_free(x);
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
}
END_TEST

static bool
gets(const char *name)
{
	SSL *server = begin(tls_ssl_new(first));
	SSL *client = begin(SSL_new(client_ctx));
	X509 *x;
	bool is;
	int i;

	SSL_set_connect_state(client);
	ck_assert_int_eq(SSL_set_tlsext_host_name(client, name), 1);
	for (i = 0; i < 6; i++) {
		step(client, server);
		step(server, client);
	}
	x = SSL_get1_peer_certificate(client);
	ck_assert_ptr_nonnull(x);
	is = X509_check_host(x, name, 0, 0, NULL) == 1;
	ck_assert_int_eq(is, sni_is_for(sni, name));
	X509_free(x);
	SSL_free(client);
	SSL_free(server);
	return is;
}

/* They come and go; one that cannot be used changes nothing. */
START_TEST(sni__certificates_come_and_go)
{
	struct err err;

	ck_assert(!gets("mta-sts.c.test"));
	add(false, "one", "mta-sts.c.test");
	ck_assert(gets("mta-sts.c.test"));
	ck_assert(!gets("mta-sts.a.test"));
	ck_assert(gets("mta-sts.b.test"));
	ck_assert_int_eq(
	    sni_set(sni, SV("one"), SV("x"), SV("y"), &err), RC_SYNTAX);
	ck_assert(gets("mta-sts.c.test"));
	sni_drop(sni, SV(""));
	sni_drop(sni, SV("three"));
	ck_assert(gets("mta-sts.c.test"));
	sni_drop(sni, SV("one"));
	ck_assert(!gets("mta-sts.c.test"));
	ck_assert(gets("mail.a.test"));
}
END_TEST

/* A connection keeps what its handshake took. */
START_TEST(sni__a_connection_outlives_its_certificate)
{
	SSL *server = begin(tls_ssl_new(first));
	SSL *client = begin(SSL_new(client_ctx));
	char byte;
	int i;

	SSL_set_connect_state(client);
	(void)SSL_set_tlsext_host_name(client, "mta-sts.a.test");
	step(client, server);
	step(server, client);
	sni_drop(sni, SV("one"));
	for (i = 0; i < 6; i++) {
		step(client, server);
		step(server, client);
	}
	ck_assert_int_eq(SSL_write(client, "x", 1), 1);
	step(client, server);
	ck_assert_int_eq(SSL_read(server, &byte, 1), 1);
	SSL_free(client);
	SSL_free(server);
}
END_TEST

static bool
is_two(void *arg, struct sv id)
{
	(*(int *)arg)++;
	return sv_eq(id, SV("two"));
}

/* Of a domain that is gone: dropped, and not taken again. */
START_TEST(sni__only_what_is_allowed)
{
	struct buf cert, key;
	struct err err;
	int asked = 0;

	sni_allow(sni, is_two, &asked);
	ck_assert_int_eq(asked, 2);
	ck_assert(!gets("mta-sts.a.test"));
	ck_assert(gets("mta-sts.b.test"));
	make("mta-sts.a.test", &cert, &key);
	ck_assert_int_eq(
	    sni_set(sni, SV("one"), buf_sv(&cert), buf_sv(&key), &err),
	    RC_DENIED);
	ck_assert(!gets("mta-sts.a.test"));
	ck_assert_int_eq(
	    sni_set(sni, SV("two"), buf_sv(&cert), buf_sv(&key), &err), RC_OK);
	ck_assert(gets("mta-sts.a.test"));
	/* Proofs are no certificates. */
	ck_assert_int_eq(
	    sni_challenge(sni, SV("x.test"), buf_sv(&cert), buf_sv(&key), &err),
	    RC_OK);
	buf_fini(&key);
	buf_fini(&cert);
}
END_TEST

/* On ports of mail ALPN is nobody's business, and there are no proofs. */
START_TEST(sni__mail)
{
	SSL *server, *client;
	X509 *x;
	int i;

	sni_free(&sni);
	tls_ctx_free(&first);
	{
		struct buf cert, key;
		struct err err;

		make("mail.a.test", &cert, &key);
		ck_assert_int_eq(
		    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &first, &err),
		    RC_OK);
		buf_fini(&cert);
		buf_fini(&key);
	}
	sni = sni_new_mail(first);
	add(false, "b", "mail.b.test");
	server = begin(tls_ssl_new(first));
	client = begin(SSL_new(client_ctx));
	SSL_set_connect_state(client);
	(void)SSL_set_tlsext_host_name(client, "mail.b.test");
	ck_assert_int_eq(SSL_set_alpn_protos(client,
			     (const unsigned char *)ACME, sizeof ACME - 1),
	    0);
	for (i = 0; i < 6; i++) {
		step(client, server);
		step(server, client);
	}
	ck_assert(SSL_is_init_finished(client));
	x = SSL_get1_peer_certificate(client);
	ck_assert_int_eq(X509_check_host(x, "mail.b.test", 0, 0, NULL), 1);
	X509_free(x);
	SSL_free(client);
	SSL_free(server);
}
END_TEST

START_TEST(sni__has_room_for_so_many)
{
	struct buf cert, key;
	struct err err;
	char id[20];
	int i;

	make("x.test", &cert, &key);
	for (i = 0; i < SNI_CHALLENGES - 2; i++) {
		(void)snprintf(id, sizeof id, "n%d.test", i);
		ck_assert_int_eq(sni_challenge(sni, sv_str(id), buf_sv(&cert),
				     buf_sv(&key), &err),
		    RC_OK);
	}
	ck_assert_int_eq(sni_challenge(sni, SV("more.test"), buf_sv(&cert),
			     buf_sv(&key), &err),
	    RC_TOOBIG);
	/* One that is there is replaced. */
	ck_assert_int_eq(sni_challenge(sni, SV("n1.test"), buf_sv(&cert),
			     buf_sv(&key), &err),
	    RC_OK);
	sni_challenge_end(sni, SV("n1.test"));
	ck_assert_int_eq(sni_challenge(sni, SV("more.test"), buf_sv(&cert),
			     buf_sv(&key), &err),
	    RC_OK);
	sni_challenge_end(sni, SV(""));
	ck_assert_int_eq(
	    sni_challenge(sni, SV(""), buf_sv(&cert), buf_sv(&key), &err),
	    RC_SYNTAX);
	buf_fini(&cert);
	buf_fini(&key);
}
END_TEST

UNIT_TESTS(sni)
{
	TCase *t = tcase_create("sni");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, sni__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, sni__certificates_come_and_go);
	tcase_add_test(t, sni__only_what_is_allowed);
	tcase_add_test(t, sni__mail);
	tcase_add_test(t, sni__a_connection_outlives_its_certificate);
	tcase_add_test(t, sni__has_room_for_so_many);
	return t;
}
