#include "test/unit/msgauth/signer.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "msgauth/bodies.h"
#include "msgauth/fieldset.h"
#include "msgauth/taglist.h"
#include "test/unit/unit.h"

EVP_PKEY *
signer_rsa_with(unsigned bits, const char *exponent)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY *k = NULL;
	BIGNUM *e = NULL;

	ck_assert_int_eq(EVP_PKEY_keygen_init(c), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_keygen_bits(c, (int)bits), 1);
	if (exponent != NULL) {
		ck_assert_int_gt(BN_hex2bn(&e, exponent), 0);
		ck_assert_int_eq(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, e), 1);
		BN_free(e);
	}
	ck_assert_int_eq(EVP_PKEY_generate(c, &k), 1);
	EVP_PKEY_CTX_free(c);
	return k;
}

EVP_PKEY *
signer_rsa(unsigned bits)
{
	static struct {
		unsigned bits;
		EVP_PKEY *key;
	} made[8];
	size_t i;

	for (i = 0; i < 8 && made[i].key != NULL; i++)
		if (made[i].bits == bits)
			return made[i].key;
	ck_assert_uint_lt(i, 8);
	made[i].bits = bits;
	made[i].key = signer_rsa_with(bits, NULL);
	return made[i].key;
}

EVP_PKEY *
signer_ed25519(void)
{
	static EVP_PKEY *k;

	if (k == NULL)
		k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ck_assert_ptr_nonnull(k);
	return k;
}

void
signer_record(EVP_PKEY *k, const char *tags, struct buf *out)
{
	unsigned char plain[32], *der = NULL;
	size_t n = sizeof plain;
	int len;

	buf_adds(out, tags);
	buf_adds(out, "p=");
	if (EVP_PKEY_is_a(k, "ED25519")) {
		ck_assert_int_eq(EVP_PKEY_get_raw_public_key(k, plain, &n), 1);
		base64_encode(sv_of(plain, n), out);
		return;
	}
	len = i2d_PUBKEY(k, &der);
	ck_assert_int_gt(len, 0);
	base64_encode(sv_of(der, (size_t)len), out);
	OPENSSL_free(der);
}

static void
sign_hash(EVP_PKEY *k, const uint8_t *hash, struct buf *out)
{
	unsigned char sig[1024];
	size_t n = sizeof sig;

	if (EVP_PKEY_is_a(k, "ED25519")) {
		EVP_MD_CTX *c = EVP_MD_CTX_new();

		ck_assert_int_eq(EVP_DigestSignInit(c, NULL, NULL, NULL, k), 1);
		ck_assert_int_eq(EVP_DigestSign(c, sig, &n, hash, 32), 1);
		EVP_MD_CTX_free(c);
	} else {
		EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);

		ck_assert_int_eq(EVP_PKEY_sign_init(c), 1);
		ck_assert_int_eq(
		    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING), 1);
		ck_assert_int_eq(
		    EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
		ck_assert_int_eq(EVP_PKEY_sign(c, sig, &n, hash, 32), 1);
		EVP_PKEY_CTX_free(c);
	}
	base64_encode(sv_of(sig, n), out);
}

static void
body_hash(const struct taglist *t, enum dkim_canon canon, struct sv body,
    struct buf *out)
{
	const struct taglist_tag *l = taglist_find(t, "l");
	struct bodies *b = bodies_new();
	uint64_t length = BODIES_WHOLE;
	uint8_t hash[DKIM_HASH] = {0};
	int which;

	if (l != NULL &&
	    sv_to_u64(l->value, BODIES_WHOLE - 1, &length) != RC_OK)
		length = BODIES_WHOLE - 1;
	which = bodies_want(b, canon, length);
	bodies_feed(b, body);
	ck_assert_int_eq(bodies_end(b), RC_OK);
	(void)bodies_hash(b, which, hash);
	base64_encode(sv_of(hash, sizeof hash), out);
	bodies_free(&b);
}

void
signer_sign(EVP_PKEY *k, const char *name, const char *tags, struct sv header,
    struct sv body, struct buf *out)
{
	enum dkim_canon hc = DKIM_SIMPLE, bc = DKIM_SIMPLE;
	struct fieldset *fields = fieldset_new(header);
	const struct taglist_tag *c, *h;
	struct buf canon, field;
	struct mail_field f;
	uint8_t hash[32];
	struct sv rest, word;
	struct taglist t;
	unsigned n;

	buf_init(&canon, 10000000);
	buf_init(&field, 10000000);
	taglist_parse_lenient(sv_str(tags), &t);
	c = taglist_find(&t, "c");
	h = taglist_find(&t, "h");
	if (c != NULL) {
		rest = c->value;
		word = sv_split(&rest, '/');
		hc = sv_eq(word, SV("relaxed")) ? DKIM_RELAXED : DKIM_SIMPLE;
		bc = sv_eq(rest, SV("relaxed")) ? DKIM_RELAXED : DKIM_SIMPLE;
	}
	for (rest = h->value; taglist_next_word(&rest, &word);) {
		const struct mail_field *g = fieldset_take(fields, word);

		if (g != NULL) {
			dkim_field_canon(g, hc, &canon);
			buf_adds(&canon, "\r\n");
		}
	}
	buf_addf(&field, "%s: %s; bh=", name, tags);
	body_hash(&t, bc, body, &field);
	buf_adds(&field, "; b=");
	rest = buf_sv(&field);
	ck_assert(mail_field_next(&rest, &f));
	dkim_field_canon(&f, hc, &canon);
	ck_assert_int_eq(
	    EVP_Digest(canon.p, canon.n, hash, &n, EVP_sha256(), NULL), 1);
	buf_addsv(out, buf_sv(&field));
	sign_hash(k, hash, out);
	buf_adds(out, "\r\n");
	ck_assert(buf_ok(&canon) && buf_ok(&field) && buf_ok(out));
	buf_fini(&field);
	buf_fini(&canon);
	fieldset_free(&fields);
}
