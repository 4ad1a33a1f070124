/* What the IMAP client asks of the other side's TLS. */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/io.h"
#include "imap/client/client.h"
#include "test/unit/unit.h"
#include <sodium.h>

/* A server of the nineties: a key transfer with 1024 bits, or a certificate
 * for 512. */
enum weakness {
	WEAK_NOT,
	WEAK_EXCHANGE,
	WEAK_KEY
};

static SSL_CTX *
server_context(enum weakness w)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_RSA_gen(w == WEAK_KEY ? 512u : 2048u);
	X509 *x = X509_new();

	ck_assert(X509_gmtime_adj(X509_getm_notBefore(x), -60) != NULL);
	ck_assert(X509_gmtime_adj(X509_getm_notAfter(x), 600) != NULL);
	ck_assert_int_eq(X509_set_pubkey(x, key), 1);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
	ck_assert_int_eq(SSL_CTX_use_certificate(c, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(c, key), 1);
	if (w == WEAK_EXCHANGE) {
		EVP_PKEY_CTX *dh = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
		EVP_PKEY *params = NULL;

		ck_assert_int_eq(EVP_PKEY_paramgen_init(dh), 1);
		ck_assert_int_eq(
		    EVP_PKEY_CTX_set_group_name(dh, "dh_1024_160"), 1);
		ck_assert_int_eq(EVP_PKEY_paramgen(dh, &params), 1);
		ck_assert_int_eq(SSL_CTX_set0_tmp_dh_pkey(c, params), 1);
		ck_assert_int_eq(
		    SSL_CTX_set_cipher_list(c, "DHE-RSA-AES128-SHA"), 1);
		EVP_PKEY_CTX_free(dh);
	}
	EVP_PKEY_free(key);
	X509_free(x);
	return c;
}

static int far;

static void *
server(void *arg)
{
	SSL *ssl = SSL_new(arg);

	SSL_set_fd(ssl, far);
	(void)SSL_accept(ssl);
	shutdown(far, SHUT_WR);
	SSL_free(ssl);
	return NULL;
}

/* A weak key transfer is refused before there is a certificate: whosever it
 * is, others can read along. */
START_TEST(imap_client_tls__refuses_weak_keys)
{
	static const struct {
		enum weakness weakness;
		int r;
		const char *text;
	} rows[] = {{WEAK_NOT, RC_DENIED,
			"the certificate of mail.example.test: self-signed"},
	    {WEAK_EXCHANGE, RC_IO, "TLS handshake: dh key too small"},
	    {WEAK_KEY, RC_DENIED,
		"the certificate of mail.example.test: EE certificate key too "
		"weak"}};
	SSL_CTX *c = server_context(rows[_i].weakness);
	struct tls_client *tls = NULL;
	struct imap_client *client;
	struct err err = {.text = ""};
	char seen[65] = "";
	pthread_t t;
	int fd[2], r;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	far = fd[1];
	tls_library_setup();
	ck_assert_int_eq(tls_client_new(SV(""), &tls, &err), RC_OK);
	client = imap_client_new(fd[0], 5000);
	ck_assert_int_eq(pthread_create(&t, NULL, server, c), 0);
	r = imap_client_tls(client, tls, "mail.example.test", NULL, seen, &err);
	ck_assert_msg(r == rows[_i].r, "%d: %d, %s", _i, r, err.text);
	ck_assert_msg(sv_starts(sv_str(err.text), sv_str(rows[_i].text)),
	    "%d: %s", _i, err.text);
	ck_assert_uint_eq(strlen(seen), rows[_i].r == RC_DENIED ? 64 : 0);
	imap_client_free(&client);
	pthread_join(t, NULL);
	io_close(&far);
	tls_client_free(&tls);
	SSL_CTX_free(c);
}
END_TEST

UNIT_TESTS(transfer_client)
{
	TCase *t = tcase_create("client");

	tcase_add_loop_test(t, imap_client_tls__refuses_weak_keys, 0, 3);
	return t;
}

void
unit_start(void)
{
	must(sodium_init() >= 0);
}
