#include "clients/sign.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

/* For a PEM that is said to be encrypted: an error, not a question to the
 * terminal. */
#define NO_PASSWORD ((void *)(uintptr_t) "")

#define CHAIN_MAX 16

static BIO *
open_text(struct sv text)
{
	BIO *b;

	if (text.n > INT32_MAX)
		return NULL;
	b = BIO_new_mem_buf(text.p, (int)text.n);
	must(b != NULL);
	return b;
}

/* Leaf first.  NULL: there is none. */
static X509 *
read_chain(struct sv pem, STACK_OF(X509) * rest)
{
	BIO *b = open_text(pem);
	X509 *leaf =
	    b != NULL ? PEM_read_bio_X509(b, NULL, NULL, NO_PASSWORD) : NULL;
	X509 *next;

	while (leaf != NULL && sk_X509_num(rest) < CHAIN_MAX &&
	       (next = PEM_read_bio_X509(b, NULL, NULL, NO_PASSWORD)) != NULL)
		must(sk_X509_push(rest, next) > 0);
	BIO_free(b);
	ERR_clear_error(); /* the text's end is one */
	return leaf;
}

static void
free_chain(X509 *leaf, STACK_OF(X509) * rest)
{
	X509_free(leaf);
	sk_X509_pop_free(rest, X509_free);
}

/* ---- trust ---- */

/* Has it signed one of the chain, by its name? */
static bool
is_wanted(X509 *root, const struct clients_signer *s)
{
	const X509_NAME *name = X509_get_subject_name(root);
	int i;

	if (X509_NAME_cmp(name, X509_get_issuer_name(s->leaf)) == 0)
		return true;
	for (i = 0; i < sk_X509_num(s->rest); i++)
		if (X509_NAME_cmp(name,
			X509_get_issuer_name(sk_X509_value(s->rest, i))) == 0)
			return true;
	return false;
}

/* Of hundreds those that could count: memory is not given back. */
static X509_STORE *
read_roots(struct sv pem, const struct clients_signer *s)
{
	X509_STORE *store = X509_STORE_new();
	BIO *b = open_text(pem);
	X509 *c;

	must(store != NULL);
	while (b != NULL &&
	       (c = PEM_read_bio_X509(b, NULL, NULL, NO_PASSWORD)) != NULL) {
		if (is_wanted(c, s))
			(void)X509_STORE_add_cert(store, c);
		X509_free(c);
	}
	BIO_free(b);
	ERR_clear_error();
	return store;
}

static int
verify(X509 *leaf, STACK_OF(X509) * rest, X509_STORE *store, struct err *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = RC_OK;

	must(ctx != NULL && X509_STORE_CTX_init(ctx, store, leaf, rest) == 1);
	if (X509_STORE_CTX_set_default(ctx, "ssl_server") != 1 ||
	    X509_verify_cert(ctx) != 1)
		r = err_set(err, RC_DENIED,
		    "the certificate is not one that devices trust (%s)",
		    X509_verify_cert_error_string(
			X509_STORE_CTX_get_error(ctx)));
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return r;
}

int
clients_signer_trusted(
    const struct clients_signer *s, struct sv roots_pem, struct err *err)
{
	X509_STORE *store = read_roots(roots_pem, s);
	int r = verify(s->leaf, s->rest, store, err);

	X509_STORE_free(store);
	return r;
}

int
clients_sign_trusted(struct sv chain_pem, struct sv roots_pem, struct err *err)
{
	struct clients_signer s = {.rest = sk_X509_new_null()};
	int r;

	s.leaf = read_chain(chain_pem, s.rest);
	r = s.leaf != NULL ? clients_signer_trusted(&s, roots_pem, err)
			   : err_set(err, RC_DENIED, "it has no certificate");
	free_chain(s.leaf, s.rest);
	return r;
}

/* ---- the signature ---- */

int
clients_signer_sign(const struct clients_signer *s, struct sv profile,
    struct buf *out, struct err *err)
{
	BIO *in = open_text(profile), *der = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = NULL;
	int r = RC_OK;
	char *p;
	long n;

	must(der != NULL);
	/* Issuer and serial number name the signer: certificates of today need
	 * not have a key identifier. */
	if (in != NULL)
		cms = CMS_sign(
		    s->leaf, s->key, s->rest, in, CMS_BINARY | CMS_NOSMIMECAP);
	if (cms == NULL || i2d_CMS_bio(der, cms) != 1) {
		r = err_set(err, RC_SYNTAX,
		    "the certificate cannot sign a profile: %s",
		    ERR_reason_error_string(ERR_peek_last_error()));
	} else {
		n = BIO_get_mem_data(der, &p);
		buf_add(out, p, (size_t)n);
	}
	CMS_ContentInfo_free(cms);
	BIO_free(der);
	BIO_free(in);
	ERR_clear_error();
	return r == RC_OK && !buf_ok(out) ? RC_TOOBIG : r;
}

int
clients_sign(struct sv chain_pem, struct sv key_pem, struct sv profile,
    struct buf *out, struct err *err)
{
	struct clients_signer s = {.rest = sk_X509_new_null()};
	BIO *b = open_text(key_pem);
	int r;

	s.leaf = read_chain(chain_pem, s.rest);
	if (b != NULL)
		s.key = PEM_read_bio_PrivateKey(b, NULL, NULL, NO_PASSWORD);
	r = s.leaf != NULL && s.key != NULL
		? clients_signer_sign(&s, profile, out, err)
		: err_set(err, RC_SYNTAX, "no certificate, or no key");
	EVP_PKEY_free(s.key);
	BIO_free(b);
	free_chain(s.leaf, s.rest);
	ERR_clear_error();
	return r;
}
