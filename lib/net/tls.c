#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "base/clk.h"

/* For a PEM that is said to be encrypted: an error, not a question to the
 * terminal. */
#define NO_PASSWORD ((void *)(uintptr_t) "")

struct tls_ctx {
	SSL_CTX *ssl_ctx;
};

/*
 * TLS 1.2 with forward secrecy only [RFC 9325 4.1]; what encrypts and
 * authenticates in one goes first.  CBC comes last and stays: Windows up to
 * 8.1 and Server 2012, and the Exchange and Outlook on them, have nothing
 * better for an RSA certificate, and on port 25 the other choice is no TLS.
 */
#define CIPHERS                                              \
	"ECDHE+AESGCM:ECDHE+CHACHA20:"                       \
	"ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:" \
	"ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:" \
	"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"       \
	"ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
/*
 * Of TLS 1.3 all are good: first what costs both sides least where the
 * processor helps, and ChaCha20 for a client that puts it first because its
 * processor does not.
 */
#define SUITES                                           \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:" \
	"TLS_CHACHA20_POLY1305_SHA256"
#define READ_BUFFER	(32 * 1024)
#define KEY_UPDATES_MAX 64 /* in the life of a connection */

void
tls_library_setup(void)
{
	unsigned char byte;
	EVP_PKEY *key;

	/* No openssl.cnf: what a sandboxed process does must not depend on
	 * a file that it could not read later. */
	(void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	(void)RAND_bytes(&byte, 1);
	/* Fetching an algorithm by name is lazy; one key makes the default
	 * provider load. */
	key = EVP_EC_gen("P-256");
	EVP_PKEY_free(key);
	ERR_clear_error();
}

const char *
tls_error_text(char *out, size_t n)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	(void)snprintf(
	    out, n, "%s", reason != NULL ? reason : "connection lost");
	ERR_clear_error();
	return out;
}

static int
use_chain(SSL_CTX *ctx, struct sv pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *leaf = NULL, *ca = NULL;
	int r = RC_OK;

	must(bio != NULL);
	leaf = PEM_read_bio_X509(bio, NULL, NULL, NO_PASSWORD);
	if (leaf == NULL) {
		r = err_set(err, RC_SYNTAX,
		    "there is no PEM certificate in "
		    "it (-----BEGIN CERTIFICATE-----)");
		goto out;
	}
	if (SSL_CTX_use_certificate(ctx, leaf) != 1) {
		r = err_set(err, RC_PERM,
		    "OpenSSL refuses the certificate: "
		    "%s",
		    ERR_reason_error_string(ERR_peek_last_error()));
		goto out;
	}
	while ((ca = PEM_read_bio_X509(bio, NULL, NULL, NO_PASSWORD)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, ca) != 1) {
			X509_free(ca);
			r = err_set(err, RC_PERM,
			    "OpenSSL refuses a certificate of the chain");
			goto out;
		}
out:
	ERR_clear_error();
	X509_free(leaf);
	BIO_free(bio);
	return r;
}

static int
use_key(SSL_CTX *ctx, struct sv pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key;
	int r = RC_OK;

	must(bio != NULL);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NO_PASSWORD);
	if (key == NULL)
		r = err_set(err, RC_SYNTAX,
		    "there is no usable PEM private "
		    "key in it (encrypted keys are not supported)");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		r = err_set(
		    err, RC_PERM, "the key does not belong to the certificate");
	ERR_clear_error();
	EVP_PKEY_free(key);
	BIO_free(bio);
	return r;
}

int
tls_ctx_new(struct sv cert_pem, struct sv key_pem, struct tls_ctx **out,
    struct err *err)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	struct tls_ctx *ctx;
	int r;

	if (c == NULL)
		return err_set(err, RC_IO, "OpenSSL cannot start");
	(void)SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	must(SSL_CTX_set_cipher_list(c, CIPHERS) == 1);
	must(SSL_CTX_set_ciphersuites(c, SUITES) == 1);
	SSL_CTX_set_options(
	    c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
		   SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		   SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS |
				SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(c, 1);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_default_read_buffer_len(c, READ_BUFFER);
	r = use_chain(c, cert_pem, err);
	if (r == RC_OK)
		r = use_key(c, key_pem, err);
	if (r != RC_OK) {
		SSL_CTX_free(c);
		return r;
	}
	ctx = xcalloc(1, sizeof *ctx);
	ctx->ssl_ctx = c;
	*out = ctx;
	return RC_OK;
}

void
tls_ctx_free(struct tls_ctx **ctx)
{
	if (*ctx == NULL)
		return;
	SSL_CTX_free((*ctx)->ssl_ctx);
	free(*ctx);
	*ctx = NULL;
}

/*
 * Either side of TLS 1.3 may ask for new keys whenever it likes [RFC 8446
 * 4.6.3], and honest ones do after gigabytes.  Each costs us many times what
 * it costs the sender, so after too many it counts as having said goodbye.
 */
static void
count_key_updates(int written, int version, int type, const void *p, size_t n,
    SSL *ssl, void *arg)
{
	uintptr_t seen = (uintptr_t)arg + 1;

	(void)version;
	if (written || type != SSL3_RT_HANDSHAKE || n == 0 ||
	    *(const unsigned char *)p != SSL3_MT_KEY_UPDATE)
		return;
	SSL_set_msg_callback_arg(ssl, (void *)seen);
	if (seen > KEY_UPDATES_MAX)
		SSL_set_shutdown(
		    ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

static SSL *
ssl_new(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	must(ssl != NULL);
	SSL_set_msg_callback(ssl, count_key_updates);
	SSL_set_msg_callback_arg(ssl, NULL);
	return ssl;
}

SSL_CTX *
tls_ctx_openssl(struct tls_ctx *ctx)
{
	return ctx->ssl_ctx;
}

SSL *
tls_ssl_new(struct tls_ctx *ctx)
{
	SSL *ssl = ssl_new(ctx->ssl_ctx);

	SSL_set_accept_state(ssl);
	return ssl;
}

/* ---- as a client ---- */

struct tls_client {
	SSL_CTX *ssl_ctx;
};

static int
use_authorities(SSL_CTX *ctx, struct sv pem, struct err *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	int r = RC_OK, n = 0;
	X509 *x;

	must(bio != NULL);
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NO_PASSWORD)) != NULL) {
		n += X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	ERR_clear_error(); /* the end of the file, or one given twice */
	BIO_free(bio);
	if (n == 0)
		r = err_set(err, RC_SYNTAX,
		    "the bundle of certificate authorities has none");
	return r;
}

int
tls_client_new(struct sv ca_pem, struct tls_client **out, struct err *err)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	int r = RC_OK;

	if (c == NULL)
		return err_set(err, RC_IO, "OpenSSL cannot start");
	(void)SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				   SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS |
				SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	if (ca_pem.n > 0)
		r = use_authorities(c, ca_pem, err);
	if (r != RC_OK) {
		SSL_CTX_free(c);
		return r;
	}
	*out = xcalloc(1, sizeof **out);
	(*out)->ssl_ctx = c;
	return RC_OK;
}

void
tls_client_free(struct tls_client **c)
{
	if (*c == NULL)
		return;
	SSL_CTX_free((*c)->ssl_ctx);
	free(*c);
	*c = NULL;
}

SSL *
tls_client_ssl(struct tls_client *c, const char *host, enum tls_demand demand)
{
	SSL *ssl = ssl_new(c->ssl_ctx);

	SSL_set_connect_state(ssl);
	/* An address, which is not a host name, goes without. */
	(void)SSL_set_tlsext_host_name(ssl, host);
	if (demand == TLS_ANY)
		SSL_set_security_level(ssl, 0);
	if (demand == TLS_VERIFIED) {
		must(SSL_set1_host(ssl, host) == 1);
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	}
	ERR_clear_error();
	return ssl;
}

void
tls_describe(SSL *ssl, char *out, size_t n)
{
	(void)snprintf(
	    out, n, "%s %s", SSL_get_version(ssl), SSL_get_cipher_name(ssl));
}

static void
list_names(X509 *x, char *out, size_t n)
{
	GENERAL_NAMES *gens =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;
	int i;

	out[0] = '\0';
	for (i = 0; i < sk_GENERAL_NAME_num(gens); i++) {
		GENERAL_NAME *g = sk_GENERAL_NAME_value(gens, i);
		int k;

		if (g->type != GEN_DNS)
			continue;
		k = snprintf(out + used, n - used, "%s%.*s",
		    used > 0 ? " " : "", ASN1_STRING_length(g->d.dNSName),
		    ASN1_STRING_get0_data(g->d.dNSName));
		if (k < 0 || (size_t)k >= n - used)
			break;
		used += (size_t)k;
	}
	GENERAL_NAMES_free(gens);
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
	struct clk_tm t;
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return 0;
	t = (struct clk_tm){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, 0};
	return clk_secs(&t);
}

static X509 *
read_first(struct sv cert_pem)
{
	BIO *bio = BIO_new_mem_buf(cert_pem.p, (int)cert_pem.n);
	X509 *x;

	must(bio != NULL);
	x = PEM_read_bio_X509(bio, NULL, NULL, NO_PASSWORD);
	BIO_free(bio);
	ERR_clear_error();
	return x;
}

static bool
is_for(X509 *x, const char *host)
{
	return x != NULL && X509_check_host(x, host, 0,
				X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
				NULL) == 1;
}

bool
tls_cert_is_for(struct sv cert_pem, const char *host)
{
	X509 *x = read_first(cert_pem);
	bool fits = is_for(x, host);

	X509_free(x);
	return fits;
}

bool
tls_ctx_is_for(struct tls_ctx *ctx, const char *host)
{
	X509 *x = SSL_CTX_get0_certificate(ctx->ssl_ctx);

	return is_for(x, host) ||
	       (x != NULL && X509_check_ip_asc(x, host, 0) == 1);
}

int
tls_cert_info(struct sv cert_pem, struct tls_cert_info *out, struct err *err)
{
	X509 *x = read_first(cert_pem);
	unsigned char md[32];
	unsigned int mdlen = 0, i;

	if (x == NULL)
		return err_set(
		    err, RC_SYNTAX, "there is no PEM certificate in it");
	memset(out, 0, sizeof *out);
	out->not_before = seconds_of(X509_get0_notBefore(x));
	out->not_after = seconds_of(X509_get0_notAfter(x));
	(void)X509_NAME_oneline(
	    X509_get_subject_name(x), out->subject, sizeof out->subject);
	list_names(x, out->names, sizeof out->names);
	if (X509_digest(x, EVP_sha256(), md, &mdlen) == 1)
		for (i = 0; i < sizeof md; i++)
			(void)snprintf(out->sha256 + 2 * i, 3, "%02x", md[i]);
	out->self_signed = X509_self_signed(x, 0) == 1;
	X509_free(x);
	return RC_OK;
}

static int
add_ext(X509 *x, int nid, const char *value)
{
	X509V3_CTX v3;
	X509_EXTENSION *e;
	int ok;

	X509V3_set_ctx_nodb(&v3);
	X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
	if (e == NULL)
		return 0;
	ok = X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static bool
fill_cert(X509 *x, EVP_PKEY *key, const char *hostname)
{
	X509_NAME *name = X509_get_subject_name(x);
	unsigned char serial[16];
	time_t now = (time_t)(clk_now() / 1000);
	char san[320];
	BIGNUM *bn = NULL;
	bool ok;

	(void)snprintf(san, sizeof san,
	    "DNS:%s,DNS:localhost,IP:127.0.0.1,"
	    "IP:::1",
	    hostname);
	/* The common name holds at most 64 bytes. */
	ok =
	    RAND_bytes(serial, sizeof serial) == 1 &&
	    (serial[0] &= 0x7f, bn = BN_bin2bn(serial, sizeof serial, NULL)) &&
	    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL &&
	    X509_set_version(x, X509_VERSION_3) == 1 &&
	    X509_time_adj(X509_getm_notBefore(x), -86400, &now) != NULL &&
	    X509_time_adj(X509_getm_notAfter(x), 3650L * 86400, &now) != NULL &&
	    X509_set_pubkey(x, key) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)(strlen(hostname) <= 64 ? hostname
							       : "mail server"),
		-1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, name) == 1 &&
	    add_ext(x, NID_basic_constraints, "critical,CA:FALSE") == 1 &&
	    add_ext(x, NID_ext_key_usage, "serverAuth") == 1 &&
	    add_ext(x, NID_subject_alt_name, san) == 1 &&
	    X509_sign(x, key, EVP_sha256()) > 0;
	BN_free(bn);
	return ok;
}

static void
take_bio(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	buf_add(out, p, (size_t)n);
}

int
tls_self_signed(const char *hostname, struct buf *cert_out, struct buf *key_out,
    struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *cert = BIO_new(BIO_s_mem()), *priv = BIO_new(BIO_s_secmem());
	int r = RC_OK;

	if (key == NULL || x == NULL || cert == NULL || priv == NULL ||
	    !fill_cert(x, key, hostname) || PEM_write_bio_X509(cert, x) != 1 ||
	    PEM_write_bio_PrivateKey(priv, key, NULL, NULL, 0, NULL, NULL) !=
		1) {
		r = err_set(err, RC_IO,
		    "OpenSSL cannot make a certificate for %s", hostname);
		goto out;
	}
	take_bio(cert, cert_out);
	take_bio(priv, key_out);
	if (!buf_ok(cert_out) || !buf_ok(key_out))
		r = err_set(err, RC_TOOBIG, "the new certificate is too large");
out:
	ERR_clear_error();
	BIO_free(priv);
	BIO_free(cert);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
