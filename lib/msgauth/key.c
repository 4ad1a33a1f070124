#include "msgauth/key.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "base/clk.h"

#define RSA_BITS  2048
#define FIRST	  "hearthmail dkim 1\n"
#define SELECTOR  "selector "
#define PLAIN_KEY 32 /* bytes of an Ed25519 public key */

struct dkim_key {
	enum dkim_algorithm algorithm;
	EVP_PKEY *pkey;
};

void
dkim_key_setup(void)
{
	EVP_MD *md;

	/* No openssl.cnf, as for TLS. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
				      OPENSSL_INIT_ADD_ALL_DIGESTS |
				      OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
	    NULL);
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	EVP_MD_free(md);
}

/* Takes pkey. */
static struct dkim_key *
key_of(enum dkim_algorithm a, EVP_PKEY *pkey)
{
	struct dkim_key *k = xcalloc(1, sizeof *k);

	k->algorithm = a;
	k->pkey = pkey;
	return k;
}

static bool
is_of(const EVP_PKEY *pkey, enum dkim_algorithm a)
{
	return a == DKIM_RSA ? EVP_PKEY_is_a(pkey, "RSA") &&
				   EVP_PKEY_get_bits(pkey) >= RSA_BITS
			     : EVP_PKEY_is_a(pkey, "ED25519") != 0;
}

void
dkim_pair_fini(struct dkim_pair *p)
{
	int a;

	for (a = 0; a < DKIM_ALGORITHMS; a++) {
		if (p->key[a] != NULL)
			EVP_PKEY_free(p->key[a]->pkey);
		free(p->key[a]);
		p->key[a] = NULL;
	}
}

/* Four letters or digits that nobody mistakes for one another. */
static bool
make_suffix(char out[5])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[4];
	int i;

	if (RAND_bytes(random, sizeof random) != 1)
		return false;
	for (i = 0; i < 4; i++)
		out[i] = letters[random[i] % 32];
	out[4] = '\0';
	return true;
}

int
dkim_pair_make(int64_t now, struct dkim_pair *out, struct err *err)
{
	static const char *const names[] = {"rsa", "ed"};
	struct dkim_pair p = {.key = {NULL}};
	char suffix[5] = "";
	struct clk_tm t;
	bool ok = make_suffix(suffix);
	int a;

	clk_civil(now, &t);
	for (a = 0; a < DKIM_ALGORITHMS; a++) {
		EVP_PKEY *k =
		    a == DKIM_RSA
			? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS)
			: EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

		if (k == NULL || !ok) {
			EVP_PKEY_free(k);
			ERR_clear_error();
			dkim_pair_fini(&p);
			return err_set(
			    err, RC_IO, "OpenSSL cannot make a DKIM key");
		}
		p.key[a] = key_of((enum dkim_algorithm)a, k);
		(void)snprintf(p.selector[a], sizeof p.selector[a],
		    "hm-%s-%04u%02u-%s", names[a], (unsigned)t.year % 10000,
		    (unsigned)t.month % 100, suffix);
	}
	*out = p;
	return RC_OK;
}

/* ---- the text ---- */

bool
dkim_selector_valid(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0 && s.n < DKIM_SELECTOR_MAX;
}

bool
dkim_selector_is_made(struct sv s)
{
	static const struct sv begins[] = {{"hm-rsa-", 7}, {"hm-ed-", 6}};
	size_t i, n = 0;

	for (i = 0; i < sizeof begins / sizeof begins[0]; i++)
		if (sv_starts(s, begins[i]))
			n = begins[i].n;
	s = sv_skip(s, n);
	/* Earlier versions had no suffix. */
	if (n == 0 || (s.n != 6 && (s.n != 11 || s.p[6] != '-')))
		return false;
	for (i = 0; i < s.n; i++)
		if (i < 6 ? !ascii_is_digit(s.p[i])
			  : i > 6 && !ascii_is_alnum(s.p[i]))
			return false;
	return true;
}

int
dkim_pair_write_body(const struct dkim_pair *p, struct buf *out)
{
	BIO *bio;
	bool ok = true;
	char *at;
	long n;
	int a;

	for (a = 0; ok && a < DKIM_ALGORITHMS; a++) {
		buf_addf(out, SELECTOR "%s\n", p->selector[a]);
		bio = BIO_new(BIO_s_secmem());
		ok = bio != NULL &&
		     PEM_write_bio_PrivateKey(
			 bio, p->key[a]->pkey, NULL, NULL, 0, NULL, NULL) == 1;
		n = ok ? BIO_get_mem_data(bio, &at) : 0;
		if (n > 0)
			buf_add(out, at, (size_t)n);
		BIO_free(bio);
	}
	ERR_clear_error();
	return ok && buf_ok(out) ? RC_OK : RC_IO;
}

int
dkim_pair_write(const struct dkim_pair *p, struct buf *out)
{
	buf_adds(out, FIRST);
	return dkim_pair_write_body(p, out);
}

/* Nobody is asked for a password of a key. */
static int
no_password(char *p, int n, int writing, void *arg)
{
	(void)p;
	(void)n;
	(void)writing;
	(void)arg;
	return -1;
}

static bool
read_name(struct sv *text, enum dkim_algorithm a, struct dkim_pair *p)
{
	struct sv line = sv_split(text, '\n');

	if (!sv_starts(line, SV(SELECTOR)))
		return false;
	line = sv_skip(line, strlen(SELECTOR));
	if (!dkim_selector_valid(line))
		return false;
	sv_copy(line, p->selector[a], sizeof p->selector[a]);
	return true;
}

bool
dkim_pair_read_names(struct sv text, struct dkim_pair *out)
{
	struct dkim_pair p = {.key = {NULL}};
	bool ok = true;
	int a;

	for (a = 0; ok && a < DKIM_ALGORITHMS; a++)
		ok = read_name(&text, (enum dkim_algorithm)a, &p);
	if (ok && text.n == 0)
		*out = p;
	return ok && text.n == 0;
}

/* One key of the text, with the line that names it. */
static bool
read_key(struct sv *text, enum dkim_algorithm a, struct dkim_pair *p)
{
	static const struct sv end = {"-----END PRIVATE KEY-----\n", 26};
	struct sv pem;
	EVP_PKEY *k = NULL;
	size_t at;
	BIO *bio;

	if (!read_name(text, a, p))
		return false;
	at = sv_find(*text, end);
	pem = sv_first(*text, at + end.n);
	if (at == text->n)
		return false;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio != NULL)
		k = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	ERR_clear_error();
	*text = sv_skip(*text, pem.n);
	if (k != NULL)
		p->key[a] = key_of(a, k);
	return k != NULL && is_of(k, a);
}

int
dkim_pair_read_body(struct sv text, struct dkim_pair *out)
{
	struct dkim_pair p = {.key = {NULL}};
	bool ok = text.n <= DKIM_PAIR_MAX;
	int a;

	for (a = 0; ok && a < DKIM_ALGORITHMS; a++)
		ok = read_key(&text, (enum dkim_algorithm)a, &p);
	if (!ok) {
		dkim_pair_fini(&p);
		return RC_DAMAGED;
	}
	*out = p;
	return RC_OK;
}

int
dkim_pair_read(struct sv text, struct dkim_pair *out, struct err *err)
{
	if (!sv_starts(text, SV(FIRST)) ||
	    dkim_pair_read_body(sv_skip(text, strlen(FIRST)), out) != RC_OK)
		return err_set(
		    err, RC_DAMAGED, "it is not a pair of DKIM keys");
	return RC_OK;
}

/* ---- use ---- */

static bool
sign_rsa(EVP_PKEY *k, const uint8_t *hash, unsigned char *sig, size_t *n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
	bool ok = c != NULL && EVP_PKEY_sign_init(c) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		  EVP_PKEY_sign(c, sig, n, hash, DKIM_HASH) == 1;

	EVP_PKEY_CTX_free(c);
	return ok;
}

/* [RFC 8463 3] PureEdDSA over the hash */
static bool
sign_ed25519(EVP_PKEY *k, const uint8_t *hash, unsigned char *sig, size_t *n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c != NULL &&
		  EVP_DigestSignInit(c, NULL, NULL, NULL, k) == 1 &&
		  EVP_DigestSign(c, sig, n, hash, DKIM_HASH) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

int
dkim_key_sign(
    const struct dkim_key *k, const uint8_t hash[DKIM_HASH], struct buf *out)
{
	unsigned char sig[DKIM_SIGNATURE_MAX];
	size_t n = sizeof sig;
	bool ok = k->algorithm == DKIM_RSA
		      ? sign_rsa(k->pkey, hash, sig, &n)
		      : sign_ed25519(k->pkey, hash, sig, &n);

	ERR_clear_error();
	if (ok)
		buf_add(out, sig, n);
	return ok && buf_ok(out) ? RC_OK : RC_TEMP;
}

int
dkim_key_record(const struct dkim_key *k, struct buf *out)
{
	unsigned char plain[PLAIN_KEY], *der = NULL;
	size_t n = sizeof plain;
	int len = 0;
	bool ok;

	buf_addf(out,
	    "v=DKIM1; k=%s; p=", k->algorithm == DKIM_RSA ? "rsa" : "ed25519");
	if (k->algorithm == DKIM_RSA) {
		len = i2d_PUBKEY(k->pkey, &der);
		ok = len > 0;
		if (ok)
			base64_encode(sv_of(der, (size_t)len), out);
		OPENSSL_free(der);
	} else {
		/* [RFC 8463 4.2] the bare key */
		ok = EVP_PKEY_get_raw_public_key(k->pkey, plain, &n) == 1;
		if (ok)
			base64_encode(sv_of(plain, n), out);
	}
	ERR_clear_error();
	return ok && buf_ok(out) ? RC_OK : RC_IO;
}
