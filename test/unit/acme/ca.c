#include "test/unit/acme/ca.h"

#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"

struct ca {
	struct acme_key *key;
	X509 *own;
	long serial;
};

static void
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static X509 *
begin(struct ca *c, int64_t from, int64_t to)
{
	X509 *x = X509_new();

	must(x != NULL && X509_set_version(x, 2) == 1);
	/* The first bit is set, so that its DER begins with a zero. */
	ASN1_INTEGER_set(X509_get_serialNumber(x), 0x87000000 + ++c->serial);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from);
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to);
	return x;
}

struct ca *
ca_new(void)
{
	struct ca *c = xcalloc(1, sizeof *c);
	X509_NAME *name;

	c->key = acme_key_new();
	c->own = begin(c, 0, 4000000000);
	name = X509_get_subject_name(c->own);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		 (const unsigned char *)"Test CA", -1, -1, 0) == 1);
	X509_set_issuer_name(c->own, name);
	X509_set_pubkey(c->own, acme_key_borrow(c->key));
	add_extension(c->own, c->own, NID_subject_key_identifier, "hash");
	must(X509_sign(c->own, acme_key_borrow(c->key), EVP_sha256()) > 0);
	return c;
}

void
ca_free(struct ca **c)
{
	X509_free((*c)->own);
	acme_key_free(&(*c)->key);
	free(*c);
	*c = NULL;
}

void
ca_sign(
    struct ca *c, struct sv request, int64_t from, int64_t to, struct buf *out)
{
	const unsigned char *der = (const unsigned char *)request.p;
	X509_REQ *req = d2i_X509_REQ(NULL, &der, (long)request.n);
	X509 *x = begin(c, from, to);
	STACK_OF(X509_EXTENSION) * all;
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;
	int i;

	must(req != NULL &&
	     X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) == 1);
	all = X509_REQ_get_extensions(req);
	for (i = 0; i < sk_X509_EXTENSION_num(all); i++)
		X509_add_ext(x, sk_X509_EXTENSION_value(all, i), -1);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	X509_set_issuer_name(x, X509_get_subject_name(c->own));
	X509_set_pubkey(x, X509_REQ_get0_pubkey(req));
	add_extension(x, c->own, NID_authority_key_identifier, "keyid:always");
	must(X509_sign(x, acme_key_borrow(c->key), EVP_sha256()) > 0);
	must(PEM_write_bio_X509(bio, x) == 1 &&
	     PEM_write_bio_X509(bio, c->own) == 1);
	n = BIO_get_mem_data(bio, &p);
	buf_add(out, p, (size_t)n);
	BIO_free(bio);
	X509_free(x);
	X509_REQ_free(req);
}
