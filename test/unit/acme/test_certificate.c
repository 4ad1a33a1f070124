/* Requests and certificates. */
#include "acme/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string.h>
#include <unistd.h>

#include "test/unit/acme/ca.h"
#include "test/unit/unit.h"

#define T0 1790000000ll

START_TEST(certificate__what_is_asked_for_comes)
{
	static const char *const name[] = {"mail.a.test", "b.test"};
	struct acme_key *key = acme_key_new(), *other = acme_key_new();
	struct ca *ca = ca_new();
	struct acme_certificate c;
	struct buf der, pem, clean;
	struct err err;

	buf_init(&der, 65536);
	buf_init(&pem, 65536);
	buf_init(&clean, 65536);
	acme_request_der(key, name, 2, &der);
	buf_adds(&pem, "subject=CN = mail.a.test\n");
	ca_sign(ca, buf_sv(&der), T0, T0 + 90 * 86400, &pem);
	ck_assert_int_eq(acme_certificate_read(buf_sv(&pem), &c, &err), RC_OK);
	ck_assert_int_eq(c.not_before, T0);
	ck_assert_int_eq(c.not_after, T0 + 90 * 86400);
	ck_assert_uint_eq(c.nname, 2);
	ck_assert(acme_certificate_has(&c, "MAIL.a.test"));
	ck_assert(acme_certificate_has(&c, "b.test"));
	ck_assert(!acme_certificate_has(&c, "a.test"));
	ck_assert(acme_certificate_is_of(buf_sv(&pem), key));
	ck_assert(!acme_certificate_is_of(buf_sv(&pem), other));
	/* 20 bytes of a key identifier; 0x87000002, with its zero. */
	ck_assert_uint_eq(sv_chr(sv_str(c.id), '.'), 27);
	ck_assert(sv_ends(sv_str(c.id), SV(".AIcAAAI")));
	ck_assert_int_eq(
	    acme_chain_clean(buf_sv(&pem), key, &clean, &err), RC_OK);
	ck_assert(sv_starts(buf_sv(&clean), SV("-----BEGIN CERT")));
	ck_assert(sv_ends(buf_sv(&clean), SV("-----END CERTIFICATE-----\n")));
	ck_assert_uint_lt(clean.n, pem.n);
	buf_fini(&clean);
	buf_fini(&pem);
	buf_fini(&der);
	ca_free(&ca);
	acme_key_free(&other);
	acme_key_free(&key);
}
END_TEST

/* Some put the root first, or the leaf last, with words between. */
START_TEST(certificate__the_leaf_comes_first)
{
	static const char *const name[] = {"a.test"};
	static const char end[] = "-----END CERTIFICATE-----\n";
	struct acme_key *key = acme_key_new();
	struct buf der, pem, odd, clean;
	struct ca *ca = ca_new();
	struct err err;
	size_t first;

	buf_init(&der, 65536);
	buf_init(&pem, 65536);
	buf_init(&odd, 65536);
	buf_init(&clean, 65536);
	acme_request_der(key, name, 1, &der);
	ca_sign(ca, buf_sv(&der), T0, T0 + 90 * 86400, &pem);
	first = sv_find(buf_sv(&pem), sv_str(end)) + sizeof end - 1;
	ck_assert_uint_lt(first, pem.n);
	buf_adds(&odd, "issuer=/CN=somebody\r\n");
	buf_addsv(&odd, sv_skip(buf_sv(&pem), first));
	buf_adds(&odd, "\n\nsubject=/CN=a.test\n");
	buf_addsv(&odd, sv_first(buf_sv(&pem), first));
	buf_adds(&odd, "have a nice day\n");
	ck_assert_int_eq(
	    acme_chain_clean(buf_sv(&odd), key, &clean, &err), RC_OK);
	ck_assert_str_eq(clean.p, pem.p);
	buf_fini(&clean);
	buf_fini(&odd);
	buf_fini(&pem);
	buf_fini(&der);
	ca_free(&ca);
	acme_key_free(&key);
}
END_TEST

START_TEST(certificate__rubbish)
{
	static const char *const rows[] = {"", "x",
	    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	    "<html>"};
	struct acme_key *key = acme_key_new();
	struct acme_certificate c;
	struct buf out;
	struct err err;

	buf_init(&out, 65536);
	ck_assert_int_eq(
	    acme_certificate_read(sv_str(rows[_i]), &c, &err), RC_SYNTAX);
	ck_assert_int_eq(
	    acme_chain_clean(sv_str(rows[_i]), key, &out, &err), RC_SYNTAX);
	ck_assert_uint_eq(out.n, 0);
	buf_fini(&out);
	acme_key_free(&key);
}
END_TEST

/* Nobody sits there who could be asked, and no peer may make us ask. */
START_TEST(certificate__no_password_is_asked_for)
{
	static const char pem[] =
	    "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
	    "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
	struct acme_certificate c;
	struct acme_key *key = acme_key_new();
	char line[8] = "";
	struct buf out;
	struct err err;
	int pair[2], terminal = dup(0);

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(write(pair[1], "hello\n", 6), 6);
	ck_assert_int_eq(dup2(pair[0], 0), 0);
	(void)setsid();
	buf_init(&out, 65536);
	ck_assert_int_eq(
	    acme_chain_clean(sv_str(pem), key, &out, &err), RC_SYNTAX);
	ck_assert_int_eq(
	    acme_certificate_read(sv_str(pem), &c, &err), RC_SYNTAX);
	ck_assert_int_eq(close(pair[1]), 0);
	ck_assert_int_eq(read(0, line, sizeof line), 6);
	ck_assert_int_eq(dup2(terminal, 0), 0);
	buf_fini(&out);
	acme_key_free(&key);
}
END_TEST

/* As an authority looks at it [RFC 8737 3]. */
START_TEST(certificate__proof)
{
	struct sv authorization = SV("token.thumbprint");
	struct acme_certificate c;
	struct acme_key *k = NULL;
	unsigned char hash[32];
	const unsigned char *p;
	struct buf cert, key;
	ASN1_OBJECT *id;
	X509_EXTENSION *e;
	struct err err;
	BIO *bio;
	X509 *x;
	int at;

	buf_init(&cert, 8192);
	buf_init(&key, 8192);
	ck_assert_int_eq(
	    acme_proof("a.test", authorization, T0, &cert, &key, &err), RC_OK);
	ck_assert_int_eq(acme_certificate_read(buf_sv(&cert), &c, &err), RC_OK);
	ck_assert_uint_eq(c.nname, 1);
	ck_assert_str_eq(c.name[0], "a.test");
	ck_assert_int_lt(c.not_before, T0);
	ck_assert_int_gt(c.not_after, T0);
	ck_assert_int_eq(acme_key_read(buf_sv(&key), &k, &err), RC_OK);
	ck_assert(acme_certificate_is_of(buf_sv(&cert), k));
	bio = BIO_new_mem_buf(cert.p, (int)cert.n);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	id = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	at = X509_get_ext_by_OBJ(x, id, -1);
	ck_assert_int_ge(at, 0);
	e = X509_get_ext(x, at);
	ck_assert_int_eq(X509_EXTENSION_get_critical(e), 1);
	p = ASN1_STRING_get0_data(X509_EXTENSION_get_data(e));
	ck_assert_int_eq(ASN1_STRING_length(X509_EXTENSION_get_data(e)), 34);
	ck_assert_int_eq(p[0], 4);
	ck_assert_int_eq(p[1], 32);
	EVP_Digest(
	    authorization.p, authorization.n, hash, NULL, EVP_sha256(), NULL);
	ck_assert_mem_eq(p + 2, hash, 32);
	ck_assert_int_eq(X509_verify(x, X509_get0_pubkey(x)), 1);
	ASN1_OBJECT_free(id);
	X509_free(x);
	BIO_free(bio);
	acme_key_free(&k);
	buf_fini(&key);
	buf_fini(&cert);
}
END_TEST

UNIT_TESTS(certificate)
{
	TCase *t = tcase_create("certificate");

	tcase_add_test(t, certificate__the_leaf_comes_first);
	tcase_add_test(t, certificate__proof);

	tcase_add_test(t, certificate__no_password_is_asked_for);
	tcase_add_test(t, certificate__what_is_asked_for_comes);
	tcase_add_loop_test(t, certificate__rubbish, 0, 5);
	return t;
}
