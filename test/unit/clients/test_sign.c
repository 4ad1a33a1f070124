/* The signature of a profile, as OpenSSL verifies it, and whom it is made for.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "clients/sign.h"
#include "test/unit/unit.h"

#define DAY 86400

static const char profile[] = "<plist>\nwith LF only, and k7&amp;f</plist>\n";

struct entity {
	EVP_PKEY *key;
	X509 *cert;
};

/* A certificate of `by`, or of its own. */
static struct entity
make(const char *name, const struct entity *by, bool ca, int days)
{
	struct entity e = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *n = X509_get_subject_name(e.cert);
	static long serial;
	X509V3_CTX ctx;
	X509_EXTENSION *x;

	ck_assert(ASN1_INTEGER_set(X509_get_serialNumber(e.cert), ++serial));
	ck_assert(X509_set_version(e.cert, 2));
	ck_assert(X509_NAME_add_entry_by_txt(
	    n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0));
	ck_assert_ptr_nonnull(
	    X509_gmtime_adj(X509_getm_notBefore(e.cert), -2 * DAY));
	ck_assert_ptr_nonnull(
	    X509_gmtime_adj(X509_getm_notAfter(e.cert), days * DAY));
	ck_assert(X509_set_pubkey(e.cert, e.key));
	ck_assert(X509_set_issuer_name(
	    e.cert, X509_get_subject_name(by != NULL ? by->cert : e.cert)));
	/* Neither has a key identifier. */
	X509V3_set_ctx_nodb(&ctx);
	x = X509V3_EXT_nconf_nid(NULL, &ctx, NID_basic_constraints,
	    ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	ck_assert(X509_add_ext(e.cert, x, -1));
	X509_EXTENSION_free(x);
	if (!ca) {
		x = X509V3_EXT_nconf_nid(
		    NULL, &ctx, NID_ext_key_usage, "serverAuth");
		ck_assert(X509_add_ext(e.cert, x, -1));
		X509_EXTENSION_free(x);
	}
	ck_assert(
	    X509_sign(e.cert, by != NULL ? by->key : e.key, EVP_sha256()) > 0);
	return e;
}

static void
entity_free(struct entity *e)
{
	EVP_PKEY_free(e->key);
	X509_free(e->cert);
}

static void
put(struct buf *out, BIO *b)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);

	buf_add(out, p, (size_t)n);
	BIO_free(b);
}

static void
put_cert(struct buf *out, const struct entity *e)
{
	BIO *b = BIO_new(BIO_s_mem());

	ck_assert(PEM_write_bio_X509(b, e->cert));
	put(out, b);
}

static void
put_key(struct buf *out, const struct entity *e)
{
	BIO *b = BIO_new(BIO_s_mem());

	ck_assert(
	    PEM_write_bio_PrivateKey(b, e->key, NULL, NULL, 0, NULL, NULL));
	put(out, b);
}

static struct entity root, middle, leaf, other, late;
static struct buf chain, key, roots, der;

static void
setup(void)
{
	root = make("root", NULL, true, 10);
	middle = make("middle", &root, true, 10);
	leaf = make("mail.example.org", &middle, false, 10);
	late = make("mail.example.org", &middle, false, -1);
	other = make("other", NULL, false, 10);
	buf_init(&chain, 65536);
	buf_init(&key, 65536);
	buf_init(&roots, 65536);
	buf_init(&der, 65536);
	put_cert(&chain, &leaf);
	put_cert(&chain, &middle);
	put_key(&key, &leaf);
	put_cert(&roots, &root);
}

static void
teardown(void)
{
	buf_fini(&chain);
	buf_fini(&key);
	buf_fini(&roots);
	buf_fini(&der);
	entity_free(&root);
	entity_free(&middle);
	entity_free(&leaf);
	entity_free(&late);
	entity_free(&other);
}

/* As a device does it that has only the root. */
static bool
is_verified(struct sv text, struct buf *content)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n), *out;
	CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
	X509_STORE *store = X509_STORE_new();
	bool good;

	out = BIO_new(BIO_s_mem());
	ck_assert(X509_STORE_add_cert(store, root.cert));
	X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
	good = cms != NULL &&
	       CMS_verify(cms, NULL, store, NULL, out, CMS_BINARY) == 1;
	put(content, out);
	CMS_ContentInfo_free(cms);
	X509_STORE_free(store);
	BIO_free(in);
	return good;
}

START_TEST(sign__has_the_profile_and_the_chain_inside)
{
	struct buf content;
	struct err err;
	char *p;

	buf_init(&content, 65536);
	ck_assert_int_eq(clients_sign(buf_sv(&chain), buf_sv(&key),
			     sv_str(profile), &der, &err),
	    RC_OK);
	ck_assert_uint_eq((unsigned char)der.p[0], 0x30); /* DER, not text */
	ck_assert(is_verified(buf_sv(&der), &content));
	ck_assert_str_eq(content.p, profile);
	/* Changed, it is not. */
	p = der.p + sv_find(buf_sv(&der), SV("k7&amp;f"));
	*p = 'K';
	buf_reset(&content);
	ck_assert(!is_verified(buf_sv(&der), &content));
	buf_fini(&content);
}
END_TEST

/* Fresh: with the time of the download in it. */
START_TEST(sign__is_made_anew)
{
	struct buf again;
	struct err err;

	buf_init(&again, 65536);
	ck_assert_int_eq(clients_sign(buf_sv(&chain), buf_sv(&key),
			     sv_str(profile), &der, &err),
	    RC_OK);
	ck_assert_int_eq(clients_sign(buf_sv(&chain), buf_sv(&key),
			     sv_str(profile), &again, &err),
	    RC_OK);
	ck_assert(!sv_eq(buf_sv(&der), buf_sv(&again)));
	buf_fini(&again);
}
END_TEST

START_TEST(sign__refuses_what_does_not_fit)
{
	struct buf wrong;
	struct err err;

	buf_init(&wrong, 65536);
	put_key(&wrong, &other);
	ck_assert_int_eq(clients_sign(buf_sv(&chain), buf_sv(&wrong),
			     sv_str(profile), &der, &err),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    clients_sign(SV(""), buf_sv(&key), sv_str(profile), &der, &err),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    clients_sign(buf_sv(&chain), SV("x"), sv_str(profile), &der, &err),
	    RC_SYNTAX);
	ck_assert_uint_eq(der.n, 0);
	buf_fini(&wrong);
}
END_TEST

static int
trusted(const struct entity *e, const struct entity *next, struct sv from)
{
	struct err err = {.text = ""};
	struct buf b;
	int r;

	buf_init(&b, 65536);
	put_cert(&b, e);
	if (next != NULL)
		put_cert(&b, next);
	r = clients_sign_trusted(buf_sv(&b), from, &err);
	ck_assert((r == RC_OK) == (err.text[0] == '\0'));
	buf_fini(&b);
	return r;
}

START_TEST(sign_trusted__is_what_leads_to_a_root)
{
	struct err err;

	ck_assert_int_eq(trusted(&leaf, &middle, buf_sv(&roots)), RC_OK);
	ck_assert_int_eq(trusted(&leaf, NULL, buf_sv(&roots)), RC_DENIED);
	ck_assert_int_eq(trusted(&leaf, &middle, SV("")), RC_DENIED);
	ck_assert_int_eq(trusted(&other, NULL, buf_sv(&roots)), RC_DENIED);
	ck_assert_int_eq(trusted(&late, &middle, buf_sv(&roots)), RC_DENIED);
	ck_assert_int_eq(
	    clients_sign_trusted(SV(""), buf_sv(&roots), &err), RC_DENIED);
}
END_TEST

UNIT_TESTS(sign)
{
	TCase *t = tcase_create("sign");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, sign__has_the_profile_and_the_chain_inside);
	tcase_add_test(t, sign__is_made_anew);
	tcase_add_test(t, sign__refuses_what_does_not_fit);
	tcase_add_test(t, sign_trusted__is_what_leads_to_a_root);
	return t;
}
