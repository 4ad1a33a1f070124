#include "acme/key.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/alloc.h"

#define COORDINATE 32 /* bytes of one, on P-256 */
#define POINT	   (1 + 2 * COORDINATE)

struct acme_key {
	EVP_PKEY *key;
};

static struct acme_key *
wrap(EVP_PKEY *key)
{
	struct acme_key *k = xcalloc(1, sizeof *k);

	k->key = key;
	return k;
}

struct acme_key *
acme_key_new(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	must(key != NULL);
	return wrap(key);
}

static bool
is_p256(EVP_PKEY *key)
{
	char group[32] = "";
	size_t n = 0;

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
	       sv_eq(sv_of(group, n), SV("prime256v1"));
}

/* Nobody is here to be asked for one. */
static int
no_password(char *p, int size, int writing, void *arg)
{
	(void)p;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* Of the kind that we have first: to try all that there are takes OpenSSL three
 * times as long. */
static EVP_PKEY *
decode(const unsigned char *der, long n)
{
	const unsigned char *p = der;
	EVP_PKEY *key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, n);

	p = der;
	return key != NULL ? key : d2i_AutoPrivateKey(NULL, &p, n);
}

int
acme_key_read(struct sv pem, struct acme_key **out, struct err *err)
{
	EVP_PKEY *key = NULL;
	unsigned char *der;
	BIO *bio;
	long n;

	if (pem.n == 0 || pem.n > 1 << 20)
		return err_set(err, RC_SYNTAX, "there is no key in it");
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	must(bio != NULL);
	if (PEM_bytes_read_bio(&der, &n, NULL, PEM_STRING_EVP_PKEY, bio,
		no_password, NULL) == 1) {
		key = decode(der, n);
		OPENSSL_clear_free(der, (size_t)n);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL)
		return err_set(err, RC_SYNTAX, "there is no key in it");
	if (!is_p256(key)) {
		EVP_PKEY_free(key);
		return err_set(err, RC_SYNTAX, "its key is not of P-256");
	}
	*out = wrap(key);
	return RC_OK;
}

void
acme_key_free(struct acme_key **kp)
{
	if (*kp == NULL)
		return;
	EVP_PKEY_free((*kp)->key);
	free(*kp);
	*kp = NULL;
}

void
acme_key_print(const struct acme_key *k, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *p;
	long n;

	must(bio != NULL && PEM_write_bio_PrivateKey(
				bio, k->key, NULL, NULL, 0, NULL, NULL) == 1);
	n = BIO_get_mem_data(bio, &p);
	buf_add(out, p, (size_t)n);
	OPENSSL_cleanse(p, (size_t)n);
	BIO_free(bio);
}

EVP_PKEY *
acme_key_borrow(const struct acme_key *k)
{
	return k->key;
}

void
acme_base64url(struct sv bytes, struct buf *out)
{
	size_t room = sodium_base64_encoded_len(
	    bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *p = buf_reserve(out, room);

	if (p == NULL)
		return;
	(void)sodium_bin2base64(p, room, (const unsigned char *)bytes.p,
	    bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_added(out, room - 1);
}

int
acme_base64url_read(struct sv text, struct buf *out)
{
	char *p = buf_reserve(out, text.n + 1);
	size_t n;

	/* What others print may have padding, or be plain base64. */
	while (text.n > 0 && text.p[text.n - 1] == '=')
		text.n--;
	if (p == NULL)
		return RC_TOOBIG;
	if (sodium_base642bin((unsigned char *)p, text.n, text.p, text.n, NULL,
		&n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 &&
	    sodium_base642bin((unsigned char *)p, text.n, text.p, text.n, NULL,
		&n, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
		return RC_SYNTAX;
	buf_added(out, n);
	return RC_OK;
}

void
acme_key_jwk(const struct acme_key *k, struct buf *out)
{
	unsigned char point[POINT];
	size_t n = 0;

	must(EVP_PKEY_get_octet_string_param(k->key, OSSL_PKEY_PARAM_PUB_KEY,
		 point, sizeof point, &n) == 1 &&
	     n == POINT && point[0] == POINT_CONVERSION_UNCOMPRESSED);
	buf_adds(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	acme_base64url(sv_of(point + 1, COORDINATE), out);
	buf_adds(out, "\",\"y\":\"");
	acme_base64url(sv_of(point + 1 + COORDINATE, COORDINATE), out);
	buf_adds(out, "\"}");
}

void
acme_key_tlsa(const struct acme_key *k, struct buf *out)
{
	unsigned char *der = NULL, hash[32];
	int n = i2d_PUBKEY(acme_key_borrow(k), &der);
	size_t i;

	must(n > 0 &&
	     EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
	for (i = 0; i < sizeof hash; i++)
		buf_addf(out, "%02x", hash[i]);
}

void
acme_key_thumbprint(const struct acme_key *k, struct buf *out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	struct buf jwk;

	buf_init(&jwk, 1024);
	acme_key_jwk(k, &jwk);
	(void)crypto_hash_sha256(hash, (const unsigned char *)jwk.p, jwk.n);
	acme_base64url(sv_of(hash, sizeof hash), out);
	buf_fini(&jwk);
}

void
acme_key_authorization(
    const struct acme_key *k, struct sv token, struct buf *out)
{
	buf_addsv(out, token);
	buf_addc(out, '.');
	acme_key_thumbprint(k, out);
}

/* OpenSSL's form of a signature, a sequence of two numbers, as two numbers of
 * fixed size. */
static void
flatten(const unsigned char *der, size_t n, unsigned char out[64])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);

	must(sig != NULL);
	must(
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, COORDINATE) == COORDINATE);
	must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + COORDINATE,
		 COORDINATE) == COORDINATE);
	ECDSA_SIG_free(sig);
}

void
acme_key_sign(const struct acme_key *k, struct sv bytes, unsigned char out[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[128];
	size_t n = sizeof der;

	must(ctx != NULL &&
	     EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->key) == 1 &&
	     EVP_DigestSign(
		 ctx, der, &n, (const unsigned char *)bytes.p, bytes.n) == 1);
	EVP_MD_CTX_free(ctx);
	flatten(der, n, out);
}
