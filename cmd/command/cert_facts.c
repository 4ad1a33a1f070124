#include "cmd/command/cert_facts.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "net/tls.h"

static void
add_part(X509_NAME *name, int nid, struct buf *out)
{
	char text[100];
	int i, n = X509_NAME_get_text_by_NID(name, nid, text, sizeof text);

	if (n <= 0)
		return;
	if (out->n > 0)
		buf_adds(out, ", ");
	for (i = 0; i < n && text[i] != '\0'; i++)
		buf_addc(out, text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
}

static void
read_issuer(X509 *x, struct cert_facts *out)
{
	struct buf b;

	buf_init(&b, sizeof out->issuer - 1);
	add_part(X509_get_issuer_name(x), NID_organizationName, &b);
	add_part(X509_get_issuer_name(x), NID_commonName, &b);
	sv_copy(buf_sv(&b), out->issuer, sizeof out->issuer);
	buf_fini(&b);
}

static void
read_key(X509 *x, struct cert_facts *out)
{
	unsigned char *der = NULL, hash[32];
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	size_t i;

	/* The hash of nothing is not printed. */
	if (n > 0 &&
	    EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1)
		for (i = 0; i < sizeof hash; i++)
			(void)snprintf(out->tlsa + 2 * i, 3, "%02x", hash[i]);
	OPENSSL_free(der);
}

int
cert_facts_read(struct sv pem, struct cert_facts *out, struct err *err)
{
	struct tls_cert_info info;
	BIO *bio;
	X509 *x;
	int r;

	memset(out, 0, sizeof *out);
	r = acme_certificate_read(pem, &out->c, err);
	if (r == RC_OK)
		r = tls_cert_info(pem, &info, err);
	if (r != RC_OK)
		return r;
	out->self_signed = info.self_signed;
	memcpy(out->sha256, info.sha256, sizeof out->sha256);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (x != NULL) {
		read_issuer(x, out);
		read_key(x, out);
	}
	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return RC_OK;
}
