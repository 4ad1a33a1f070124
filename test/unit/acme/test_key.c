/* Keys, thumbprints and signatures, looked at with OpenSSL. */
#include "acme/key.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

#include "acme/jws.h"
#include "test/unit/unit.h"

/* The key of RFC 7515 A.3. */
static const char pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

static struct acme_key *
read_key(void)
{
	struct acme_key *k = NULL;
	struct err err;

	ck_assert_int_eq(acme_key_read(sv_str(pem), &k, &err), RC_OK);
	return k;
}

START_TEST(key__thumbprint)
{
	struct acme_key *k = read_key();
	struct buf b;

	buf_init(&b, 4096);
	acme_key_jwk(k, &b);
	ck_assert_str_eq(b.p,
	    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":"
	    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
	    "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
	buf_reset(&b);
	acme_key_authorization(k, SV("token"), &b);
	ck_assert_str_eq(
	    b.p, "token.oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
	buf_fini(&b);
	acme_key_free(&k);
}
END_TEST

START_TEST(key__goes_to_pem_and_back)
{
	struct acme_key *k = acme_key_new(), *again = NULL;
	struct buf b, one, two;
	struct err err;

	buf_init(&b, 4096);
	buf_init(&one, 4096);
	buf_init(&two, 4096);
	acme_key_print(k, &b);
	ck_assert_int_eq(acme_key_read(buf_sv(&b), &again, &err), RC_OK);
	acme_key_jwk(k, &one);
	acme_key_jwk(again, &two);
	ck_assert_str_eq(one.p, two.p);
	acme_key_free(&again);
	acme_key_free(&k);
	buf_fini(&two);
	buf_fini(&one);
	buf_fini(&b);
}
END_TEST

START_TEST(key__others_are_refused)
{
	static const char *const rows[] = {"", "x",
	    "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
	    /* Ed25519 */
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	    "-----END PRIVATE KEY-----\n"};
	struct acme_key *k = NULL;
	struct err err;

	ck_assert_int_eq(acme_key_read(sv_str(rows[_i]), &k, &err), RC_SYNTAX);
	ck_assert_ptr_null(k);
}
END_TEST

/* The signature of many, so that numbers with leading zeros are among them. */
START_TEST(key__signatures_are_good)
{
	struct acme_key *k = read_key();
	int i;

	for (i = 0; i < 600; i++) {
		unsigned char flat[64], *der = NULL;
		ECDSA_SIG *sig = ECDSA_SIG_new();
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		int n;

		acme_key_sign(k, sv_of(&i, sizeof i), flat);
		ck_assert_int_eq(ECDSA_SIG_set0(sig, BN_bin2bn(flat, 32, NULL),
				     BN_bin2bn(flat + 32, 32, NULL)),
		    1);
		n = i2d_ECDSA_SIG(sig, &der);
		EVP_DigestVerifyInit(
		    ctx, NULL, EVP_sha256(), NULL, acme_key_borrow(k));
		ck_assert_int_eq(EVP_DigestVerify(ctx, der, (size_t)n,
				     (const unsigned char *)&i, sizeof i),
		    1);
		EVP_MD_CTX_free(ctx);
		OPENSSL_free(der);
		ECDSA_SIG_free(sig);
	}
	acme_key_free(&k);
}
END_TEST

START_TEST(key__jws_has_key_or_account)
{
	struct acme_key *k = read_key();
	struct acme_jws j = {
	    .key = k, .nonce = "n-1", .url = "https://ca.test/new"};
	struct buf b, head;
	struct sv part;

	buf_init(&b, 65536);
	buf_init(&head, 65536);
	acme_jws(&j, SV("{}"), &b);
	ck_assert(sv_starts(buf_sv(&b), SV("{\"protected\":\"")));
	part = sv_skip(buf_sv(&b), 14);
	part = sv_first(part, sv_chr(part, '"'));
	ck_assert_int_eq(acme_base64url_read(part, &head), RC_OK);
	ck_assert(sv_starts(buf_sv(&head), SV("{\"alg\":\"ES256\",\"jwk\":{")));
	ck_assert(
	    sv_ends(buf_sv(&head), SV("\"nonce\":\"n-1\",\"url\":\"https:\\/\\/"
				      "ca.test\\/new\"}")) ||
	    sv_ends(buf_sv(&head),
		SV("\"nonce\":\"n-1\",\"url\":\"https://ca.test/new\"}")));
	ck_assert(sv_find(buf_sv(&b), SV("\"payload\":\"e30\"")) < b.n);
	buf_reset(&b);
	buf_reset(&head);
	j.account = "https://ca.test/me";
	acme_jws(&j, SV(""), &b);
	ck_assert(sv_find(buf_sv(&b), SV("\"payload\":\"\"")) < b.n);
	part = sv_skip(buf_sv(&b), 14);
	part = sv_first(part, sv_chr(part, '"'));
	ck_assert_int_eq(acme_base64url_read(part, &head), RC_OK);
	ck_assert(sv_find(buf_sv(&head), SV("\"kid\":\"https:")) < head.n);
	ck_assert(sv_find(buf_sv(&head), SV("jwk")) == head.n);
	buf_fini(&head);
	buf_fini(&b);
	acme_key_free(&k);
}
END_TEST

START_TEST(key__external_account)
{
	struct acme_key *k = read_key();
	struct buf b;

	buf_init(&b, 65536);
	ck_assert_int_eq(acme_jws_external(k, "id-1", SV("c2VjcmV0"),
			     "https://ca.test/new", &b),
	    RC_OK);
	ck_assert(sv_starts(buf_sv(&b), SV("{\"protected\":\"")));
	/* As others print it. */
	ck_assert_int_eq(acme_jws_external(k, "id-1", SV("c2VjcmU="),
			     "https://ca.test/new", &b),
	    RC_OK);
	ck_assert_int_eq(acme_jws_external(k, "id-1", SV("+/+/c2VjcmU="),
			     "https://ca.test/new", &b),
	    RC_OK);
	ck_assert_int_eq(acme_jws_external(k, "id-1", SV("-_+/c2VjcmU="),
			     "https://ca.test/new", &b),
	    RC_SYNTAX);
	ck_assert_int_eq(acme_jws_external(k, "id-1", SV("not base64!"),
			     "https://ca.test/new", &b),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    acme_jws_external(k, "id-1", SV(""), "https://ca.test/new", &b),
	    RC_SYNTAX);
	buf_fini(&b);
	acme_key_free(&k);
}
END_TEST

UNIT_TESTS(key)
{
	TCase *t = tcase_create("key");

	tcase_add_test(t, key__thumbprint);
	tcase_add_test(t, key__goes_to_pem_and_back);
	tcase_add_loop_test(t, key__others_are_refused, 0, 4);
	tcase_add_test(t, key__signatures_are_good);
	tcase_add_test(t, key__jws_has_key_or_account);
	tcase_add_test(t, key__external_account);
	return t;
}
