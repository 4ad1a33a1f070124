#include "msgauth/dkim_record.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "msgauth/taglist.h"

/* Of p= without blanks: an RSA key with 4096 bits has some 740. */
#define KEY_TEXT_MAX	  4096
#define RSA_EXPONENT_BITS 64
#define ED25519_KEY	  32
#define ED25519_SIGNATURE 64

const char *
dkim_reason_text(enum dkim_reason r)
{
	static const char *const texts[DKIM_REASONS] = {
	    [DKIM_R_NONE] = "",
	    [DKIM_R_SYNTAX] = "signature syntax error",
	    [DKIM_R_TOO_LONG] = "signature too long",
	    [DKIM_R_VERSION] = "unknown signature version",
	    [DKIM_R_MISSING] = "signature lacks a required tag",
	    [DKIM_R_ALGORITHM] = "unknown algorithm",
	    [DKIM_R_SHA1] = "SHA-1 is not accepted",
	    [DKIM_R_CANON] = "unknown canonicalization",
	    [DKIM_R_QUERY] = "unknown query method",
	    [DKIM_R_DOMAIN] = "bad domain, selector or identity",
	    [DKIM_R_FROM] = "From is not signed",
	    [DKIM_R_BODY] = "body hash did not verify",
	    [DKIM_R_SHORT] = "body is shorter than signed",
	    [DKIM_R_DNS] = "key could not be looked up",
	    [DKIM_R_NO_KEY] = "no key for signature",
	    [DKIM_R_KEY_SYNTAX] = "key syntax error",
	    [DKIM_R_REVOKED] = "key revoked",
	    [DKIM_R_KEY_TYPE] = "key is of another type",
	    [DKIM_R_KEY_HASH] = "key does not allow SHA-256",
	    [DKIM_R_KEY_SERVICE] = "key is not for mail",
	    [DKIM_R_KEY_STRICT] = "key forbids an identity in a subdomain",
	    [DKIM_R_KEY_SHORT] = "RSA key below 1024 bits",
	    [DKIM_R_KEY_LONG] = "RSA key too large",
	    [DKIM_R_SIGNATURE] = "signature did not verify",
	    [DKIM_R_LENGTH] = "only a part of the body is signed (l=)",
	    [DKIM_R_EXPIRED] = "signature expired",
	    [DKIM_R_FUTURE] = "signed in the future",
	    [DKIM_R_CRYPTO] = "internal error",
	};

	must((unsigned)r < DKIM_REASONS);
	return texts[r];
}

/* ---- the record ---- */

/* In any case, though [RFC 6376 3.2] says exactly: people write SHA256, and a
 * key that other receivers take had better be one here. */
static bool
list_has(struct sv list, const char *word)
{
	struct sv w;

	while (taglist_next_word(&list, &w))
		if (sv_ieq(w, sv_str(word)))
			return true;
	return false;
}

static bool
read_type(const struct taglist *t, enum dkim_algorithm *out)
{
	const struct taglist_tag *k = taglist_find(t, "k");

	*out = DKIM_RSA;
	if (k == NULL || sv_ieq(k->value, SV("rsa")))
		return true;
	*out = DKIM_ED25519;
	return sv_ieq(k->value, SV("ed25519"));
}

int
dkim_record_parse(struct sv text, struct dkim_record *out)
{
	const struct taglist_tag *v, *h, *s, *f, *p;
	struct taglist t;

	if (taglist_parse(text, true, &t) != RC_OK)
		return RC_SYNTAX;
	v = taglist_find(&t, "v");
	h = taglist_find(&t, "h");
	s = taglist_find(&t, "s");
	f = taglist_find(&t, "t");
	p = taglist_find(&t, "p");
	if (p == NULL ||
	    (v != NULL && (v != &t.tag[0] || !sv_eq(v->value, SV("DKIM1")))))
		return RC_SYNTAX;
	out->algorithm_known = read_type(&t, &out->algorithm);
	out->sha256 = h == NULL || list_has(h->value, "sha256");
	out->mail =
	    s == NULL || list_has(s->value, "*") || list_has(s->value, "email");
	out->testing = f != NULL && list_has(f->value, "y");
	out->strict = f != NULL && list_has(f->value, "s");
	out->key = p->value;
	return RC_OK;
}

/* ---- the key ---- */

/* A web form may have dropped the padding, which changes no key. */
static bool
decode_key(struct sv text, struct buf *out)
{
	struct buf b;
	bool ok;

	buf_init(&b, KEY_TEXT_MAX);
	taglist_unfold(text, &b);
	while (buf_ok(&b) && b.n % 4 != 0)
		buf_addc(&b, '=');
	ok = buf_ok(&b) && base64_decode(buf_sv(&b), out) == RC_OK;
	buf_fini(&b);
	return ok;
}

/* A DER element of that tag cut off *s; false if it is not one. */
static bool
take_der(struct sv *s, unsigned char tag, struct sv *content)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t head = 2, n;

	if (s->n < 2 || p[0] != tag)
		return false;
	n = p[1];
	if (n == 0x81 && s->n > 2) {
		n = p[2];
		head = 3;
	} else if (n == 0x82 && s->n > 3) {
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	} else if (n > 0x7f) {
		return false;
	}
	if (n > s->n - head)
		return false;
	*content = sv_first(sv_skip(*s, head), n);
	*s = sv_skip(*s, head + n);
	return true;
}

/*
 * The RSAPublicKey in a SubjectPublicKeyInfo as all tools write it, or else
 * what was given.  OpenSSL's own decoder takes ten times as long as the check
 * of the signature.
 */
static struct sv
unwrap(struct sv der)
{
	static const char rsa[] =
	    "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
	struct sv rest = der, info, algorithm, bits;

	if (!take_der(&rest, 0x30, &info) || rest.n != 0 ||
	    !take_der(&info, 0x30, &algorithm) ||
	    !sv_eq(algorithm, sv_of(rsa, sizeof rsa - 1)) ||
	    !take_der(&info, 0x03, &bits) || info.n != 0 || bits.n < 2 ||
	    bits.p[0] != '\0')
		return der;
	return sv_skip(bits, 1);
}

/* k, if it is of the right kind and nothing is left. */
static EVP_PKEY *
only_rsa(EVP_PKEY *k, const unsigned char *p, const unsigned char *end)
{
	if (k != NULL && (p != end || !EVP_PKEY_is_a(k, "RSA"))) {
		EVP_PKEY_free(k);
		return NULL;
	}
	return k;
}

static EVP_PKEY *
rsa_of(struct sv der)
{
	struct sv plain = unwrap(der);
	const unsigned char *p = (const unsigned char *)plain.p;
	EVP_PKEY *k = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)plain.n);

	k = only_rsa(k, p, (const unsigned char *)plain.p + plain.n);
	if (k != NULL)
		return k;
	p = (const unsigned char *)der.p;
	k = d2i_PUBKEY(NULL, &p, (long)der.n);
	return only_rsa(k, p, (const unsigned char *)der.p + der.n);
}

static enum dkim_reason
check_size(const EVP_PKEY *k)
{
	BIGNUM *e = NULL;
	int n = EVP_PKEY_get_bits(k), ebits = RSA_EXPONENT_BITS + 1;

	if (n < DKIM_RSA_MIN)
		return DKIM_R_KEY_SHORT;
	if (EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_E, &e) == 1)
		ebits = BN_num_bits(e);
	BN_free(e);
	if (n > DKIM_RSA_MAX || ebits > RSA_EXPONENT_BITS)
		return DKIM_R_KEY_LONG;
	return DKIM_R_NONE;
}

/* The key of p=, if it may be used: *out, for the caller to free. */
static enum dkim_reason
read_rsa(struct sv text, struct dkim_keys *keys, EVP_PKEY **out, unsigned *bits)
{
	enum dkim_reason r = DKIM_R_KEY_SYNTAX;
	EVP_PKEY *k = dkim_keys_get(keys, text);
	bool known = k != NULL;
	struct buf der;
	int n;

	buf_init(&der, KEY_TEXT_MAX);
	if (!known && decode_key(text, &der))
		k = rsa_of(buf_sv(&der));
	buf_fini(&der);
	if (k == NULL)
		return r;
	n = EVP_PKEY_get_bits(k);
	*bits = n > 0 ? (unsigned)n : 0;
	r = known ? DKIM_R_NONE : check_size(k);
	if (r == DKIM_R_NONE) {
		*out = k;
		if (!known)
			dkim_keys_put(keys, text, k);
	} else {
		EVP_PKEY_free(k);
	}
	return r;
}

/* What checks signatures by that key; NULL: OpenSSL has failed. */
static EVP_PKEY_CTX *
rsa_check_new(EVP_PKEY *k)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);

	if (c != NULL && EVP_PKEY_verify_init(c) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

/* To make it takes a fifth of the time of a check. */
static enum dkim_reason
rsa_check_of(
    struct sv text, struct dkim_keys *keys, EVP_PKEY_CTX **out, unsigned *bits)
{
	EVP_PKEY *k = NULL;
	enum dkim_reason r;
	int n;

	*out = dkim_keys_take_check(keys, text);
	if (*out != NULL) {
		n = EVP_PKEY_get_bits(EVP_PKEY_CTX_get0_pkey(*out));
		*bits = n > 0 ? (unsigned)n : 0;
		return DKIM_R_NONE;
	}
	r = read_rsa(text, keys, &k, bits);
	if (r == DKIM_R_NONE)
		*out = rsa_check_new(k);
	EVP_PKEY_free(k);
	return r == DKIM_R_NONE && *out == NULL ? DKIM_R_CRYPTO : r;
}

static enum dkim_reason
verify_rsa(struct sv text, struct dkim_keys *keys, const uint8_t *hash,
    struct sv signature, unsigned *bits)
{
	const unsigned char *sig = (const unsigned char *)signature.p;
	EVP_PKEY_CTX *c = NULL;
	enum dkim_reason r = rsa_check_of(text, keys, &c, bits);

	if (r != DKIM_R_NONE)
		return r;
	if (EVP_PKEY_verify(c, sig, signature.n, hash, DKIM_HASH) == 1) {
		dkim_keys_give_check(keys, text, c);
		return DKIM_R_NONE;
	}
	EVP_PKEY_CTX_free(c);
	return DKIM_R_SIGNATURE;
}

/* [RFC 8463 3] PureEdDSA over the hash */
static enum dkim_reason
verify_ed25519(struct sv text, const uint8_t *hash, struct sv signature)
{
	enum dkim_reason r = DKIM_R_NONE;
	EVP_MD_CTX *c = NULL;
	EVP_PKEY *k = NULL;
	struct buf key;

	buf_init(&key, KEY_TEXT_MAX);
	if (!decode_key(text, &key) || key.n != ED25519_KEY) {
		buf_fini(&key);
		return DKIM_R_KEY_SYNTAX;
	}
	k = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, (const unsigned char *)key.p, key.n);
	c = EVP_MD_CTX_new();
	if (k == NULL || c == NULL ||
	    EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) != 1)
		r = DKIM_R_CRYPTO;
	else if (signature.n != ED25519_SIGNATURE ||
		 EVP_DigestVerify(c, (const unsigned char *)signature.p,
		     signature.n, hash, DKIM_HASH) != 1)
		r = DKIM_R_SIGNATURE;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	buf_fini(&key);
	return r;
}

enum dkim_reason
dkim_record_verify(const struct dkim_record *r, const struct dkim_claim *c,
    struct dkim_keys *keys, unsigned *bits)
{
	enum dkim_reason why;

	*bits = 0;
	if (!r->mail)
		return DKIM_R_KEY_SERVICE;
	if (!r->sha256)
		return DKIM_R_KEY_HASH;
	if (r->key.n == 0)
		return DKIM_R_REVOKED;
	if (!r->algorithm_known || r->algorithm != c->algorithm)
		return DKIM_R_KEY_TYPE;
	if (r->strict && c->i_differs)
		return DKIM_R_KEY_STRICT;
	if (c->algorithm == DKIM_RSA)
		why = verify_rsa(r->key, keys, c->hash, c->signature, bits);
	else
		why = verify_ed25519(r->key, c->hash, c->signature);
	ERR_clear_error();
	return why;
}
